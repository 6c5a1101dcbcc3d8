/* See serve_inside.h: a reload, which takes all of the new configuration or leaves the old one as it is. */
#include "daemon/reader.h"
#include "daemon/serve_inside.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static bool differs(const char *was, const char *is)
{
	return was && is ? strcmp(was, is) != 0 : was != is;
}

/* The file of the state is opened at the start alone. */
static bool wants_state(const struct serve *s, const struct config *is)
{
	bool late = is->notify.state && s->engine.notify.state.fd < 0;
	return is->notify.command && (late || differs(s->engine.config->notify.state, is->notify.state));
}

static void warn_restart(const struct serve *s, const struct config *is)
{
	const struct config *was = s->engine.config;
	if (memcmp(&was->size, &is->size, sizeof(is->size)) != 0)
		log_line(LOG_LEVEL_WARNING, "event=reload note=\"the sizes of the cache change at the next restart\"");
	if (differs(was->top->pid_file, is->top->pid_file))
		log_line(LOG_LEVEL_WARNING, "event=reload note=\"pid_file changes at the next restart\"");
	if (wants_state(s, is))
		log_line(LOG_LEVEL_WARNING, "event=reload note=\"the state of notify changes at the next restart\"");
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

/* All that can fail comes before anything changes: on failure the old configuration stays. */
static bool apply(struct serve *s, struct config *c, struct err *err)
{
	struct list fresh;
	if (c->uid != s->engine.config->uid || c->gid != s->engine.config->gid)
		return err_set(err, "the daemon cannot become another user while it runs: restart it");
	if (c->n_listeners == 0)
		return err_set(err, "there is no listen section");
	if (!serve_prepare_listeners(s, c, err))
		return false;
	struct nursery *renewed = renew(s, c, err);
	if (!renewed && err->text[0])
		return false;
	if (!serve_bind(s, c, &fresh, err)) {
		size_t len = strlen(err->text);
		snprintf(err->text + len, sizeof(err->text) - len,
			" (what the daemon may not do any more, and another protocol at the same address, need a "
			"restart)");
	} else if (serve_open(s, &fresh, err) && engine_configure(&s->engine, c, renewed, err)) {
		serve_change_listeners(s, c);
		return true;
	} else {
		serve_drop_listeners(s, c);
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

/* By the nursery's helper: whatever the parser does, it does not do it here. */
static struct config *read_again(struct serve *s, struct err *err)
{
	struct conf *conf = reader_ask(s->engine.nursery, s->engine.stores_of->reader, s->file, err);
	return conf ? config_make(conf, s->use, &s->safe) : NULL;
}

void serve_reload(struct serve *s)
{
	struct err err = { "out of memory" };
	tell_reload(s);
	struct config *c = read_again(s, &err);
	size_t wrong = c ? conf_errors(c->conf) : 1;
	if (c && wrong)
		err_set(&err, "%s", conf_error(c->conf, 0));
	if (!wrong)
		warn_restart(s, c);
	bool applied = !wrong && apply(s, c, &err);
	reopen_log(s->engine.config);
	for (size_t i = 1; c && i < wrong; i++)
		log_line(LOG_LEVEL_ERROR, "event=reload-failed reason=\"%s\"", conf_error(c->conf, i));
	count_reload(s->engine.counters, applied);
	if (applied) {
		safe_sweep(&s->safe);
		serve_raise_descriptors(c);
		serve_reserve_descriptors(s, c);
		log_line(LOG_LEVEL_INFO, "event=reloaded file=%s", s->file);
		engine_doubt(&s->engine);
	} else {
		log_line(LOG_LEVEL_ERROR, "event=reload-failed reason=\"%s\" note=\"the old configuration stays\"",
			err.text);
	}
	supervisor_say(&s->supervisor,
		applied ? "READY=1\nSTATUS=Answers questions"
			: "READY=1\nSTATUS=Answers questions by the old configuration: the last reload failed");
	config_put(c);
}
