#include "store/maildirpp.h"

#include "wire/maildirsize.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#define PATH_ROOM 4096 /* PLACE_NAME_MAX and all that is put behind a name here */
#define STALE ((time_t)15 * 60) /* seconds */
#define ABOVE_MAX 8 /* how many folders within each other we climb out of */
#define TRIES 3

/* A maildirsize as it was found. */
struct size_file {
	bool found;
	struct stat st; /* when found */
	struct maildirsize size; /* not found or not a file: not valid, and says why */
};

/* One question. */
struct asking {
	struct maildirpp *maildirpp;
	struct beneath *beneath;
	struct buf dir; /* the Maildir, relative to the root, NUL-terminated */
	struct facts *facts;
	struct buf *note;
};

/* Writes "dir/name" or, when dir is empty, "name". */
static void join(struct buf *out, const char *dir, const char *name)
{
	buf_puts(out, dir);
	if (out->len)
		buf_putc(out, '/');
	buf_puts(out, name);
	buf_z(out);
}

static void answer_failed(struct asking *a, const struct beneath *b, const char *name, int error)
{
	a->facts->state = FACTS_FAILED;
	beneath_why(b, name, error, a->note);
}

/* Reads the file open at fd. 0 or an errno. */
static int read_file(int fd, struct size_file *file)
{
	char text[MAILDIRSIZE_MAX];
	size_t len = 0;
	ssize_t n = 1;
	file->found = true;
	if (fstat(fd, &file->st) != 0)
		return errno;
	if (!S_ISREG(file->st.st_mode)) {
		file->size.why = "maildirsize is no regular file";
		return 0;
	}
	/* A read may be cut short on NFS; lines that are appended now are as good as appended later. */
	while (len < sizeof(text) && (off_t)len < file->st.st_size && n > 0) {
		n = read(fd, text + len, sizeof(text) - len);
		if (n < 0)
			return errno;
		len += (size_t)n;
	}
	maildirsize_decode(&file->size, (struct str){ text, len });
	return 0;
}

/* 0, also when there is no such file, or an errno. */
static int find_file(struct beneath *b, const char *path, struct size_file *file)
{
	int error = 0;
	/* On NFS the file may be replaced while we look at it. */
	for (int i = 0; i < TRIES; i++) {
		*file = (struct size_file){ .size.why = "no maildirsize" };
		int fd = beneath_open(b, path, O_RDONLY);
		error = fd < 0 ? errno : read_file(fd, file);
		if (fd >= 0)
			close(fd);
		if (error != ESTALE)
			break;
	}
	if (error == ENXIO) /* a socket */
		file->size.why = "maildirsize is no regular file";
	return error == ENOENT || error == ENXIO ? 0 : error;
}

/* The figures are above no limit of line 1, and there is one. */
static bool is_within(const struct maildirsize *s)
{
	return (s->limit || s->message_limit) && (s->limit == 0 || s->usage <= s->limit) &&
	       (s->message_limit == 0 || s->messages <= s->message_limit);
}

/* Answers from the file if that will do. */
static bool answer_file(struct asking *a, const struct size_file *file, bool firm, const struct beneath *b,
	const char *path, const char **why)
{
	const struct maildirsize *s = &file->size;
	time_t age = time(NULL) - file->st.st_mtime;
	bool fresh = age < STALE && age > -STALE;
	*why = s->why;
	a->facts->limit = s->limit;
	a->facts->message_limit = s->message_limit;
	a->facts->foreign = s->foreign;
	if (!s->valid)
		return false;
	a->facts->firm = (s->lines == 1 && fresh) || (a->maildirpp->dovecot && is_within(s));
	if (firm && !a->facts->firm) {
		*why = s->lines == 1 ? "maildirsize is not of the last 15 minutes"
				     : "maildirsize has more than one data line";
		return false;
	}
	a->facts->state = FACTS_FOUND;
	a->facts->source = SOURCE_MAILDIRSIZE;
	a->facts->usage = s->usage;
	a->facts->messages = s->messages;
	beneath_put(b, path, a->note);
	buf_printf(a->note, ": %u data line%s, %jd s old", s->lines, s->lines == 1 ? "" : "s", (intmax_t)age);
	return true;
}

static void answer_count(struct asking *a, const struct recount_sum *sum, enum facts_source source, const char *why)
{
	a->facts->state = FACTS_FOUND;
	a->facts->source = source;
	a->facts->firm = true;
	a->facts->usage = sum->octets;
	a->facts->messages = sum->messages < UINT32_MAX ? (uint32_t)sum->messages : UINT32_MAX;
	beneath_put(a->beneath, a->dir.at, a->note);
	buf_printf(a->note, ": %s (%s)", source == SOURCE_RECOUNT ? "recounted" : "the last recount still stands", why);
}

/* Counts, or remembers. `why` the maildirsize did not do. */
static void recount(struct asking *a, const struct stat *file, const char *why)
{
	char text[PATH_ROOM];
	struct buf failed = BUF(text);
	struct recount_print print;
	struct recount_sum sum;
	struct recount_memory *memory = a->maildirpp->memory;
	const struct recount_rules *rules = &a->maildirpp->rules;
	if (!recount_print_take(&print, memory, a->beneath, a->dir.at, rules, file, &failed)) {
		answer_failed(a, a->beneath, buf_z(&failed), errno);
		return;
	}
	if (recount_memory_get(memory, &print, &sum)) {
		answer_count(a, &sum, SOURCE_REMEMBERED, why);
		return;
	}
	if (!recount_count(a->beneath, a->dir.at, rules, &sum, &failed)) {
		answer_failed(a, a->beneath, buf_z(&failed), errno);
		return;
	}
	recount_memory_put(memory, &print, sum);
	answer_count(a, &sum, SOURCE_RECOUNT, why);
}

/* Climbs from a folder to its Maildir. False when there is no Maildir; facts and note say so. *above: it was a folder. */
static bool find_maildir(struct asking *a, bool *above)
{
	for (int i = 0; i <= ABOVE_MAX; i++) {
		int fd = beneath_open(a->beneath, a->dir.at, O_PATH | O_DIRECTORY);
		int error = errno;
		if (fd < 0 && (error == ENOENT || error == ENAMETOOLONG)) {
			a->facts->state = FACTS_NO_MAILBOX;
			beneath_why(a->beneath, a->dir.at, error, a->note);
			return false;
		}
		if (fd < 0) {
			answer_failed(a, a->beneath, a->dir.at, error);
			return false;
		}
		bool folder = faccessat(fd, "maildirfolder", F_OK, 0) == 0;
		close(fd);
		if (!folder)
			return true;
		*above = true;
		buf_puts(&a->dir, a->dir.len ? "/.." : "..");
		buf_z(&a->dir);
	}
	answer_failed(a, a->beneath, a->dir.at, ELOOP);
	return false;
}

void maildirpp_ask(struct maildirpp *maildirpp, struct beneath *b, const char *name,
	const struct maildirpp_control *control, bool firm, struct facts *facts, struct buf *note)
{
	char dir[PATH_ROOM], path[PATH_ROOM];
	struct asking a = { maildirpp, b, BUF(dir), facts, note };
	struct buf file_path = BUF(path);
	struct beneath *where = control ? control->beneath : b;
	struct size_file file;
	const char *why;
	bool above = false;
	*facts = (struct facts){ .state = FACTS_FAILED };
	buf_puts(&a.dir, name);
	buf_z(&a.dir);
	if (control && !find_maildir(&a, &above))
		return;
	join(&file_path, control ? control->name : dir, "maildirsize");
	int error = find_file(where, path, &file);
	if (!error && !file.found && !control) {
		/* Only now: the file's being there has told of the directory, in the one call of the normal case. */
		if (!find_maildir(&a, &above))
			return;
		file_path.len = 0;
		join(&file_path, dir, "maildirsize");
		error = above ? find_file(where, path, &file) : 0;
	}
	if (error == ENAMETOOLONG) {
		facts->state = FACTS_NO_MAILBOX;
		beneath_why(where, path, error, note);
	} else if (error) {
		answer_failed(&a, where, path, error);
	} else if (!answer_file(&a, &file, firm, where, path, &why)) {
		recount(&a, file.found ? &file.st : NULL, why);
	}
}
