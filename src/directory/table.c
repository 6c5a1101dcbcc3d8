#include "directory/table.h"

#include "base/hash.h"
#include "directory/alias_text.h"
#include "directory/mailbox_text.h"

#include <stdlib.h>
#include <sys/random.h>

#define ENTRIES_MAX ((size_t)4 << 20)
#define TEXTS_MAX 64

struct table {
	struct hash_key secret; /* who asks must not know which keys collide */
	struct table_entry *entries;
	size_t n, cap;
	uint32_t *slots; /* number of an entry + 1, 0: free; open addressing, at most half full */
	size_t n_slots; /* a power of two */
	char *texts[TEXTS_MAX];
	size_t n_texts;
	bool has_bare;
};

struct table *table_new(void)
{
	struct table *t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	/* early in boot there may be no entropy yet; the keys in the table are the postmaster's own all the same */
	if (getrandom(&t->secret, sizeof(t->secret), GRND_NONBLOCK) != (ssize_t)sizeof(t->secret))
		t->secret.k0 = (uintptr_t)t;
	return t;
}

void table_free(struct table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n_texts; i++)
		free(t->texts[i]);
	free(t->entries);
	free(t->slots);
	free(t);
}

/* ---- the hash table ---- */

/* The slot of the key, or the free one where it belongs. */
static uint32_t *slot_of(const struct table *t, enum table_kind kind, struct str key)
{
	struct hash h = hash_of(&t->secret, key.at, key.len);
	for (size_t i = (size_t)h.a + kind;; i++) {
		uint32_t *slot = &t->slots[i & (t->n_slots - 1)];
		if (!*slot)
			return slot;
		const struct table_entry *e = &t->entries[*slot - 1];
		if (e->kind == kind && str_eq(e->key, key))
			return slot;
	}
}

static bool grow(struct table *t)
{
	size_t cap = t->cap ? 2 * t->cap : 1024;
	struct table_entry *entries = realloc(t->entries, cap * sizeof(*entries));
	uint32_t *slots = entries ? calloc(2 * cap, sizeof(*slots)) : NULL;
	if (entries)
		t->entries = entries;
	if (!slots)
		return false;
	free(t->slots);
	t->slots = slots;
	t->n_slots = 2 * cap;
	t->cap = cap;
	for (size_t i = 0; i < t->n; i++)
		*slot_of(t, t->entries[i].kind, t->entries[i].key) = (uint32_t)(i + 1);
	return true;
}

/* Of mailboxes that are told twice, each of limit and home is the first. */
static void merge(struct table_entry *old, const struct table_entry *e)
{
	if (e->kind != TABLE_MAILBOX)
		return;
	if (!old->limit.named)
		old->limit = e->limit;
	if (!old->value.len)
		old->value = e->value;
}

/* Null, or why it cannot be added. */
static const char *add(struct table *t, const struct table_entry *e)
{
	if (t->n == t->cap && (t->n >= ENTRIES_MAX || !grow(t)))
		return t->n >= ENTRIES_MAX ? "is one entry too many" : "no memory for it";
	uint32_t *slot = slot_of(t, e->kind, e->key);
	if (*slot) {
		merge(&t->entries[*slot - 1], e);
		return NULL;
	}
	t->entries[t->n++] = *e;
	*slot = (uint32_t)t->n;
	return NULL;
}

/* ---- lines ---- */

/* The key as questions are asked, written over the key as written, which is never shorter. */
static const char *fold_key(struct str *key)
{
	struct address text;
	struct str folded;
	const char *why = alias_key(*key, &text, &folded);
	if (why)
		return why;
	memcpy((char *)(uintptr_t)key->at, folded.at, folded.len);
	key->len = folded.len;
	return NULL;
}

/* Adds the entry, whose key and kind are set, and its domain, if it has one. */
static const char *add_both(struct table *t, const struct table_entry *e, enum table_kind domain_kind)
{
	size_t at = str_rfind(e->key, '@');
	struct table_entry domain = { .kind = domain_kind, .path = e->path, .line = e->line };
	const char *why = add(t, e);
	if (why || at == e->key.len)
		return why;
	domain.key = str_from(e->key, at + 1);
	return add(t, &domain);
}

static const char *add_alias(struct table *t, struct table_entry *e, struct str line, enum alias_form form)
{
	const char *why = alias_split(line, form, &e->key, &e->value);
	if (!why)
		why = fold_key(&e->key);
	if (why)
		return why;
	bool bare = str_find(e->key, '@') == e->key.len;
	e->kind = form == ALIAS_SYSTEM && bare ? TABLE_SYSTEM_ALIAS : TABLE_ALIAS;
	return add_both(t, e, TABLE_ALIAS_DOMAIN);
}

static const char *add_mailbox(struct table *t, struct table_entry *e, struct str line, bool passwd)
{
	struct mailbox_text m;
	const char *why = passwd ? mailbox_passwd(line, &m) : mailbox_line(line, &m);
	if (why || m.key.len == 0)
		return why;
	why = fold_key(&m.key);
	if (why)
		return why;
	e->kind = TABLE_MAILBOX;
	e->key = m.key;
	e->value = m.home;
	e->limit = m.limit;
	t->has_bare = t->has_bare || str_find(m.key, '@') == m.key.len;
	return add_both(t, e, TABLE_DOMAIN);
}

static const char *add_line(struct table *t, struct table_entry *e, struct str line, enum table_form form)
{
	switch (form) {
	case FORM_VIRTUAL: return add_alias(t, e, line, ALIAS_VIRTUAL);
	case FORM_ALIASES: return add_alias(t, e, line, ALIAS_SYSTEM);
	case FORM_MAILBOXES: return add_mailbox(t, e, line, false);
	case FORM_PASSWD: return add_mailbox(t, e, line, true);
	}
	return NULL;
}

bool table_add(struct table *t, enum table_form form, const char *path, struct text text, struct err *err)
{
	struct lines lines;
	struct str line;
	const char *why;
	if (t->n_texts == TEXTS_MAX) {
		free(text.at);
		return err_set(err, "%s: is one file too many; %d are the most", path, TEXTS_MAX);
	}
	t->texts[t->n_texts++] = text.at;
	lines_init(&lines, text, form == FORM_PASSWD);
	while (lines_next(&lines, &line, &why)) {
		struct table_entry e = { .path = path, .line = lines.line };
		why = add_line(t, &e, line, form);
		if (why)
			break;
	}
	return !why || err_set(err, "%s:%u: %s", path, lines.line, why);
}

/* ---- questions ---- */

const struct table_entry *table_find(const struct table *t, enum table_kind kind, struct str key)
{
	uint32_t i = t->n ? *slot_of(t, kind, key) : 0;
	return i ? &t->entries[i - 1] : NULL;
}

bool table_has_bare(const struct table *t)
{
	return t->has_bare;
}

size_t table_count(const struct table *t)
{
	return t->n;
}
