/*
 * The window against repeated messages, beside a list of all messages there were. Askers number theirs; the network loses,
 * delays and repeats them. None is taken twice, and who sends in order is always heard, but when the table is full of
 * askers who may still be repeated.
 */
#include "fuzz.h"
#include "wire/replay.h"

#define MESSAGES 600
#define HORIZON SECONDS(60)

struct message {
	uint64_t asker, sequence;
	msec time;
	bool heard;
};

static struct {
	struct replay replay;
	struct message messages[MESSAGES];
	size_t n;
	msec now;
} f;

/* The highest number of the asker so far, whether it came or not. */
static uint64_t last_of(uint64_t asker)
{
	for (size_t i = f.n; i > 0; i--)
		if (f.messages[i - 1].asker == asker)
			return f.messages[i - 1].sequence;
	return 0;
}

/* So many others are remembered who may be repeated. */
static size_t others(uint64_t asker)
{
	size_t n = 0;
	for (size_t i = 0; i < f.replay.n; i++)
		n += f.replay.askers[i] != asker && f.replay.windows[i].latest >= f.now - HORIZON;
	return n;
}

static bool is_far_behind(const struct message *m)
{
	for (size_t i = 0; i < f.n; i++)
		if (f.messages[i].heard && f.messages[i].asker == m->asker &&
			f.messages[i].sequence >= m->sequence + REPLAY_WINDOW)
			return true;
	return false;
}

/* The caller refuses what is older than the horizon. */
static void bring(struct message *m)
{
	if (m->time < f.now - HORIZON)
		return;
	bool far = is_far_behind(m), crowded = others(m->asker) >= REPLAY_ASKERS;
	switch (replay_take(&f.replay, m->asker, m->sequence, m->time, f.now - HORIZON)) {
	case REPLAY_NEW:
		fuzz_require(!m->heard, "no message is taken twice");
		m->heard = true;
		break;
	case REPLAY_HEARD: fuzz_require(m->heard || far, "what was not heard is taken"); break;
	case REPLAY_CROWDED: fuzz_require(crowded, "there is a place for who can be told from others"); break;
	}
	fuzz_require(f.replay.n <= REPLAY_ASKERS, "the table has its bound");
}

static void send(struct octets *in)
{
	static const uint64_t steps[] = { 1, 1, 2, 63, 64, 65, REPLAY_WINDOW - 1, REPLAY_WINDOW, UINT64_C(1) << 40 };
	struct message *m = &f.messages[f.n];
	unsigned crowd = fuzz_choose(in, 4);
	m->asker = 1 + fuzz_choose(in, crowd == 0 ? 400 : 3);
	uint64_t last = last_of(m->asker), step = steps[fuzz_choose(in, sizeof(steps) / sizeof(steps[0]))];
	m->sequence = last + step < last ? UINT64_MAX : last + step;
	m->time = f.now - (msec)fuzz_choose(in, 8) * SECONDS(5);
	m->heard = false;
	if (m->sequence == last)
		return; /* it has no numbers left */
	f.n++;
	if (fuzz_choose(in, 4))
		bring(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct octets in = OCTETS(data, size);
	memset(&f, 0, sizeof(f));
	f.now = SECONDS(1000);
	while (in.at < in.end && f.n < MESSAGES) {
		unsigned what = fuzz_choose(&in, 8);
		if (what == 0)
			f.now += SECONDS(1 + fuzz_choose(&in, 40));
		else if (what < 4 && f.n)
			bring(&f.messages[f.n - 1 - fuzz_choose(&in, 256) % f.n]);
		else
			send(&in);
	}
	return 0;
}
