/*
 * Entries of a directory, and values in filters. Octet 0 chooses the schema; line 1 is the address that was asked, then come
 * lines of an attribute's letter and its value. What comes out is a record that the gate can read, whose hosts and homes are
 * fit to be parts of names and paths.
 */
#include "directory/ldap_entry.h"
#include "core/address.h"
#include "core/lookup.h"
#include "directory/ldap_text.h"
#include "fuzz.h"

#define VALUES 32 /* of one attribute */

static const struct ldap_names schemas[] = {
	{ .attribute = { "mail", "routing", "forward", "delivery", "host", "home", "store", "limit", "messages",
		  "class" },
		.mailbox_class = "mailbox" },
	{ .attribute = { "mail", "routing", "forward", NULL, "host", "home", "store", "limit", "messages" },
		.unit = LDAP_UNIT_M },
};

static void check_host(struct str host)
{
	for (size_t i = 0; i < host.len; i++)
		fuzz_require(
			host.at[i] > ' ' && !strchr("/?#@%\\\"'<>", host.at[i]) && (unsigned char)host.at[i] < 0x7F,
			"a host means nothing else in a URI");
}

static void check_targets(struct str record)
{
	struct target t;
	struct address a;
	while (target_get(&t, &record)) {
		check_host(t.host);
		fuzz_require(t.home.len == 0 || (t.home.at[0] == '/' && str_find(t.home, '\0') == t.home.len),
			"a home is an absolute path");
		fuzz_require(t.kind != TARGET_ADDRESS || address_parse(&a, t.address, FOLD_NONE) == ADDRESS_OK,
			"an address is one");
		fuzz_require(t.limit.octets <= INT64_MAX, "a limit is below 2^63");
	}
	fuzz_require(record.len == 0, "a record is good to its end");
}

/* The value in a filter, and back. */
static void check_filter(struct str value)
{
	static char space[3 * 65536], back_space[65536];
	struct buf out = BUF(space), back = BUF(back_space);
	ldap_text_put(&out, TEMPLATE_ADDRESS, value);
	for (size_t i = 0; i < out.len; i++) {
		fuzz_require(space[i] > ' ' && space[i] < 0x7F && !memchr("*()", space[i], 3), "it ends no filter");
		if (space[i] != '\\') {
			buf_putc(&back, space[i]);
			continue;
		}
		fuzz_require(i + 2 < out.len, "two digits behind a backslash");
		static const char hex[] = "0123456789abcdef";
		const char *high = strchr(hex, space[i + 1]), *low = strchr(hex, space[i + 2]);
		fuzz_require(high && low, "two digits behind a backslash");
		buf_putc(&back, (char)((high - hex) * 16 + (low - hex)));
		i += 2;
	}
	fuzz_require(str_eq(buf_str(&back), value), "it reads back");
}

static void read_entry(const struct ldap_names *names, const struct mailbox *m, struct octets *in)
{
	static struct berval values[LDAP_ROLES][VALUES], *lists[LDAP_ROLES][VALUES + 1];
	static char record[TARGETS_MAX];
	size_t n[LDAP_ROLES] = { 0 };
	char text[LOOKUP_NOTE];
	struct buf targets = BUF(record), note = BUF(text);
	struct ldap_entry entry = { .dn = "uid=joe,dc=example" };
	while (in->at < in->end) {
		unsigned role = fuzz_choose(in, LDAP_ROLES);
		struct str value = fuzz_text(in, '\n');
		check_filter(value);
		if (n[role] == VALUES || !names->attribute[role])
			continue;
		values[role][n[role]] = (struct berval){ value.len, (char *)(uintptr_t)value.at };
		lists[role][n[role]] = &values[role][n[role]];
		lists[role][++n[role]] = NULL;
		entry.values[role] = lists[role];
	}
	enum listing listing = ldap_entry_read(&entry, names, m, &targets, &note);
	fuzz_require(listing == LISTING_FAILED || listing == LISTING_TARGETS, "one of two words");
	fuzz_require((listing == LISTING_TARGETS) == (targets.len > 0), "targets come with their word");
	fuzz_require(fuzz_is_clean(buf_str(&note)) && note.len, "one clean line");
	check_targets(buf_str(&targets));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct octets in = OCTETS(data, size);
	struct address a;
	unsigned choice = fuzz_choose(&in, 256);
	struct str asked = fuzz_text(&in, '\n');
	if (address_parse(&a, asked, FOLD_ALL) != ADDRESS_OK)
		return 0;
	struct mailbox m = { .address = a.whole, .local = a.local, .domain = a.domain };
	if (choice & 2 && a.domain.len) { /* a catch-all is looked for */
		m.address = str_from(a.whole, a.local.len);
		m.local.len = 0;
	}
	read_entry(&schemas[choice & 1], &m, &in);
	return 0;
}
