/*
 * The log: lines to stderr, syslog or a file, written once per turn of the loop. Only io, store helpers and the daemon
 * log; base, wire, core, conf and front return reasons instead. Works before log_open(): stderr, level info.
 *
 * A line begins with the time in a file and on a terminal, "2026-11-20T09:32:24.123Z ", and with "<6>", as
 * sd-daemon(3) has it, where stderr is the journal.
 */
#ifndef IO_LOG_H
#define IO_LOG_H

#include "base/buf.h"
#include "base/err.h"

#include <sys/types.h>

/* A longer line is cut. Octets, without the time and the newline. */
#define LOG_LINE_MAX 2048

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* "stderr", "syslog" or the absolute path of a file, created with mode 0640. A symbolic link there must be root's or the
   user's own. On failure the old target stays.
   Lines that the old target does not take now count as dropped. */
bool log_open(const char *to, enum log_level, struct err *);

/* A log file becomes this user's, who will open it again; any other target stays as it is. So does a file that has another
   name, for that may be anybody's: false. */
bool log_give(uid_t, gid_t, struct err *);

/* True when lines of this level are written: a caller may spare the work of making them. */
bool log_wants(enum log_level);

/* One line, without its newline. It is cleaned: a control character becomes '?'. */
__attribute__((format(printf, 2, 3))) void log_line(enum log_level, const char *format, ...);

/* The same for a line already made of cleaned parts: the hot path's. */
void log_put(enum log_level, struct str line);

/* Writes out what has gathered. Called once per turn of the loop, before a fork and before exit; lines of level error do
   not wait for it. Never blocks: what a full pipe or disk does not take stays in a buffer of 64 KiB, and lines that find
   no room there are dropped; their number is told once it takes lines again. (syslog is as patient as syslog(3).) */
void log_flush(void);

/* To be called in a child after fork: forgets what the parent had gathered, and writes to stderr from now on, because
   the parent's other descriptors are about to be closed. */
void log_forked(void);

#endif
