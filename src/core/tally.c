#include "core/tally.h"

#include <string.h>

static struct charge open_of(const struct tally *t)
{
	return (struct charge){ t->open_octets, t->open_messages };
}

static void set_open(struct tally *t, struct charge c)
{
	t->open_octets = c.octets;
	t->open_messages = c.messages;
}

static struct charge slot_of(const struct tally *t, int i)
{
	return (struct charge){ t->slot[i].octets, t->slot[i].messages };
}

static void put_into(struct tally *t, int i, struct charge c)
{
	c = charge_sum(slot_of(t, i), c);
	t->slot[i].octets = c.octets;
	t->slot[i].messages = c.messages;
}

void tally_lend(struct tally *t, struct charge c)
{
	set_open(t, charge_sum(open_of(t), c));
}

void tally_unlend(struct tally *t, struct charge c)
{
	set_open(t, charge_less(open_of(t), c));
}

void tally_open(struct tally *t, uint64_t octets)
{
	tally_lend(t, (struct charge){ octets, 1 });
}

void tally_unopen(struct tally *t, uint64_t octets)
{
	tally_unlend(t, (struct charge){ octets, 1 });
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

void tally_end(struct tally *t, struct charge c, uint32_t ended, uint32_t width)
{
	int at = slot_for(t, used(t), ended, width);
	if (at == TALLY_SLOTS) {
		put_into(t, 1, slot_of(t, 0));
		shift(t);
		at--;
	}
	put_into(t, at, c);
	if (t->slot[at].ended < ended)
		t->slot[at].ended = ended;
}

/* Slot 0. Where messages are counted, the eighth is forgiven only when all that was let in has come: deliveries are not in
   order, and what is missing may be a message that is still on its way. Where they are not, it is an eighth of one message:
   that of a batch may be one of them. */
static bool is_paid(const struct tally *t, bool counted)
{
	uint64_t octets = t->slot[0].octets, all = 0;
	for (int i = 0; i < TALLY_SLOTS; i++)
		all += t->slot[i].messages;
	if (!counted)
		return t->paid >= octets - octets / t->slot[0].messages / 8;
	if (t->paid_messages >= all)
		return t->paid >= octets - octets / 8;
	return t->paid >= octets && t->paid_messages >= t->slot[0].messages;
}

static void set_paid(struct tally *t, struct charge c)
{
	t->paid = c.octets;
	t->paid_messages = c.messages;
}

static struct charge paid_of(const struct tally *t)
{
	return (struct charge){ t->paid, t->paid_messages };
}

void tally_pay(struct tally *t, struct charge growth, bool counted)
{
	set_paid(t, charge_sum(paid_of(t), growth));
	while (t->slot[0].messages > 0 && is_paid(t, counted)) {
		set_paid(t, charge_less(paid_of(t), slot_of(t, 0)));
		shift(t);
	}
	if (t->slot[0].messages == 0)
		set_paid(t, (struct charge){ 0 }); /* growth that no charge foresaw does not pay for later ones */
}

void tally_drop(struct tally *t, uint32_t before)
{
	while (t->slot[0].messages > 0 && t->slot[0].ended < before) {
		shift(t);
		set_paid(t, (struct charge){ 0 });
	}
}

struct charge tally_sum(const struct tally *t)
{
	struct charge c = open_of(t);
	for (int i = 0; i < TALLY_SLOTS; i++)
		c = charge_sum(c, slot_of(t, i));
	if (t->slot[0].messages == 0)
		return c;
	/* The last message of a slot stays as long as the slot. */
	struct charge paid = { t->paid < t->slot[0].octets ? t->paid : t->slot[0].octets,
		t->paid_messages < t->slot[0].messages ? t->paid_messages : t->slot[0].messages - 1 };
	return charge_less(c, paid);
}

bool tally_holds(const struct tally *t, uint32_t before)
{
	int n = used(t);
	return t->open_messages > 0 || (n > 0 && t->slot[n - 1].ended >= before);
}
