/* The commands of quotagate(8). Each returns the exit status. */
#ifndef DAEMON_COMMANDS_H
#define DAEMON_COMMANDS_H

#include <stdint.h>

enum {
	EXIT_OK = 0,
	EXIT_REFUSED = 1, /* check: an address would be refused */
	EXIT_FAILED = 1, /* serve: it could not start, or had to end; status: no daemon answers */
	EXIT_USAGE = 2, /* usage or configuration */
	EXIT_UNANSWERED = 3, /* check: a store did not answer */
};

struct command_line {
	const char *file; /* the configuration */
	const char **words; /* what is left when the options are taken away */
	int n_words;
	uint64_t size; /* check --size */
	const char *sender; /* check --sender */
	const char *json; /* check --json, status --json; not null: given */
	const char *options; /* config --options: "" or "man" */
};

int command_serve(const struct command_line *);
int command_check(const struct command_line *);
int command_config(const struct command_line *);
int command_setup(const struct command_line *);
int command_status(const struct command_line *);

#endif
