/* Replays tests/cases/maildirsize.cases. Every file lies right before a page that may not be read. */
#include "wire/maildirsize.h"

#include "brink.h"
#include "cases.h"

#define SPACE 16384

static struct maildirsize decode(struct str file)
{
	struct maildirsize m;
	maildirsize_decode(&m, at_brink(file));
	return m;
}

static char unescape(char c)
{
	switch (c) {
	case 'n': return '\n';
	case 't': return '\t';
	case 'r': return '\r';
	case '0': return '\0';
	default: return c;
	}
}

/* Takes one string in quotes, and how often it stands there, off *in. */
static void take_string(struct str *in, struct buf *out)
{
	size_t from = out->len;
	*in = str_from(*in, 1);
	while (in->len && in->at[0] != '"') {
		bool escape = in->at[0] == '\\' && in->len > 1;
		buf_putc(out, escape ? unescape(in->at[1]) : in->at[0]);
		*in = str_from(*in, escape ? 2 : 1);
	}
	*in = str_trim(str_from(*in, 1));
	if (!str_starts(*in, STR("x")))
		return;
	uint64_t times = 0;
	size_t digits = strspn(in->at + 1, "0123456789");
	assert_true(str_u64((struct str){ in->at + 1, digits }, &times));
	*in = str_trim(str_from(*in, 1 + digits));
	const struct str string = { out->at + from, out->len - from };
	while (times-- > 1)
		buf_put(out, string);
}

/* What came out, in the words of a case. A case names a part of the reason, so what it names is printed if it is there. */
static void print(struct buf *out, const struct maildirsize *m, struct str want)
{
	buf_printf(out, "limit=%ju/%u used=%ju/%u lines=%u", (uintmax_t)m->limit, m->message_limit, (uintmax_t)m->usage,
		m->messages, m->lines);
	if (m->valid) {
		buf_puts(out, " valid");
	} else {
		size_t open = str_find(want, '['), close = str_find(want, ']');
		struct str part = str_from((struct str){ want.at, close }, open + 1);
		bool named = part.len && memmem(m->why, strlen(m->why), part.at, part.len);
		buf_puts(out, " [");
		buf_put(out, named ? part : str_of(m->why));
		buf_puts(out, "]");
	}
	if (m->foreign)
		buf_puts(out, " foreign");
}

static void decodes_as_the_cases_say(void **state)
{
	struct cases cases;
	struct str at;
	(void)state;
	assert_true(cases_open(&cases, "maildirsize.cases"));
	while ((at = cases_next(&cases)).at) {
		char text[SPACE], words[256];
		struct buf file = BUF(text), got = BUF(words);
		while (str_starts(at, STR("\"")))
			take_string(&at, &file);
		assert_true(str_starts(at, STR("->")));
		struct str want = str_trim(str_from(at, 2));
		struct maildirsize m = decode(buf_str(&file));
		assert_int_equal(m.valid, !m.why);
		print(&got, &m, want);
		cases_want(&cases, buf_str(&got), want);
	}
	assert_true(cases_close(&cases));
}

/* A file that is being written line by line: no prefix of it shows more than its whole lines. */
static void prefixes_show_whole_lines_only(void **state)
{
	(void)state;
	static const char text[] = "1000S,20C\n         300            2\n         400            1\n-200 -1\n";
	static const struct {
		size_t from;
		uint64_t usage;
		unsigned lines;
	} rows[] = { { 0, 0, 0 }, { 36, 300, 1 }, { 62, 700, 2 }, { 70, 500, 3 } };
	for (size_t len = 0; len < sizeof(text); len++) {
		size_t i = 3;
		while (len < rows[i].from)
			i--;
		struct maildirsize m = decode((struct str){ text, len });
		assert_int_equal(m.usage, rows[i].usage);
		assert_int_equal(m.lines, rows[i].lines);
		assert_int_equal(m.valid, i > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes_as_the_cases_say),
		cmocka_unit_test(prefixes_show_whole_lines_only),
	};
	return cmocka_run_group_tests(tests, brink_make, NULL);
}
