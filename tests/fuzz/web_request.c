/*
 * HTTP requests whose heads are good: paths, tokens, parameters, forms, and the answers, by a real gate. Octet 0 has the method
 * and what the store says; line 1 is the target, line 2 the value of Authorization, the rest the body. Every request has one
 * answer, of a status that there is; JSON is well-formed; without the token nothing but /healthz, and what is sealed, is
 * answered.
 */
#include "daemon/metrics.h"
#include "daemon/web_inside.h"
#include "fuzz.h"

#include <stdlib.h>

#define TOKEN "Bearer 0123456789abcdef"

static struct {
	struct engine engine;
	struct listener listener;
	struct config_listener spec;
	struct http_conf http;
	struct web web;
	struct web_client client;
	unsigned choice;
	bool complained;
	unsigned asked, answered;
} f;

/* ---- the rest of the daemon, as far as it is used ---- */

msec engine_now(const struct engine *e)
{
	(void)e;
	return SECONDS(1000);
}

void *engine_shared(struct engine *e, const struct front *front)
{
	(void)e, (void)front;
	return NULL;
}

struct config *config_get(struct config *c)
{
	return c;
}

const struct registry_front *registry_front(const char *protocol)
{
	(void)protocol;
	return NULL; /* messages are the business of front_facts */
}

void listener_complain(struct listener *l, const char *host, const char *what)
{
	(void)l, (void)host;
	fuzz_require(fuzz_is_clean(str_of(what)), "a complaint is in words of our own");
	f.complained = true;
}

struct front_peer listener_peer(const struct listener *l, const char *host)
{
	(void)l, (void)host;
	return (struct front_peer){ .now = 0 };
}

enum front_step listener_take(struct listener *l, const struct front *front, void *session, const char *host,
	struct str request, struct query *q, struct buf *out)
{
	(void)l, (void)front, (void)session, (void)host, (void)request, (void)q, (void)out;
	return FRONT_CLOSE;
}

enum front_step listener_write(
	struct listener *l, const struct front *front, void *session, const struct ask *ask, struct buf *out)
{
	(void)l, (void)front, (void)session, (void)ask, (void)out;
	return FRONT_CLOSE;
}

char *metrics_text(const struct engine *e, size_t *len)
{
	(void)e;
	*len = 6;
	return strdup("# EOF\n");
}

static void on_answer(struct ask *ask, msec now)
{
	(void)ask, (void)now;
	f.answered++;
	f.client.request.done(&f.client);
}

void web_ask(struct web_client *c, void (*done)(struct web_client *))
{
	f.asked++;
	c->request.done = done;
	c->request.ask.done = on_answer;
	gate_ask(f.engine.gate, &c->request.ask, engine_now(&f.engine));
}

/* ---- the store ---- */

static void store_start(void *context, struct lookup *l, msec now)
{
	(void)context;
	l->facts = (struct facts){ .state = f.choice >> 2 & 3, .firm = true, .source = SOURCE_STAT };
	if (l->facts.state == FACTS_FOUND) {
		l->facts.usage = 900 + 50 * (f.choice >> 4 & 3);
		l->facts.limit = f.choice & 0x40 ? 1000 : 0;
		l->facts.messages = f.choice >> 7;
	}
	lookup_note(l, STR("a \"note\" \\ of the store"));
	lookup_done(l, now);
}

static void store_cancel(void *context, struct lookup *l)
{
	(void)context, (void)l;
}

static void make_gate(void)
{
	static const unsigned first[] = { 0 };
	static const struct route_store store = { .name = { "s\"1", 3 }, .salt = 1, .told_domain = true };
	static const struct route route = {
		.stores = &store, .n_stores = 1, .any = { .stores = first, .n = 1 }, .bare = { .stores = first, .n = 1 }
	};
	static const struct gate_stores reach = { .start = store_start, .cancel = store_cancel };
	const struct gate_size size = { .mailboxes = 10, .lookups = 8, .transactions = 8, .charges = 32 };
	const struct reply full = { .code = 452, .subject = 2, .detail = 2, .text = STR("no \"room\" for %u") };
	const struct gate_conf conf = { .route = &route,
		.delimiters = STR("+"),
		.timeout = SECONDS(4),
		.soft = 50,
		.hard = 90,
		.rules = { .full = full, .put_off = full, .full_long = full, .too_large = full } };
	f.engine.gate = gate_new(&size, &conf, &reach, (struct hash_key){ 1, 2 });
	fuzz_require(f.engine.gate != NULL, "memory");
}

static void make_listener(void)
{
	struct str token = STR("0123456789abcdef");
	f.engine.key = (struct hash_key){ 3, 4 };
	f.spec.own = &f.http;
	f.listener.engine = &f.engine;
	f.listener.spec = &f.spec;
	f.listener.number = 1;
	f.web.listener = &f.listener;
	f.web.secrets.wants_token = true;
	f.web.secrets.tokens[f.web.secrets.n_tokens++] = hash_of(&f.engine.key, token.at, token.len);
}

/* ---- JSON (RFC 8259), as much of it as there may be ---- */

static bool take(struct str *rest, char c)
{
	bool is = rest->len && rest->at[0] == c;
	if (is)
		*rest = str_from(*rest, 1);
	return is;
}

static void skip_blanks(struct str *rest)
{
	while (rest->len && strchr(" \n", rest->at[0]))
		*rest = str_from(*rest, 1);
}

static void check_string(struct str *rest)
{
	fuzz_require(take(rest, '"'), "a string begins");
	while (rest->len && rest->at[0] != '"') {
		fuzz_require((unsigned char)rest->at[0] >= 0x20, "no control character in a string");
		if (take(rest, '\\'))
			fuzz_require(rest->len && rest->at[0] && strchr("\"\\nu", rest->at[0]), "an escape");
		*rest = str_from(*rest, 1);
	}
	fuzz_require(take(rest, '"'), "a string ends");
}

static void check_value(struct str *rest, unsigned depth);

static void check_members(struct str *rest, char end, unsigned depth)
{
	if (take(rest, end))
		return;
	do {
		skip_blanks(rest);
		if (end == '}') {
			check_string(rest);
			fuzz_require(take(rest, ':'), "a colon behind a key");
		}
		check_value(rest, depth + 1);
	} while (take(rest, ','));
	fuzz_require(take(rest, end), "what begins ends");
}

static void check_value(struct str *rest, unsigned depth)
{
	fuzz_require(depth < 5, "it is flat");
	skip_blanks(rest);
	if (take(rest, '{')) {
		check_members(rest, '}', depth);
	} else if (take(rest, '[')) {
		check_members(rest, ']', depth);
	} else if (rest->len && rest->at[0] == '"') {
		check_string(rest);
	} else {
		size_t n = 0;
		while (n < rest->len && !strchr(",}] \n", rest->at[n]))
			n++;
		uint64_t number;
		struct str word = { rest->at, n };
		fuzz_require(
			str_u64(word, &number) || str_eq(word, STR("true")) || str_eq(word, STR("false")), "a word");
		*rest = str_from(*rest, n);
	}
	skip_blanks(rest);
}

/* ---- a request ---- */

static void check_answer(const struct web_request *r, bool admitted)
{
	struct str text = { r->answer, r->answer_len }, rest = text;
	static const unsigned all[] = { 200, 400, 401, 404, 405, 413, 415, 503 };
	bool known = false;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		known = known || r->status == all[i];
	fuzz_require(known && r->answer && r->type, "an answer");
	fuzz_require(str_is_utf8(text) || !strcmp(r->type, "text/plain"), "an answer is text");
	fuzz_require(r->status != 400 || f.complained || !r->route, "what is wrong is complained of");
	if (!admitted && r->status == 200)
		fuzz_require(str_eq(text, STR("ok\n")), "without the token nothing is told but that all is well");
	if (strcmp(r->type, "application/json") != 0)
		return;
	check_value(&rest, 0);
	fuzz_require(rest.len == 0, "one value");
}

static void copy_in(struct web_request *r, struct str target, struct str body)
{
	r->target = malloc(target.len + 1);
	r->body = body.len ? malloc(body.len) : NULL;
	fuzz_require(r->target && (r->body || !body.len), "memory");
	memcpy(r->target, target.at, target.len);
	if (body.len)
		memcpy(r->body, body.at, body.len);
	r->sent_len = target.len;
	r->sent_target = r->target;
	r->body_len = r->body_size = body.len;
}

/* As daemon/web_client.c goes through it. */
static void request(struct octets *in)
{
	static const enum web_method methods[] = { WEB_GET, WEB_POST, WEB_HEAD, WEB_OTHER };
	struct web_request *r = &f.client.request;
	f.choice = fuzz_choose(in, 256);
	struct str target = fuzz_text(in, '\n'), authorization = fuzz_text(in, '\n'),
		   body = fuzz_take(in, WEB_FORM_MAX);
	if (target.len > WEB_TARGET_MAX || memchr(target.at, '\0', target.len) || memchr(target.at, ' ', target.len))
		return; /* the library would not have passed it on */
	struct web_head head = { .length = body.len, .authorization = authorization };
	bool admitted = str_eq(authorization, STR(TOKEN));
	*r = (struct web_request){ .method = methods[f.choice & 3], .begun = true, .is_form = !(f.choice & 0x20) };
	f.complained = false;
	f.asked = f.answered = 0;
	copy_in(r, target, body);
	web_route(&f.client, &head);
	if (!r->status && body.len > r->body_max)
		web_reproach(&f.client, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too long");
	if (!r->status)
		web_serve(&f.client);
	fuzz_require(f.asked <= 1 && f.answered == f.asked, "one question at most, and its answer");
	check_answer(r, web_secrets_admit(&f.web.secrets, authorization, &f.engine.key));
	fuzz_require(!admitted || web_secrets_admit(&f.web.secrets, authorization, &f.engine.key), "a token lets in");
	gate_forget(f.engine.gate, &r->ask);
	free(r->answer);
	free(r->target);
	free(r->body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct octets in = OCTETS(data, size);
	memset(&f, 0, sizeof(f));
	make_gate();
	make_listener();
	f.client.web = &f.web;
	memcpy(f.client.host, "192.0.2.1", 10);
	request(&in);
	gate_free(f.engine.gate);
	return 0;
}
