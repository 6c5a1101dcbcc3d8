#include "store/imap_ask.h"

#include "base/hash.h"
#include "store/imap_link.h"

#include <assert.h>
#include <stdlib.h>

#define UNIT 1024 /* octets of STORAGE */
#define ROOTS_MAX 64 /* of a mailbox */
#define REASON_MAX 256
#define COMMAND_MAX (8 * IMAP_NAME_MAX) /* an octet of a name becomes five at most */

struct imap {
	const struct imap_conf *conf;
	struct imap_link *link;
	bool cyrus;
	enum heard heard;
};

/* Quota roots, by their names. */
struct roots {
	struct hash at[ROOTS_MAX];
	size_t n;
};

/* What was heard of one mailbox. */
struct hearsay {
	bool zero_counts; /* a limit of 0 is one */
	bool named_roots; /* by a line QUOTAROOT, if only that there are none */
	struct roots named, told; /* in that line; in lines QUOTA */
	bool too_many; /* they are, or their names are too long */
	struct imap_resource storage, messages;
};

/* A question: all of it that is made from the mailbox. */
struct question {
	char text[IMAP_NAME_MAX], user_text[IMAP_NAME_MAX + 1], authorize_text[IMAP_NAME_MAX + 1];
	struct str name;
	struct imap_login login;
	msec until;
};

static void *open_as(const void *conf, bool cyrus, struct err *err)
{
	struct imap *s = calloc(1, sizeof(*s));
	if (!s) {
		err_set(err, "out of memory");
		return NULL;
	}
	s->conf = conf;
	s->cyrus = cyrus;
	s->link = imap_link_new(conf, err);
	if (s->link)
		return s;
	free(s);
	return NULL;
}

void *imap_ask_open(const void *conf, struct err *err)
{
	return open_as(conf, false, err);
}

void *imap_ask_open_cyrus(const void *conf, struct err *err)
{
	return open_as(conf, true, err);
}

void imap_ask_close(void *state)
{
	struct imap *s = state;
	imap_link_free(s->link);
	free(s);
}

/* ---- who and what is asked ---- */

static bool make_user(const char **out, char *text, const char *template, const struct mailbox *m)
{
	struct buf b = { .at = text, .cap = IMAP_NAME_MAX };
	if (!template)
		return true;
	if (!imap_conf_user(&b, template, m))
		return false;
	text[b.len] = '\0';
	*out = text;
	return true;
}

static bool make_question(struct question *q, const struct imap_conf *c, const struct mailbox *m)
{
	struct buf name = BUF(q->text);
	q->login = (struct imap_login){ NULL, NULL };
	q->until = imap_link_now() + c->timeout;
	if (!imap_conf_mailbox(&name, c, m) || !str_is_utf8(buf_str(&name)))
		return false;
	q->name = buf_str(&name);
	return make_user(&q->login.user, q->user_text, c->login, m) &&
	       make_user(&q->login.authorize, q->authorize_text, c->authorize, m);
}

/* ---- the answer ---- */

static void take_nothing(void *arg, const struct imap_response *r)
{
	(void)arg, (void)r;
}

/* Where 0 is no limit, another root's may be one. */
static void merge(struct hearsay *h, struct imap_resource *into, const struct imap_resource *r)
{
	if (r->limit > 0 || h->zero_counts)
		imap_resource_merge(into, r);
}

static void add_roots(struct hearsay *h, struct roots *roots, struct str names)
{
	const struct hash_key key = { 0, 0 };
	char text[IMAP_NAME_MAX];
	for (struct buf name = BUF(text); imap_root_take(&names, &name); name.len = 0) {
		h->too_many = h->too_many || name.full || roots->n == ROOTS_MAX;
		if (h->too_many)
			return;
		roots->at[roots->n++] = hash_of(&key, name.at, name.len);
	}
}

static void take_quota(void *arg, const struct imap_response *r)
{
	struct hearsay *h = arg;
	if (r->kind == IMAP_QUOTAROOT) {
		h->named_roots = true;
		add_roots(h, &h->named, r->names);
	}
	if (r->kind == IMAP_QUOTA)
		add_roots(h, &h->told, r->names);
	merge(h, &h->storage, &r->storage);
	merge(h, &h->messages, &r->messages);
}

static uint64_t octets_of(uint64_t units)
{
	return units > INT64_MAX / UNIT - 1 ? INT64_MAX - UNIT : units * UNIT;
}

static uint32_t messages_of(uint64_t n)
{
	return n > UINT32_MAX - 1 ? UINT32_MAX - 1 : (uint32_t)n;
}

/*
 * The largest usage and the smallest limit that the figures can mean. Dovecot rounds both up. Cyrus rounds usage down, and
 * its limits are whole units. Of another server this is not known; if it rounds as Dovecot does, what is too much of usage
 * makes up for what is too much of the limit.
 *
 * Facts have no limit of 0: one more of usage and limit says the same.
 */
static void fill_storage(struct facts *f, const struct imap *s, const struct imap_resource *storage)
{
	unsigned more = storage->limit == 0;
	f->usage = octets_of(storage->usage) + more;
	f->limit = octets_of(storage->limit) + more;
	if (s->conf->dovecot)
		f->limit -= UNIT - 1;
	else
		f->usage += UNIT - 1;
}

static void fill(struct facts *f, const struct imap *s, const struct hearsay *h)
{
	*f = (struct facts){ .state = FACTS_FOUND, .source = SOURCE_SERVER, .firm = true };
	if (h->storage.limited)
		fill_storage(f, s, &h->storage);
	if (h->messages.limited) {
		unsigned more = h->messages.limit == 0;
		f->messages = messages_of(h->messages.usage) + more;
		f->message_limit = messages_of(h->messages.limit) + more;
	}
}

static void describe(const struct hearsay *h, struct buf *note)
{
	buf_puts(note, h->named.n == 0 ? ": it counts towards no quota" : "");
	if (h->storage.limited)
		buf_printf(note, ": STORAGE %llu KiB of %llu KiB", (unsigned long long)h->storage.usage,
			(unsigned long long)h->storage.limit);
	if (h->messages.limited)
		buf_printf(note, ": MESSAGE %llu of %llu", (unsigned long long)h->messages.usage,
			(unsigned long long)h->messages.limit);
	if (h->named.n && !h->storage.limited && !h->messages.limited)
		buf_puts(note, ": nothing is limited");
}

static bool begins(struct str s, struct str with)
{
	return s.len >= with.len && str_eq_nocase((struct str){ s.at, with.len }, with);
}

/* RFC 5530's code, and the words of Cyrus and Dovecot, which give none. */
static bool says_unknown(const struct imap_response *r)
{
	return str_eq_nocase(r->code, STR("NONEXISTENT")) || begins(r->text, STR("Mailbox does not exist")) ||
	       begins(r->text, STR("Mailbox doesn't exist")) || begins(r->text, STR("Invalid mailbox name"));
}

static bool is_told(const struct hearsay *h, struct hash root)
{
	for (size_t i = 0; i < h->told.n; i++)
		if (hash_eq(h->told.at[i], root))
			return true;
	return false;
}

/*
 * What an OK must not lack to be believed, for the worst that can be made of half an answer is a mailbox without a limit.
 * Null: nothing. Dovecot has no line QUOTA for a root without limits; where no root has any, it says so in words, and has
 * no line at all.
 */
static const char *find_missing(const struct imap *s, const struct hearsay *h, const struct imap_response *end)
{
	size_t told = 0;
	if (h->too_many)
		return "too many quota roots, or too long names of them";
	if (!h->named_roots)
		return !s->cyrus && begins(end->text, STR("No quota")) ? NULL : "no line QUOTAROOT";
	for (size_t i = 0; i < h->named.n; i++)
		told += is_told(h, h->named.at[i]);
	if (told == h->named.n || (told && s->conf->dovecot))
		return NULL;
	return "no line QUOTA for a quota root that it names";
}

static void judge(const struct imap *s, const struct imap_response *end, const struct hearsay *h, struct facts *facts,
	struct buf *note)
{
	const char *missing = end->kind == IMAP_OK ? find_missing(s, h, end) : NULL;
	if (end->kind == IMAP_OK && !missing) {
		fill(facts, s, h);
		describe(h, note);
		return;
	}
	facts->state = end->kind == IMAP_NO && says_unknown(end) ? FACTS_NO_MAILBOX : FACTS_FAILED;
	buf_puts(note, ": ");
	buf_put_clean(note, end->line);
	if (missing)
		buf_printf(note, ", but %s", missing);
}

/* ---- asking ---- */

/* To somebody who is no administrator Cyrus says of everybody's mailbox that it does not exist, and of every quota root
   that he has no permission. */
static bool is_administrator(struct imap *s, const struct question *q, struct buf *why)
{
	char text[64];
	struct buf command = BUF(text);
	struct imap_response end;
	imap_getquota_encode(&command, imap_link_tag(s->link), STR(""));
	if (imap_link_ask(s->link, buf_str(&command), q->until, take_nothing, NULL, &end, why) != IMAP_ANSWERED)
		return false;
	if (end.kind != IMAP_NO || !begins(end.text, STR("Permission denied")))
		return true;
	buf_put_clean(why, str_of(q->login.user));
	buf_puts(why, " is no administrator of it: ");
	buf_put_clean(why, end.line);
	imap_link_close(s->link);
	return false;
}

static bool log_in(struct imap *s, const struct question *q, struct buf *why)
{
	if (!imap_link_open(s->link, &q->login, q->until, why))
		return false;
	return !s->cyrus || imap_conf_is_personal(s->conf) || is_administrator(s, q, why);
}

/* A connection that was kept may have come to its end since, which says nothing about the server: once it is made anew. */
static bool ask_server(
	struct imap *s, const struct question *q, struct hearsay *h, struct imap_response *end, struct buf *why)
{
	const struct hearsay nothing = *h;
	char text[COMMAND_MAX];
	for (bool kept = imap_link_is_open(s->link);; kept = false) {
		struct buf command = BUF(text);
		if (!kept && !log_in(s, q, why))
			return false;
		imap_getquotaroot_encode(&command, imap_link_tag(s->link), q->name);
		assert(!command.full);
		*h = nothing;
		enum imap_outcome o = imap_link_ask(s->link, buf_str(&command), q->until, take_quota, h, end, why);
		if (o == IMAP_ANSWERED)
			return true;
		if (o != IMAP_ENDED || !kept)
			return false;
		why->len = 0;
	}
}

/* One that speaks, but does not let a certain user in, has nothing against the others; unless it costs as much as silence. */
static enum heard hear(struct imap *s, const struct question *q)
{
	enum heard heard = imap_link_heard(s->link);
	bool spoke = imap_link_was_heard(s->link) && imap_link_now() < q->until;
	return heard == HEARD_FAULT && spoke && imap_conf_is_personal(s->conf) ? HEARD_ANSWER : heard;
}

enum heard imap_ask_heard(void *state)
{
	struct imap *s = state;
	enum heard heard = s->heard;
	s->heard = HEARD_NOTHING;
	return heard;
}

void imap_ask(void *state, const struct mailbox *m, bool firm, struct facts *facts, struct buf *note)
{
	struct imap *s = state;
	struct question q;
	struct imap_response end;
	struct hearsay h = { .zero_counts = s->cyrus };
	char reason[REASON_MAX];
	struct buf why = { .at = reason, .cap = sizeof(reason) - 1 };
	(void)firm; /* there are no firmer ones */
	*facts = (struct facts){ .state = FACTS_FAILED };
	buf_puts(note, s->conf->uri);
	if (!make_question(&q, s->conf, m)) {
		facts->state = FACTS_NO_MAILBOX;
		buf_puts(note, ": it has no mailbox of such a name");
		return;
	}
	if (ask_server(s, &q, &h, &end, &why)) {
		buf_putc(note, ' ');
		buf_put_clean(note, q.name);
		judge(s, &end, &h, facts, note);
	} else {
		buf_puts(note, ": ");
		buf_put(note, buf_str(&why));
	}
	s->heard = hear(s, &q);
	if (imap_conf_is_personal(s->conf))
		imap_link_close(s->link);
}
