#include "io/sql_preset.h"

const char *const sql_preset_names[] = { "none", "postfixadmin", "iredmail", "mailcow", "modoboa", 0 };
const char *const sql_usage_preset_names[] = { "none", "postfixadmin", "iredmail", "mailcow", "modoboa",
	"mailcow-replica", "dovecot", 0 };

/* quota: octets; 0 and what is below it mean no limit. Every mailbox has an alias to itself. */
static const struct sql_preset postfixadmin = {
	.query = {
		[SQL_MAILBOX] = "SELECT m.quota FROM mailbox m JOIN domain d ON d.domain = m.domain "
				"WHERE m.username = :address AND m.active = '1' AND d.active = '1'",
		[SQL_ALIAS] = "SELECT a.goto FROM alias a JOIN domain d ON d.domain = a.domain "
			      "WHERE a.address = :address AND a.active = '1' AND d.active = '1'",
		[SQL_ALIAS_DOMAIN] = "SELECT target_domain FROM alias_domain "
				     "WHERE alias_domain = :domain AND active = '1'",
		[SQL_DOMAIN] = "SELECT domain FROM domain "
			       "WHERE domain = :domain AND active = '1' AND backupmx = '0' "
			       "UNION SELECT alias_domain FROM alias_domain "
			       "WHERE alias_domain = :domain AND active = '1'",
	},
	.usage = "SELECT q.bytes, q.messages, m.quota FROM mailbox m JOIN domain d ON d.domain = m.domain "
		 "LEFT JOIN quota2 q ON q.username = :address "
		 "WHERE m.username = :address AND m.active = '1' AND d.active = '1'",
	.unit = 1,
	.alias_alone = true,
};

/* Since 0.9.7, which has `forwardings`. quota: MiB. Every mailbox forwards to itself; a catch-all stands under the
   domain's bare name. */
static const struct sql_preset iredmail = {
	.query = {
		[SQL_MAILBOX] = "SELECT m.quota FROM mailbox m JOIN domain d ON d.domain = m.domain "
				"WHERE m.username = :address AND m.active = '1' AND m.enabledeliver = '1' "
				"AND d.active = '1'",
		[SQL_ALIAS] = "SELECT f.forwarding FROM forwardings f JOIN domain d ON d.domain = f.domain "
			      "WHERE (f.address = :address OR (:local = '' AND f.address = :domain)) "
			      "AND f.active = '1' AND d.active = '1'",
		[SQL_ALIAS_DOMAIN] = "SELECT target_domain FROM alias_domain "
				     "WHERE alias_domain = :domain AND active = '1'",
		[SQL_DOMAIN] = "SELECT domain FROM domain "
			       "WHERE domain = :domain AND active = '1' AND backupmx = '0' "
			       "UNION SELECT alias_domain FROM alias_domain "
			       "WHERE alias_domain = :domain AND active = '1'",
	},
	.usage = "SELECT q.bytes, q.messages, m.quota FROM mailbox m JOIN domain d ON d.domain = m.domain "
		 "LEFT JOIN used_quota q ON q.username = :address "
		 "WHERE m.username = :address AND m.active = '1' AND m.enabledeliver = '1' AND d.active = '1'",
	.unit = (uint64_t)1 << 20,
	.alias_alone = true,
};

/* quota: octets. active = 2: no login, but mail comes in. What is of a kind is a calendar's resource. A temporary alias
   counts until its row is gone. */
static const struct sql_preset mailcow = {
	.query = {
		[SQL_MAILBOX] = "SELECT m.quota FROM mailbox m JOIN domain d ON d.domain = m.domain "
				"WHERE m.username = :address AND m.active IN ('1', '2') AND m.kind = '' "
				"AND d.active = '1'",
		[SQL_ALIAS] = "SELECT goto FROM alias WHERE address = :address AND active IN ('1', '2') "
			      "UNION ALL SELECT goto FROM spamalias WHERE address = :address "
			      "UNION ALL SELECT 'null@localhost' FROM mailbox "
			      "WHERE username = :address AND kind <> ''",
		[SQL_ALIAS_DOMAIN] = "SELECT target_domain FROM alias_domain "
				     "WHERE alias_domain = :domain AND active = '1'",
		[SQL_DOMAIN] = "SELECT domain FROM domain "
			       "WHERE domain = :domain AND active = '1' AND backupmx = '0' "
			       "UNION SELECT alias_domain FROM alias_domain "
			       "WHERE alias_domain = :domain AND active = '1'",
	},
	.usage = "SELECT q.bytes, q.messages, m.quota FROM mailbox m JOIN domain d ON d.domain = m.domain "
		 "LEFT JOIN quota2 q ON q.username = :address "
		 "WHERE m.username = :address AND m.active IN ('1', '2') AND m.kind = '' AND d.active = '1'",
	.unit = 1,
	.alias_alone = true,
};

/* quota: MiB; Modoboa itself writes the domain's default there where use_domain_quota is set. Every mailbox has an
   internal alias to itself. */
static const struct sql_preset modoboa = {
	.query = {
		[SQL_MAILBOX] = "SELECT m.quota FROM admin_mailbox m JOIN admin_domain d ON d.id = m.domain_id "
				"WHERE m.address = :local AND d.name = :domain AND d.enabled = '1'",
		[SQL_ALIAS] = "SELECT r.address FROM modoboa_admin_aliasrecipient r "
			      "JOIN admin_alias a ON a.id = r.alias_id "
			      "WHERE a.address = :address AND a.enabled = '1' "
			      "AND (a.expire_at IS NULL OR a.expire_at > CURRENT_TIMESTAMP)",
		[SQL_ALIAS_DOMAIN] = "SELECT d.name FROM admin_domainalias a JOIN admin_domain d ON d.id = a.target_id "
				     "WHERE a.name = :domain AND a.enabled = '1' AND d.enabled = '1'",
		[SQL_DOMAIN] = "SELECT name FROM admin_domain "
			       "WHERE name = :domain AND type = 'domain' AND enabled = '1' "
			       "UNION SELECT name FROM admin_domainalias WHERE name = :domain AND enabled = '1'",
	},
	.usage = "SELECT q.bytes, q.messages, m.quota FROM admin_mailbox m JOIN admin_domain d ON d.id = m.domain_id "
		 "LEFT JOIN admin_quota q ON q.username = :address "
		 "WHERE m.address = :local AND d.name = :domain AND d.enabled = '1'",
	.unit = (uint64_t)1 << 20,
	.alias_alone = true,
};

/* The same tables, but the Dovecot of a replica writes into one of its own. */
static const struct sql_preset mailcow_replica = {
	.usage = "SELECT q.bytes, q.messages, m.quota FROM mailbox m JOIN domain d ON d.domain = m.domain "
		 "LEFT JOIN quota2replica q ON q.username = :address "
		 "WHERE m.username = :address AND m.active IN ('1', '2') AND m.kind = '' AND d.active = '1'",
	.unit = 1,
};

/* The table of Dovecot's own manual, and nothing beside it: who has no row is not known. */
static const struct sql_preset dovecot = {
	.usage = "SELECT bytes, messages FROM quota WHERE username = :address",
	.unit = 1,
};

static const struct sql_preset none = { .unit = 1 };

const struct sql_preset *sql_preset(int index)
{
	static const struct sql_preset *const presets[] = { &none, &postfixadmin, &iredmail, &mailcow, &modoboa,
		&mailcow_replica, &dovecot };
	return presets[index];
}
