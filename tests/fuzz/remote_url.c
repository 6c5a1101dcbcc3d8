/*
 * Where another machine is asked, as a directory names it. Line 1 is the template of the configuration, line 2 the host that a
 * directory names, line 3 the address. What the two name is a name, or a part of a path, and nothing else of a URL.
 */
#include "core/address.h"
#include "fuzz.h"
#include "store/remote_conf.h"

static size_t count(struct str s, const char *letters)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++)
		n += s.at[i] && strchr(letters, s.at[i]);
	return n;
}

static void check_name(struct str name)
{
	fuzz_require(name.len >= 1 && name.len <= REMOTE_HOST_MAX, "a name has its bounds");
	fuzz_require(str_is_visible(name) && count(name, "/?#@%\\") == 0, "it is a name");
}

static void try_name(struct str template, const struct mailbox *m)
{
	char text[REMOTE_HOST_MAX + 1];
	struct buf out = { .at = text, .cap = REMOTE_HOST_MAX };
	const char *why = NULL;
	struct err err;
	if (count(template, "/?#@\\") || !str_is_visible(template) || template_vars(template, TEMPLATE_HOST, &err) < 0)
		return;
	if (!remote_conf_name(&out, template, m, &why)) {
		fuzz_require(why && fuzz_is_clean(str_of(why)), "what is wrong is told");
		return;
	}
	if (count(template, "%") == 1) /* no percent sign of the postmaster's own */
		check_name(buf_str(&out));
}

static void try_url(struct str template, const struct mailbox *m)
{
	static const int vars = TEMPLATE_ADDRESS | TEMPLATE_LOCAL | TEMPLATE_DOMAIN | TEMPLATE_HOST;
	char text[8192];
	struct buf out = BUF(text);
	const char *why = NULL;
	struct err err;
	if (!str_is_visible(template) || template_vars(template, vars, &err) < 0)
		return;
	if (!remote_conf_url(&out, template, m, &why)) {
		fuzz_require(why && fuzz_is_clean(str_of(why)), "what is wrong is told");
		return;
	}
	struct str url = buf_str(&out);
	fuzz_require(str_is_visible(url), "a URL has no blanks and no control characters");
	fuzz_require(count(url, "/?#@\\&=") == count(template, "/?#@\\&="), "values add nothing that separates");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct octets in = OCTETS(data, size);
	struct address a;
	struct str template = fuzz_text(&in, '\n'), host = fuzz_text(&in, '\n');
	if (address_parse(&a, fuzz_take(&in, size), FOLD_NONE) != ADDRESS_OK)
		return 0;
	const struct mailbox m = { .address = a.whole, .local = a.local, .domain = a.domain, .host = host };
	try_name(template, &m);
	try_url(template, &m);
	return 0;
}
