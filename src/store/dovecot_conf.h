/* The options of a store of type dovecot: a Dovecot that is asked what it knows. */
#ifndef STORE_DOVECOT_CONF_H
#define STORE_DOVECOT_CONF_H

#include "base/opt.h"
#include "base/time.h"

struct dovecot_conf {
	const char *uri, *key_file, *password_file, *ca_file; /* null: not given */
	msec timeout;
};

#endif
