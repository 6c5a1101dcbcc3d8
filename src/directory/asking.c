/*
 * Both ends of the record between a look-up and its helper. The daemon's end checks every field of a reply but the
 * insides of the targets, which the gate checks; the desk has checked every slice of a question (io/desk.h). Where the
 * directory asks a server, a guard stands before the desk.
 */
#include "directory/asking.h"

#include "core/guard.h"
#include "core/lookup.h"
#include "io/desk.h"
#include "io/log.h"

#include <stddef.h>
#include <stdlib.h>
#include <sys/random.h>

#define NONSENSE "the helper's answer makes no sense"

_Static_assert(MAILBOX_PATH_MAX <= DESK_TEXT_MAX, "a look-up's text fits into a question");

/* The parts of a question. */
enum part { PART_ADDRESS, PART_LOCAL, PART_DOMAIN };

struct report {
	uint32_t listing;
	uint32_t note_len; /* at most LOOKUP_NOTE - 1 */
	uint32_t heard;
	char rest[LOOKUP_NOTE + TARGETS_MAX]; /* the note, then the targets; only what is used is sent */
};

_Static_assert(sizeof(struct report) <= POOL_RECORD_MAX, "a reply is one record");

struct asking {
	struct directory directory; /* first: the daemon holds a pointer to it */
	struct desk *desk;
	const struct asking_conf *conf;
	struct guard guard; /* where there is a server */
};

/* ---- the daemon's end ---- */

static bool listing_of(uint32_t n, enum listing *out)
{
	switch ((enum listing)n) {
	case LISTING_FAILED:
	case LISTING_NOT_OURS:
	case LISTING_NO_ADDRESS:
	case LISTING_UNLISTED:
	case LISTING_TARGETS: *out = (enum listing)n; return true;
	}
	return false;
}

static void fail(struct lookup *l, const char *why)
{
	l->listing = LISTING_FAILED;
	lookup_note(l, str_of(why));
}

/* False when the helper, which may be anybody's by now, sent what ours would not. The targets stay where they are. */
static bool reply_get(struct lookup *l, const struct report *r, size_t len, enum heard *heard)
{
	if (len < offsetof(struct report, rest) || len > sizeof(*r))
		return false;
	size_t used = len - offsetof(struct report, rest);
	if (r->note_len >= LOOKUP_NOTE || r->note_len > used || used - r->note_len > TARGETS_MAX)
		return false;
	if (!heard_get(r->heard, heard))
		return false;
	struct str targets = { r->rest + r->note_len, used - r->note_len };
	if (!listing_of(r->listing, &l->listing) || (l->listing == LISTING_TARGETS) != (targets.len != 0))
		return false;
	l->targets = targets;
	lookup_note(l, (struct str){ r->rest, r->note_len });
	return true;
}

/* There is a server, and not a file, that may be at fault. */
static bool is_guarded(const struct asking *a)
{
	return a->guard.peer.name[0] != '\0';
}

static void log_peer(const struct asking *a, bool is_asked)
{
	log_line(is_asked ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, "event=peer directory=%s host=%s state=%s",
		a->conf->name, a->guard.peer.name, breaker_state_name(a->guard.breaker.state));
}

/* Who waits for a helper's turn would wait for as long as the server is silent. */
static void dismiss_all(struct asking *a, msec now)
{
	char text[LOOKUP_NOTE];
	struct buf why = BUF(text);
	guard_put_why(&a->guard, now, &why);
	desk_dismiss(a->desk, buf_z(&why));
}

static void on_answered(void *context, void *asker, const void *reply, size_t len, const char *why, msec now)
{
	struct asking *a = context;
	struct lookup *l = asker;
	enum heard heard = why == pool_hung ? HEARD_FAULT : HEARD_NOTHING;
	l->store_data = NULL;
	l->targets = (struct str){ NULL, 0 };
	if (!reply || !reply_get(l, reply, len, &heard))
		fail(l, reply ? NONSENSE : why);
	enum guard_turn turn = GUARD_AS_BEFORE;
	if (is_guarded(a))
		turn = guard_heard(&a->guard, l, heard, str_of(l->note), now);
	if (turn != GUARD_AS_BEFORE)
		log_peer(a, turn == GUARD_ASKED_AGAIN);
	lookup_done(l, now);
	if (turn == GUARD_LEFT_ALONE)
		dismiss_all(a, now);
}

/* Answered at once, without the helpers. */
static void refuse(struct asking *a, struct lookup *l)
{
	char text[LOOKUP_NOTE];
	struct buf why = BUF(text);
	guard_put_why(&a->guard, desk_now(a->desk), &why);
	l->targets = (struct str){ NULL, 0 };
	fail(l, buf_z(&why));
	lookup_done(l, desk_now(a->desk));
}

static void asking_start(struct directory *d, struct lookup *l)
{
	struct asking *a = list_of(d, struct asking, directory);
	if (is_guarded(a) && !guard_admits(&a->guard, l, desk_now(a->desk))) {
		refuse(a, l);
		return;
	}
	const struct desk_question q = {
		.text = { l->text, sizeof(l->text) },
		.parts = { [PART_ADDRESS] = l->mailbox.address,
			[PART_LOCAL] = l->mailbox.local,
			[PART_DOMAIN] = l->mailbox.domain },
	};
	l->store_data = desk_ask(a->desk, l, &q, (uint32_t)l->key.a);
	if (!l->store_data) {
		guard_heard(&a->guard, l, HEARD_NOTHING, STR(""), desk_now(a->desk));
		l->targets = (struct str){ NULL, 0 };
		fail(l, "no memory");
		lookup_done(l, desk_now(a->desk));
	}
}

static void asking_cancel(struct directory *d, struct lookup *l)
{
	struct asking *a = list_of(d, struct asking, directory);
	desk_forget(a->desk, l->store_data);
	guard_heard(&a->guard, l, HEARD_NOTHING, STR(""), desk_now(a->desk));
	l->store_data = NULL;
}

static void asking_close(struct directory *d)
{
	struct asking *a = list_of(d, struct asking, directory);
	desk_close(a->desk);
	free(a);
}

static const struct directory_calls asking_calls = {
	.start = asking_start,
	.cancel = asking_cancel,
	.close = asking_close,
};

static void set_up(struct asking *a, const struct asking_conf *conf)
{
	char text[256];
	struct buf server = BUF(text);
	uint32_t random = 0; /* jitter wants no better dice */
	a->directory.calls = &asking_calls;
	a->conf = conf;
	if (conf->type->server)
		conf->type->server(conf->conf, &server);
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		random = (uint32_t)(uintptr_t)a;
	guard_init(&a->guard, buf_str(&server), random);
}

struct directory *asking_open(uv_loop_t *loop, struct nursery *nursery, const struct asking_conf *conf, struct err *err)
{
	struct asking *a = calloc(1, sizeof(*a));
	const struct desk_conf desk = {
		.name = conf->name,
		.set = conf->set,
		.helpers = conf->helpers,
		.hang = conf->hang,
		.answered = on_answered,
		.context = a,
	};
	if (!a) {
		err_set(err, "%s: no memory", conf->name);
		return NULL;
	}
	set_up(a, conf);
	a->desk = desk_open(loop, nursery, &desk, err);
	if (!a->desk) {
		free(a);
		return NULL;
	}
	return &a->directory;
}

struct pool_stats asking_stats(const struct directory *d)
{
	return desk_stats(((const struct asking *)(const void *)d)->desk);
}

bool asking_peer(const struct directory *d, struct peer_stats *out)
{
	const struct asking *a = (const struct asking *)(const void *)d;
	if (is_guarded(a))
		*out = guard_peer(&a->guard);
	return is_guarded(a);
}

/* ---- the helper's end ---- */

/* Targets that are too many for a record are no answer: half a list would judge by the wrong mailboxes. */
static enum listing ask(
	const struct asking_conf *conf, void *state, const struct mailbox *m, struct buf *targets, struct buf *note)
{
	enum listing listing = conf->type->ask(state, m, targets, note);
	if (listing == LISTING_TARGETS && targets->full) {
		note->len = 0;
		note->full = false;
		buf_puts(note, "the entry of ");
		buf_put_clean(note, m->address);
		buf_printf(note, " has more targets than fit into %d octets", TARGETS_MAX);
		listing = LISTING_FAILED;
	}
	if (listing != LISTING_TARGETS)
		targets->len = 0;
	return listing;
}

static size_t answer(const void *arg, void *state, const struct desk_question *q, const char *trouble, void *reply)
{
	static char record[TARGETS_MAX];
	const struct asking_conf *conf = arg;
	struct report *r = reply;
	struct buf note = { .at = r->rest, .cap = LOOKUP_NOTE - 1 }, targets = BUF(record);
	if (trouble) {
		buf_puts(&note, trouble);
		r->listing = LISTING_FAILED;
	} else {
		const struct mailbox m = { .address = q->parts[PART_ADDRESS],
			.local = q->parts[PART_LOCAL],
			.domain = q->parts[PART_DOMAIN] };
		r->listing = ask(conf, state, &m, &targets, &note);
	}
	r->note_len = (uint32_t)note.len;
	r->heard = !trouble && conf->type->heard ? conf->type->heard(state) : HEARD_NOTHING;
	desk_heard((enum heard)r->heard);
	memcpy(r->rest + note.len, record, targets.len);
	return offsetof(struct report, rest) + note.len + targets.len;
}

void asking_reach(const void *arg, struct reach *reach)
{
	const struct asking_conf *conf = arg;
	if (conf->type->reach)
		conf->type->reach(conf->conf, reach);
}

int asking_run(int fd, const void *arg)
{
	const struct asking_conf *conf = arg;
	const struct desk_service service = {
		.kind = "directory",
		.name = conf->name,
		.conf = conf->conf,
		.open = conf->type->open,
		.close = conf->type->close,
		.answer = answer,
		.arg = conf,
	};
	return desk_serve(fd, &service);
}
