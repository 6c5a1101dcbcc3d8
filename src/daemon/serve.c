/*
 * The command serve: the daemon from its start to its end. In this order: the configuration, the log, the nursery,
 * helpers, sockets, then rights are given up, and only then the first client is heard.
 */
#include "daemon/commands.h"
#include "daemon/give_up.h"
#include "daemon/pidfile.h"
#include "daemon/reader.h"
#include "daemon/serve_inside.h"
#include "daemon/unread.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NEWS_WAIT SECONDS(1) /* a restart is not held up for longer by a command that hangs */

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

/* ---- libraries that end the process ---- */

/* libuv aborts, and libc crashes where it looks up users, when they do not get what they begin with. */
static void on_crash(int number)
{
	static const char aborted[] =
		"quotagate: a library gave up at the start: are there no memory and no descriptors left?\n";
	static const char crashed[] = "quotagate: crashed at the start: is there no memory left?\n";
	if (number == SIGABRT)
		(void)!write(STDERR_FILENO, aborted, sizeof(aborted) - 1);
	else
		(void)!write(STDERR_FILENO, crashed, sizeof(crashed) - 1);
	_exit(EXIT_FAILED);
}

static void explain_crashes(bool explain)
{
	signal(SIGABRT, explain ? on_crash : SIG_DFL);
	signal(SIGSEGV, explain ? on_crash : SIG_DFL);
}

/* ---- signals and time ---- */

static void on_hup(uv_signal_t *signal, int number)
{
	struct serve *s = signal->data;
	(void)number;
	if (!s->stopping)
		serve_reload(s);
}

static void stop(struct serve *s)
{
	s->stopping = true;
	supervisor_say(&s->supervisor, "STOPPING=1");
	s->stop_at = engine_now(&s->engine) + s->engine.config->gate.timeout + SECONDS(1);
	s->news_until = engine_now(&s->engine) + NEWS_WAIT;
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

/* News counts as told from when it came up, over a restart too: it is lost if its command does not run. */
static bool is_all_told(const struct serve *s, msec now)
{
	return s->engine.notify.n_runs == 0 || now >= s->news_until;
}

static void on_second(uv_timer_t *timer)
{
	struct serve *s = timer->data;
	msec now = engine_now(&s->engine);
	explain_crashes(false); /* the first turn of the loop belongs to the start */
	list_each_safe (n, &s->listeners) {
		struct listener *l = list_of(n, struct listener, all);
		listener_expire(l, now);
		if (s->stopping && now >= s->stop_at)
			listener_abort(l);
	}
	if (!s->stopping && nursery_gone(s->engine.nursery))
		stop_without_nursery(s);
	if (s->stopping && list_empty(&s->listeners) && is_all_told(s, now))
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
	if (!log_open(c->log->to, (enum log_level)c->log->level, err))
		return false;
	give_log_file(c);
	serve_raise_descriptors(c);
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
	unread_log(c);
	nursery = nursery_open(&c->plan, reread, s, err);
	if (!nursery || !engine_open(&s->engine, c, nursery, err) ||
		!notify_remember(&s->engine.notify, engine_now(&s->engine), engine_wall(), err))
		return false;
	s->engine.listeners = &s->listeners;
	start_signals(s); /* who sees that we listen may send one */
	if (!serve_reserve_descriptors(s, c))
		return err_set(err, "no memory for so many clients");
	return serve_bind(s, c, fresh, err) && give_up_rights(c, err);
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

/* Null: that failed, which was told. */
static struct config *read_first(struct serve *s)
{
	struct err err = { "out of memory" };
	struct conf *conf = reader_start(s->file, &err);
	struct config *c = conf ? config_make(conf, s->use, &s->safe) : NULL;
	if (!c)
		fprintf(stderr, "quotagate: %s: %s\n", s->file, err.text);
	return c;
}

/* The engine keeps what it needs of `c`. Else the exit status; why not was told. */
static int begin(struct serve *s, struct config *c)
{
	struct list fresh;
	struct err err;
	if (config_print_errors(c))
		return EXIT_USAGE;
	if (c->n_listeners == 0) {
		fprintf(stderr, "quotagate: %s: there is no listen section, so nobody could ask\n", s->file);
		return EXIT_USAGE;
	}
	if (!prepare(s, c, &fresh, &err) || !serve_open(s, &fresh, &err)) {
		log_flush();
		fprintf(stderr, "quotagate: %s\n", err.text);
		return EXIT_FAILED;
	}
	safe_sweep(&s->safe);
	log_line(LOG_LEVEL_INFO, "event=started version=" VERSION " file=%s user=%s stores=%zu listeners=%zu", s->file,
		c->user ? c->user : "-", c->route.n_stores, c->n_listeners);
	serve_warn_unused(s);
	engine_doubt(&s->engine);
	supervisor_say(&s->supervisor, "READY=1\nSTATUS=Answers questions");
	return EXIT_OK;
}

int command_serve(const struct command_line *line)
{
	static struct serve serve;
	struct serve *s = &serve;
	struct err err;
	s->file = realpath(line->file, NULL);
	if (!s->file) {
		fprintf(stderr, "quotagate: %s: %s\n", line->file, strerror(errno));
		return EXIT_USAGE;
	}
	explain_crashes(true);
	s->use = config_use_here();
	s->pid_fd = -1;
	s->next_number = 1;
	list_init(&s->listeners);
	if (!inherited_open(&s->inherited, &err) || !supervisor_open(&s->supervisor, &err)) {
		fprintf(stderr, "quotagate: %s\n", err.text);
		return EXIT_FAILED;
	}
	struct config *c = read_first(s);
	int status = c ? begin(s, c) : EXIT_FAILED;
	config_put(c);
	if (status != EXIT_OK)
		return status;
	uv_run(&s->engine.loop, UV_RUN_DEFAULT);
	end(s);
	return s->failed ? EXIT_FAILED : EXIT_OK;
}
