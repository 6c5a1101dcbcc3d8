/*
 * What the fuzz targets share. A target is one file with LLVMFuzzerTestOneInput(), named in meson.build; its seeds are
 * the files of corpus/<target>/. With -Dfuzz=true and clang it becomes a libFuzzer program (scripts/fuzz runs them); in
 * every build replay.c runs it over its corpus as a test.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "../drive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the program when a promise is not kept. */
void fuzz_require(bool held, const char *promise);

/* An input that is read from its head as choices and texts. At its end every choice is 0 and every text is empty. */
struct octets {
	const uint8_t *at, *end;
};

#define OCTETS(data, size) ((struct octets){ (data), (data) + (size) })

/* 0 to n - 1, of one octet, or of as many as n needs. */
unsigned fuzz_choose(struct octets *, unsigned n);

/* So many octets as they are, or what is left. */
struct str fuzz_take(struct octets *, size_t len);

/* What stands before the next `end`, which is dropped, or what is left; never a null slice. */
struct str fuzz_text(struct octets *, char end);

/* `part` lies in `whole`, or is empty. */
bool fuzz_inside(struct str part, struct str whole);

/* The text is what a log or a terminal may see: one line, no control characters. */
bool fuzz_is_clean(struct str text);

/* Drives a front with the input: octet 0 says how it is cut into pieces, octet 1 goes to `configure` (may be null) and
   chooses the verdicts, the rest is what a client sends; FF FE in it begins another connection. Whole and in pieces,
   with the input standing still and moving, it must give one transcript (see drive.h), which is returned; empty when
   it was too long to be written down. */
struct str fuzz_front(
	const struct front *, void (*configure)(struct drive *, unsigned choice), const uint8_t *data, size_t size);

#endif
