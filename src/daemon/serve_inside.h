/* The command serve in several files: serve.c is its start and end, serve_listeners.c and serve_reload.c what lies between. */
#ifndef DAEMON_SERVE_INSIDE_H
#define DAEMON_SERVE_INSIDE_H

#include "daemon/listener.h"
#include "io/inherited.h"
#include "io/supervisor.h"

struct serve {
	char *file;
	enum config_use use; /* as it was at the start */
	struct safe safe;
	struct config *of_nursery; /* in a nursery that was renewed: what it has read; its plan looks into it */
	struct engine engine;
	struct list listeners;
	struct inherited inherited;
	struct supervisor supervisor;
	unsigned next_number;
	int pid_fd;
	char *pid_file;
	uv_signal_t hup, term, intr;
	uv_timer_t second;
	bool stopping;
	bool failed; /* it ends because it must */
	msec stop_at; /* what is not answered then is dropped */
	msec news_until; /* while it ends: what is not told then is not told */
};

/* ---- serve_listeners.c ---- */

/* Asks for as many descriptors as the clients of all listeners may take, and complains when there are fewer. */
void serve_raise_descriptors(const struct config *);

/* Has the loop make room for them. False: no memory. */
bool serve_reserve_descriptors(struct serve *, const struct config *);

/* Binds those that are not there yet; `fresh` gets them. False: none was added. */
bool serve_bind(struct serve *, struct config *, struct list *fresh, struct err *);

/* Takes those of `fresh` among the daemon's and lets them hear clients. False: one cannot, with the reason. */
bool serve_open(struct serve *, struct list *fresh, struct err *);

/* Complains of a socket that was handed down and that nobody has taken. */
void serve_warn_unused(const struct serve *);

/* A reload: first what may fail for the listeners that stay, then the change of all to this configuration; or, when it is
   not to be, the end of those that came with it. */
bool serve_prepare_listeners(struct serve *, const struct config *, struct err *);
void serve_change_listeners(struct serve *, struct config *);
void serve_drop_listeners(struct serve *, const struct config *);

/* ---- serve_reload.c ---- */

/* Reads the configuration again and tells what came of it. */
void serve_reload(struct serve *);

#endif
