#include "wire/redis_key.h"

static void put_escaped(struct buf *out, struct str user)
{
	for (size_t i = 0; i < user.len; i++) {
		if (user.at[i] == '/')
			buf_puts(out, "\\-");
		else if (user.at[i] == '\\')
			buf_puts(out, "\\\\");
		else
			buf_putc(out, user.at[i]);
	}
}

void redis_key_put(struct buf *out, struct str prefix, struct str user, struct str what)
{
	buf_put(out, prefix);
	if (str_find(user, '/') < user.len)
		put_escaped(out, user);
	else
		buf_put(out, user);
	buf_puts(out, "/quota/");
	buf_put(out, what);
}
