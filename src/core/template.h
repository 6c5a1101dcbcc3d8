/*
 * Templates of the configuration: paths, mailbox names, filters. %u address, %n local part, %d domain, %h home
 * directory, %{host} the backend; %1n takes one octet of the local part; %% is a percent sign. Values are inserted once: a
 * percent sign inside an address is never expanded.
 */
#ifndef CORE_TEMPLATE_H
#define CORE_TEMPLATE_H

#include "base/buf.h"
#include "base/err.h"
#include "core/mailbox.h"

enum template_var {
	TEMPLATE_ADDRESS = 1, /* %u */
	TEMPLATE_LOCAL = 2, /* %n */
	TEMPLATE_DOMAIN = 4, /* %d */
	TEMPLATE_HOME = 8, /* %h */
	TEMPLATE_HOST = 16, /* %{host} */
};

/* Which variables occur, as a set of the bits above; -1 with the reason in err when the template is malformed or uses a
   variable that is not in `allowed`. */
int template_vars(struct str template, int allowed, struct err *);

/* How one value goes in: writes the value (already cut to its number of octets) to out, escaped as the target needs.
   False refuses the value; template_expand() then returns false. */
typedef bool template_put(struct buf *out, enum template_var var, struct str value);

/* Expands a template that template_vars() accepted. False when `put` refused a value or out is too small. */
bool template_expand(struct buf *out, struct str template, const struct mailbox *, template_put *put);

/* For paths: refuses a value with '/' or NUL in it, an empty one, and one that begins with a dot; %h passes whole. */
bool template_put_path(struct buf *out, enum template_var var, struct str value);

#endif
