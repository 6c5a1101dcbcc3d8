/*
 * The command serve: the daemon from its start to its end. In this order: the configuration, the log, the nursery,
 * helpers, sockets, then rights are given up, and only then the first client is heard.
 */
#include "daemon/commands.h"
#include "daemon/listener.h"
#include "daemon/pidfile.h"
#include "io/confine.h"
#include "io/inherited.h"
#include "io/loop.h"
#include "io/rights.h"
#include "io/supervisor.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define GROUPS_MAX 256

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
};

/* ---- descriptors ---- */

/* For what is open besides clients: sockets that listen, helpers, the log. */
#define DESCRIPTORS_OF_OURS 512

static rlim_t wanted_descriptors(const struct config *c)
{
	rlim_t wanted = DESCRIPTORS_OF_OURS;
	for (size_t i = 0; i < c->n_listeners; i++)
		if (c->listeners[i].endpoint.family != ENDPOINT_UDP)
			wanted += c->listeners[i].options->max_clients;
	return wanted;
}

/* Each client takes one. A process has 1024 unless it asks for more, and past that libuv closes clients silently. */
static void raise_descriptors(const struct config *c)
{
	const rlim_t wanted = wanted_descriptors(c);
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted)
		log_line(LOG_LEVEL_WARNING,
			"event=few-descriptors limit=%llu wanted=%llu note=\"not all listeners can "
			"have max_clients at once: raise the limit of open files (ulimit -n), or lower these\"",
			(unsigned long long)limit.rlim_cur, (unsigned long long)wanted);
}

/* The loop's part: later there may be no memory for it, and libuv would end the process. */
static bool reserve_descriptors(struct serve *s, const struct config *c)
{
	struct rlimit limit;
	rlim_t wanted = wanted_descriptors(c);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted)
		wanted = limit.rlim_cur;
	return loop_reserve(&s->engine.loop, wanted < INT_MAX ? (int)wanted : INT_MAX);
}

/* ---- configuration, as the helpers read it again at a reload ---- */

static bool reread(void *arg, struct nursery_plan *plan, struct err *err)
{
	struct serve *s = arg;
	struct config *c = config_read(s->file, s->use, NULL);
	if (!c)
		return err_set(err, "out of memory");
	if (conf_errors(c->conf)) {
		err_set(err, "%s", conf_error(c->conf, 0));
		config_put(c);
		return false;
	}
	config_put(s->of_nursery); /* that of the nursery which made this one */
	s->of_nursery = c;
	*plan = c->plan;
	return true;
}

/* ---- listeners ---- */

static struct listener *find_listener(struct serve *s, const struct config_listener *spec)
{
	list_each (n, &s->listeners) {
		struct listener *l = list_of(n, struct listener, all);
		if (!l->closing && l->spec->front == spec->front && endpoint_eq(&l->endpoint, &spec->endpoint))
			return l;
	}
	return NULL;
}

static const struct config_listener *spec_at(const struct config *c, size_t i)
{
	return i < c->n_listeners ? &c->listeners[i] : c->control.name ? &c->control : NULL;
}

/* With the socket that the service manager bound for it, if there is one. */
static struct listener *bind_listener(
	struct serve *s, struct config *c, const struct config_listener *spec, struct err *err)
{
	int fd = inherited_take(&s->inherited, spec->name, &spec->endpoint);
	if (fd < 0 && errno) {
		err_set(err, "listen %s: %s", spec->name, strerror(errno));
		return NULL;
	}
	if (fd < 0 && c->root && spec->endpoint.family == ENDPOINT_UNIX && geteuid() == 0)
		pidfile_make_folder(endpoint_path(&spec->endpoint), c->uid, c->gid);
	return listener_new(&s->engine, c, spec, s->next_number++, fd, err);
}

/* Binds those that are not there yet; `fresh` gets them. False: none was added. */
static bool bind_listeners(struct serve *s, struct config *c, struct list *fresh, struct err *err)
{
	const struct config_listener *spec;
	list_init(fresh);
	for (size_t i = 0; i <= c->n_listeners && (spec = spec_at(c, i)); i++) {
		if (find_listener(s, spec))
			continue;
		struct listener *l = bind_listener(s, c, spec, err);
		if (l) {
			list_insert(fresh, &l->all);
			continue;
		}
		list_each_safe (n, fresh)
			listener_free(list_of(n, struct listener, all));
		return false;
	}
	return true;
}

/* All of them are the daemon's then, but for those that could not be opened and end by themselves. */
static bool open_listeners(struct serve *s, struct list *fresh, struct err *err)
{
	bool ok = true;
	list_each_safe (n, fresh) {
		list_remove(n);
		list_insert(&s->listeners, n);
		ok = listener_open(list_of(n, struct listener, all), err) && ok;
	}
	return ok;
}

/* Its clients would connect and wait for ever. */
static void warn_unused(const struct serve *s)
{
	const struct inherited_socket *unused = inherited_unused(&s->inherited);
	if (unused)
		log_line(LOG_LEVEL_WARNING,
			"event=unused-socket descriptor=%d name=%s note=\"the service manager listens there for us, "
			"but no listen section has its address or its name\"",
			unused->fd, unused->name[0] ? unused->name : "-");
}

/* What the configuration says of this listener; null: nothing. */
static const struct config_listener *find_spec(const struct config *c, const struct listener *l)
{
	const struct config_listener *spec;
	for (size_t i = 0; i <= c->n_listeners && (spec = spec_at(c, i)); i++)
		if (spec->front == l->spec->front && endpoint_eq(&l->endpoint, &spec->endpoint))
			return spec;
	return NULL;
}

/* Secrets are read before anything has changed. */
static bool prepare_listeners(struct serve *s, const struct config *c, struct err *err)
{
	list_each (n, &s->listeners) {
		struct listener *l = list_of(n, struct listener, all);
		const struct config_listener *spec = l->closing ? NULL : find_spec(c, l);
		if (spec && !listener_prepare(l, spec, err))
			return false;
	}
	return true;
}

/* Those that the new configuration has no more are closed, the others take their new settings. */
static void change_listeners(struct serve *s, struct config *c)
{
	list_each_safe (n, &s->listeners) {
		struct listener *l = list_of(n, struct listener, all);
		const struct config_listener *spec = l->closing ? NULL : find_spec(c, l);
		if (spec)
			listener_configure(l, c, spec);
		else if (!l->closing)
			listener_close(l);
	}
}

/* ---- reload ---- */

static void warn_restart(const struct config *was, const struct config *is)
{
	if (memcmp(&was->size, &is->size, sizeof(is->size)) != 0)
		log_line(LOG_LEVEL_WARNING, "event=reload note=\"the sizes of the cache change at the next restart\"");
	if ((was->top->pid_file == NULL) != (is->top->pid_file == NULL) ||
		(is->top->pid_file && strcmp(was->top->pid_file, is->top->pid_file) != 0))
		log_line(LOG_LEVEL_WARNING, "event=reload note=\"pid_file changes at the next restart\"");
	if (was->top->confine != is->top->confine)
		log_line(LOG_LEVEL_WARNING,
			"event=reload note=\"confine changes for helpers now, for the other processes at the next "
			"restart\"");
}

/* The nursery that works by the new configuration: null with an empty err when the one at hand does. Stores with other
   keys are opened anew, and with them the helpers. */
static struct nursery *renew(struct serve *s, const struct config *c, struct err *err)
{
	err->text[0] = '\0';
	if (hash_eq(c->plan.digest, nursery_digest(s->engine.nursery)) && config_keeps_keys(s->engine.stores_of, c))
		return NULL;
	struct nursery *n = nursery_renew(s->engine.nursery, err);
	if (!n || hash_eq(c->plan.digest, nursery_digest(n)))
		return n;
	nursery_close(n);
	err_set(err, "the configuration changed while it was being read");
	return NULL;
}

/* The new configuration is not to be: its listeners go before the loop turns, so nobody has been let in. */
static void drop_listeners(struct serve *s, const struct config *c)
{
	list_each_safe (n, &s->listeners) {
		struct listener *l = list_of(n, struct listener, all);
		if (l->config == c)
			listener_close(l);
	}
}

/* All that can fail comes before anything changes: on failure the old configuration stays. */
static bool apply(struct serve *s, struct config *c, struct err *err)
{
	struct list fresh;
	if (c->uid != s->engine.config->uid || c->gid != s->engine.config->gid)
		return err_set(err, "the daemon cannot become another user while it runs: restart it");
	if (c->n_listeners == 0)
		return err_set(err, "there is no listen section");
	if (!prepare_listeners(s, c, err))
		return false;
	struct nursery *renewed = renew(s, c, err);
	if (!renewed && err->text[0])
		return false;
	if (!bind_listeners(s, c, &fresh, err)) {
		size_t len = strlen(err->text);
		snprintf(err->text + len, sizeof(err->text) - len,
			" (what the daemon may not do any more, and another protocol at the same address, need a "
			"restart)");
	} else if (open_listeners(s, &fresh, err) && engine_configure(&s->engine, c, renewed, err)) {
		change_listeners(s, c);
		return true;
	} else {
		drop_listeners(s, c);
	}
	if (renewed)
		nursery_close(renewed);
	return false;
}

/* Whatever became of the reload: the file may have been renamed. */
static void reopen_log(const struct config *c)
{
	struct err err;
	if (!log_open(c->log->to, (enum log_level)c->log->level, &err))
		log_line(LOG_LEVEL_ERROR, "event=log-not-opened reason=\"%s\"", err.text);
}

static void count_reload(struct counters *c, bool applied)
{
	c->reloads += applied;
	c->failed_reloads += !applied;
	c->stands = !applied;
	if (applied)
		c->loaded = time(NULL);
}

/* The service manager wants to know since when, to tell this reload from an earlier one. */
static void tell_reload(const struct serve *s)
{
	char text[64];
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld",
		(long long)t.tv_sec * 1000000 + t.tv_nsec / 1000);
	supervisor_say(&s->supervisor, text);
}

static void reload(struct serve *s)
{
	struct err err = { "out of memory" };
	tell_reload(s);
	struct config *c = config_read(s->file, s->use, &s->safe);
	size_t wrong = c ? conf_errors(c->conf) : 1;
	if (c && wrong)
		err_set(&err, "%s", conf_error(c->conf, 0));
	if (!wrong)
		warn_restart(s->engine.config, c);
	bool applied = !wrong && apply(s, c, &err);
	reopen_log(s->engine.config);
	for (size_t i = 1; c && i < wrong; i++)
		log_line(LOG_LEVEL_ERROR, "event=reload-failed reason=\"%s\"", conf_error(c->conf, i));
	count_reload(s->engine.counters, applied);
	if (applied) {
		safe_sweep(&s->safe);
		raise_descriptors(c);
		reserve_descriptors(s, c);
		log_line(LOG_LEVEL_INFO, "event=reloaded file=%s", s->file);
	} else {
		log_line(LOG_LEVEL_ERROR, "event=reload-failed reason=\"%s\" note=\"the old configuration stays\"",
			err.text);
	}
	supervisor_say(&s->supervisor,
		applied ? "READY=1\nSTATUS=Answers questions"
			: "READY=1\nSTATUS=Answers questions by the old configuration: the last reload failed");
	config_put(c);
}

/* ---- signals and time ---- */

static void on_hup(uv_signal_t *signal, int number)
{
	struct serve *s = signal->data;
	(void)number;
	if (!s->stopping)
		reload(s);
}

static void stop(struct serve *s)
{
	s->stopping = true;
	supervisor_say(&s->supervisor, "STOPPING=1");
	s->stop_at = engine_now(&s->engine) + s->engine.config->gate.timeout + SECONDS(1);
	list_each_safe (n, &s->listeners)
		listener_close(list_of(n, struct listener, all));
	uv_timer_set_repeat(&s->second, 10);
	uv_timer_again(&s->second);
}

static void on_term(uv_signal_t *signal, int number)
{
	struct serve *s = signal->data;
	if (s->stopping)
		return;
	log_line(LOG_LEVEL_INFO, "event=stopping signal=%d", number);
	stop(s);
}

/* Rights that were given up do not come back: only who started the daemon can make another nursery, by a restart. */
static void stop_without_nursery(struct serve *s)
{
	log_line(LOG_LEVEL_ERROR,
		"event=stopping reason=\"the process %ld, which makes the helpers, has ended\" "
		"note=\"no mailbox can be looked into any more: start quotagate again\"",
		(long)nursery_pid(s->engine.nursery));
	s->failed = true;
	stop(s);
}

static void on_second(uv_timer_t *timer)
{
	struct serve *s = timer->data;
	msec now = engine_now(&s->engine);
	list_each_safe (n, &s->listeners) {
		struct listener *l = list_of(n, struct listener, all);
		listener_expire(l, now);
		if (s->stopping && now >= s->stop_at)
			listener_abort(l);
	}
	if (!s->stopping && nursery_gone(s->engine.nursery))
		stop_without_nursery(s);
	if (s->stopping && list_empty(&s->listeners))
		uv_stop(&s->engine.loop);
}

static void start_signals(struct serve *s)
{
	uv_loop_t *loop = &s->engine.loop;
	signal(SIGPIPE, SIG_IGN);
	uv_signal_init(loop, &s->hup);
	uv_signal_init(loop, &s->term);
	uv_signal_init(loop, &s->intr);
	uv_timer_init(loop, &s->second);
	s->hup.data = s->term.data = s->intr.data = s->second.data = s;
	uv_signal_start(&s->hup, on_hup, SIGHUP);
	uv_signal_start(&s->term, on_term, SIGTERM);
	uv_signal_start(&s->intr, on_term, SIGINT);
	uv_timer_start(&s->second, on_second, 1000, 1000);
}

/* ---- start and end ---- */

static bool give_up_rights(const struct config *c, struct err *err)
{
	gid_t groups[GROUPS_MAX];
	int n = GROUPS_MAX;
	if (c->root && getgrouplist(c->user, c->gid, groups, &n) < 0)
		return err_set(err, "user %s is in more than %d groups", c->user, GROUPS_MAX);
	if (c->root && !rights_become(c->uid, c->gid, groups, (size_t)n, err))
		return false;
	/* hidden after the change of user, which undoes it */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return err_set(err, "cannot give up rights: %s", strerror(errno));
	return rights_hide(err);
}

static bool confine_daemon(const struct config *c, struct err *err)
{
	char text[64];
	struct buf held = BUF(text);
	if (c->top->confine == CONFINE_OFF)
		return true;
	if (!confine(CONFINE_DAEMON, NULL, err))
		return false;
	confine_put(&held);
	log_line(LOG_LEVEL_INFO, "event=confined %s", buf_z(&held));
	return true;
}

/* The daemon's user opens the file again at a reload. */
static void give_log_file(const struct config *c)
{
	struct err err;
	if (c->root && !log_give(c->uid, c->gid, &err))
		log_line(LOG_LEVEL_WARNING, "event=log-owner reason=\"%s\"", err.text);
}

static bool prepare(struct serve *s, struct config *c, struct list *fresh, struct err *err)
{
	struct nursery *nursery;
	if (c->n_listeners == 0)
		return err_set(err, "%s: there is no listen section, so nobody could ask", s->file);
	if (!log_open(c->log->to, (enum log_level)c->log->level, err))
		return false;
	give_log_file(c);
	raise_descriptors(c);
	if (c->top->pid_file) {
		if (c->root)
			pidfile_make_folder(c->top->pid_file, c->uid, c->gid);
		s->pid_fd = pidfile_open(c->top->pid_file, c->uid, c->gid, err);
		if (s->pid_fd < 0)
			return false;
		s->pid_file = strdup(c->top->pid_file);
		if (!s->pid_file)
			return err_set(err, "out of memory");
	}
	nursery = nursery_open(&c->plan, reread, s, err);
	if (!nursery || !engine_open(&s->engine, c, nursery, err))
		return false;
	s->engine.listeners = &s->listeners;
	start_signals(s); /* who sees that we listen may send one */
	if (!reserve_descriptors(s, c))
		return err_set(err, "no memory for so many clients");
	return bind_listeners(s, c, fresh, err) && give_up_rights(c, err) && confine_daemon(c, err);
}

static void end(struct serve *s)
{
	engine_close(&s->engine);
	safe_done(&s->safe);
	pidfile_close(s->pid_fd, s->pid_file);
	log_line(LOG_LEVEL_INFO, "event=stopped");
	log_flush();
	supervisor_close(&s->supervisor);
	free(s->pid_file);
	free(s->file);
}

int command_serve(const struct command_line *line)
{
	static struct serve serve;
	struct serve *s = &serve;
	struct list fresh;
	struct err err;
	s->file = realpath(line->file, NULL);
	if (!s->file) {
		fprintf(stderr, "quotagate: %s: %s\n", line->file, strerror(errno));
		return EXIT_USAGE;
	}
	s->use = config_use_here();
	s->pid_fd = -1;
	s->next_number = 1;
	list_init(&s->listeners);
	if (!rights_hide(&err) || !inherited_open(&s->inherited, &err) || !supervisor_open(&s->supervisor, &err)) {
		fprintf(stderr, "quotagate: %s\n", err.text);
		return EXIT_USAGE;
	}
	struct config *c = config_read(s->file, s->use, &s->safe);
	if (!c)
		fputs("quotagate: out of memory\n", stderr);
	if (!c || config_print_errors(c))
		return EXIT_USAGE;
	if (!prepare(s, c, &fresh, &err)) {
		log_flush();
		fprintf(stderr, "quotagate: %s\n", err.text);
		return EXIT_USAGE;
	}
	if (!open_listeners(s, &fresh, &err)) {
		fprintf(stderr, "quotagate: %s\n", err.text);
		return EXIT_USAGE;
	}
	safe_sweep(&s->safe);
	log_line(LOG_LEVEL_INFO, "event=started version=" VERSION " file=%s user=%s stores=%zu listeners=%zu", s->file,
		c->user ? c->user : "-", c->route.n_stores, c->n_listeners);
	warn_unused(s);
	supervisor_say(&s->supervisor, "READY=1\nSTATUS=Answers questions");
	config_put(c);
	uv_run(&s->engine.loop, UV_RUN_DEFAULT);
	end(s);
	return s->failed ? EXIT_FAILED : EXIT_OK;
}
