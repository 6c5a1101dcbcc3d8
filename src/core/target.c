#include "core/target.h"

/* kind, limit named, four lengths of two octets, octets and messages of the limit, then the texts. */
struct head {
	uint64_t limit_octets;
	uint32_t limit_messages;
	uint16_t lens[4];
	uint8_t kind, limit_named;
	uint8_t spare[2];
};

void target_put(struct buf *out, const struct target *t)
{
	const struct str texts[4] = { t->address, t->store, t->host, t->home };
	struct head head = { .kind = (uint8_t)t->kind, .limit_named = t->limit.named };
	size_t total = sizeof(head);
	head.limit_octets = t->limit.octets;
	head.limit_messages = t->limit.messages;
	for (int i = 0; i < 4; i++) {
		head.lens[i] = (uint16_t)texts[i].len;
		out->full = out->full || texts[i].len > UINT16_MAX;
		total += texts[i].len;
	}
	if (out->full || total > out->cap - out->len || out->len + total > TARGETS_MAX) {
		out->full = true;
		return;
	}
	buf_put(out, (struct str){ (const char *)&head, sizeof(head) });
	for (int i = 0; i < 4; i++)
		buf_put(out, texts[i]);
}

static bool kind_of(uint8_t n, enum target_kind *out)
{
	switch ((enum target_kind)n) {
	case TARGET_MAILBOX:
	case TARGET_ADDRESS:
	case TARGET_ELSEWHERE: *out = (enum target_kind)n; return true;
	}
	return false;
}

bool target_get(struct target *out, struct str *rest)
{
	struct head head;
	struct str texts[4];
	if (rest->len < sizeof(head))
		return false;
	memcpy(&head, rest->at, sizeof(head));
	struct str left = str_from(*rest, sizeof(head));
	for (int i = 0; i < 4; i++) {
		if (head.lens[i] > left.len)
			return false;
		texts[i] = (struct str){ left.at, head.lens[i] };
		left = str_from(left, head.lens[i]);
	}
	if (!kind_of(head.kind, &out->kind) || head.limit_named > 1)
		return false;
	out->address = texts[0];
	out->store = texts[1];
	out->host = texts[2];
	out->home = texts[3];
	out->limit = (struct limit){
		.named = head.limit_named, .octets = head.limit_octets, .messages = head.limit_messages
	};
	*rest = left;
	return true;
}

bool targets_check(struct str record)
{
	struct target t;
	while (target_get(&t, &record))
		continue;
	return record.len == 0;
}
