/* See fuzz.h. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#define TRANSCRIPT_MAX (1 << 18)

void fuzz_require(bool held, const char *promise)
{
	if (held)
		return;
	fprintf(stderr, "promise not kept: %s\n", promise);
	abort();
}

unsigned fuzz_choose(struct octets *in, unsigned n)
{
	unsigned chosen = 0;
	for (unsigned most = 1; most < n && in->at < in->end; most *= 256)
		chosen = chosen * 256 + *in->at++;
	return n ? chosen % n : 0;
}

struct str fuzz_take(struct octets *in, size_t len)
{
	size_t left = (size_t)(in->end - in->at);
	struct str s = { (const char *)in->at, len < left ? len : left };
	in->at += s.len;
	return s;
}

struct str fuzz_text(struct octets *in, char end)
{
	struct str left = { (const char *)in->at, (size_t)(in->end - in->at) };
	size_t len = str_find(left, end);
	in->at += len < left.len ? len + 1 : len;
	return left.at ? (struct str){ left.at, len } : STR("");
}

bool fuzz_inside(struct str part, struct str whole)
{
	return part.len == 0 || (part.at >= whole.at && part.at + part.len <= whole.at + whole.len);
}

bool fuzz_is_clean(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.at[i] < 0x20 || text.at[i] == 0x7F)
			return false;
	return true;
}

struct judge {
	unsigned turn;
};

/* Any verdict can follow any question. */
static void judge(void *context, const struct query *q, struct answer *a)
{
	static const struct reply full = { .code = 452, .subject = 2, .detail = 2, .text = { "Full: %u", 8 } };
	struct judge *j = context;
	unsigned turn = j->turn++;
	(void)q;
	a->verdict.action = turn % 3;
	a->verdict.reason = turn % REASON_COUNT;
	a->verdict.reply = a->verdict.action == ACTION_PASS ? NULL : &full;
	a->facts.state = turn % 4;
	a->facts.usage = (uint64_t)turn << 40;
}

/* The next number of a simple sequence (Numerical Recipes' constants); only its spread matters. */
static unsigned next_piece(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	unsigned n = *seed >> 24;
	return n < 128 ? 1 + n % 4 : 1 + n;
}

static void send_connection(struct drive *d, struct str sent, uint32_t *seed)
{
	while (sent.len) {
		size_t n = *seed ? next_piece(seed) : sent.len;
		drive_input(d, (struct str){ sent.at, n < sent.len ? n : sent.len });
		sent = str_from(sent, n);
	}
}

static size_t connection_length(struct str in)
{
	for (size_t i = 0; i + 1 < in.len; i++)
		if (str_starts(str_from(in, i), STR("\xFF\xFE")))
			return i;
	return in.len;
}

static struct buf run(const struct front *front, void (*configure)(struct drive *, unsigned), struct str in,
	unsigned choice, uint32_t seed, struct buf transcript, bool moves)
{
	struct judge j = { choice };
	struct drive d;
	drive_init(&d, front, transcript);
	d.moves = moves;
	d.silent = true;
	d.verdict = judge;
	d.context = &j;
	if (configure)
		configure(&d, choice);
	for (size_t n; in.len; in = str_from(in, n + 2)) {
		n = connection_length(in);
		drive_connect(&d, STR("192.0.2.1"));
		send_connection(&d, (struct str){ in.at, n }, &seed);
		drive_hangup(&d);
	}
	drive_done(&d);
	return d.transcript;
}

struct str fuzz_front(
	const struct front *front, void (*configure)(struct drive *, unsigned), const uint8_t *data, size_t size)
{
	static char whole_space[TRANSCRIPT_MAX], pieces_space[TRANSCRIPT_MAX];
	if (size < 2)
		return (struct str){ whole_space, 0 };
	struct str in = { (const char *)data + 2, size - 2 };
	struct buf whole = run(front, configure, in, data[1], 0, BUF(whole_space), false);
	for (int moves = 0; moves < 2; moves++) {
		struct buf pieces = run(front, configure, in, data[1], data[0] + 1u, BUF(pieces_space), moves);
		fuzz_require(str_eq(buf_str(&whole), buf_str(&pieces)), "in pieces as whole");
	}
	if (whole.full)
		whole.len = 0;
	return buf_str(&whole);
}
