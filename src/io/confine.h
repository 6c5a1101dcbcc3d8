/*
 * What a process may still do after it has taken up its work: which calls of the kernel (seccomp) and
 * which files (Landlock). A process that was taken over by what it read then has these few calls and no others. It
 * holds for the process and its children, for good, and each step asks for less.
 *
 * A call that no such process ever makes, to run a program, to trace another process or, in one that reads files, to open
 * a socket, ends it at once with SIGSYS. All other calls that are not known to be needed fail with ENOSYS, as on a kernel
 * that lacks them: libraries have a way to do without. Where the kernel, or whoever set up the container, does not offer
 * one of the two, the other holds alone.
 *
 * Not built with sanitizers, which make calls of their own, nor, as to calls, without libseccomp's header or for a kind of machine
 * that io/filter.c does not know.
 */
#ifndef IO_CONFINE_H
#define IO_CONFINE_H

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>

enum confine_kind {
	CONFINE_NOTHING, /* it runs a program of the postmaster's, or he has said so */
	CONFINE_NURSERY, /* what no mail program does: its children are programs of the postmaster's, too */
	CONFINE_DAEMON, /* network, sockets that listen, its log */
	CONFINE_HELPER, /* as its reach says */
};

#define REACH_MAX 64 /* paths */

/* What a helper needs to get at. All zero: servers of any kind, by libraries that read what files they like. */
struct reach {
	bool files; /* it reads files, and does nothing else */
	bool users; /* and asks which users there are: modules of NSS are loaded, servers on this machine are asked */
	bool full; /* there were more paths than fit: it must not be used */
	size_t n;
	const char *paths[REACH_MAX]; /* with `files`: what lies beneath these, directories or files, may be read */
	struct buf text; /* where they stand */
	char octets[16384];
};

void reach_init(struct reach *);

/* What lies beneath this path. Copied. */
void reach_add(struct reach *, struct str path);

/* A file that is replaced now and then: what lies beneath its folder. */
void reach_add_file(struct reach *, struct str path);

/* Confines this process, which was just forked or has one thread, after PR_SET_NO_NEW_PRIVS. `reach` is looked at for
   CONFINE_HELPER alone, and must last as long as the process. False: the kernel offers it and yet it failed; the
   process is to end. */
bool confine(enum confine_kind, const struct reach *, struct err *);

/* Whether one of the paths is another directory now than it was when this process was confined (a disk was mounted, a
   directory replaced), so that nothing can be read in it: another process is to be confined anew. */
bool confine_outdated(void);

/* What holds in this process, "seccomp=yes landlock=7", for one line of the log. */
void confine_put(struct buf *);

#endif
