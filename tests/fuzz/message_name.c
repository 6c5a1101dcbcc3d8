/* Names of messages in a Maildir, which the user chooses: what size and flags they tell, beside the simplest reader. */
#include "fuzz.h"
#include "store/recount.h"

#include <stdlib.h>

/* Of the pieces between commas, the first apart, the last that begins with S= counts, and must be a number whole. */
static bool size_of(struct str name, uint64_t *octets)
{
	struct str rest = str_cut(&name, ':'), piece, size = { 0 };
	str_cut(&rest, ',');
	while (rest.at) {
		piece = str_cut(&rest, ',');
		if (str_starts(piece, STR("S=")))
			size = str_from(piece, 2);
	}
	return size.at && str_u64(size, octets);
}

/* The flags are the capitals behind the first `:2,`. */
static bool is_trashed(struct str name)
{
	size_t i = 0;
	while (i < name.len && !str_starts(str_from(name, i), STR(":2,")))
		i++;
	for (i += 3; i < name.len && name.at[i] >= 'A' && name.at[i] <= 'Z'; i++)
		if (name.at[i] == 'T')
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str name = { (const char *)data, strnlen((const char *)data, size) };
	char *exact = malloc(name.len + 1); /* no room behind its NUL */
	uint64_t octets = 0, expected = 0;
	fuzz_require(exact && str_copy_z(exact, name.len + 1, name), "memory");
	bool named = recount_size_of_name(exact, &octets);
	fuzz_require(named == size_of(name, &expected) && octets == expected, "the last size is the size");
	fuzz_require(recount_is_trashed(exact) == is_trashed(name), "a flag is a flag");
	free(exact);
	return 0;
}
