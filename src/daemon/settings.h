/* What a section says, as octets that are equal when the settings are. */
#ifndef DAEMON_SETTINGS_H
#define DAEMON_SETTINGS_H

#include "base/buf.h"
#include "base/opt.h"

/* Writes every value of `from` by its table; the defaults too, so that writing one out changes nothing. */
void settings_put(struct buf *out, const struct opt *rows, const void *from);

#endif
