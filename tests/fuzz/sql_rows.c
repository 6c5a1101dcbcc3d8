/*
 * Rows of a database, for the directory and for the store. Octet 0 chooses the tables; line 1 is the address; then each query
 * takes the rows of its answer: how many, how many columns, and their values, each up to LF, or NULL. What comes out is a
 * record that the gate can read, or figures that can be.
 */
#include "core/address.h"
#include "directory/directory.h"
#include "fuzz.h"
#include "io/sql.h"
#include "options.h"
#include "store/store.h"

#define COLUMNS 6

extern const struct directory_type sql_directory;
extern const struct store_kind sql_type;

static struct octets in;

struct sql {
	char nothing;
};

struct sql *__wrap_sql_open(const struct sql_place *, const char *password_file, msec timeout);
void __wrap_sql_close(struct sql *);
bool __wrap_sql_ask(struct sql *, const struct sql_query *, const struct str *values, sql_row *, void *, struct err *);

struct sql *__wrap_sql_open(const struct sql_place *place, const char *password_file, msec timeout)
{
	static struct sql sql;
	(void)place, (void)password_file, (void)timeout;
	return &sql;
}

void __wrap_sql_close(struct sql *sql)
{
	(void)sql;
}

bool __wrap_sql_ask(
	struct sql *sql, const struct sql_query *q, const struct str *values, sql_row *row, void *arg, struct err *err)
{
	static const char *const names[] = { "quota", "messages", "home", "host", "store", "goto", "QUOTA", "x" };
	(void)sql;
	for (unsigned i = 0; i < q->n; i++)
		fuzz_require(values[q->value[i]].len <= ADDRESS_MAX + 2, "values are addresses, or parts of them");
	unsigned shape = fuzz_choose(&in, 256), rows = shape & 3, columns = shape >> 2 & 7;
	if (shape >> 5 == 7)
		return err_set(err, "the server says no");
	for (; rows; rows--) {
		struct sql_cell cells[COLUMNS] = { { .name = "" } };
		for (unsigned i = 0; i < columns && i < COLUMNS; i++) {
			unsigned name = fuzz_choose(&in, 32);
			cells[i].name = names[name % 8];
			if (name < 24)
				cells[i].value = fuzz_text(&in, '\n');
		}
		row(arg, cells, columns < COLUMNS ? columns : COLUMNS);
	}
	return true;
}

static void check_targets(struct str record)
{
	struct target t;
	while (target_get(&t, &record)) {
		fuzz_require(t.limit.octets <= INT64_MAX, "a limit is below 2^63");
		fuzz_require(str_find(t.home, '\0') == t.home.len && str_find(t.host, '\0') == t.host.len &&
				     str_find(t.store, '\0') == t.store.len,
			"no NUL in what is to be a name");
	}
	fuzz_require(record.len == 0, "a record is good to its end");
}

static void try_directory(const struct mailbox *m, unsigned preset)
{
	static const char *const texts[] = {
		"uri = \"sqlite:/x\" preset = postfixadmin",
		"uri = \"sqlite:/x\" preset = iredmail",
		"uri = \"sqlite:/x\" preset = mailcow",
		"uri = \"sqlite:/x\" mailbox_query = \"SELECT q FROM t WHERE a = :address\"",
	};
	static const void *confs[4];
	static char record[TARGETS_MAX];
	char text[LOOKUP_NOTE];
	struct buf targets = BUF(record), note = BUF(text);
	if (!confs[preset])
		confs[preset] = fuzz_options(sql_directory.opts, sql_directory.conf_size, texts[preset]);
	void *state = sql_directory.open(confs[preset], NULL);
	fuzz_require(state != NULL, "it can be opened");
	enum listing listing = sql_directory.ask(state, m, &targets, &note);
	fuzz_require(listing <= LISTING_TARGETS, "a word that there is");
	fuzz_require(listing != LISTING_TARGETS || (targets.len && !targets.full), "targets come with their word");
	check_targets(buf_str(&targets));
	sql_directory.close(state);
}

static void try_store(const struct mailbox *m, unsigned preset)
{
	static const char *const texts[] = {
		"uri = \"sqlite:/x\" preset = postfixadmin",
		"uri = \"sqlite:/x\" preset = dovecot missing = empty",
		"uri = \"sqlite:/x\" preset = iredmail limit_unit = m",
		"uri = \"sqlite:/x\" query = \"SELECT o, m, l, n FROM t WHERE u = :u\" limit_unit = k",
	};
	static const void *confs[4];
	char text[LOOKUP_NOTE];
	struct buf note = BUF(text);
	struct facts f;
	if (!confs[preset])
		confs[preset] = fuzz_options(sql_type.opts, sql_type.conf_size, texts[preset]);
	void *state = sql_type.open(confs[preset], NULL);
	fuzz_require(state != NULL, "it can be opened");
	sql_type.ask(state, m, true, &f, &note);
	fuzz_require(f.usage <= INT64_MAX && f.limit <= INT64_MAX, "figures are below 2^63");
	fuzz_require(f.state == FACTS_FOUND || (!f.usage && !f.limit && !f.messages && !f.message_limit),
		"figures come with a mailbox only");
	sql_type.close(state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct address a;
	in = OCTETS(data, size);
	unsigned choice = fuzz_choose(&in, 256);
	if (address_parse(&a, fuzz_text(&in, '\n'), FOLD_ALL) != ADDRESS_OK)
		return 0;
	struct mailbox m = { .address = a.whole, .local = a.local, .domain = a.domain };
	if (choice & 8 && a.domain.len) { /* a catch-all is looked for */
		m.address = str_from(a.whole, a.local.len);
		m.local.len = 0;
	}
	if (choice & 1)
		try_directory(&m, choice >> 1 & 3);
	else
		try_store(&m, choice >> 1 & 3);
	return 0;
}
