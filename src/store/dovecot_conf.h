/* The options of a store of type dovecot: a Dovecot that is asked what it knows. */
#ifndef STORE_DOVECOT_CONF_H
#define STORE_DOVECOT_CONF_H

#include "store/quota_status.h"

struct dovecot_conf {
	const char *uri, *key_file, *password_file, *ca_file; /* null: not given */
	msec timeout;
	struct quota_status_conf quota_status; /* caller.address null: not given */
};

#endif
