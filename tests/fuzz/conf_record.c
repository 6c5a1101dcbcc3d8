/*
 * What the process that reads the configuration says of it, to a daemon that believes nothing. Whatever it is, the daemon has
 * a configuration by its own tables, whole enough to be printed, or a reason.
 */
#include "daemon/listener.h"
#include "daemon/registry.h"
#include "fuzz.h"

#include <stdlib.h>

/* HTTP is not spoken here. */
extern const struct listener_kind web_kind;
const struct listener_kind web_kind = { .open = NULL };

/* What it points to is there. */
static void print(const struct conf *c)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	fuzz_require(out != NULL, "memory");
	conf_print(c, out);
	fclose(out);
	fuzz_require(len != 0, "defaults at least");
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t n;
	struct err err = { "" };
	const struct conf_kind *kinds = registry_kinds(&n);
	struct conf *c = conf_decode("t", (struct str){ (const char *)data, size }, kinds, n, &err);
	fuzz_require(c || err.text[0], "a configuration, or a reason");
	for (size_t i = 0; c && i < conf_errors(c); i++)
		fuzz_require(fuzz_is_clean(str_of(conf_error(c, i))), "an error is one clean line");
	if (c && conf_errors(c) == 0)
		print(c);
	conf_free(c);
	return 0;
}
