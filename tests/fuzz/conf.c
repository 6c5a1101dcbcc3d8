/*
 * The configuration: whatever stands in it, each error begins with the file's name, and a text without errors prints as
 * one that reads back to the same. Texts that include files are left out.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "conf/conf.h"
#include "fuzz.h"

struct words {
	const char *pass;
};

struct section {
	const char *user;
	bool debug;
	uint64_t limit, number;
	msec idle;
	unsigned mode;
	int rule;
	struct opt_list roots;
	struct words words;
};

static const char *const rules[] = { "fits", "courier", NULL };
static const struct opt words_rows[] = {
	{ .name = "pass", .type = OPT_STRING, .offset = offsetof(struct words, pass) },
	OPT_END,
};

#define ROW(member) .name = #member, .offset = offsetof(struct section, member)
static const struct opt rows[] = {
	{ ROW(user), .type = OPT_STRING },
	{ ROW(debug), .type = OPT_BOOL, .def = "no" },
	{ ROW(limit), .type = OPT_OCTETS, .def = "1G" },
	{ ROW(number), .type = OPT_NUMBER },
	{ ROW(idle), .type = OPT_DURATION },
	{ ROW(mode), .type = OPT_MODE },
	{ ROW(rule), .type = OPT_CHOICE, .choices = rules },
	{ ROW(roots), .type = OPT_LIST, .def = "a b" },
	{ ROW(words), .type = OPT_SECTION, .rows = words_rows },
	OPT_END,
};
static const struct opt *const tables[] = { rows, NULL };
static const struct opt *const none[] = { NULL };
static const struct conf_variant types[] = {
	{ .name = "mbox", .opts = tables, .size = sizeof(struct section) },
	{ .name = "far", .opts = none },
};
static const struct conf_kind kinds[] = {
	{ .name = "", .single = true, .opts = rows, .size = sizeof(struct section) },
	{ .name = "store", .titled = true, .choose = "type", .variants = types, .n_variants = 2 },
	{ .name = "cache", .single = true, .opts = rows, .size = sizeof(struct section) },
};

#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static char *printed(const struct conf *c, size_t *len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, len);
	fuzz_require(out != NULL, "memory");
	conf_print(c, out);
	fclose(out);
	return text;
}

static void check_errors(const struct conf *c)
{
	fuzz_require(conf_errors(c) <= CONF_ERRORS_MAX, "a bounded number of errors");
	for (size_t i = 0; i < conf_errors(c); i++)
		fuzz_require(strncmp(conf_error(c, i), "t:", 2) == 0, "an error begins with the file");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size && memmem(data, size, "include", 7))
		return 0;
	struct conf *c = conf_parse("t", (struct str){ (const char *)data, size }, kinds, N_KINDS);
	fuzz_require(c != NULL, "memory");
	check_errors(c);
	if (conf_errors(c) == 0) {
		size_t len, len2;
		char *text = printed(c, &len);
		struct conf *again = conf_parse("t", (struct str){ text, len }, kinds, N_KINDS);
		fuzz_require(again && conf_errors(again) == 0, "what is printed reads back");
		char *text2 = printed(again, &len2);
		fuzz_require(len == len2 && memcmp(text, text2, len) == 0, "and is the same");
		free(text);
		free(text2);
		conf_free(again);
	}
	conf_free(c);
	return 0;
}
