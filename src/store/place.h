/*
 * Where the mailboxes of a file store lie: the template of a path, taken apart into the root, which is the
 * postmaster's word, and the part below it that is made from an address and so from what a stranger typed. The root is
 * the template up to the `/` before its first variable, or the home directory when the template begins with %h.
 * No name made from an address holds a `/` or a NUL or begins with a dot.
 */
#ifndef STORE_PLACE_H
#define STORE_PLACE_H

#include "base/opt.h"
#include "core/facts.h"
#include "core/mailbox.h"
#include "io/beneath.h"
#include "io/confine.h"

/* The longest name below the root, with its NUL. */
#define PLACE_NAME_MAX 2048

struct place {
	struct str below; /* the template behind the root */
	bool home; /* the root is a home directory, another one at each question */
	const char *const *roots; /* further places into which links may lead */
	size_t n_roots;
	struct beneath beneath; /* opened by place_find() */
	char name[PLACE_NAME_MAX]; /* the mailbox in question, relative to the root */
};

/* For an option's row: an absolute path or one that begins with %h, with %u %n %d, and without `.` and `..` in it. */
bool place_check(struct str template, struct err *);

/* For an option's row: an absolute path. */
bool place_check_root(struct str path, struct err *);

/* True when a checked template (null: none) tells the domain, by %d or %u. */
bool place_told_domain(const char *template);

/* The template and the roots must outlive the place. Opens nothing: what is missing now may be mounted later. */
bool place_init(struct place *, const char *template, struct opt_list roots, struct err *);
void place_done(struct place *);

/* What of the files such a place needs; the places of users' homes are everywhere. */
void place_reach(const char *template, struct opt_list roots, struct reach *);

/* Opens the root and makes the mailbox's name below it, in place->name. False when that could not be done: facts->state and
   note tell why, FACTS_NO_MAILBOX when no mailbox can have that name or the user has no home, else FACTS_FAILED. */
bool place_find(struct place *, const struct mailbox *, struct facts *, struct buf *note);

/* Ends a question that place_find() began, true or false: a home directory is closed. */
void place_leave(struct place *);

/* True when the root holds no file and no directory: the place where a disk is to be mounted, not a mail store. Never
   true of a home directory. */
bool place_is_bare(const struct place *);

/* Is there such a user on this machine? 1 yes, 0 no, -1 cannot tell. Writes the home directory to `home` if not null. */
int place_user(struct str name, struct buf *home);

#endif
