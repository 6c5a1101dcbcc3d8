/* In the place of remote_http.c where libcurl is not there. */
#include "store/remote_http.h"

const bool remote_http_is_there = false;

struct remote_http *remote_http_new(const struct remote_conf *c, struct err *err)
{
	(void)c;
	err_set(err, "this quotagate is built without libcurl");
	return NULL;
}

void remote_http_free(struct remote_http *h)
{
	(void)h;
}

bool remote_http_ask(struct remote_http *h, const char *url, struct str body, struct buf *answer, struct buf *why)
{
	(void)h, (void)url, (void)body, (void)answer, (void)why;
	return false;
}
