/* Replies of a directory's helpers: targets come with the word that there are some, and the gate can look at all of them. */
#include "directory/asking.h"
#include "hostile.h"

static struct directory *directory;
static struct lookup lookups[HOSTILE_QUESTIONS];

void __wrap_lookup_done(struct lookup *, msec now);

void __wrap_lookup_done(struct lookup *l, msec now)
{
	struct target t;
	struct str rest = l->targets;
	(void)now;
	fuzz_require(l->listing <= LISTING_TARGETS, "a word that there is");
	fuzz_require(l->listing == LISTING_FAILED || (l->listing == LISTING_TARGETS) == (l->targets.len > 0),
		"targets come with their word");
	fuzz_require(l->targets.len <= TARGETS_MAX, "a record has its bound");
	while (target_get(&t, &rest))
		fuzz_require(fuzz_inside(t.home, l->targets) && fuzz_inside(t.address, l->targets), "slices of it");
	fuzz_require(memchr(l->note, '\0', LOOKUP_NOTE) && fuzz_is_clean(str_of(l->note)), "one clean line");
	hostile_answered((unsigned)(l - lookups));
}

static void put_server(const void *conf, struct buf *out)
{
	(void)conf;
	buf_puts(out, "inet:127.0.0.1:1");
}

static void begin(uv_loop_t *loop)
{
	static const struct directory_type type = { .name = "fake", .server = put_server };
	static const struct asking_conf conf = { .name = "d", .type = &type, .helpers = 2, .hang = SECONDS(3600) };
	directory = asking_open(loop, NULL, &conf, NULL);
	fuzz_require(directory != NULL, "memory");
}

static bool ask(unsigned i, struct octets *in)
{
	struct lookup *l = &lookups[i];
	struct buf text = BUF(l->text);
	memset(l, 0, sizeof(*l));
	buf_put(&text, fuzz_take(in, fuzz_choose(in, MAILBOX_PATH_MAX + 1)));
	l->mailbox.address = buf_str(&text);
	l->mailbox.domain = str_from(buf_str(&text), text.len / 2);
	l->of_directory = true;
	l->key.a = i;
	directory->calls->start(directory, l);
	return true;
}

static void cancel(unsigned i)
{
	directory->calls->cancel(directory, &lookups[i]);
}

static void close_directory(void)
{
	directory->calls->close(directory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct hostile_asker asker = {
		.open = begin, .ask = ask, .cancel = cancel, .close = close_directory, .reply = 12
	};
	hostile_live(&asker, data, size);
	return 0;
}
