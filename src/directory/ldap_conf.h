/*
 * The options of an LDAP directory, and the names of the attributes that it reads: given in the configuration, or by one
 * of the schemas that are known here.
 */
#ifndef DIRECTORY_LDAP_CONF_H
#define DIRECTORY_LDAP_CONF_H

#include "base/opt.h"
#include "base/time.h"

/* What an attribute of an entry tells. */
enum ldap_role {
	LDAP_MAILBOX, /* the address of its mailbox */
	LDAP_ROUTING, /* the address that stands in its place */
	LDAP_FORWARD, /* further addresses that get its mail */
	LDAP_DELIVERY, /* words that say what is done with its mail */
	LDAP_HOST,
	LDAP_HOME,
	LDAP_STORE,
	LDAP_LIMIT, /* octets, or octets and messages */
	LDAP_MESSAGES, /* limit of messages */
	LDAP_CLASS, /* its object classes */
	LDAP_ROLES,
};

enum ldap_scope { LDAP_CONF_SUB, LDAP_CONF_ONE, LDAP_CONF_BASE };
enum ldap_unit { LDAP_UNIT_OCTETS, LDAP_UNIT_K, LDAP_UNIT_M };
enum ldap_verify { LDAP_VERIFY_DEMAND, LDAP_VERIFY_NEVER };

/* Null: not given. In `filter`, `domain_filter`, `attribute` and `mailbox_class` null means as the schema says, and an
   empty text (not of `filter`) none. */
struct ldap_conf {
	struct opt_list uri;
	const char *base, *filter;
	const char *domain_base, *domain_filter;
	const char *bind_dn, *password_file;
	const char *tls_ca_file, *tls_cert_file, *tls_key_file;
	const char *attribute[LDAP_CLASS];
	const char *mailbox_class;
	int schema; /* index into ldap_schema_names */
	int scope; /* enum ldap_scope */
	int verify; /* enum ldap_verify */
	int unit; /* enum ldap_unit */
	bool starttls;
	msec timeout;
};

/* The names in force. */
struct ldap_names {
	const char *filter;
	const char *domain_filter; /* null: every domain is ours */
	const char *attribute[LDAP_ROLES]; /* null: not read */
	const char *mailbox_class; /* null: entries of every class have a mailbox */
	enum ldap_unit unit;
};

extern const char *const ldap_schema_names[]; /* null-terminated */
extern const struct opt ldap_opts[];

struct ldap_names ldap_conf_names(const struct ldap_conf *);

/* directory_type.check */
bool ldap_conf_check(const void *conf, struct err *);

#endif
