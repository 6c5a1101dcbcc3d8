/* How the configuration of an MTA on this machine names a listener's address. */
#ifndef DAEMON_SETUP_ADDRESS_H
#define DAEMON_SETUP_ADDRESS_H

#include "base/buf.h"
#include "daemon/config.h"

/* unix:path or inet:host:port for Postfix. Its smtpd is chrooted to its queue directory on Debian, and then sees a
   socket below it under a shorter name. */
void setup_put_postfix(struct buf *out, const struct config_listener *);

/* local:path, inet:port@host or inet6:port@host for Sendmail. */
void setup_put_sendmail(struct buf *out, const struct config_listener *);

/* For Exim's ${readsocket}. */
const char *setup_exim_socket(const struct config_listener *);

#endif
