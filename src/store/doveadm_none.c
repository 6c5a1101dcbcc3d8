/* In the place of doveadm.c where libcurl or jansson is not there. */
#include "store/doveadm.h"

const bool doveadm_is_there = false;

void *doveadm_open(const void *conf, struct err *err)
{
	(void)conf;
	err_set(err, "this quotagate is built without libcurl or jansson");
	return NULL;
}

void doveadm_ask(void *state, const struct mailbox *m, bool firm, struct facts *facts, struct buf *note)
{
	(void)state, (void)m, (void)firm, (void)facts, (void)note;
}

size_t doveadm_ask_many(void *state, struct store_question *many, size_t n)
{
	(void)state, (void)many;
	return n;
}

enum heard doveadm_heard(void *state)
{
	(void)state;
	return HEARD_NOTHING;
}

void doveadm_close(void *state)
{
	(void)state;
}
