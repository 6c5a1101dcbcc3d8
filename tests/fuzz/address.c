/* Addresses as MTAs send them: the parts make up the whole, and hold nothing that a log or a path must not see. */
#include "core/address.h"
#include "fuzz.h"

static void check(const struct address *a)
{
	fuzz_require(a->local.len > 0 && a->local.len <= LOCAL_MAX && a->domain.len <= DOMAIN_MAX, "parts have bounds");
	fuzz_require(a->whole.len == a->local.len + (a->domain.len ? a->domain.len + 1 : 0), "parts make up the whole");
	fuzz_require(str_starts(a->whole, a->local), "the local part comes first");
	fuzz_require(
		!a->domain.len || str_eq(str_from(a->whole, a->local.len + 1), a->domain), "the domain comes last");
	fuzz_require(str_is_utf8(a->whole), "addresses are UTF-8");
	for (size_t i = 0; i < a->whole.len; i++)
		fuzz_require((unsigned char)a->whole.at[i] >= 0x20 && a->whole.at[i] != 0x7F, "nothing is unprintable");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum fold folds[] = { FOLD_ALL, FOLD_DOMAIN, FOLD_NONE };
	struct str in = { (const char *)data, size };
	for (size_t i = 0; i < sizeof(folds) / sizeof(folds[0]); i++) {
		struct address a, other;
		enum address_fault fault = address_parse(&a, in, folds[i]);
		fuzz_require(address_fault_text(fault) != NULL, "a fault has a text");
		if (fault != ADDRESS_OK)
			continue;
		check(&a);
		address_copy(&other, &a);
		check(&other);
		fuzz_require(str_eq(a.whole, other.whole), "a copy is the same");
		if (!address_base(&other, &a, STR("+-")))
			continue;
		check(&other);
		fuzz_require(other.local.len < a.local.len && str_starts(a.local, other.local), "the base is shorter");
		fuzz_require(str_eq(a.domain, other.domain), "the base has the same domain");
	}
	return 0;
}
