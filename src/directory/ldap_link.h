/*
 * One connection to one of several LDAP servers, made when it is needed and kept. A server that failed is tried last for
 * half a minute. Reads no ldap.conf and no .ldaprc, follows no referral. Not a word is said over a connection that is not
 * encrypted and verified as demanded.
 */
#ifndef DIRECTORY_LDAP_LINK_H
#define DIRECTORY_LDAP_LINK_H

#include "base/buf.h"
#include "base/heard.h"
#include "directory/ldap_conf.h"

#include <ldap.h>

struct ldap_search {
	const char *base, *filter;
	int scope; /* LDAP_SCOPE_SUBTREE and so on */
	const char *const *attributes; /* null-terminated */
	int most; /* entries */
	msec until; /* on the clock of ldap_link_now() */
};

struct ldap_link;

/* Connects to nothing yet. Null: out of memory. `conf` must outlive it. */
struct ldap_link *ldap_link_new(const struct ldap_conf *);
void ldap_link_free(struct ldap_link *);

msec ldap_link_now(void);

/* The answer, to be freed with ldap_msgfree(); *more is set when there are more than `most` entries. Null: no server
   answered, and the note says why, in libldap's words. */
LDAPMessage *ldap_link_search(struct ldap_link *, const struct ldap_search *, bool *more, struct buf *note);

/* Of the servers, since this was last called: an answer when one of them gave any. A search begins anew. */
enum heard ldap_link_heard(struct ldap_link *);

/* For the functions that take an answer apart. */
LDAP *ldap_link_handle(const struct ldap_link *);

#endif
