/*
 * A long life of a gate beside a model of its ledger that is too simple to be wrong: a list of all charges. What happens
 * is chosen by octets: questions, ends of messages and of transactions, deliveries, look-ups that are answered at once,
 * late, wrongly or never, time that passes. The model knows no slots: of ended charges it keeps a least sum (what growth
 * of the store cannot have paid) and a greatest (what may not have been dropped yet), and the gate's must lie between;
 * the charges of open transactions must be the same to the octet.
 */
#ifndef TESTS_MODEL_H
#define TESTS_MODEL_H

#include <stddef.h>
#include <stdint.h>

/* Lives through the events that `choices` tell. Null, or the promise that was broken (static, with what led to it). */
const char *model_run(const uint8_t *choices, size_t len);

/* Events of all runs so far. */
unsigned long model_events(void);

#endif
