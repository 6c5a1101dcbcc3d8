/* What `setup` prints for listeners of the protocols socketmap and check_quota: the lines for the MTA, and the command
   that shows whether it can ask. */
#ifndef DAEMON_SETUP_MAP_H
#define DAEMON_SETUP_MAP_H

#include "daemon/config.h"

bool setup_postfix_socketmap(const struct config *, const struct config_listener *);
bool setup_sendmail_socketmap(const struct config *, const struct config_listener *);

/* False, with nothing printed, for datagrams, which Exim cannot send. */
bool setup_exim_check_quota(const struct config *, const struct config_listener *);

#endif
