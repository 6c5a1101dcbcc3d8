#include "store/remote_errand.h"

#include "store/blocking.h"
#include "store/remote_conf.h"
#include "store/remote_http.h"

#include <stddef.h>
#include <stdlib.h>

#define NONSENSE "the helper's answer makes no sense"
#define WHY_MAX 256

/* The parts of a question: a name to be resolved, or a URL and what is posted there (then its flag is set). */
enum part { PART_WHERE, PART_MESSAGE };

_Static_assert(REMOTE_URL_MAX + FACTS_MESSAGE_MAX <= DESK_TEXT_MAX, "both fit into a question");

struct report {
	uint32_t failed; /* 0 or 1 */
	uint32_t n;
	struct remote_packed at[REMOTE_ADDRESSES_MAX];
	char rest[FACTS_MESSAGE_MAX]; /* why it failed, or the body; only what is used is sent */
};

/* ---- the daemon's end ---- */

/* False when the helper, which may be anybody's by now, sent what ours would not. */
static bool report_get(struct remote_result *out, const struct report *r, size_t len)
{
	if (len < offsetof(struct report, rest) || len > sizeof(*r) || r->failed > 1 || r->n > REMOTE_ADDRESSES_MAX)
		return false;
	struct str rest = { r->rest, len - offsetof(struct report, rest) };
	if (r->failed)
		out->why = rest.len && rest.len <= WHY_MAX ? rest : STR("it failed");
	else
		out->body = rest;
	for (; out->n < r->n; out->n++)
		if (!remote_address_unpack(&out->at[out->n], &r->at[out->n]))
			return false;
	return r->failed || out->n > 0 || rest.len > 0;
}

static void on_answered(void *context, void *asker, const void *reply, size_t len, const char *why, msec now)
{
	struct remote_errand *e = asker;
	struct remote_result result = { .why = str_of(why) };
	(void)context;
	e->ticket = NULL;
	if (reply && !report_get(&result, reply, len))
		result = (struct remote_result){ .why = STR(NONSENSE) };
	e->done(e, &result, now);
}

struct desk *remote_errand_desk(
	uv_loop_t *loop, struct nursery *nursery, const struct blocking_conf *conf, struct err *err)
{
	const struct desk_conf desk = {
		.name = conf->name,
		.set = conf->set,
		.helpers = conf->helpers,
		.hang = conf->hang,
		.answered = on_answered,
	};
	return desk_open(loop, nursery, &desk, err);
}

static bool submit(struct desk *desk, struct remote_errand *e, struct str where, struct str message, bool flag)
{
	char space[DESK_TEXT_MAX];
	struct buf text = BUF(space);
	struct hash_key none = { 0, 0 };
	buf_put(&text, where);
	buf_put(&text, message);
	const struct desk_question q = {
		.text = buf_str(&text),
		.parts = { [PART_WHERE] = { space, where.len }, [PART_MESSAGE] = { space + where.len, message.len } },
		.flag = flag,
	};
	/* One helper for one place, which has the connection open. */
	e->ticket = text.full ? NULL : desk_ask(desk, e, &q, (uint32_t)hash_of(&none, where.at, where.len).a);
	return e->ticket != NULL;
}

bool remote_errand_resolve(struct desk *desk, struct remote_errand *e, struct str name)
{
	return submit(desk, e, name, (struct str){ NULL, 0 }, false);
}

bool remote_errand_post(struct desk *desk, struct remote_errand *e, struct str url, struct str message)
{
	return submit(desk, e, url, message, true);
}

void remote_errand_forget(struct desk *desk, struct remote_errand *e)
{
	if (e->ticket)
		desk_forget(desk, e->ticket);
	e->ticket = NULL;
}

/* ---- the helper's end ---- */

struct errands {
	const struct remote_conf *conf;
	struct remote_http *http; /* null: nothing was posted yet */
};

static void errands_close(void *state)
{
	struct errands *e = state;
	if (e->http)
		remote_http_free(e->http);
	free(e);
}

static void *errands_open(const void *conf, struct err *err)
{
	const struct remote_conf *c = conf;
	struct errands *e = calloc(1, sizeof(*e));
	if (!e) {
		err_set(err, "out of memory");
		return NULL;
	}
	e->conf = c;
	return e;
}

/* A token that cannot be read must not keep names from being found: what HTTP needs is opened when it is needed. */
static bool post(struct errands *e, const struct desk_question *q, struct buf *body, struct buf *why)
{
	char url[REMOTE_URL_MAX + 1];
	struct err err = { "" };
	if (!e->http && !(e->http = remote_http_new(e->conf, &err))) {
		buf_puts(why, err.text);
		return false;
	}
	if (!str_copy_z(url, sizeof(url), q->parts[PART_WHERE])) {
		buf_puts(why, "the question makes no sense");
		return false;
	}
	if (!remote_http_ask(e->http, url, q->parts[PART_MESSAGE], body, why))
		return false;
	if (body->len == 0)
		buf_puts(why, "the answer is empty");
	return body->len > 0;
}

static size_t answer(const void *arg, void *state, const struct desk_question *q, const char *trouble, void *reply)
{
	char said[WHY_MAX];
	struct report *r = reply;
	struct buf body = BUF(r->rest), why = BUF(said);
	(void)arg;
	memset(r, 0, offsetof(struct report, rest));
	buf_puts(&why, trouble ? trouble : "");
	bool good = !trouble && (q->flag ? post(state, q, &body, &why)
					 : (r->n = remote_address_find(r->at, q->parts[PART_WHERE], &why)) > 0);
	if (!trouble)
		desk_heard(good ? HEARD_ANSWER : HEARD_FAULT);
	if (good)
		return offsetof(struct report, rest) + body.len;
	r->failed = 1;
	r->n = 0;
	memcpy(r->rest, said, why.len);
	return offsetof(struct report, rest) + why.len;
}

int remote_errand_run(int fd, const void *arg)
{
	const struct blocking_conf *conf = arg;
	const struct desk_service service = {
		.kind = "store",
		.name = conf->name,
		.conf = conf->conf,
		.open = errands_open,
		.close = errands_close,
		.answer = answer,
	};
	return desk_serve(fd, &service);
}
