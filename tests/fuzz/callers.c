/*
 * Clients of servers that give verdicts: LMTP, SMTP, socketmap, Dovecot's quota-status. The input: how it is cut into pieces;
 * which client; how it is configured; a line with the address that is asked about; then what the server sends. Questions are
 * put as soon as the client takes them.
 *
 * Whole and in pieces the server is understood alike; a question is whole lines, or a whole netstring, whatever the address;
 * each answer belongs to a question, and says nothing that the question could not mean.
 */
#include "core/address.h"
#include "fuzz.h"
#include "options.h"
#include "store/quota_status.h"
#include "store/store.h"
#include "wire/netstring.h"
#include "wire/policy.h"

#include <stdlib.h>

#define QUESTIONS 12
#define TRANSCRIPT_MAX (1 << 16)

extern const struct store_kind lmtp_type, socketmap_type;

enum client { CLIENT_LMTP, CLIENT_SMTP, CLIENT_SOCKETMAP, CLIENT_QUOTA_STATUS, CLIENTS };

/* ---- the protocols, as their stores hand them over ---- */

static const struct caller_protocol *handed;

struct store *__wrap_caller_open(uv_loop_t *, struct nursery *, const struct blocking_conf *,
	const struct caller_protocol *, const struct caller_conf *, const void *, struct err *);

struct store *__wrap_caller_open(uv_loop_t *loop, struct nursery *nursery, const struct blocking_conf *conf,
	const struct caller_protocol *protocol, const struct caller_conf *c, const void *own, struct err *err)
{
	(void)loop, (void)nursery, (void)conf, (void)c, (void)own, (void)err;
	handed = protocol;
	return NULL;
}

static const struct caller_protocol *protocol_of(enum client client, const void *own)
{
	const struct blocking_conf conf = { .name = "s", .conf = own };
	const struct store_kind *kind = client == CLIENT_SOCKETMAP ? &socketmap_type : &lmtp_type;
	if (client == CLIENT_QUOTA_STATUS)
		return &quota_status_protocol;
	kind->attach(NULL, NULL, &conf, NULL);
	return handed;
}

static const void *lmtp_conf(bool smtp, bool trusts)
{
	static const void *confs[2][2];
	static const char *const texts[2][2] = {
		{ "address = \"unix:/s\" trust_unknown = false", "address = \"unix:/s\"" },
		{ "address = \"unix:/s\" protocol = smtp trust_unknown = false sender = \"a@b.example\"",
			"address = \"unix:/s\" protocol = smtp" },
	};
	if (!confs[smtp][trusts])
		confs[smtp][trusts] = fuzz_options(lmtp_type.opts, lmtp_type.conf_size, texts[smtp][trusts]);
	return confs[smtp][trusts];
}

static const void *socketmap_conf(bool trusts)
{
	static const void *confs[2];
	static const char *const texts[2] = {
		"address = \"unix:/s\" trust_unknown = false key = \"%n/%d %%\" full = {full, over}",
		"address = \"unix:/s\"",
	};
	if (!confs[trusts])
		confs[trusts] = fuzz_options(socketmap_type.opts, socketmap_type.conf_size, texts[trusts]);
	return confs[trusts];
}

static const void *quota_status_conf(bool trusts)
{
	static const char *full[] = { "552 full", "OVER" }, *unknown[] = { "NOBODY" }, *pass[] = { "OK" };
	static struct quota_status_conf conf;
	conf = (struct quota_status_conf){ .trust_unknown = trusts };
	if (!trusts) {
		conf.full = (struct opt_list){ full, 2 };
		conf.unknown = (struct opt_list){ unknown, 1 };
		conf.pass = (struct opt_list){ pass, 1 };
	}
	return &conf;
}

static const void *conf_of(enum client client, bool trusts)
{
	switch (client) {
	case CLIENT_LMTP: return lmtp_conf(false, trusts);
	case CLIENT_SMTP: return lmtp_conf(true, trusts);
	case CLIENT_SOCKETMAP: return socketmap_conf(trusts);
	case CLIENT_QUOTA_STATUS: return quota_status_conf(trusts);
	case CLIENTS: break;
	}
	return NULL;
}

/* ---- a connection ---- */

struct call {
	enum client client;
	const struct caller_protocol *protocol;
	bool trusts, ready, over;
	void *session;
	struct lookup lookup;
	struct caller_question questions[QUESTIONS];
	unsigned asked, answered;
	struct buf transcript;
};

/* Commands end in CR LF, and nowhere else stands either. */
static void check_lines(struct str out)
{
	for (size_t i = 0; i < out.len; i++) {
		fuzz_require(out.at[i] != '\r' || (i + 1 < out.len && out.at[i + 1] == '\n'), "CR stands before LF");
		fuzz_require(out.at[i] != '\n' || (i && out.at[i - 1] == '\r'), "LF stands behind CR");
	}
	fuzz_require(out.len == 0 || out.at[out.len - 1] == '\n', "whole lines");
}

static void check_question(const struct call *c, struct str out)
{
	struct policy_request r;
	struct str payload;
	size_t lines = 0;
	switch (c->client) {
	case CLIENT_LMTP:
	case CLIENT_SMTP:
		check_lines(out);
		for (struct str rest = out; rest.len; lines++)
			str_cut(&rest, '\n');
		fuzz_require(lines == 1 || lines == 3, "MAIL, or MAIL, RCPT and RSET");
		break;
	case CLIENT_SOCKETMAP:
		fuzz_require(netstring_decode(&payload, out, CALLER_WRITTEN) == (ssize_t)out.len, "a whole netstring");
		break;
	case CLIENT_QUOTA_STATUS:
		fuzz_require(policy_decode(&r, out) == (ssize_t)out.len, "a whole request");
		fuzz_require(str_eq(r.recipient, c->lookup.mailbox.address), "about whom it should be");
		break;
	case CLIENTS: break;
	}
}

static void put_questions(struct call *c)
{
	while (c->ready && !c->over && c->asked < QUESTIONS &&
		c->asked - c->answered < c->protocol->depth(c->session)) {
		char text[CALLER_WRITTEN], reason[LOOKUP_NOTE];
		struct buf out = BUF(text), why = BUF(reason);
		struct caller_question *q = &c->questions[c->asked];
		*q = (struct caller_question){ .size = 1000, .size_with_charges = 1000 + 1000 * c->asked };
		if (!c->protocol->ask(c->session, &c->lookup, q, &out, &why) || out.full) {
			buf_puts(&c->transcript, "not asked\n");
			c->over = true; /* nor will the others be */
			return;
		}
		fuzz_require(out.len > 0, "a question is something");
		check_question(c, buf_str(&out));
		c->asked++;
	}
}

static void check_facts(const struct call *c, const struct facts *f, const struct caller_question *q)
{
	uint64_t told = q->told ? q->size_with_charges : ASKED_ANY;
	fuzz_require(f->state != FACTS_NOT_OURS, "it does not know our domains");
	fuzz_require(f->state != FACTS_NO_MAILBOX || c->trusts, "unknown is believed only if it may be");
	if (f->state != FACTS_FOUND)
		return;
	fuzz_require(asked_is(f) && f->firm && f->source == SOURCE_VERDICT, "a verdict");
	fuzz_require((f->usage == told && f->limit == 0) || (f->usage == 0 && f->limit == (q->told ? told : 1)),
		"of the size that was asked about");
	fuzz_require(!f->too_large || (q->told && f->limit), "too large is refused");
}

static void take_answer(struct call *c, const struct caller_answer *a)
{
	fuzz_require(c->answered < c->asked, "an answer to a question");
	const struct caller_question *q = &c->questions[c->answered++];
	check_facts(c, &a->facts, q);
	buf_printf(&c->transcript, "%d %llu %llu %d: ", (int)a->facts.state, (unsigned long long)a->facts.usage,
		(unsigned long long)a->facts.limit, a->facts.too_large);
	drive_put_escaped(&c->transcript, buf_str(&a->note), false);
	buf_putc(&c->transcript, '\n');
}

/* One call of feed(). Returns what was eaten; 0: more is wanted, or it is over. */
static size_t step(struct call *c, struct str in)
{
	char text[CALLER_WRITTEN], words[LOOKUP_NOTE];
	struct buf out = BUF(text);
	struct caller_answer a = { .note = BUF(words) };
	size_t eaten = 0;
	const struct caller_question *oldest = c->answered < c->asked ? &c->questions[c->answered] : NULL;
	enum caller_step step = c->protocol->feed(c->session, in, &eaten, oldest, &a, &out);
	fuzz_require(eaten <= in.len && !out.full, "eaten what is there, written what fits");
	fuzz_require(step == CALLER_OVER || (eaten > 0) == (step != CALLER_MORE), "every step but one eats");
	if (c->client == CLIENT_LMTP || c->client == CLIENT_SMTP)
		check_lines(buf_str(&out));
	else
		fuzz_require(out.len == 0, "nothing but questions is sent");
	switch (step) {
	case CALLER_MORE: return 0;
	case CALLER_AGAIN: break;
	case CALLER_READY: c->ready = true; break;
	case CALLER_ANSWERED: take_answer(c, &a); break;
	case CALLER_OVER:
		c->over = true;
		buf_puts(&c->transcript, "over\n"); /* what it has seen of it is in the note */
		return 0;
	}
	put_questions(c);
	return eaten;
}

/* To memory of just this size, so that a sanitizer sees an octet read too many. */
static size_t step_exactly(struct call *c, struct str in)
{
	char *copy = malloc(in.len ? in.len : 1);
	fuzz_require(copy != NULL, "memory");
	if (in.len)
		memcpy(copy, in.at, in.len);
	size_t eaten = step(c, (struct str){ copy, in.len });
	free(copy);
	return eaten;
}

static void serve(struct call *c, struct str sent, size_t piece)
{
	size_t there = 0;
	while (!c->over && sent.len) {
		size_t most = sent.len < CALLER_UNREAD ? sent.len : CALLER_UNREAD;
		if (there == 0)
			there = piece < most ? piece : most;
		size_t eaten = step_exactly(c, (struct str){ sent.at, there });
		if (eaten == 0 && there == most)
			break; /* no more comes, or it is longer than any */
		sent = str_from(sent, eaten);
		if (eaten)
			there -= eaten;
		else
			there = there + piece < most ? there + piece : most;
	}
}

static struct buf call(const uint8_t head[3], struct str address, struct str sent, size_t piece, struct buf transcript)
{
	struct call c = { .client = head[1] % CLIENTS, .trusts = head[2] & 1, .transcript = transcript };
	struct address a;
	const void *conf = conf_of(c.client, c.trusts);
	c.protocol = protocol_of(c.client, conf);
	c.session = calloc(1, c.protocol->session_size);
	fuzz_require(c.session && address_parse(&a, address, FOLD_NONE) == ADDRESS_OK, "memory, and an address");
	c.lookup.mailbox = (struct mailbox){ .address = a.whole, .local = a.local, .domain = a.domain };
	c.ready = c.protocol->open(c.session, conf);
	put_questions(&c);
	serve(&c, sent, piece);
	if (c.protocol->leave) {
		char text[CALLER_WRITTEN];
		struct buf out = BUF(text);
		c.protocol->leave(c.session, &out);
		check_lines(buf_str(&out));
	}
	free(c.session);
	return c.transcript;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char whole_space[TRANSCRIPT_MAX], pieces_space[TRANSCRIPT_MAX];
	struct octets in = { data + 3, data + size };
	struct address a;
	if (size < 3)
		return 0;
	struct str address = fuzz_text(&in, '\n'), sent = fuzz_take(&in, size);
	if (address_parse(&a, address, FOLD_NONE) != ADDRESS_OK)
		return 0;
	struct buf whole = call(data, address, sent, CALLER_UNREAD, BUF(whole_space));
	struct buf pieces = call(data, address, sent, 1 + data[0] % 16, BUF(pieces_space));
	fuzz_require(str_eq(buf_str(&whole), buf_str(&pieces)), "in pieces as whole");
	return 0;
}
