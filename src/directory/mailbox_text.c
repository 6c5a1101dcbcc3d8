#include "directory/mailbox_text.h"

#include "base/limit_text.h"

#define KIB 1024

static struct str word(struct str *rest)
{
	size_t n = 0;
	while (rest->len && (rest->at[0] == ' ' || rest->at[0] == '\t'))
		*rest = str_from(*rest, 1);
	while (n < rest->len && rest->at[n] != ' ' && rest->at[n] != '\t')
		n++;
	struct str out = { rest->at, n };
	*rest = str_from(*rest, n);
	return out;
}

/* Where virtual_mailbox_maps say that the mailbox is; we are told by the store. */
static bool is_path(struct str s)
{
	return str_find(s, '/') < s.len || (s.len && ((s.at[0] | 0x20) >= 'a' && (s.at[0] | 0x20) <= 'z'));
}

const char *mailbox_line(struct str line, struct mailbox_text *out)
{
	*out = (struct mailbox_text){ .key = word(&line) };
	struct str limit = word(&line), messages = word(&line);
	if (limit.len == 0)
		return NULL;
	if (!limit_octets(limit, 1, &out->limit.octets))
		return is_path(limit) ? NULL : "has no limit behind its address; one such as 200M is expected";
	out->limit.named = true;
	if (messages.len && !limit_messages(messages, &out->limit.messages))
		return "has no number of messages behind its limit";
	return word(&line).len ? "has more than an address, a limit and a number of messages" : NULL;
}

/* One of `*:storage=10M:messages=5`: which begins with the mailboxes it is about; ours is the root of them all. */
static void take_rule(struct str rule, struct limit *limit)
{
	struct str about = str_cut(&rule, ':');
	if (!str_eq(about, STR("*")) && !str_eq(about, STR("?")))
		return;
	while (rule.at) {
		struct str value = str_cut(&rule, ':'), name = str_cut(&value, '=');
		uint64_t octets;
		uint32_t messages;
		if ((str_eq(name, STR("storage")) && limit_octets(value, KIB, &octets)) ||
			(str_eq(name, STR("bytes")) && limit_octets(value, 1, &octets))) {
			limit->octets = octets;
			limit->named = true;
		} else if (str_eq(name, STR("messages")) && limit_messages(value, &messages)) {
			limit->messages = messages;
			limit->named = true;
		}
	}
}

/* Forms that are not known (a rule relative to another, a setting of something else) name no limit. */
static void take_extra(struct str field, struct mailbox_text *out)
{
	struct limit *limit = &out->limit;
	uint64_t octets;
	uint32_t messages;
	if (str_starts(field, STR("userdb_")))
		field = str_from(field, sizeof("userdb_") - 1);
	struct str value = field, name = str_cut(&value, '=');
	if (str_eq(name, STR("quota_rule"))) {
		take_rule(value, limit);
	} else if (str_eq(name, STR("quota_storage_size")) && limit_octets(value, 1, &octets)) {
		limit->octets = octets;
		limit->named = true;
	} else if (str_eq(name, STR("quota_message_count")) && limit_messages(value, &messages)) {
		limit->messages = messages;
		limit->named = true;
	} else if (str_eq(name, STR("home"))) {
		out->home = value;
	}
}

const char *mailbox_passwd(struct str line, struct mailbox_text *out)
{
	enum { FIELD_UID = 2, FIELD_HOME = 5, FIELD_SHELL = 6 }; /* user and password are 0 and 1 */
	*out = (struct mailbox_text){ .key = str_cut(&line, ':') };
	if (out->key.len && (out->key.at[0] == '+' || out->key.at[0] == '-')) {
		out->key.len = 0; /* a reference to NIS */
		return NULL;
	}
	if (out->key.len == 0)
		return "has no user before its first colon";
	str_cut(&line, ':');
	for (int field = FIELD_UID; field <= FIELD_SHELL && line.at; field++) {
		struct str value = str_cut(&line, ':');
		if (field == FIELD_HOME)
			out->home = value;
	}
	while (line.len) {
		struct str field = word(&line);
		if (field.len)
			take_extra(field, out);
	}
	return NULL;
}
