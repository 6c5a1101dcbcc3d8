/*
 * What the daemon has counted and how it stands, in Prometheus' text format 0.0.4, for the control socket and for /metrics
 * by HTTP. The names are in quotagate(8). Last comes a line "# EOF", by which who reads can tell that it has all. Making
 * the text asks nobody and changes nothing.
 */
#ifndef DAEMON_METRICS_H
#define DAEMON_METRICS_H

#include "daemon/listener.h"

/* The text, `*len` octets, to be freed by the caller; null when there is no memory. */
char *metrics_text(const struct engine *, size_t *len);

#endif
