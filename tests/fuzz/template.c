/* Templates: line 1 is the template, line 2 the address put in. No value adds a folder to a path. */
#include "core/template.h"
#include "core/address.h"
#include "fuzz.h"

static bool put_plain(struct buf *out, enum template_var var, struct str value)
{
	(void)var;
	buf_put(out, value);
	return true;
}

static size_t slashes(struct str s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++)
		n += s.at[i] == '/';
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const int all = TEMPLATE_ADDRESS | TEMPLATE_LOCAL | TEMPLATE_DOMAIN | TEMPLATE_HOME | TEMPLATE_HOST;
	char space[MAILBOX_PATH_MAX];
	struct str rest = { (const char *)data, size };
	struct str template = str_cut(&rest, '\n');
	struct address a;
	struct err err;
	struct buf out = BUF(space);
	if (address_parse(&a, rest, FOLD_NONE) != ADDRESS_OK)
		return 0;
	int vars = template_vars(template, all, &err);
	if (vars < 0) {
		fuzz_require(err.text[0] != '\0', "a refused template says why");
		return 0;
	}
	fuzz_require((vars & ~all) == 0, "only variables that there are");
	const struct mailbox m = { .address = a.whole, .local = a.local, .domain = a.domain, .host = STR("host") };
	template_expand(&out, template, &m, put_plain);
	out = BUF(space);
	if (template_expand(&out, template, &m, template_put_path))
		fuzz_require(slashes(buf_str(&out)) == slashes(template), "a value adds no folder");
	return 0;
}
