/* The command for mailboxes that are nearly full, the process that reads the configuration, and the nursery's plan. */
#include "daemon/config_inside.h"

#include "daemon/reader.h"

#include <stdlib.h>
#include <string.h>

static bool is_confined(const struct config *c)
{
	return c->top->confine == CONFINE_AUTO;
}

struct nursery_set config_set(const struct config *c, const struct config_helper *helper, const char *name,
	int (*run)(int, const void *), const void *arg)
{
	return (struct nursery_set){ .name = name,
		.uid = c->root ? helper->uid : (uid_t)-1,
		.gid = helper->gid,
		.user = c->root ? helper->user : NULL,
		.run = run,
		.arg = arg,
		.confine = is_confined(c) ? CONFINE_HELPER : CONFINE_NOTHING };
}

/* ---- the command for mailboxes that are nearly full ---- */

static int by_percent(const void *a, const void *b)
{
	return *(const uint8_t *)a - *(const uint8_t *)b;
}

static void read_marks(struct config *c, const struct conf_section *s, const struct opt_list *warn)
{
	struct notice_marks *marks = &c->notify.marks;
	uint64_t percent;
	if (warn->n > NOTICE_MARKS_MAX)
		conf_complain(c->conf, s, "warn", "more than %d percentages", NOTICE_MARKS_MAX);
	for (size_t i = 0; i < warn->n && marks->n < NOTICE_MARKS_MAX; i++)
		if (str_u64(str_of(warn->at[i]), &percent))
			marks->at[marks->n++] = (uint8_t)percent;
	qsort(marks->at, marks->n, sizeof(marks->at[0]), by_percent);
}

/* Its helpers' set stands behind all others. */
void config_read_notify(struct config *c, enum config_use use)
{
	const struct conf_section *s = conf_section_get(c->conf, "notify", NULL);
	const struct options_notify *o = s->common;
	struct config_helper helper;
	c->notify = (struct notify_conf){ .command = o->command,
		.state = o->state,
		.period = o->period,
		.timeout = o->timeout,
		.helpers = (unsigned)o->helpers,
		.queue = (unsigned)o->queue,
		.mailboxes = o->mailboxes,
		.set = c->route.n_stores + c->route.n_directories };
	read_marks(c, s, &o->warn);
	if (!o->command)
		return;
	config_settle_helper(c, s, o->user, use, &helper);
	if (c->root && helper.uid == 0)
		conf_complain(c->conf, s, "user", "what strangers cause to be run is not for root: say another user");
	c->sets[c->notify.set] = config_set(c, &helper, "notify", notify_run, &c->notify);
	c->sets[c->notify.set].confine = CONFINE_NOTHING;
}

/* The last set: the daemon's own user without any right, who reads the file that was read here. */
static void add_reader(struct config *c)
{
	const struct config_helper daemon = { c->user, c->uid, c->gid };
	struct nursery_set *set = &c->sets[c->reader];
	*set = config_set(c, &daemon, "config", reader_run, conf_section_get(c->conf, "", NULL)->file);
	set->reach = reader_reach;
	set->bare = true;
}

/* What its helpers depend on. */
static uint64_t notify_salt(const struct config *c)
{
	struct hash_key key = { 0, (uint64_t)c->notify.timeout };
	return hash_of(&key, c->notify.command, strlen(c->notify.command)).a;
}

/* ---- the nursery's plan ---- */

static void put_helper(struct buf *b, const struct nursery_set *set, uint64_t salt, unsigned helpers, msec hang)
{
	buf_puts(b, set->name);
	buf_putc(b, '\n');
	buf_put_u64(b, salt);
	buf_putc(b, ' ');
	buf_put_u64(b, set->uid);
	buf_putc(b, ' ');
	buf_put_u64(b, helpers);
	buf_putc(b, ' ');
	buf_put_u64(b, (uint64_t)hang);
	buf_putc(b, '\n');
}

void config_read_plan(struct config *c)
{
	static char text[CONFIG_SETTINGS_MAX];
	struct buf b = BUF(text);
	struct hash_key key = { 0, (uint64_t)c->top->confine };
	size_t n = 0;
	for (size_t i = 0; i < c->route.n_stores; i++, n++)
		put_helper(&b, &c->sets[n], c->route.stores[i].salt, c->stores[i].blocking.helpers,
			c->stores[i].blocking.hang);
	for (size_t i = 0; i < c->route.n_directories; i++, n++)
		put_helper(&b, &c->sets[n], c->route.directories[i].salt, c->directories[i].asking.helpers,
			c->directories[i].asking.hang);
	if (c->notify.command)
		put_helper(&b, &c->sets[n++], notify_salt(c), c->notify.helpers, c->notify.timeout);
	c->reader = n++;
	add_reader(c);
	if (b.full)
		conf_complain(c->conf, NULL, NULL, "too many stores: their settings are longer than %d octets",
			CONFIG_SETTINGS_MAX);
	c->plan = (struct nursery_plan){ .sets = c->sets,
		.n = n,
		.confine = is_confined(c) ? CONFINE_NURSERY : CONFINE_NOTHING,
		.digest = hash_of(&key, b.at, b.len) };
}
