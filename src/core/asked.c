#include "core/asked.h"

uint64_t asked_size(uint64_t size, struct charge charge, uint64_t grace)
{
	uint64_t all = octets_sum(octets_sum(size, charge.octets), charge.messages ? grace : 0);
	return all < ASKED_ANY ? all : ASKED_ANY;
}

enum asked_word asked_say(const struct facts *f, uint64_t size)
{
	if (f->limit && size >= f->limit)
		return ASKED_REFUSED;
	return size <= f->usage ? ASKED_TAKEN : ASKED_UNKNOWN;
}

static void keep_taken(struct facts *is, const struct facts *was)
{
	is->usage = was->usage;
	is->took_at = was->took_at;
}

static void keep_refused(struct facts *is, const struct facts *was)
{
	is->limit = was->limit;
	is->refused_at = was->refused_at;
	is->too_large = was->too_large;
}

/* Both sizes of `was` are in order, the one below the other, and so will be those of `is`. */
void asked_merge(struct facts *is, const struct facts *was, msec took, msec refused)
{
	uint64_t size = is->usage;
	if (!asked_is(is) || !asked_is(was))
		return;
	if (size) {
		if (was->usage > size && is->taken - was->took_at < took)
			keep_taken(is, was);
		if (was->limit > size)
			keep_refused(is, was);
		return;
	}
	size = is->limit;
	if (was->limit && was->limit < size && is->taken - was->refused_at < refused)
		keep_refused(is, was);
	if (was->usage < size && is->taken - was->took_at < took)
		keep_taken(is, was);
}

uint32_t asked_apart(msec later, msec earlier)
{
	msec apart = later - earlier;
	return apart < 0 ? 0 : apart < UINT32_MAX ? (uint32_t)apart : UINT32_MAX;
}
