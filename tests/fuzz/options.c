/* See options.h. */
#include "options.h"

#include "conf/conf.h"
#include "fuzz.h"

#include <stdio.h>

#define KINDS_MAX 16

/* They are kept, so that nothing counts as lost. */
static struct conf *kept[KINDS_MAX];
static struct conf_kind kinds[KINDS_MAX];
static size_t n_kept;

const void *fuzz_options(const struct opt *opts, size_t size, const char *text)
{
	fuzz_require(n_kept < KINDS_MAX, "few options");
	struct conf_kind *kind = &kinds[n_kept];
	*kind = (struct conf_kind){ .name = "", .single = true, .opts = opts, .size = size };
	struct conf *c = conf_parse("options", str_of(text), kind, 1);
	fuzz_require(c != NULL, "memory");
	for (size_t i = 0; i < conf_errors(c); i++)
		fprintf(stderr, "%s\n", conf_error(c, i));
	fuzz_require(conf_errors(c) == 0, "good options");
	kept[n_kept++] = c;
	return conf_section_get(c, "", NULL)->common;
}
