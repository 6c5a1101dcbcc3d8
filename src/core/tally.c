#include "core/tally.h"

#include <string.h>

static uint64_t add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

void tally_open(struct tally *t, uint64_t octets)
{
	t->open_octets = add(t->open_octets, octets);
	t->open_messages++;
}

void tally_unopen(struct tally *t, uint64_t octets)
{
	t->open_octets -= octets < t->open_octets ? octets : t->open_octets;
	t->open_messages -= t->open_messages > 0;
}

/* Slot 0 is gone; the others move up. */
static void shift(struct tally *t)
{
	memmove(&t->slot[0], &t->slot[1], sizeof(t->slot) - sizeof(t->slot[0]));
	memset(&t->slot[TALLY_SLOTS - 1], 0, sizeof(t->slot[0]));
}

static int used(const struct tally *t)
{
	int n = 0;
	while (n < TALLY_SLOTS && t->slot[n].messages > 0)
		n++;
	return n;
}

/* The slot for what ended at `ended`: the oldest that lives as long, or the newest when it is of the same width; n: a new
   one. */
static int slot_for(const struct tally *t, int n, uint32_t ended, uint32_t width)
{
	for (int i = 0; i < n; i++)
		if (ended <= t->slot[i].ended)
			return i;
	return n > 0 && ended / width == t->slot[n - 1].ended / width ? n - 1 : n;
}

void tally_end(struct tally *t, uint64_t octets, uint32_t ended, uint32_t width)
{
	int at = slot_for(t, used(t), ended, width);
	if (at == TALLY_SLOTS) {
		t->slot[1].octets = add(t->slot[1].octets, t->slot[0].octets);
		t->slot[1].messages += t->slot[0].messages;
		shift(t);
		at--;
	}
	t->slot[at].octets = add(t->slot[at].octets, octets);
	t->slot[at].messages++;
	if (t->slot[at].ended < ended)
		t->slot[at].ended = ended;
}

void tally_pay(struct tally *t, uint64_t octets, uint32_t messages)
{
	t->paid = add(t->paid, octets);
	while (t->slot[0].messages > 0 && t->paid >= t->slot[0].octets - t->slot[0].octets / 8) {
		t->paid -= t->paid < t->slot[0].octets ? t->paid : t->slot[0].octets;
		messages -= messages < t->slot[0].messages ? messages : t->slot[0].messages;
		shift(t);
	}
	if (t->slot[0].messages == 0) {
		t->paid = 0; /* growth that no charge foresaw does not pay for later ones */
		return;
	}
	/* The last message of a slot stays until its octets are paid: a slot without messages is a free one. */
	uint32_t most = t->slot[0].messages - 1;
	t->slot[0].messages -= messages < most ? messages : most;
}

void tally_drop(struct tally *t, uint32_t before)
{
	while (t->slot[0].messages > 0 && t->slot[0].ended < before) {
		shift(t);
		t->paid = 0;
	}
}

struct charge tally_sum(const struct tally *t)
{
	struct charge c = { t->open_octets, t->open_messages };
	for (int i = 0; i < TALLY_SLOTS; i++) {
		c.octets = add(c.octets, t->slot[i].octets);
		c.messages += t->slot[i].messages;
	}
	c.octets -= t->paid < c.octets ? t->paid : c.octets;
	return c;
}

bool tally_holds(const struct tally *t, uint32_t before)
{
	int n = used(t);
	return t->open_messages > 0 || (n > 0 && t->slot[n - 1].ended >= before);
}
