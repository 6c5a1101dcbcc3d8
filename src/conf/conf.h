/*
 * The configuration: text in libconfuse's syntax -> structs, by tables of option rows. Every mistake of one run is
 * told with file and line. It knows nothing of what the options mean, prints nothing on its own and never logs.
 *
 *   name = value   name = {value, value}   name += value   kind [title] { ... }   include("file")   # // and C comments
 *
 * A value is a word or a string in quotes ("" with \n \t \" \\ \xHH and the like, '' as it stands). The environment
 * is never looked at. Names of includes are relative to the file that includes. All files together have at most
 * CONF_OCTETS_MAX octets.
 *
 * libconfuse keeps the state of its scanner in globals: one thread reads at a time.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdio.h>

#include "base/err.h"
#include "base/opt.h"

#define CONF_OCTETS_MAX ((size_t)1 << 20)
#define CONF_ENCODED_MAX (8 * CONF_OCTETS_MAX)
#define CONF_ERRORS_MAX 100
#define CONF_SECTIONS_MAX 10000
#define CONF_VARIANTS_MAX 64 /* of one kind */

/* One protocol of `listen`, one type of `store` or `directory`. */
struct conf_variant {
	const char *name;
	const struct opt *const *opts; /* a list of tables, null at its end; all of them fill the struct `own` */
	size_t size; /* octets of that struct */
	const char *help; /* one or two sentences for the manual; may be null */
};

struct conf_kind {
	const char *name; /* "" is the top level, outside of all sections */
	bool titled; /* `store NAME { }`; no two of a kind may have the same title */
	bool single; /* at most once; where it is absent a section of defaults stands in */
	const char *choose; /* the option that names the variant ("protocol", "type"), or null */
	const struct opt
		*opts; /* fills the struct `common`; may be null. An OPT_SECTION holds no further OPT_SECTION. */
	size_t size; /* octets of that struct */
	const struct conf_variant *variants;
	size_t n_variants;
	const char *help; /* may be null */
};

struct conf_section {
	const struct conf_kind *kind;
	const struct conf_variant *variant; /* null: the kind has none, or none was named (an error) */
	const char *title; /* null without one */
	void *common, *own; /* structs as the tables fill them; what is neither given nor has a default is all zeroes */
	const char *file; /* where it begins; the main file and line 0 when it stands in for an absent one */
	int line;
	struct conf_section *next;
	const struct written *written; /* the text behind it, of conf/ alone */
	const char *settled; /* the option that conf_settle() settled, null: none */
};

struct conf;

/* Reads a file, or a text that calls itself `name` (its includes are relative to the folder of that name). The kinds
   must outlive the conf. Null only when out of memory: otherwise conf_errors() tells whether it may be used. What
   the structs point to lives until conf_free(). */
struct conf *conf_read(const char *file, const struct conf_kind *kinds, size_t n);
struct conf *conf_parse(const char *name, struct str text, const struct conf_kind *kinds, size_t n);
void conf_free(struct conf *c);

/* conf_read() in two halves, for two processes: the first may end, crash or hang in libconfuse, the second has nothing to
   do with it. conf_encode() reads the file and puts what is written in it. False: out of memory. */
bool conf_encode(const char *file, const struct conf_kind *kinds, size_t n, FILE *out);

/* Makes of those octets, at most CONF_ENCODED_MAX of them, the conf that conf_read() would have made. They may be anything.
   Null with the reason when they are not as conf_encode() writes them, or when out of memory. */
struct conf *conf_decode(const char *file, struct str octets, const struct conf_kind *kinds, size_t n, struct err *err);

/* The section after `at`, null: the first. The top level comes first, then the others as they stand in the files,
   then the single ones that are absent. */
const struct conf_section *conf_next(const struct conf *c, const struct conf_section *at);

/* Title null: the first of its kind. Null when there is none. */
const struct conf_section *conf_section_get(const struct conf *c, const char *kind, const char *title);

/* Was it written in the file? An option of a section inside this one is "section.option". */
bool conf_given(const struct conf_section *s, const char *option);

/* What an option of choices comes to that was not written, where that depends on more than its row: an index into its
   choices. It is one of the kind's, and one of each section at most. conf_given() is false of it. */
void conf_settle(struct conf *c, const struct conf_section *s, const char *option, int choice);

/* An error found later, by whoever looks across sections: it gets file and line of that option, or of the section when
   `option` is null or was not written, or of the main file when `s` is null. The sentence is cut at 900 octets and made printable. */
__attribute__((format(printf, 4, 5))) void conf_complain(
	struct conf *c, const struct conf_section *s, const char *option, const char *format, ...);

/* "file:line: what is wrong and what is expected", in the order of file and line; the first CONF_ERRORS_MAX found. */
size_t conf_errors(const struct conf *c);
const char *conf_error(const struct conf *c, size_t i);

/* The effective configuration, defaults included, as a file that reads back to the same. */
void conf_print(const struct conf *c, FILE *out);

enum conf_format {
	CONF_TEXT,
	CONF_MAN, /* the option part of quotagate.conf(5): macros of man(7) */
};

/* The reference: every option with its type, default, range and help. */
void conf_print_options(const struct conf_kind *kinds, size_t n, FILE *out, enum conf_format format);

#endif
