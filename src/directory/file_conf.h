/* The options of a directory of files. */
#ifndef DIRECTORY_FILE_CONF_H
#define DIRECTORY_FILE_CONF_H

#include "base/opt.h"

struct file_conf {
	struct opt_list aliases, system_aliases, mailboxes, passwd, domains;
	bool system_users;
};

extern const struct opt file_opts[];

/* directory_type.check */
bool file_conf_check(const void *conf, struct err *);

#endif
