#include "store/full_words.h"

bool full_words_check(struct str word, struct err *err)
{
	return word.len > 0 || err_set(err, "an empty word would be in every answer");
}

bool full_words_hold(const struct opt_list *words, struct str text)
{
	for (size_t i = 0; i < words->n; i++)
		if (str_holds_nocase(text, str_of(words->at[i])))
			return true;
	return false;
}
