/*
 * Mailboxes that are mbox files, or trees of them: `path` says where, `inbox` where the INBOX is when it lies outside of
 * the tree. A file that is not there is the empty mailbox of a valid user, if passwd or the directory knows the user.
 * Only reads, and takes no lock: the size is that of one moment.
 */
#include "store/place.h"
#include "store/store.h"
#include "store/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct mbox_conf {
	const char *path, *inbox; /* templates; inbox null: none outside of path */
	struct opt_list roots;
};

#define ROW(member) offsetof(struct mbox_conf, member)

static const struct opt rows[] = {
	{ .name = "path",
		.type = OPT_STRING,
		.offset = ROW(path),
		.required = true,
		.check = place_check,
		.help = "The mbox file, or the directory with a tree of them: a path with %u (address), %n (local "
			"part), %d "
			"(domain), or one that begins with %h (home directory). The part before the first variable is "
			"the root of the "
			"store." },
	{ .name = "inbox",
		.type = OPT_STRING,
		.offset = ROW(inbox),
		.check = place_check,
		.help = "The mbox file of the INBOX, when it lies outside of path. It is counted once if it lies in "
			"there." },
	{ .name = "roots",
		.type = OPT_LIST,
		.offset = ROW(roots),
		.check = place_check_root,
		.help = "Further directories into which links below the root may lead." },
	OPT_END,
};

struct mbox {
	struct place path, inbox;
	bool has_inbox, told_domain;
};

static bool mbox_told_domain(const void *conf)
{
	const struct mbox_conf *c = conf;
	return place_told_domain(c->path) || place_told_domain(c->inbox);
}

/* Whether a file that is not there is an empty mailbox, the users of this machine tell. */
static void mbox_reach(const void *conf, struct reach *reach)
{
	const struct mbox_conf *c = conf;
	place_reach(c->path, c->roots, reach);
	if (c->inbox)
		place_reach(c->inbox, c->roots, reach);
	reach->users = reach->users || !mbox_told_domain(conf);
}

static void mbox_close(void *state)
{
	struct mbox *m = state;
	place_done(&m->path);
	if (m->has_inbox)
		place_done(&m->inbox);
	free(m);
}

static void *mbox_open(const void *conf, struct err *err)
{
	const struct mbox_conf *c = conf;
	struct mbox *m = calloc(1, sizeof(*m));
	if (!m) {
		err_set(err, "out of memory");
		return NULL;
	}
	m->path.beneath.fd = m->inbox.beneath.fd = -1;
	m->has_inbox = c->inbox != NULL;
	m->told_domain = mbox_told_domain(conf);
	if (!place_init(&m->path, c->path, c->roots, err) ||
		(m->has_inbox && !place_init(&m->inbox, c->inbox, c->roots, err))) {
		mbox_close(m);
		return NULL;
	}
	return m;
}

/* Adds what a place holds. False with facts and note filled. */
static bool add_place(struct place *p, struct tree_sum *sum, struct facts *facts, struct buf *note)
{
	char text[PLACE_NAME_MAX * 2];
	struct buf failed = BUF(text);
	if (tree_add(&p->beneath, p->name, sum, &failed))
		return true;
	facts->state = FACTS_FAILED;
	beneath_why(&p->beneath, buf_z(&failed), errno, note);
	return false;
}

/* Nothing is there. Is it an empty mailbox, or none? A store that is told the domain has no users of this machine. */
static void ask_missing(const struct mbox *m, const struct mailbox *mailbox, struct facts *facts, struct buf *note)
{
	int known = mailbox->home.len && m->path.home ? 1 : m->told_domain ? 0 : place_user(mailbox->local, NULL);
	switch (known) {
	case 1:
		facts->state = FACTS_FOUND;
		buf_puts(note, ", but the user exists: an empty mailbox");
		break;
	case 0:
		if (place_is_bare(&m->path))
			buf_puts(note, ", and the root is empty: is its disk not mounted?");
		else
			facts->state = FACTS_NO_MAILBOX;
		break;
	default: buf_puts(note, ", and whether there is such a user cannot be told");
	}
}

/* The stat of the INBOX, to recognize it in the tree. False: it is not there, or cannot be told; adding it will tell. */
static bool stat_inbox(struct place *p, struct stat *st)
{
	int fd = beneath_open(&p->beneath, p->name, O_PATH);
	bool good = fd >= 0 && fstat(fd, st) == 0 && S_ISREG(st->st_mode);
	if (fd >= 0)
		close(fd);
	return good;
}

static void ask_found(struct mbox *m, const struct mailbox *mailbox, struct facts *facts, struct buf *note)
{
	struct stat st;
	struct tree_sum sum = { 0 };
	if (m->has_inbox && stat_inbox(&m->inbox, &st))
		sum.other = &st;
	if (!add_place(&m->path, &sum, facts, note))
		return;
	if (m->has_inbox && !add_place(&m->inbox, &sum, facts, note))
		return;
	beneath_put(&m->path.beneath, m->path.name, note);
	if (sum.found) {
		facts->state = FACTS_FOUND;
	} else {
		buf_puts(note, ": No such file or directory");
		ask_missing(m, mailbox, facts, note);
	}
	facts->source = SOURCE_STAT;
	facts->firm = true;
	facts->usage = sum.octets;
}

static void mbox_ask(void *state, const struct mailbox *mailbox, bool firm, struct facts *facts, struct buf *note)
{
	struct mbox *m = state;
	(void)firm; /* what stat() says is always firm */
	*facts = (struct facts){ .state = FACTS_FAILED };
	if (place_find(&m->path, mailbox, facts, note)) {
		if (!m->has_inbox) {
			ask_found(m, mailbox, facts, note);
		} else {
			if (place_find(&m->inbox, mailbox, facts, note))
				ask_found(m, mailbox, facts, note);
			place_leave(&m->inbox);
		}
	}
	place_leave(&m->path);
}

const struct store_kind mbox_type = {
	.name = "mbox",
	.opts = rows,
	.conf_size = sizeof(struct mbox_conf),
	.rule = RULE_FITS,
	.told_domain = mbox_told_domain,
	.reach = mbox_reach,
	.open = mbox_open,
	.ask = mbox_ask,
	.close = mbox_close,
};
