/*
 * A tree of Maildirs, one for each mailbox: `path` says where. See store/maildirpp.h for what is believed of a
 * maildirsize, store/place.h for what names are made of, and io/beneath.h for where links may lead. Only reads.
 */
#include "store/maildirpp.h"
#include "store/place.h"
#include "store/store.h"
#include "store/survey.h"

#include <stdlib.h>

enum maildir_layout { LAYOUT_MAILDIRPP, LAYOUT_FS };
enum maildir_trash { TRASH_RULE, TRASH_COUNT, TRASH_SKIP };

static const char *const layouts[] = { "maildir++", "fs", NULL };
static const char *const trashes[] = { "rule", "count", "skip", NULL };

struct maildir_conf {
	const char *path, *control; /* templates; control null: maildirsize is in the Maildir */
	int layout, trash;
	struct opt_list roots;
	bool dovecot; /* delivers, as the rule says */
};

#define ROW(member) offsetof(struct maildir_conf, member)

static const struct opt rows[] = {
	{ .name = "path",
		.type = OPT_STRING,
		.offset = ROW(path),
		.required = true,
		.check = place_check,
		.help = "Where a mailbox's Maildir is: a path with %u (address), %n (local part), %d (domain), or one "
			"that "
			"begins with %h (home directory). The part before the first variable is the root of the "
			"store." },
	{ .name = "control",
		.type = OPT_STRING,
		.offset = ROW(control),
		.check = place_check,
		.help = "The directory that holds maildirsize, if that is not the Maildir itself (Dovecot's "
			"CONTROL=)." },
	{ .name = "layout",
		.type = OPT_CHOICE,
		.offset = ROW(layout),
		.def = "maildir++",
		.choices = layouts,
		.help = "How folders lie in a Maildir: maildir++ (.Folder.Subfolder) or fs (Dovecot's LAYOUT=fs, plain "
			"subdirectories)." },
	{ .name = "trash",
		.type = OPT_CHOICE,
		.offset = ROW(trash),
		.def = "rule",
		.choices = trashes,
		.help = "Whether a recount counts the folder Trash and messages flagged as trashed: count, skip, or as "
			"the rule "
			"does (courier skips them, the others count them)." },
	{ .name = "roots",
		.type = OPT_LIST,
		.offset = ROW(roots),
		.check = place_check_root,
		.help = "Further directories into which links below the root may lead." },
	OPT_END,
};

struct maildir {
	struct place path, control;
	bool has_control;
	struct maildirpp maildirpp;
};

static void maildir_prepare(void *conf, enum store_rule rule)
{
	struct maildir_conf *c = conf;
	if (c->trash == TRASH_RULE)
		c->trash = rule == RULE_COURIER ? TRASH_SKIP : TRASH_COUNT;
	c->dovecot = rule == RULE_DOVECOT_2_3 || rule == RULE_DOVECOT_2_4;
}

static bool maildir_told_domain(const void *conf)
{
	const struct maildir_conf *c = conf;
	return place_told_domain(c->path) || place_told_domain(c->control);
}

static bool maildir_survey(const void *conf, struct buf *warning)
{
	const struct maildir_conf *c = conf;
	struct survey s;
	survey_maildirs(&s, str_of(c->control ? c->control : c->path));
	if (s.foreign)
		buf_printf(warning,
			"%u of %u maildirsize files looked at were not written by Courier's hand, such as that of %s, "
			"but "
			"rule = courier is the default: name the rule of the program that delivers, for instance "
			"dovecot-2.3",
			s.foreign, s.seen, s.example);
	return s.foreign > 0;
}

static void maildir_reach(const void *conf, struct reach *reach)
{
	const struct maildir_conf *c = conf;
	place_reach(c->path, c->roots, reach);
	if (c->control)
		place_reach(c->control, c->roots, reach);
}

static void maildir_close(void *state)
{
	struct maildir *m = state;
	recount_memory_free(m->maildirpp.memory);
	place_done(&m->path);
	if (m->has_control)
		place_done(&m->control);
	free(m);
}

static void *maildir_open(const void *conf, struct err *err)
{
	const struct maildir_conf *c = conf;
	struct maildir *m = calloc(1, sizeof(*m));
	if (!m || !(m->maildirpp.memory = recount_memory_new())) {
		free(m);
		err_set(err, "out of memory");
		return NULL;
	}
	m->maildirpp.rules =
		(struct recount_rules){ .fs = c->layout == LAYOUT_FS, .skip_trash = c->trash != TRASH_COUNT };
	m->maildirpp.dovecot = c->dovecot;
	m->path.beneath.fd = m->control.beneath.fd = -1;
	m->has_control = c->control != NULL;
	if (!place_init(&m->path, c->path, c->roots, err) ||
		(m->has_control && !place_init(&m->control, c->control, c->roots, err))) {
		maildir_close(m);
		return NULL;
	}
	return m;
}

/* Both places are found. */
static void ask_found(struct maildir *m, bool firm, struct facts *facts, struct buf *note)
{
	const struct maildirpp_control control = { &m->control.beneath, m->control.name };
	maildirpp_ask(
		&m->maildirpp, &m->path.beneath, m->path.name, m->has_control ? &control : NULL, firm, facts, note);
	if (facts->state == FACTS_NO_MAILBOX && place_is_bare(&m->path)) {
		facts->state = FACTS_FAILED;
		note->len = 0;
		beneath_put(&m->path.beneath, "", note);
		buf_puts(note, " is empty: is its disk not mounted?");
	}
}

static void maildir_ask(void *state, const struct mailbox *mailbox, bool firm, struct facts *facts, struct buf *note)
{
	struct maildir *m = state;
	*facts = (struct facts){ .state = FACTS_FAILED };
	if (place_find(&m->path, mailbox, facts, note)) {
		if (!m->has_control) {
			ask_found(m, firm, facts, note);
		} else {
			if (place_find(&m->control, mailbox, facts, note))
				ask_found(m, firm, facts, note);
			place_leave(&m->control);
		}
	}
	place_leave(&m->path);
}

const struct store_kind maildir_type = {
	.name = "maildir",
	.opts = rows,
	.conf_size = sizeof(struct maildir_conf),
	.rule = RULE_COURIER,
	.prepare = maildir_prepare,
	.survey = maildir_survey,
	.told_domain = maildir_told_domain,
	.reach = maildir_reach,
	.open = maildir_open,
	.ask = maildir_ask,
	.close = maildir_close,
};
