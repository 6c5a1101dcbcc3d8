/* The structs that the sections of the configuration fill, and their option tables. */
#ifndef DAEMON_OPTIONS_H
#define DAEMON_OPTIONS_H

#include "base/opt.h"
#include "base/time.h"

enum confine_choice { CONFINE_AUTO, CONFINE_OFF };

struct options_top {
	const char *user, *pid_file, *control;
	int confine; /* enum confine_choice */
};

struct options_listen {
	const char *address, *owner, *group;
	struct opt_list allow;
	unsigned mode;
	uint64_t max_clients;
	msec idle, request_timeout;
};

enum limit_from { LIMIT_FROM_STORE, LIMIT_FROM_CONFIG };

struct options_helper {
	const char *user;
	uint64_t helpers;
	msec helper_timeout;
};

struct options_canary {
	const char *present, *absent;
};

struct options_store {
	int rule; /* enum store_rule, when written */
	int limit_from; /* enum limit_from */
	uint64_t grace, limit, message_limit; /* octets, octets, messages */
	bool alone;
	struct options_helper helper;
	struct options_canary canary;
};

struct options_directory {
	struct options_helper helper;
	msec ttl, ttl_none;
	struct options_canary canary;
};

struct options_domain {
	struct opt_list store, directory;
	bool check_sender;
	uint64_t limit, message_limit;
};

struct options_rules {
	const char *full, *full_long, *too_large, *unknown_reject, *unknown_defer, *error_defer;
	int unknown, error, fold; /* enum on_unknown, on_error, fold */
	msec full_for, timeout;
	uint64_t added;
	const char *recipient_delimiter;
	bool shadow;
	int alias; /* enum alias_rule */
	const char *forged;
};

struct options_bypass {
	struct opt_list senders, clients, recipients;
};

struct options_cache {
	uint64_t mailboxes, lookups, transactions, loans, answers, members, soft, hard;
	msec ttl_low, ttl_mid, ttl_high, ttl_none, stale, settle;
};

struct options_log {
	const char *to;
	int level; /* enum log_level */
};

struct options_notify {
	const char *command, *state, *user;
	struct opt_list warn;
	msec period, timeout;
	uint64_t helpers, queue, mailboxes;
};

extern const struct opt options_top[], options_listen[], options_store[], options_directory[], options_domain[],
	options_rules[], options_bypass[], options_cache[], options_log[], options_notify[];

#endif
