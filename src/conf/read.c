/*
 * Files -> what is written in them, by libconfuse: every option is a list of strings to it, and callbacks take each
 * value down with its line as it is parsed; of the tree that libconfuse builds nothing is used. It sees the files
 * through the sieve (conf/sieve.h) and opens none itself.
 */
#include <confuse.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "conf/sieve.h"

#define INCLUDE_DEPTH_MAX 10
#define INCLUDES_MAX 1000
#define LIST_MAX 10000 /* libconfuse grows its lists by one value at a time */

struct reader {
	struct conf *c;
	const char *file; /* at hand */
	int cut; /* its line from which on nothing is read, or 0 */
	struct written *open[CONF_NESTED_MAX]; /* sections that are being read, the top level first */
	cfg_t *cfg[CONF_NESTED_MAX]; /* libconfuse's names for them */
	int depth;
	int include_depth, includes;
	size_t octets, sections;
	bool broken; /* something was not read to its end */
	bool hopeless; /* too many includes: nothing more is read */
};

/* libconfuse hands no pointer of ours to callbacks, and its scanner is global anyway. */
static struct reader *at_work;

static struct entry *entry_of(struct written *w, const char *name, int line)
{
	struct conf *c = at_work->c;
	struct entry **at = &w->entries;

	while (*at && strcmp((*at)->name, name) != 0)
		at = &(*at)->next;
	if (*at)
		return *at;
	struct entry *e = conf_alloc(c, sizeof(*e));
	const char *copy = conf_copy(c, str_of(name));
	if (!e || !copy)
		return NULL;
	*e = (struct entry){ .name = copy, .file = at_work->file, .line = line, .end = &e->words };
	return *at = e;
}

/* A value, or one more of a list: libconfuse has emptied its own list of values for each `=`, not for `+=`. */
static int on_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	struct conf *c = at_work->c;
	struct entry *e = entry_of(at_work->open[at_work->depth], opt->name, cfg->line);
	struct word *w = conf_alloc(c, sizeof(*w));
	const char *copy = conf_copy(c, str_of(value));

	if (!e || !w || !copy)
		return -1;
	if (opt->nvalues > LIST_MAX) {
		conf_wrong(c, at_work->file, cfg->line, "a list may have %d values; reading ended here", LIST_MAX);
		return -1;
	}
	*(const char **)result = "";
	if (opt->nvalues == 1 && e->n) {
		conf_wrong(c, at_work->file, cfg->line, "`%s` is given twice; the first is at %s:%d", opt->name,
			e->file, e->line);
		return 0;
	}
	*w = (struct word){ .text = copy, .file = at_work->file, .line = cfg->line };
	*e->end = w;
	e->end = &w->next;
	e->n++;
	return 0;
}

/* The sieve's marker, the first option of every section. */
static int on_begin(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	struct conf *c = at_work->c;
	struct written *parent = at_work->open[at_work->depth], *w = conf_alloc(c, sizeof(*w));
	const char *name = conf_copy(c, str_of(cfg->name));
	const char *title = cfg->title ? conf_copy(c, str_of(cfg->title)) : NULL;
	uint64_t line = 0;

	(void)opt;
	str_u64(str_of(value), &line);
	if (!w || !name || (cfg->title && !title) || at_work->depth + 1 == CONF_NESTED_MAX)
		return -1;
	if (at_work->sections++ == CONF_SECTIONS_MAX) {
		conf_wrong(c, at_work->file, (int)line, "too many sections; at most %d are allowed", CONF_SECTIONS_MAX);
		return -1;
	}
	*w = (struct written){ .name = name, .title = title, .file = at_work->file, .line = (int)line };
	w->end = &w->subs;
	*parent->end = w;
	parent->end = &w->next;
	at_work->depth++;
	at_work->open[at_work->depth] = w;
	at_work->cfg[at_work->depth] = cfg;
	*(const char **)result = "";
	return 0;
}

/* An empty list is a value for which no callback is called, so that its line is not known but its section's. */
static bool take_empty_lists(const cfg_t *cfg, struct written *w)
{
	for (const cfg_opt_t *opt = cfg->opts; opt->name; opt++)
		if (opt->type == CFGT_STR && (opt->flags & CFGF_LIST) && (opt->flags & CFGF_MODIFIED) &&
			!opt->nvalues && !entry_of(w, opt->name, w->name[0] ? w->line : 0))
			return false;
	return true;
}

static int on_end(cfg_t *cfg, cfg_opt_t *opt)
{
	(void)cfg, (void)opt;
	if (!take_empty_lists(at_work->cfg[at_work->depth], at_work->open[at_work->depth]))
		return -1;
	at_work->depth--;
	return 0;
}

__attribute__((format(printf, 2, 0))) static void on_error(cfg_t *cfg, const char *format, va_list ap)
{
	char text[256];
	if (at_work->cut && cfg->line >= at_work->cut)
		return;
	vsnprintf(text, sizeof(text), format, ap);
	conf_wrong(at_work->c, at_work->file, cfg->line, "%s; reading ended here", text);
}

#define TRIAL_MAX ((size_t)64 << 20) /* octets: of some hundred sections. Not every { begins one */

/* libconfuse, when it gets no memory, ends the process or falls over its own feet. So it is asked beforehand whether there is
   as much as it may want for this text: each section has tables of all that may stand in it. */
static bool has_memory(struct str text)
{
	size_t sections = 1;

	for (size_t i = 0; i < text.len; i++)
		sections += text.at[i] == '{';
	size_t octets = 8 * text.len + sections * 3 * SCOPE_NAMES_MAX * sizeof(cfg_opt_t);
	void *volatile trial = malloc(octets < TRIAL_MAX ? octets : TRIAL_MAX); /* volatile: or it is optimised away */
	bool found = trial;
	free(trial);
	return found;
}

/* One file through the sieve to libconfuse. What is wrong in it has been told; the caller goes on. */
static bool feed(cfg_t *cfg, const char *file, struct str text)
{
	struct reader *r = at_work, outer = *r;
	char *outer_name = cfg->filename;
	int outer_line = cfg->line;
	struct sieved sieved;

	if (!has_memory(text) || !sieve(r->c, file, text, &sieved))
		return false;
	FILE *in = fmemopen(sieved.at, sieved.len, "r");
	cfg->filename = strdup(file);
	r->file = file;
	r->cut = sieved.cut;
	bool ok = in && cfg->filename;
	if (ok && cfg_parse_fp(cfg, in) != CFG_SUCCESS) {
		r->broken = true;
		if (!r->c->n_complaints)
			conf_wrong(r->c, file, cfg->line, "libconfuse cannot read this");
	}
	if (in)
		fclose(in);
	free(sieved.at);
	free(cfg->filename);
	cfg->filename = outer_name;
	cfg->line = outer_line;
	r->file = outer.file;
	r->cut = outer.cut;
	r->depth = outer.depth;
	return ok;
}

/* The octets of a file, to be freed; null with the reason. */
static char *slurp(const char *file, size_t max, size_t *len, struct err *err)
{
	char *octets = NULL;
	ssize_t n = 1;
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	*len = 0;
	if (fd < 0) {
		err_set(err, "%s", strerror(errno));
		return NULL;
	}
	octets = malloc(max + 1);
	while (octets && n > 0 && *len <= max) {
		n = read(fd, octets + *len, max + 1 - *len);
		if (n > 0)
			*len += (size_t)n;
		else if (n < 0 && errno == EINTR)
			n = 1;
	}
	bool ok = true;
	if (!octets || n < 0)
		ok = err_set(err, "%s", strerror(errno));
	else if (*len > max)
		ok = err_set(err, "all files together may have %zu octets", CONF_OCTETS_MAX);
	close(fd);
	if (!ok) {
		free(octets);
		return NULL;
	}
	return octets;
}

static bool acceptable(struct conf *c, const char *file, struct str text)
{
	size_t nul = str_find(text, '\0');
	int line = 1;

	if (text.len > CONF_OCTETS_MAX) {
		conf_wrong(c, file, 0, "all files together may have %zu octets", CONF_OCTETS_MAX);
		return false;
	}
	if (nul == text.len)
		return true;
	for (size_t i = 0; i < nul; i++)
		line += text.at[i] == '\n';
	conf_wrong(c, file, line, "a NUL octet; expected text");
	return false;
}

/* By = 0: the main file, else the line that includes it. */
static bool feed_file(cfg_t *cfg, const char *file, int by)
{
	struct reader *r = at_work;
	struct err why;
	size_t len;
	char *octets = slurp(file, CONF_OCTETS_MAX - r->octets, &len, &why);
	bool ok = true;

	if (!octets) {
		if (by)
			conf_wrong(r->c, r->file, by, "cannot include `%s`: %s", file, why.text);
		else
			conf_wrong(r->c, file, 0, "cannot be read: %s", why.text);
		return true;
	}
	r->octets += len;
	if (acceptable(r->c, file, (struct str){ octets, len }))
		ok = feed(cfg, file, (struct str){ octets, len });
	free(octets);
	return ok;
}

/* The name as seen from the folder of the file at hand; lives as long as the conf. */
static const char *beside(struct conf *c, const char *file, const char *name)
{
	struct str here = str_of(file);
	size_t slash = str_rfind(here, '/');
	size_t folder = name[0] == '/' || slash == here.len ? 0 : slash + 1, len = strlen(name);
	char *path = conf_alloc(c, folder + len + 1);

	if (!path)
		return NULL;
	memcpy(path, file, folder);
	memcpy(path + folder, name, len);
	return path;
}

static int on_include(cfg_t *cfg, cfg_opt_t *opt, int argc, const char **argv)
{
	struct reader *r = at_work;
	const char *limit = NULL;

	(void)opt;
	if (r->include_depth == INCLUDE_DEPTH_MAX)
		limit = "includes are nested too deeply; does a file include itself?";
	else if (r->includes++ == INCLUDES_MAX)
		limit = "too many files are included";
	if (limit && !r->hopeless)
		conf_wrong(r->c, r->file, cfg->line, "%s", limit);
	r->hopeless = r->hopeless || limit;
	if (r->hopeless || argc != 1)
		return -1;
	r->include_depth++;
	const char *path = beside(r->c, r->file, argv[0]);
	bool ok = path && feed_file(cfg, path, cfg->line);
	r->include_depth--;
	return ok && !r->hopeless ? 0 : -1;
}

static void free_table(cfg_opt_t *table)
{
	for (cfg_opt_t *opt = table; opt && opt->name; opt++)
		free_table(opt->subopts);
	free(table);
}

/* libconfuse's table of what may stand in a scope; null when out of memory. */
static cfg_opt_t *new_table(const struct scope *scope)
{
	struct name names[SCOPE_NAMES_MAX];
	size_t n = scope_names(scope, names);
	cfg_opt_t *table = calloc(n + 3, sizeof(*table));

	if (!table)
		return NULL;
	table[0] = (cfg_opt_t){ .name = SIEVE_MARK, .type = CFGT_STR, .flags = CFGF_NODEFAULT, .parsecb = on_begin };
	if (!scope->kind && !scope->inside)
		table[0] = (cfg_opt_t){
			.name = "include", .type = CFGT_FUNC, .flags = CFGF_NODEFAULT, .func = on_include
		};
	for (size_t i = 0; i < n; i++) {
		cfg_opt_t *opt = &table[i + 1];
		*opt = (cfg_opt_t){ .name = names[i].text,
			.type = CFGT_STR,
			.flags = CFGF_LIST | CFGF_NODEFAULT,
			.parsecb = on_value };
		if (names[i].kind != NAME_SECTION)
			continue;
		*opt = (cfg_opt_t){ .name = names[i].text,
			.type = CFGT_SEC,
			.flags = CFGF_MULTI | CFGF_NODEFAULT | (names[i].titled ? CFGF_TITLE : 0),
			.subopts = new_table(&names[i].scope),
			.validcb = on_end };
		if (!opt->subopts) {
			free_table(table);
			return NULL;
		}
	}
	return table;
}

void conf_load(struct conf *c, struct str text)
{
	struct scope top = { .kinds = c->kinds, .n_kinds = c->n_kinds };
	struct reader r = { .c = c, .file = c->top->file, .open = { c->top } };
	cfg_opt_t *table = has_memory(STR("")) ? new_table(&top) : NULL;
	cfg_t *cfg = table ? cfg_init(table, CFGF_NONE) : NULL;
	bool ok = true;

	free_table(table);
	if (!cfg) {
		c->failed = true;
		return;
	}
	r.cfg[0] = cfg;
	at_work = &r;
	cfg_set_error_function(cfg, on_error);
	if (!text.at)
		ok = feed_file(cfg, r.file, 0);
	else if (acceptable(c, r.file, text))
		ok = feed(cfg, r.file, text);
	if (!ok || (!r.broken && !take_empty_lists(cfg, c->top)))
		c->failed = true;
	at_work = NULL;
	cfg_free(cfg);
}
