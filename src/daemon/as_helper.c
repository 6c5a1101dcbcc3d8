#include "daemon/as_helper.h"

#include "io/rights.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNABLE 255

/* As take_user() of io/brood.c does for a helper. */
static bool become(const struct config_helper *h, struct err *err)
{
	gid_t groups[NURSERY_GROUPS];
	int n = NURSERY_GROUPS;
	const struct passwd *pw = h->user ? NULL : getpwuid(h->uid);
	const char *name = pw ? pw->pw_name : h->user;
	if (!rights_may_switch())
		return rights_drop_all(err);
	if (!name || getgrouplist(name, h->gid, groups, &n) < 0)
		return err_set(err, "the groups of user %ld cannot be told", (long)h->uid);
	return h->uid == 0 ? rights_become_reader(h->gid, groups, (size_t)n, err)
			   : rights_become(h->uid, h->gid, groups, (size_t)n, err);
}

static bool settle(const struct config *c, const struct config_helper *h)
{
	static struct reach servers;
	struct err err;
	reach_init(&servers);
	return become(h, &err) && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && rights_hide(&err) &&
	       (c->top->confine == CONFINE_OFF || confine(CONFINE_HELPER, &servers, &err));
}

int as_helper(const struct config *c, const struct config_helper *h, int (*look)(const void *arg), const void *arg)
{
	int status = 0;
	pid_t pid = fork(), ended = -1;
	if (pid == 0)
		_exit(settle(c, h) ? look(arg) : UNABLE);
	while (pid > 0 && (ended = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
		;
	if (ended < 0 || !WIFEXITED(status) || WEXITSTATUS(status) == UNABLE)
		return -1;
	return WEXITSTATUS(status);
}
