/*
 * Records of targets, which come from a directory's helper: whoever it is by now, each slice lies in the record, and what was
 * read can be written and is read again.
 */
#include "core/target.h"
#include "fuzz.h"

static void require_same(const struct target *a, const struct target *b)
{
	fuzz_require(a->kind == b->kind && str_eq(a->address, b->address) && str_eq(a->store, b->store) &&
			     str_eq(a->host, b->host) && str_eq(a->home, b->home),
		"what was written is read");
	fuzz_require(a->limit.named == b->limit.named && a->limit.octets == b->limit.octets &&
			     a->limit.messages == b->limit.messages,
		"with its limit");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char space[TARGETS_MAX];
	struct str record = { (const char *)data, size }, rest = record;
	struct buf out = BUF(space);
	struct target t, again;
	bool good = targets_check(record);
	while (target_get(&t, &rest)) {
		fuzz_require(fuzz_inside(t.address, record) && fuzz_inside(t.store, record) &&
				     fuzz_inside(t.host, record) && fuzz_inside(t.home, record),
			"slices look into the record");
		fuzz_require(fuzz_inside(rest, record), "so does what is left");
		size_t before = out.len;
		target_put(&out, &t);
		fuzz_require(!out.full, "what was read fits");
		struct str written = { out.at + before, out.len - before };
		fuzz_require(target_get(&again, &written) && written.len == 0, "what was read can be written");
		require_same(&t, &again);
	}
	fuzz_require((rest.len == 0) == good, "a record is good to its end");
	fuzz_require(!good || out.len == size, "and written in as many octets");
	return 0;
}
