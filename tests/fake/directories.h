/*
 * Directories that say what a test wrote down, in the world of world.h:
 *
 *   directory 0 "lists"   aliases alone: does not know whom it does not name
 *   directory 1 "staff"   lists everybody: who is not named does not exist
 *   directory 2 "spare"   likewise, for domains of the test's own
 *   directory 3 "census"  counts the gate's probes in the end
 *
 *   a.example: 0, 1       d.example: 1       l.example: 0       all with store 0; b.example has none and stores 0, 1
 *
 * What a directory says of an address is written as targets between commas: `joe@a.example` another address, `|pipe`
 * elsewhere, `=` its mailbox or `=joe@a.example` that of another, with `limit=`, `store=`, `host=`, `home=` behind it; or,
 * instead of targets, `?not-ours`, `?nobody`, `?unlisted`, `?failed`, `?garbage`.
 */
#ifndef TESTS_FAKE_DIRECTORIES_H
#define TESTS_FAKE_DIRECTORIES_H

#include "world.h"

#include <stdlib.h>

#define DIRECTORIES 4
#define CENSUS 3
#define PROBES 40
#define LISTED_MOST 32

struct scripted_directory {
	bool at_once, fails;
	const char *otherwise; /* of whom it does not name */
	struct {
		const char *name, *says;
	} listed[LISTED_MOST];
	unsigned started, cancelled; /* so many look-ups */
	unsigned lost, won; /* calls of trust() */
};

static struct {
	struct scripted_directory all[DIRECTORIES];
	struct route_directory routes[DIRECTORIES];
	struct route_domain domains[6];
	struct lookup *held[SCRIPTED_HELD];
	size_t n;
	char log[4096]; /* "0:joe+x@a.example 1:joe+x@a.example", in the order asked */
	unsigned steps_of_sender;
	char judged[1024]; /* "free@b.example full@b.example! ", in the order told; !: it is full */
} d;

/* What a directory says of an address from now on. The texts must stand still. */
static inline void say(unsigned directory, const char *name, const char *says)
{
	struct scripted_directory *dir = &d.all[directory];
	size_t i = 0;
	while (dir->listed[i].name && strcmp(dir->listed[i].name, name) != 0)
		i++;
	assert_true(i < LISTED_MOST - 1);
	dir->listed[i].name = name;
	dir->listed[i].says = says;
}

static inline void word_of_target(struct target *t, struct str word)
{
	struct str value = word, name = str_cut(&value, '=');
	if (str_eq(name, STR("limit"))) {
		t->limit.named = true;
		assert_true(str_u64(value, &t->limit.octets));
	} else if (str_eq(name, STR("store"))) {
		t->store = value;
	} else if (str_eq(name, STR("host"))) {
		t->host = value;
	} else {
		assert_true(str_eq(name, STR("home")));
		t->home = value;
	}
}

static inline void put_targets(struct buf *record, struct str says)
{
	while (says.at) {
		struct str words = str_trim(str_cut(&says, ',')), address = str_cut(&words, ' ');
		struct target t = { .kind = TARGET_ADDRESS, .address = address };
		if (address.len && (address.at[0] == '|' || address.at[0] == '=')) {
			t.kind = address.at[0] == '|' ? TARGET_ELSEWHERE : TARGET_MAILBOX;
			t.address = str_from(address, 1);
		}
		while (words.at)
			word_of_target(&t, str_cut(&words, ' '));
		target_put(record, &t);
	}
	assert_false(record->full);
}

static inline enum listing listing_of(const char *says)
{
	static const struct {
		const char *says;
		enum listing listing;
	} all[] = {
		{ "?failed", LISTING_FAILED },
		{ "?not-ours", LISTING_NOT_OURS },
		{ "?nobody", LISTING_NO_ADDRESS },
		{ "?unlisted", LISTING_UNLISTED },
	};
	for (size_t i = 0; i < COUNT(all); i++)
		if (strcmp(all[i].says, says) == 0)
			return all[i].listing;
	return LISTING_TARGETS;
}

/* The record stands just until the gate has read it. */
static inline void directory_answer(struct lookup *l, msec now)
{
	struct scripted_directory *dir = &d.all[l->store];
	const char *says = dir->fails ? "?failed" : dir->otherwise;
	size_t at = 0;
	for (size_t i = 0; dir->listed[i].name && !dir->fails; i++)
		if (str_eq(l->mailbox.address, str_of(dir->listed[i].name)))
			says = dir->listed[i].says;
	while (at < d.n && d.held[at] != l)
		at++;
	assert_true(at < d.n);
	memmove(&d.held[at], &d.held[at + 1], (d.n - at - 1) * sizeof(d.held[0]));
	d.n--;
	char *octets = malloc(TARGETS_MAX);
	assert_non_null(octets);
	struct buf record = { .at = octets, .cap = TARGETS_MAX };
	l->listing = listing_of(says);
	if (says[0] == '?')
		buf_puts(&record, strcmp(says, "?garbage") == 0 ? "no record" : "");
	else
		put_targets(&record, str_of(says));
	l->targets = buf_str(&record);
	lookup_note(l, l->listing == LISTING_FAILED ? STR("out of order") : STR("as written"));
	lookup_done(l, now);
	free(octets);
}

static inline void reach_start(void *context, struct lookup *l, msec now)
{
	if (!l->of_directory) {
		scripted_start(context, l, now);
		return;
	}
	struct scripted_directory *dir = &d.all[l->store];
	struct buf line = { .at = d.log, .len = strlen(d.log), .cap = sizeof(d.log) };
	buf_printf(
		&line, "%s%u:%.*s", line.len ? " " : "", l->store, (int)l->mailbox.address.len, l->mailbox.address.at);
	buf_z(&line);
	assert_true(d.n < SCRIPTED_HELD);
	d.held[d.n++] = l;
	dir->started++;
	if (dir->at_once)
		directory_answer(l, now);
}

static inline void reach_cancel(void *context, struct lookup *l)
{
	size_t at = 0;
	if (!l->of_directory) {
		scripted_cancel(context, l);
		return;
	}
	while (at < d.n && d.held[at] != l)
		at++;
	assert_true(at < d.n);
	memmove(&d.held[at], &d.held[at + 1], (d.n - at - 1) * sizeof(d.held[0]));
	d.n--;
	d.all[l->store].cancelled++;
}

static inline void reach_trust(void *context, bool of_directory, unsigned directory, bool good)
{
	(void)context;
	assert_true(of_directory);
	d.all[directory].won += good;
	d.all[directory].lost += !good;
}

static inline void reach_judged(void *context, const struct judged *j, msec now)
{
	size_t len = strlen(d.judged);
	(void)context, (void)now;
	assert_int_equal(j->answer->facts.state, FACTS_FOUND);
	snprintf(d.judged + len, sizeof(d.judged) - len, "%.*s%s ", (int)j->address->whole.len, j->address->whole.at,
		j->full ? "!" : "");
}

static inline void make_gate_of(struct gate_size size)
{
	const struct gate_stores reach = { .context = &w.script,
		.start = reach_start,
		.cancel = reach_cancel,
		.trust = reach_trust,
		.tell = scripted_tell,
		.judged = reach_judged };
	gate_free(w.gate);
	w.gate = gate_new(&size, &w.conf, &reach, (struct hash_key){ 5, 6 });
	assert_non_null(w.gate);
	d.log[0] = d.judged[0] = '\0';
}

/* A gate that knows nothing yet. */
static inline void make_new(void)
{
	for (size_t i = 0; i < CLIENTS; i++)
		gate_forget(w.gate, &w.clients[i].ask);
	make_gate_of((struct gate_size){ .mailboxes = 1000,
		.lookups = 300,
		.transactions = 64,
		.charges = 256,
		.probes = PROBES,
		.answers = 100,
		.answer_octets = 1 << 20 });
}

static inline int set_up_directories(void **state)
{
	static const unsigned first[] = { 0 }, both[] = { 0, 1 }, staff[] = { 1 }, lists[] = { 0 },
			      census[] = { CENSUS };
	set_up(state);
	memset(&d, 0, sizeof(d));
	for (unsigned i = 0; i < DIRECTORIES; i++)
		d.routes[i] = (struct route_directory){ .salt = 100 + i, .ttl = SECONDS(60), .ttl_none = SECONDS(10) };
	d.routes[0].name = STR("lists"), d.routes[1].name = STR("staff");
	d.routes[2].name = STR("spare"), d.routes[3].name = STR("census");
	d.all[0].otherwise = "?unlisted", d.all[1].otherwise = d.all[2].otherwise = "?nobody";
	d.all[CENSUS].otherwise = "|";
	d.all[CENSUS].at_once = true;
	d.domains[0] = (struct route_domain){ STR("a.example"), first, 1, .directories = both, .n_directories = 2 };
	d.domains[1] = (struct route_domain){ STR("b.example"), both, 2 };
	d.domains[2] =
		(struct route_domain){ STR("census.example"), first, 1, .directories = census, .n_directories = 1 };
	d.domains[3] = (struct route_domain){ STR("d.example"), first, 1, .directories = staff, .n_directories = 1 };
	d.domains[4] = (struct route_domain){ STR("l.example"), first, 1, .directories = lists, .n_directories = 1 };
	w.route.domains = d.domains;
	w.route.n_domains = 5;
	w.route.directories = d.routes;
	w.route.n_directories = DIRECTORIES;
	w.conf.rules.forged = reply("550 5.7.1 Your From address %u does not exist");
	make_new();
	return 0;
}

/* Every probe that was lent has come back: an alias of as many members still has a place for each. */
static inline void census(void)
{
	char text[2 * PROBES];
	struct buf all = BUF(text);
	for (unsigned i = 0; i < PROBES; i++)
		buf_puts(&all, i ? ",|" : "|");
	say(CENSUS, "all@census.example", buf_z(&all));
	uint64_t cut = gate_stats(w.gate).cut;
	w.route.checks_senders = false;
	ask(CLIENTS - 2, "all@census.example", 1, 0);
	want(&w.clients[CLIENTS - 2], REASON_ELSEWHERE);
	assert_int_equal(gate_stats(w.gate).cut, cut);
}

static inline int tear_down_directories(void **state)
{
	for (size_t i = 0; i < CLIENTS; i++)
		gate_forget(w.gate, &w.clients[i].ask);
	gate_configure(w.gate, &w.conf, w.now);
	assert_int_equal(d.n, 0);
	census();
	return tear_down(state);
}

static inline void at_once(bool directories, bool stores)
{
	for (unsigned i = 0; i < CENSUS; i++)
		d.all[i].at_once = directories;
	for (unsigned i = 0; i < SCRIPTED_STORES; i++)
		w.script.stores[i].at_once = stores;
}

/* All look-ups of directories that are held now. */
static inline void answer_directories(void)
{
	struct lookup *held[SCRIPTED_HELD];
	size_t n = d.n;
	memcpy(held, d.held, n * sizeof(held[0]));
	for (size_t i = 0; i < n; i++)
		directory_answer(held[i], w.now);
}

/* All that are held, and all that follow from them. */
static inline void answer_everything(void)
{
	while (d.n + w.script.n) {
		answer_directories();
		answer_all();
	}
}

static inline struct client *ask_all(unsigned n, const char *address, uint64_t size, unsigned tx)
{
	struct client *c = ask(n, address, size, tx);
	answer_everything();
	return c;
}

#define want_asked(text) want_asked_at(text, __FILE__, __LINE__)

/* The directories were asked just so since the last time. */
static inline void want_asked_at(const char *text, const char *file, int line)
{
	if (strcmp(d.log, text) != 0) {
		print_error("asked \"%s\"; want \"%s\"\n", d.log, text);
		_fail(file, line);
	}
	d.log[0] = '\0';
}

#endif
