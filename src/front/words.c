#include "front/words.h"

bool words_check(struct str word, struct err *err)
{
	if (word.len == 0 || word.len > WORDS_MAX_OCTETS)
		return err_set(err, "an answer must have 1 to %d octets, this has %zu", WORDS_MAX_OCTETS, word.len);
	if (!str_is_utf8(word))
		return err_set(err, "an answer must be ASCII or UTF-8");
	for (size_t i = 0; i < word.len; i++)
		if ((unsigned char)word.at[i] < 0x20 || word.at[i] == 0x7F)
			return err_set(err, "an answer must be one line of printable text");
	return true;
}

const char *words_choose(const struct words *words, const struct verdict *v)
{
	const char *pass = v->action == ACTION_PASS ? words->pass : NULL;
	switch (v->reason) {
	case REASON_NO_MAILBOX:
	case REASON_NOT_OURS: return words->unknown ? words->unknown : pass;
	case REASON_ERROR: return words->error ? words->error : pass;
	case REASON_FULL:
	case REASON_FULL_LONG: return v->action == ACTION_PASS ? pass : words->full;
	case REASON_TOO_LARGE:
		return v->action == ACTION_PASS ? pass : words->too_large ? words->too_large : words->full;
	case REASON_ROOM:
	case REASON_NO_LIMIT:
	case REASON_ELSEWHERE:
	case REASON_FORGED:
	case REASON_BAD_ADDRESS:
	case REASON_NOT_ASKED:
	case REASON_COUNT: break;
	}
	return pass;
}
