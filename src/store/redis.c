/*
 * Usage in Redis, where Dovecot's quota_clone plugin, or its dict quota of 2.3, keeps it (wire/redis_key.h). Limits are
 * never there. Only reads.
 *
 * Without either key there is no such mailbox, or nothing was delivered to it yet: Redis cannot tell, the option `missing`
 * does. One key that is missing beside the other, or a value below 0, is Dovecot counting anew: nobody can tell then.
 */
#include "io/secret.h"
#include "store/redis_link.h"
#include "store/store.h"
#include "wire/redis_key.h"

#include <stdlib.h>

#define KEY_MAX 2048
#define PREFIX_MAX 512

/* What it means that there are no keys. */
enum missing { MISSING_UNKNOWN, MISSING_EMPTY };

static const char *const missing_names[] = { "unknown", "empty", NULL };

struct redis_conf {
	const char *address, *prefix, *login, *password_file;
	uint64_t database;
	int missing; /* enum missing */
	msec timeout;
};

static bool check_prefix(struct str prefix, struct err *err)
{
	return prefix.len <= PREFIX_MAX || err_set(err, "the prefix is longer than %d octets", PREFIX_MAX);
}

#define ROW(member) offsetof(struct redis_conf, member)

static const struct opt rows[] = {
	{ .name = "address",
		.type = OPT_STRING,
		.offset = ROW(address),
		.required = true,
		.check = redis_link_check_address,
		.help = "The Redis or Valkey server: inet:host:port or unix:/path. What goes over the network is not "
			"encrypted." },
	{ .name = "prefix",
		.type = OPT_STRING,
		.offset = ROW(prefix),
		.check = check_prefix,
		.help = "What stands before the user in every key: prefix of Dovecot 2.3, redis_key_prefix of 2.4." },
	{ .name = "login",
		.type = OPT_STRING,
		.offset = ROW(login),
		.help = "The user of Redis' access control lists. Without it: the default user." },
	{ .name = "password_file",
		.type = OPT_STRING,
		.offset = ROW(password_file),
		.check = secret_option,
		.helper_reads = true,
		.help = "The file whose first line is the password. Others must not be able to read it. It is read at "
			"each connection." },
	{ .name = "database",
		.type = OPT_NUMBER,
		.offset = ROW(database),
		.def = "0",
		.max = 65535,
		.help = "The number of the database in the server." },
	{ .name = "missing",
		.type = OPT_CHOICE,
		.offset = ROW(missing),
		.choices = missing_names,
		.def = "unknown",
		.help = "What it means that there are no keys: unknown, there is no such mailbox; or empty, nothing "
			"was "
			"delivered yet, for mailboxes that a directory lists." },
	{ .name = "timeout",
		.type = OPT_DURATION,
		.offset = ROW(timeout),
		.def = "3s",
		.min = 50,
		.max = SECONDS(60),
		.help = "How long a connection, or an answer, may take." },
	OPT_END,
};

struct redis_store {
	const struct redis_conf *conf;
	struct redis_link_conf link_conf;
	struct redis_link *link;
};

static bool redis_check(const void *conf, struct err *err)
{
	const struct redis_conf *c = conf;
	return !c->login || c->password_file || err_set(err, "with `login`, `password_file` is needed");
}

static bool redis_told_domain(const void *conf)
{
	(void)conf;
	return true;
}

static void redis_store_close(void *state)
{
	struct redis_store *s = state;
	if (s->link)
		redis_link_free(s->link);
	free(s);
}

static void *redis_store_open(const void *conf, struct err *err)
{
	const struct redis_conf *c = conf;
	struct redis_store *s = calloc(1, sizeof(*s));
	if (s) {
		s->conf = c;
		s->link_conf = (struct redis_link_conf){ .address = c->address,
			.login = c->login,
			.password_file = c->password_file,
			.database = (unsigned)c->database,
			.timeout = c->timeout };
		s->link = redis_link_new(&s->link_conf);
		if (s->link)
			return s;
	}
	free(s);
	err_set(err, "out of memory");
	return NULL;
}

enum figure { FIGURE_STORAGE, FIGURE_MESSAGES, FIGURES };

static const struct str figure_names[FIGURES] = { { "storage", 7 }, { "messages", 8 } };

static bool is_negative(struct str s)
{
	uint64_t n;
	return s.len > 1 && s.at[0] == '-' && str_u64(str_from(s, 1), &n);
}

/* False with the reason in the note. A number of messages that is not there is 0. */
static bool read_value(const struct redis_value *v, enum figure figure, uint64_t *out, struct buf *note)
{
	struct str s = { v->text, v->len };
	*out = 0;
	if ((!v->there && figure == FIGURE_MESSAGES) || (v->there && str_u64(s, out)))
		return true;
	buf_puts(note, ": ");
	buf_put(note, figure_names[figure]);
	if (!v->there || is_negative(s)) {
		buf_puts(note,
			v->there ? " below 0: Dovecot is counting anew" : " is missing: Dovecot is counting anew");
		return false;
	}
	s.len = s.len < 40 ? s.len : 40;
	buf_puts(note, " is no number: \"");
	buf_put_clean(note, s);
	buf_puts(note, "\"");
	note_be_odd(note);
	return false;
}

static void answer(const struct redis_conf *c, const struct redis_value *values, struct facts *facts, struct buf *note)
{
	uint64_t octets = 0, messages = 0;
	bool none = !values[FIGURE_STORAGE].there && !values[FIGURE_MESSAGES].there;
	if (none)
		buf_puts(note, c->missing == MISSING_EMPTY ? ": no keys yet" : ": no such keys");
	if (none && c->missing == MISSING_UNKNOWN) {
		facts->state = FACTS_NO_MAILBOX;
		return;
	}
	if (!none && (!read_value(&values[FIGURE_STORAGE], FIGURE_STORAGE, &octets, note) ||
			     !read_value(&values[FIGURE_MESSAGES], FIGURE_MESSAGES, &messages, note)))
		return;
	*facts = (struct facts){ .state = FACTS_FOUND,
		.source = SOURCE_DATABASE,
		.firm = true,
		.usage = octets > INT64_MAX ? INT64_MAX : octets,
		.messages = messages > UINT32_MAX ? UINT32_MAX : (uint32_t)messages };
}

static void redis_store_ask(void *state, const struct mailbox *m, bool firm, struct facts *facts, struct buf *note)
{
	struct redis_store *s = state;
	char texts[FIGURES][KEY_MAX];
	struct str keys[FIGURES];
	struct redis_value values[FIGURES];
	struct err err = { "" };
	(void)firm; /* there are no firmer ones */
	*facts = (struct facts){ .state = FACTS_FAILED };
	if (m->address.len > ADDRESS_MAX || str_find(m->address, '\0') < m->address.len) {
		facts->state = FACTS_NO_MAILBOX;
		buf_puts(note, "no user of Dovecot can have this name");
		return;
	}
	for (enum figure i = 0; i < FIGURES; i++) {
		struct buf key = BUF(texts[i]);
		redis_key_put(&key, str_of(s->conf->prefix), m->address, figure_names[i]);
		keys[i] = buf_str(&key);
	}
	buf_puts(note, "Redis at ");
	buf_put_clean(note, str_of(s->conf->address));
	if (redis_link_get(s->link, keys, FIGURES, values, &err)) {
		answer(s->conf, values, facts, note);
	} else {
		buf_puts(note, ": ");
		buf_puts(note, err.text);
	}
}

static const char *redis_doubt(const void *conf)
{
	(void)conf;
	return DOUBT_DOVECOT;
}

static void redis_server(const void *conf, struct buf *out)
{
	buf_puts(out, ((const struct redis_conf *)conf)->address);
}

static enum heard redis_heard(void *state)
{
	return redis_link_heard(((struct redis_store *)state)->link);
}

const struct store_kind redis_type = {
	.name = "redis",
	.opts = rows,
	.conf_size = sizeof(struct redis_conf),
	.rule = RULE_FITS,
	.check = redis_check,
	.doubt = redis_doubt,
	.told_domain = redis_told_domain,
	.server = redis_server,
	.heard = redis_heard,
	.open = redis_store_open,
	.ask = redis_store_ask,
	.close = redis_store_close,
};
