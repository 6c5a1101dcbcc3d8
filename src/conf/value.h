/* One value of an option row: from words to the member of its struct, and back to text. */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include "base/buf.h"
#include "conf/inside.h"

/* Stores the words of an option into the member of `base`. False with the word that is wrong (null: their number) and
   a sentence about what is wrong and expected. Out of memory is c->failed. */
bool value_store(struct conf *c, const struct opt *row, void *base, const struct entry *e, const struct word **bad,
	struct err *err);

/* The range of numbers, octets, durations; for the other types 0 and UINT64_MAX. */
uint64_t value_least(const struct opt *row);
uint64_t value_most(const struct opt *row);

/* A number of the row's type in its largest exact unit: 200M, 30s. */
void value_put_number(struct buf *b, enum opt_type type, uint64_t n);

/* "octets such as 512k or 200M, from 1k to 1G": what a value must be. */
void value_put_expected(struct buf *b, const struct opt *row);

#endif
