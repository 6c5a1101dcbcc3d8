/*
 * Drives a front as a connection would, without a socket, and writes down what it did: the questions it asked, what it
 * sent, which transactions it ended. Used by the talk tests and the fuzz targets. A front that breaks the contract of
 * front/front.h (octets eaten that are not there, no progress) ends the program by abort().
 *
 * The transcript, a line for each event:
 *   connect HOST
 *   ? rcpt|end-of-message|path KEY=VALUE...     a question; what is empty or the usual is left out; "authenticated"
 *   < LINE                                      sent to the client
 *   ended N, abandoned N                        transaction N, numbered as they come up
 *   complaint: TEXT
 *   metrics                                     the front sends the daemon's metrics, and then closes
 *   close                                       the front closed the connection
 * Octets that are no printable ASCII or UTF-8 are written \xNN; a backslash at the end: no LF was sent.
 */
#ifndef TESTS_DRIVE_H
#define TESTS_DRIVE_H

#include "front/front.h"

#define DRIVE_TRANSACTIONS 64
#define DRIVE_WALL 1700000000000 /* the time of day in which every connection is made */

struct drive {
	const struct front *front;
	void *conf, *shared, *session; /* session null: not connected */
	bool moves; /* the input moves between any two calls */
	bool silent; /* no complaints in the transcript */
	void (*put_sent)(struct buf *transcript, struct str sent); /* lines, unless set to something else */
	void (*verdict)(void *context, const struct query *, struct answer *);
	void *context;
	struct buf transcript;
	struct hash seen[DRIVE_TRANSACTIONS];
	size_t n_seen;
	char *input; /* exactly what was not eaten yet lies at input + eaten, `unread` octets */
	size_t eaten, unread;
	char host[64];
	const struct seal_keys *keys; /* of the listener, null: none */
	uint64_t connections; /* so many there were */
};

/* Options have their defaults; `transcript` is the caller's. */
void drive_init(struct drive *, const struct front *, struct buf transcript);
void drive_done(struct drive *);

/* Sets an option by its name, "style" or "words.pass". Knows what fronts have: strings, choices, booleans, seconds, sections
   of them, and lists, which a value is added to. The value must outlive the drive. */
bool drive_option(struct drive *, struct str name, const char *value, struct err *);

void drive_connect(struct drive *, struct str host);
/* The next piece of the client's octets. Ignored once the front has closed. */
void drive_input(struct drive *, struct str piece);
/* The client sends no more and goes once it has its answer. */
void drive_hangup(struct drive *);

/* Writes s with \xNN for what is not printable, and for blanks when they would end a word. */
void drive_put_escaped(struct buf *out, struct str s, bool is_word);

/* Writes text with every \xNN turned into its octet. */
void drive_put_unescaped(struct buf *out, struct str text);

#endif
