/*
 * Raw capset(2) and prctl(2): libcap would be one more library for thirty lines. Every step is checked afterwards or
 * fails the whole, for a right that silently stayed is worse than a helper that does not start.
 */
#include "io/rights.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIT(cap) (UINT64_C(1) << (cap))
#define NURSERY_CAPS (BIT(CAP_SETUID) | BIT(CAP_SETGID) | BIT(CAP_KILL))
#define READER_CAPS BIT(CAP_DAC_READ_SEARCH)

/* The permitted capabilities, which the effective ones are made of; 0 when they cannot be told. */
static uint64_t caps_get(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 }, { 0 } };
	if (syscall(SYS_capget, &head, data) != 0)
		return 0;
	return data[0].permitted | (uint64_t)data[1].permitted << 32;
}

/* Effective and permitted become `caps`, inheritable becomes empty. */
static bool caps_set(uint64_t caps, struct err *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 }, { 0 } };
	data[0].permitted = data[0].effective = (uint32_t)caps;
	data[1].permitted = data[1].effective = (uint32_t)(caps >> 32);
	if (syscall(SYS_capset, &head, data) != 0)
		return err_set(err, "cannot give up capabilities: %s", strerror(errno));
	return true;
}

bool rights_may_switch(void)
{
	uint64_t caps = caps_get();
	return (caps & BIT(CAP_SETUID)) && (caps & BIT(CAP_SETGID));
}

/* The bounding set is what exec as root would give back. Taking from it needs CAP_SETPCAP, which an ordinary user
   lacks; nor could such a one gain from exec, after PR_SET_NO_NEW_PRIVS. */
static bool bound_caps(uint64_t keep, struct err *err)
{
	if (!(caps_get() & BIT(CAP_SETPCAP)))
		return true;
	for (unsigned cap = 0; cap < 64 && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (!(keep & BIT(cap)) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
			return err_set(err, "cannot drop capability %u for good: %s", cap, strerror(errno));
	return true;
}

bool rights_keep_nursery(bool reader, struct err *err)
{
	uint64_t keep = NURSERY_CAPS | (reader ? READER_CAPS : 0);
	if (reader && !(caps_get() & READER_CAPS))
		return err_set(
			err, "the right to read every file, for a store with user = root, was given up: restart");
	if (!bound_caps(keep, err))
		return false;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return err_set(err, "cannot set no_new_privs: %s", strerror(errno));
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return caps_set(caps_get() & keep, err);
}

bool rights_hide(struct err *err)
{
	const struct rlimit none = { 0, 0 };
	if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0)
		return err_set(err, "cannot keep its memory to itself: %s", strerror(errno));
	return true;
}

bool rights_drop_all(struct err *err)
{
	if (!caps_set(0, err))
		return false;
	if (getuid() != 0 && setuid(0) == 0)
		return err_set(err, "could become root again after giving it up");
	return true;
}

static bool become(uid_t uid, gid_t gid, const gid_t *groups, size_t n, struct err *err)
{
	uid_t r, e, s;
	if (setgroups(n, groups) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
		return err_set(err, "cannot become user %ld: %s", (long)uid, strerror(errno));
	if (getresuid(&r, &e, &s) != 0 || r != uid || e != uid || s != uid)
		return err_set(err, "did not become user %ld", (long)uid);
	return true;
}

bool rights_become(uid_t uid, gid_t gid, const gid_t *groups, size_t n, struct err *err)
{
	return bound_caps(0, err) && become(uid, gid, groups, n, err) && rights_drop_all(err);
}

bool rights_become_reader(gid_t gid, const gid_t *groups, size_t n, struct err *err)
{
	return become(0, gid, groups, n, err) && caps_set(READER_CAPS, err);
}
