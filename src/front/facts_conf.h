/* The options of the messages between quotagates (front/facts.c), which HTTP carries too. */
#ifndef FRONT_FACTS_CONF_H
#define FRONT_FACTS_CONF_H

#include "base/time.h"

struct facts_conf {
	const char *key_file; /* null: none */
	msec window; /* how far the asker's clock may be from ours */
};

#endif
