/*
 * What the files of a directory say, in memory: one hash table over slices of their texts. Built once, then only read.
 * Keys are small letters; the first entry of a kind and key is the one that counts, and of mailboxes each of limit and
 * home is the first that is told.
 */
#ifndef DIRECTORY_TABLE_H
#define DIRECTORY_TABLE_H

#include "base/err.h"
#include "core/decide.h"
#include "directory/lines.h"

enum table_kind {
	TABLE_ALIAS, /* of user@domain, @domain, and virtual(5)'s user */
	TABLE_SYSTEM_ALIAS, /* of a name without domain: aliases(5) */
	TABLE_MAILBOX,
	TABLE_DOMAIN, /* some mailbox is in it */
	TABLE_ALIAS_DOMAIN, /* some alias is */
};

enum table_form { FORM_VIRTUAL, FORM_ALIASES, FORM_MAILBOXES, FORM_PASSWD };

struct table_entry {
	enum table_kind kind;
	struct str key;
	struct str value; /* aliases: the targets as written; mailboxes: the home, perhaps empty */
	struct limit limit; /* mailboxes */
	const char *path; /* where it stands */
	unsigned line;
};

struct table;

/* Null: no memory. */
struct table *table_new(void);
void table_free(struct table *);

/* Adds what a file says; takes the text, and keeps `path`, which outlives the table. False with "PATH:LINE: what is
   wrong"; then the table is good for nothing but table_free(). */
bool table_add(struct table *, enum table_form, const char *path, struct text, struct err *);

/* Null: none. The key in small letters. */
const struct table_entry *table_find(const struct table *, enum table_kind, struct str key);

/* True when some mailbox is a name without domain. */
bool table_has_bare(const struct table *);

size_t table_count(const struct table *);

#endif
