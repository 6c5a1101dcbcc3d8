#include "daemon/keyfile.h"

void keyfile_free(struct seal_keys *keys)
{
	secret_memory_free(keys, sizeof(*keys));
}

enum secret_state keyfile_read(
	struct seal_keys **out, struct safe *safe, const char *path, uid_t daemon, struct err *err)
{
	const struct secret_rule rule = { .owner = daemon };
	struct secret text;
	struct err why = { "out of memory" };
	*out = NULL;
	enum secret_state state = safe_read(safe, &text, path, &rule, err);
	if (state != SECRET_READ)
		return state;
	struct seal_keys *keys = secret_memory(sizeof(*keys));
	bool good = keys && seal_keys_parse(keys, (struct str){ text.at, text.len }, &why);
	secret_done(&text);
	if (good) {
		*out = keys;
		return SECRET_READ;
	}
	keyfile_free(keys);
	err_set(err, "%s: %s", path, why.text);
	return SECRET_BAD;
}
