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

/* Drives a front with the input: octet 0 says how it is cut into pieces, octet 1 goes to `configure` (may be null) and
   chooses the verdicts, the rest is what a client sends; FF FE in it begins another connection. Whole and in pieces,
   with the input standing still and moving, it must give one transcript (see drive.h), which is returned; empty when
   it was too long to be written down. */
struct str fuzz_front(
	const struct front *, void (*configure)(struct drive *, unsigned choice), const uint8_t *data, size_t size);

#endif
