/*
 * What an entry says of an address: which mailbox is its own, who else gets its mail, host, home and limits. Pure: values
 * in, targets out.
 */
#ifndef DIRECTORY_LDAP_ENTRY_H
#define DIRECTORY_LDAP_ENTRY_H

#include "core/mailbox.h"
#include "core/target.h"
#include "directory/ldap_conf.h"

#include <lber.h>

struct ldap_entry {
	const char *dn;
	struct berval **values[LDAP_ROLES]; /* each null-terminated, or null: the entry has none */
};

/* Appends the targets of `asked` and returns LISTING_TARGETS; LISTING_FAILED when the entry makes no sense. The note names
   the entry, and the attribute that was of no use. */
enum listing ldap_entry_read(const struct ldap_entry *, const struct ldap_names *, const struct mailbox *asked,
	struct buf *targets, struct buf *note);

#endif
