/*
 * The log: lines to stderr, syslog or a file, written once per turn of the loop. Only io, store helpers and the daemon
 * log; base, wire, core, conf and front return reasons instead.
 */
#ifndef IO_LOG_H
#define IO_LOG_H

#include "base/buf.h"
#include "base/err.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* "stderr", "syslog" or the absolute path of a file, created with mode 0640. On failure the old target stays. */
bool log_open(const char *to, enum log_level, struct err *);

/* True when lines of this level are written: a caller may spare the work of making them. */
bool log_wants(enum log_level);

/* One line, without its newline. It is cleaned: a control character becomes '?'. */
__attribute__((format(printf, 2, 3))) void log_line(enum log_level, const char *format, ...);

/* The same for a line already made of cleaned parts: the hot path's. */
void log_put(enum log_level, struct str line);

/* Writes out what has gathered. Called once per turn of the loop, and before exit. Never blocks: what a full pipe or
   disk does not take is dropped, and the number of dropped lines is told once it takes lines again. */
void log_flush(void);

#endif
