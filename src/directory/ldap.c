/*
 * Directories in LDAP servers (RFC 4511): one search finds the entry of an address, which tells mailbox, host, home and
 * limit; another may tell whether the domain is ours. See directory/ldap_entry.h for what an entry means,
 * directory/ldap_link.h for servers and connections. Only searches; what a stranger typed is escaped (RFC 4515).
 */
#include "base/hash.h"
#include "directory/directory.h"
#include "directory/ldap_entry.h"
#include "directory/ldap_link.h"
#include "directory/ldap_text.h"

#include <stdlib.h>
#include <sys/random.h>

#define FILTER_MAX 16384 /* octets; a filter that names the longest address a dozen times, escaped, takes half of it */
#define DOMAINS 512 /* remembered at a time */
#define REMEMBER SECONDS(60)

/* Whether a domain is ours, as the server said. */
struct domain_memory {
	struct hash name;
	msec until;
	bool ours;
};

struct ldap_directory {
	const struct ldap_conf *conf;
	struct ldap_names names;
	struct ldap_link *link;
	const char *attributes[LDAP_ROLES + 1]; /* that are asked for, null-terminated */
	bool finds_catch_alls;
	struct hash_key key;
	struct domain_memory domains[DOMAINS];
};

static int scope_of(const struct ldap_conf *c)
{
	switch ((enum ldap_scope)c->scope) {
	case LDAP_CONF_SUB: return LDAP_SCOPE_SUBTREE;
	case LDAP_CONF_ONE: return LDAP_SCOPE_ONELEVEL;
	case LDAP_CONF_BASE: return LDAP_SCOPE_BASE;
	}
	return LDAP_SCOPE_SUBTREE;
}

/* ---- is the domain ours? ---- */

/* The search that `filter` stands for, in the text of `out`. False: too long. */
static bool expand(struct buf *out, const char *filter, const struct mailbox *address)
{
	bool good = template_expand(out, str_of(filter), address, ldap_text_put);
	buf_z(out);
	return good && !out->full;
}

/* Asks the server. False: it did not answer. */
static bool ask_domain(
	struct ldap_directory *d, const struct mailbox *address, msec until, bool *ours, struct buf *note)
{
	static const char *const nothing[] = { LDAP_NO_ATTRS, NULL };
	char text[FILTER_MAX];
	struct buf filter = BUF(text);
	bool more;
	if (!expand(&filter, d->names.domain_filter, address)) {
		buf_puts(note, "domain_filter becomes too long");
		return false;
	}
	const struct ldap_search search = { .base = d->conf->domain_base ? d->conf->domain_base : d->conf->base,
		.filter = text,
		.scope = LDAP_SCOPE_SUBTREE,
		.attributes = nothing,
		.most = 1,
		.until = until };
	LDAPMessage *answer = ldap_link_search(d->link, &search, &more, note);
	*ours = answer && (more || ldap_count_entries(ldap_link_handle(d->link), answer) > 0);
	ldap_msgfree(answer);
	return answer != NULL;
}

/* From memory, or by asking. */
static bool know_domain(
	struct ldap_directory *d, const struct mailbox *address, msec until, bool *ours, struct buf *note)
{
	struct hash name = hash_of(&d->key, address->domain.at, address->domain.len);
	struct domain_memory *m = &d->domains[name.a % DOMAINS];
	msec now = ldap_link_now();
	if (!hash_eq(m->name, name) || now >= m->until) {
		if (!ask_domain(d, address, until, ours, note))
			return false;
		*m = (struct domain_memory){ .name = name, .until = now + REMEMBER, .ours = *ours };
	}
	*ours = m->ours;
	return true;
}

/* ---- who is behind the address? ---- */

/* LISTING_TARGETS here means: read the entry. */
static enum listing count_entries(LDAP *ld, LDAPMessage *answer, bool more, struct buf *note)
{
	int n = ldap_count_entries(ld, answer);
	if (n == 1 && !more)
		return LISTING_TARGETS;
	if (n == 0 && !more && ldap_count_references(ld, answer) == 0) {
		buf_puts(note, "no entry");
		return LISTING_NO_ADDRESS;
	}
	if (n == 0) {
		buf_puts(note, "no entry, but a referral to other servers, or a limit of the server");
		return LISTING_FAILED;
	}
	buf_puts(note, "more than one entry:");
	for (LDAPMessage *e = ldap_first_entry(ld, answer); e; e = ldap_next_entry(ld, e)) {
		char *dn = ldap_get_dn(ld, e);
		buf_putc(note, ' ');
		buf_put_clean(note, str_of(dn ? dn : "?"));
		if (ldap_next_entry(ld, e))
			buf_puts(note, " and");
		ldap_memfree(dn);
	}
	return LISTING_FAILED;
}

/* The entry has no attribute of this name, or one of no values. */
static bool is_absent(const char *name, struct str attribute, const struct berval *values)
{
	return !values || !str_eq_nocase(attribute, str_of(name));
}

/* libldap says of an attribute that memory was too short for what it says of one that is not there. So what it gave is
   compared with what the entry holds. False: something was left out. */
static bool is_whole(LDAP *ld, LDAPMessage *message, const struct ldap_entry *entry, const struct ldap_names *names)
{
	BerElement *rest = NULL;
	struct berval dn, attribute = { 0 }, *values = NULL;
	bool whole = ldap_get_dn_ber(ld, message, &rest, &dn) == LDAP_SUCCESS;
	while (whole) {
		whole = ldap_get_attribute_ber(ld, message, rest, &attribute, &values) == LDAP_SUCCESS;
		if (!whole || !attribute.bv_val)
			break;
		for (size_t i = 0; i < LDAP_ROLES; i++)
			if (names->attribute[i] && !entry->values[i])
				whole = whole && is_absent(names->attribute[i],
							 (struct str){ attribute.bv_val, attribute.bv_len }, values);
		ber_memfree(values); /* they lie in the message */
		values = NULL;
	}
	ber_free(rest, 0);
	return whole;
}

static enum listing read_entry(struct ldap_directory *d, LDAPMessage *answer, const struct mailbox *address,
	struct buf *targets, struct buf *note)
{
	LDAP *ld = ldap_link_handle(d->link);
	LDAPMessage *message = ldap_first_entry(ld, answer);
	char *dn = ldap_get_dn(ld, message);
	struct ldap_entry entry = { .dn = dn };
	for (size_t i = 0; i < LDAP_ROLES; i++)
		if (d->names.attribute[i])
			entry.values[i] = ldap_get_values_len(ld, message, d->names.attribute[i]);
	enum listing listing = LISTING_FAILED;
	if (dn && is_whole(ld, message, &entry, &d->names))
		listing = ldap_entry_read(&entry, &d->names, address, targets, note);
	else
		buf_puts(note, "out of memory, or the answer makes no sense");
	for (size_t i = 0; i < LDAP_ROLES; i++)
		ldap_value_free_len(entry.values[i]);
	ldap_memfree(dn);
	return listing;
}

static enum listing ask_address(
	struct ldap_directory *d, const struct mailbox *address, msec until, struct buf *targets, struct buf *note)
{
	char text[FILTER_MAX];
	struct buf filter = BUF(text);
	bool more;
	if (!expand(&filter, d->names.filter, address)) {
		buf_puts(note, "filter becomes too long");
		return LISTING_FAILED;
	}
	const struct ldap_search search = { .base = d->conf->base,
		.filter = text,
		.scope = scope_of(d->conf),
		.attributes = d->attributes,
		.most = 2,
		.until = until };
	LDAPMessage *answer = ldap_link_search(d->link, &search, &more, note);
	if (!answer)
		return LISTING_FAILED;
	enum listing listing = count_entries(ldap_link_handle(d->link), answer, more, note);
	if (listing == LISTING_TARGETS)
		listing = read_entry(d, answer, address, targets, note);
	ldap_msgfree(answer);
	return listing;
}

static enum listing ldap_directory_ask(
	void *state, const struct mailbox *address, struct buf *targets, struct buf *note)
{
	struct ldap_directory *d = state;
	msec until = ldap_link_now() + d->conf->timeout;
	bool ours = true;
	if (address->local.len == 0 && !d->finds_catch_alls) {
		buf_puts(note, "the filter finds no catch-alls");
		return LISTING_NO_ADDRESS;
	}
	if (d->names.domain_filter && address->domain.len && !know_domain(d, address, until, &ours, note))
		return LISTING_FAILED;
	if (!ours) {
		buf_puts(note, "the domain is not ours");
		return LISTING_NOT_OURS;
	}
	return ask_address(d, address, until, targets, note);
}

/* ---- opening ---- */

static void ldap_directory_close(void *state)
{
	struct ldap_directory *d = state;
	if (d->link)
		ldap_link_free(d->link);
	free(d);
}

/* Needs no server: one that is down now may be up when a question comes. */
static void *ldap_directory_open(const void *conf, struct err *err)
{
	struct ldap_directory *d = calloc(1, sizeof(*d));
	size_t n = 0;
	/* Before libldap looks for its configuration at the first call. */
	if (!d || !(d->link = ldap_link_new(conf)) || setenv("LDAPNOINIT", "1", 1) != 0 ||
		getrandom(&d->key, sizeof(d->key), 0) != sizeof(d->key)) {
		err_set(err, "out of memory");
		if (d)
			ldap_directory_close(d);
		return NULL;
	}
	d->conf = conf;
	d->names = ldap_conf_names(conf);
	d->finds_catch_alls =
		template_vars(str_of(d->names.filter), TEMPLATE_ADDRESS | TEMPLATE_LOCAL | TEMPLATE_DOMAIN, NULL) &
		TEMPLATE_ADDRESS;
	for (size_t i = 0; i < LDAP_ROLES; i++)
		if (d->names.attribute[i])
			d->attributes[n++] = d->names.attribute[i];
	if (n == 0)
		d->attributes[0] = LDAP_NO_ATTRS;
	return d;
}

/* Servers that stand for one another are one. */
static void ldap_server(const void *conf, struct buf *out)
{
	const struct ldap_conf *c = conf;
	for (size_t i = 0; i < c->uri.n; i++) {
		buf_puts(out, i ? "," : "");
		buf_puts(out, c->uri.at[i]);
	}
}

static enum heard ldap_heard(void *state)
{
	return ldap_link_heard(((struct ldap_directory *)state)->link);
}

const struct directory_type ldap_directory = {
	.name = "ldap",
	.opts = ldap_opts,
	.conf_size = sizeof(struct ldap_conf),
	.check = ldap_conf_check,
	.server = ldap_server,
	.heard = ldap_heard,
	.open = ldap_directory_open,
	.ask = ldap_directory_ask,
	.close = ldap_directory_close,
};
