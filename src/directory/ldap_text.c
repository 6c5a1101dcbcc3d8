#include "directory/ldap_text.h"

#include "base/limit_text.h"

bool ldap_text_put(struct buf *out, enum template_var var, struct str value)
{
	static const char hex[] = "0123456789abcdef";
	(void)var;
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.at[i];
		if (c > ' ' && c < 0x7F && !memchr("*()\\", c, 4)) {
			buf_putc(out, (char)c);
		} else {
			buf_putc(out, '\\');
			buf_putc(out, hex[c >> 4]);
			buf_putc(out, hex[c & 15]);
		}
	}
	return true;
}

static uint64_t octets_in(enum ldap_unit unit)
{
	switch (unit) {
	case LDAP_UNIT_OCTETS: return 1;
	case LDAP_UNIT_K: return 1024;
	case LDAP_UNIT_M: return UINT64_C(1024) * 1024;
	}
	return 1;
}

/* One field of Courier's list. */
static bool courier_field(struct str field, struct limit *limit)
{
	if (field.len < 2)
		return false;
	char last = field.at[--field.len];
	if (last == 'S')
		return limit_octets(field, 1, &limit->octets);
	return last == 'C' && limit_messages(field, &limit->messages);
}

/* Maildir++: octets and messages, with commas between them. */
static bool courier(struct str text, struct limit *limit)
{
	struct limit found = { .named = true };
	while (text.at)
		if (!courier_field(str_trim(str_cut(&text, ',')), &found))
			return false;
	*limit = found;
	return true;
}

bool ldap_text_limit(struct str text, enum ldap_unit unit, struct limit *limit)
{
	uint64_t n;
	text = str_trim(text);
	if (!limit_octets(text, octets_in(unit), &n))
		return text.len > 0 && courier(text, limit);
	limit->named = true;
	limit->octets = n;
	return true;
}

bool ldap_text_messages(struct str text, struct limit *limit)
{
	uint32_t n;
	if (!limit_messages(str_trim(text), &n))
		return false;
	limit->named = true;
	limit->messages = n;
	return true;
}
