#include "directory/ldap_entry.h"

#include "core/address.h"
#include "core/lookup.h"
#include "directory/ldap_text.h"

#define NOTE_DN 100 /* octets of a name in a note */

/* One entry that is being read. */
struct reading {
	const struct ldap_entry *entry;
	const struct ldap_names *names;
	struct str asked; /* the address; "@domain" for a catch-all */
	bool catch_all;
	struct str mailbox; /* the address of the own mailbox; empty: that asked */
	struct buf *targets, *note;
};

static struct str value(const struct berval *v)
{
	return (struct str){ v->bv_val, v->bv_len };
}

static size_t count(const struct reading *r, enum ldap_role role)
{
	size_t n = 0;
	struct berval **v = r->entry->values[role];
	while (v && v[n])
		n++;
	return n;
}

static bool has_word(const struct reading *r, enum ldap_role role, struct str word)
{
	struct berval **v = r->entry->values[role];
	for (size_t i = 0; v && v[i]; i++)
		if (str_eq_nocase(value(v[i]), word))
			return true;
	return false;
}

static void complain(struct reading *r, enum ldap_role role, struct str text, const char *what)
{
	if (text.len > 40)
		text.len = 40;
	buf_printf(r->note, ", %s: \"", r->names->attribute[role]);
	buf_put_clean(r->note, text);
	buf_printf(r->note, "\" %s", what);
	note_be_odd(r->note);
}

/* The value of an attribute that may have one; an empty text when it has none. False: it has several. */
static bool single(struct reading *r, enum ldap_role role, struct str *out)
{
	*out = STR("");
	size_t n = count(r, role);
	if (n == 1)
		*out = value(r->entry->values[role][0]);
	if (n > 1) {
		buf_printf(r->note, ", %s: %zu values where one is expected", r->names->attribute[role], n);
		note_be_odd(r->note);
	}
	return n <= 1;
}

static bool is_address(struct str text)
{
	struct address a;
	return address_parse(&a, text, FOLD_NONE) == ADDRESS_OK;
}

/* The address of the entry's own mailbox. False when it cannot be told which. */
static bool read_mailbox(struct reading *r)
{
	if (has_word(r, LDAP_MAILBOX, r->asked))
		return true;
	if (!single(r, LDAP_MAILBOX, &r->mailbox))
		return false;
	if (r->mailbox.len == 0 || is_address(r->mailbox))
		return true;
	complain(r, LDAP_MAILBOX, r->mailbox, "is no address");
	return false;
}

static bool is_own(const struct reading *r, struct str address)
{
	return str_eq_nocase(address, r->asked) || (r->mailbox.len && str_eq_nocase(address, r->mailbox));
}

/* Names of hosts and addresses: nothing that could mean something else in a URI or a template. */
static bool is_host(struct str host)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:[]";
	for (size_t i = 0; i < host.len; i++)
		if (!memchr(letters, host.at[i], sizeof(letters) - 1))
			return false;
	return host.len <= DOMAIN_MAX;
}

static bool is_home(struct str home)
{
	return home.len == 0 || (home.at[0] == '/' && home.len < MAILBOX_PATH_MAX && !memchr(home.at, '\0', home.len));
}

static bool read_hints(struct reading *r, struct target *t)
{
	if (!single(r, LDAP_HOST, &t->host) || !single(r, LDAP_HOME, &t->home) || !single(r, LDAP_STORE, &t->store))
		return false;
	if (!is_host(t->host))
		complain(r, LDAP_HOST, t->host, "is no host");
	else if (!is_home(t->home))
		complain(r, LDAP_HOME, t->home, "is no absolute path");
	else
		return true;
	return false;
}

/* A limit that makes no sense is not named, and the note tells. */
static void read_limits(struct reading *r, struct limit *limit)
{
	struct str text;
	if (count(r, LDAP_LIMIT) && single(r, LDAP_LIMIT, &text) && !ldap_text_limit(text, r->names->unit, limit))
		complain(r, LDAP_LIMIT, text, "is no limit");
	if (count(r, LDAP_MESSAGES) && single(r, LDAP_MESSAGES, &text) && !ldap_text_messages(text, limit))
		complain(r, LDAP_MESSAGES, text, "is no limit");
}

static void put_address(struct reading *r, struct str address)
{
	struct target t = { .kind = is_address(address) ? TARGET_ADDRESS : TARGET_ELSEWHERE };
	if (t.kind == TARGET_ADDRESS)
		t.address = address;
	target_put(r->targets, &t);
}

/* The entry's own mailbox, or what stands in its place. */
static bool put_own(struct reading *r)
{
	struct target t = { .kind = TARGET_MAILBOX, .address = r->mailbox };
	struct str routing;
	if (!read_hints(r, &t) || !single(r, LDAP_ROUTING, &routing))
		return false;
	if (routing.len && !is_own(r, routing)) {
		if (t.host.len == 0 || !is_address(routing)) {
			put_address(r, routing);
			return true;
		}
		t.address = routing;
	}
	if (r->catch_all && t.address.len == 0)
		return true; /* a mailbox that has no name of its own: nobody's in particular */
	read_limits(r, &t.limit);
	target_put(r->targets, &t);
	return true;
}

static bool keeps_copy(const struct reading *r)
{
	struct berval **forward = r->entry->values[LDAP_FORWARD];
	if (!forward || !forward[0] || r->names->attribute[LDAP_DELIVERY])
		return true;
	for (size_t i = 0; forward[i]; i++)
		if (is_own(r, value(forward[i])))
			return true;
	return false;
}

static bool has_mailbox(const struct reading *r)
{
	if (r->names->mailbox_class && !has_word(r, LDAP_CLASS, str_of(r->names->mailbox_class)))
		return false;
	return !has_word(r, LDAP_DELIVERY, STR("nolocal"));
}

static void put_forwards(struct reading *r)
{
	struct berval **forward = r->entry->values[LDAP_FORWARD];
	for (size_t i = 0; forward && forward[i] && !r->targets->full; i++)
		if (!is_own(r, value(forward[i])))
			put_address(r, value(forward[i]));
}

static bool put_targets(struct reading *r)
{
	bool forwards = !has_word(r, LDAP_DELIVERY, STR("noforward"));
	if (!read_mailbox(r))
		return false;
	if (has_mailbox(r) && (!forwards || keeps_copy(r)) && !put_own(r))
		return false;
	if (forwards)
		put_forwards(r);
	if (r->targets->len == 0)
		target_put(r->targets, &(struct target){ .kind = TARGET_ELSEWHERE });
	if (r->targets->full)
		buf_puts(r->note, ": it has more values than one answer can take");
	return !r->targets->full;
}

enum listing ldap_entry_read(const struct ldap_entry *entry, const struct ldap_names *names,
	const struct mailbox *asked, struct buf *targets, struct buf *note)
{
	struct reading r = { .entry = entry,
		.names = names,
		.asked = asked->address,
		.catch_all = asked->local.len == 0,
		.targets = targets,
		.note = note };
	struct str dn = str_of(entry->dn);
	if (dn.len > NOTE_DN)
		dn.len = NOTE_DN;
	buf_put_clean(note, dn);
	if (put_targets(&r))
		return LISTING_TARGETS;
	targets->len = 0;
	return LISTING_FAILED;
}
