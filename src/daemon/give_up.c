#include "daemon/give_up.h"

#include "io/confine.h"
#include "io/rights.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/prctl.h>

#define GROUPS_MAX 256

static bool become(const struct config *c, struct err *err)
{
	gid_t groups[GROUPS_MAX];
	int n = GROUPS_MAX;
	if (c->root && getgrouplist(c->user, c->gid, groups, &n) < 0)
		return err_set(err, "user %s is in more than %d groups", c->user, GROUPS_MAX);
	if (c->root && !rights_become(c->uid, c->gid, groups, (size_t)n, err))
		return false;
	/* hidden after the change of user, which undoes it */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return err_set(err, "cannot give up rights: %s", strerror(errno));
	return rights_hide(err);
}

static bool confine_daemon(const struct config *c, struct err *err)
{
	char text[64];
	struct buf held = BUF(text);
	if (c->top->confine == CONFINE_OFF)
		return true;
	if (!confine(CONFINE_DAEMON, NULL, err))
		return false;
	confine_put(&held);
	log_line(LOG_LEVEL_INFO, "event=confined %s", buf_z(&held));
	return true;
}

bool give_up_rights(const struct config *c, struct err *err)
{
	return become(c, err) && confine_daemon(c, err);
}
