/*
 * A socketmap that knows which mailboxes have room, such as Cyrus smmapd(8): netstrings both ways, answers in the order of
 * the questions. It is not told sizes.
 *
 *   request = map SP key        reply = "OK" [ SP data ] / "NOTFOUND" [ SP text ] / "TEMP" SP text / "TIMEOUT" SP text / "PERM" SP text
 *
 * A mailbox that is full is TEMP or PERM with a text that says so. Nothing but whole netstrings is ever sent: Cyrus 3.6
 * never recovers from others.
 */
#include "core/template.h"
#include "store/caller.h"
#include "store/full_words.h"
#include "store/server_address.h"
#include "wire/netstring.h"

#include <stddef.h>

#define PIPELINED 8
#define REQUEST_MAX 1000 /* smmapd takes 1024 octets */
#define REPLY_MAX 4096
#define KEY_VARS (TEMPLATE_ADDRESS | TEMPLATE_LOCAL | TEMPLATE_DOMAIN)

struct socketmap_conf {
	struct caller_conf caller;
	const char *map, *key;
	struct opt_list full;
	bool trust_unknown;
};

struct socketmap_session {
	const struct socketmap_conf *conf;
};

static bool socketmap_open(void *session, const void *conf)
{
	struct socketmap_session *s = session;
	s->conf = conf;
	return true;
}

static unsigned socketmap_depth(const void *session)
{
	(void)session;
	return PIPELINED;
}

static bool put_key(struct buf *out, enum template_var var, struct str value)
{
	(void)var;
	buf_put(out, value);
	return true;
}

static bool socketmap_ask(
	void *session, const struct lookup *l, struct caller_question *q, struct buf *out, struct buf *why)
{
	const struct socketmap_session *s = session;
	char text[REQUEST_MAX];
	struct buf request = BUF(text);
	(void)q;
	buf_printf(&request, "%s ", s->conf->map);
	if (!template_expand(&request, str_of(s->conf->key), &l->mailbox, put_key) || request.full) {
		buf_puts(why, "the key is too long");
		return false;
	}
	netstring_encode(out, buf_str(&request));
	return true;
}

static enum caller_step socketmap_feed(void *session, struct str in, size_t *eaten,
	const struct caller_question *oldest, struct caller_answer *a, struct buf *out)
{
	const struct socketmap_session *s = session;
	struct str payload;
	ssize_t n = netstring_decode(&payload, in, REPLY_MAX);
	(void)out;
	if (n == 0)
		return CALLER_MORE;
	if (n < 0 || !oldest) {
		buf_puts(&a->note, n < 0 ? "its answer is no netstring: " : "an answer to nothing: ");
		buf_put(&a->note, (struct str){ in.at, in.len < 40 ? in.len : 40 });
		return CALLER_OVER;
	}
	*eaten = (size_t)n;
	buf_put(&a->note, payload);
	struct str text = payload, word = str_cut(&text, ' ');
	a->facts = (struct facts){ .state = FACTS_FAILED, .source = SOURCE_VERDICT };
	if (str_eq(word, STR("OK")))
		caller_took(a, oldest);
	else if (str_eq(word, STR("NOTFOUND")) && s->conf->trust_unknown)
		a->facts.state = FACTS_NO_MAILBOX;
	else if ((str_eq(word, STR("TEMP")) || str_eq(word, STR("PERM"))) && full_words_hold(&s->conf->full, text))
		caller_refused(a, oldest, false);
	return CALLER_ANSWERED;
}

static const struct caller_protocol socketmap_protocol = {
	.session_size = sizeof(struct socketmap_session),
	.open = socketmap_open,
	.depth = socketmap_depth,
	.ask = socketmap_ask,
	.feed = socketmap_feed,
};

/* ---- the store ---- */

static bool check_map(struct str map, struct err *err)
{
	for (size_t i = 0; i < map.len; i++)
		if (map.at[i] <= ' ' || map.at[i] > '~')
			return err_set(err, "the name of a map is printable ASCII without blanks");
	return (map.len && map.len <= 255) || err_set(err, "the name of a map has 1 to 255 octets");
}

static bool check_key(struct str key, struct err *err)
{
	int vars = template_vars(key, KEY_VARS, err);
	return vars > 0 || (vars == 0 && err_set(err, "expected %%u, %%n or %%d in it"));
}

#define ROW(member) offsetof(struct socketmap_conf, member)

static const struct opt socketmap_opts[] = {
	{ .name = "address",
		.type = OPT_STRING,
		.offset = ROW(caller.address),
		.required = true,
		.check = server_address_check,
		.help = "The server: unix:/path or inet:HOST:PORT, where HOST is a name, an address, or [v6]." },
	{ .name = "map",
		.type = OPT_STRING,
		.offset = ROW(map),
		.def = "quota",
		.check = check_map,
		.help = "The name of the map; Cyrus does not look at it." },
	{ .name = "key",
		.type = OPT_STRING,
		.offset = ROW(key),
		.def = "%u",
		.check = check_key,
		.help = "What is looked up; of %u, %n and %d." },
	{ .name = "full",
		.type = OPT_LIST,
		.offset = ROW(full),
		.def = "quota",
		.check = full_words_check,
		.help = "An answer TEMP or PERM with one of these in its text, in either case, says that the mailbox "
			"is full. Any other counts as no answer." },
	{ .name = "trust_unknown",
		.type = OPT_BOOL,
		.offset = ROW(trust_unknown),
		.def = "true",
		.help = "false: NOTFOUND counts as no answer." },
	CALLER_ROWS(socketmap_conf, caller),
	OPT_END,
};

static struct store *socketmap_attach(
	uv_loop_t *loop, struct nursery *nursery, const struct blocking_conf *conf, struct err *err)
{
	const struct socketmap_conf *c = conf->conf;
	return caller_open(loop, nursery, conf, &socketmap_protocol, &c->caller, c, err);
}

static bool socketmap_is_true(const void *conf)
{
	(void)conf;
	return true;
}

const struct store_kind socketmap_type = {
	.name = "socketmap",
	.opts = socketmap_opts,
	.conf_size = sizeof(struct socketmap_conf),
	.rule = RULE_ASKED,
	.gives_verdicts = socketmap_is_true,
	.told_domain = socketmap_is_true,
	.attach = socketmap_attach,
	.run = server_address_run,
};
