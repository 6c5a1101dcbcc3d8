/*
 * The helper's end: a daemon that was taken over sends what it likes. Octet 0 chooses what the helper does, then come records,
 * each behind its length of two octets; a record may be several questions in one message. Whatever it reads, a helper answers each
 * question once, under its number, in their order, with no more than a record may have, and looks at nothing but what it was sent.
 */
#include "daemon/notify.h"
#include "directory/asking.h"
#include "fuzz.h"
#include "io/command.h"
#include "io/desk.h"
#include "io/log.h"
#include "io/pool.h"
#include "options.h"
#include "store/blocking.h"
#include "store/server_address.h"

#include <sys/socket.h>
#include <unistd.h>

#define QUESTIONS 16 /* as many answers fit into a socket */
#define MORE (1ULL << 62) /* in the number of a question: another one follows */

extern const struct store_kind maildir_type, mbox_type;

/* ---- what would leave this process ---- */

uint32_t __wrap_remote_address_find(void *out, struct str name, struct buf *why);
bool __wrap_command_run(char *const argv[], char *const env[], msec timeout, struct err *err);

uint32_t __wrap_remote_address_find(void *out, struct str name, struct buf *why)
{
	(void)out;
	fuzz_require(name.len <= DESK_TEXT_MAX, "a name is a part of a question");
	buf_put(why, name);
	return 0;
}

/* The program and the names of the environment are ours, whatever the values are. */
bool __wrap_command_run(char *const argv[], char *const env[], msec timeout, struct err *err)
{
	fuzz_require(strcmp(argv[0], "/bin/tell") == 0 && argv[1] && argv[2] && argv[3] && !argv[4], "our program");
	size_t n = 0;
	for (; env[n]; n++)
		fuzz_require(strncmp(env[n], n ? "QUOTA_" : "PATH=/", 6) == 0, "our environment");
	fuzz_require(n == 9 && timeout == SECONDS(5), "all of it");
	return err_set(err, "not started");
}

/* ---- what helpers do ---- */

static void *open_fake(const void *conf, struct err *err)
{
	(void)err;
	return (void *)(uintptr_t)conf;
}

static void close_fake(void *state)
{
	(void)state;
}

/* Looks at every octet that it was given. */
static void look(const struct mailbox *m, struct buf *note)
{
	const struct str parts[] = { m->address, m->local, m->domain, m->home, m->host };
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		fuzz_require(parts[i].len <= DESK_TEXT_MAX, "a part has its bound");
		buf_put_clean(note, parts[i]);
	}
}

static void ask_store(void *state, const struct mailbox *m, bool firm, struct facts *facts, struct buf *note)
{
	(void)state;
	*facts = (struct facts){ .state = FACTS_FOUND, .firm = firm };
	look(m, note);
}

/* As many of them as the first octet says. */
static size_t ask_some(void *state, struct store_question *many, size_t n)
{
	struct str first = many[0].mailbox.address;
	size_t asked = first.len ? (uint8_t)first.at[0] % n + 1 : n;
	for (size_t i = 0; i < asked; i++)
		ask_store(state, &many[i].mailbox, many[i].firm, &many[i].facts, &many[i].note);
	return asked;
}

/* As many targets as its first octet says, so that they may be too many. */
static enum listing ask_directory(void *state, const struct mailbox *m, struct buf *targets, struct buf *note)
{
	const struct target t = { .kind = TARGET_ADDRESS, .address = m->address };
	(void)state;
	look(m, note);
	for (unsigned n = m->address.len ? (uint8_t)m->address.at[0] : 0; n; n--)
		target_put(targets, &t);
	return targets->len ? LISTING_TARGETS : LISTING_NO_ADDRESS;
}

static int serve_store(int fd, unsigned choice)
{
	static char state[1];
	static const struct store_kind fake = {
		.name = "fake", .open = open_fake, .ask = ask_store, .close = close_fake
	};
	static const struct store_kind fake_many = {
		.name = "fake", .open = open_fake, .ask = ask_store, .ask_many = ask_some, .close = close_fake
	};
	struct blocking_conf conf = { .name = "s", .type = &fake, .conf = state };
	static const void *maildir, *mbox;
	if (!maildir) {
		maildir = fuzz_options(maildir_type.opts, maildir_type.conf_size, "path = \"/usr/share/%d/%n\"");
		mbox = fuzz_options(mbox_type.opts, mbox_type.conf_size, "path = \"/usr/share/%1d/%u\"");
	}
	if (choice % 4 == 1) {
		conf.type = &maildir_type;
		conf.conf = maildir;
	} else if (choice % 4 == 2) {
		conf.type = &mbox_type;
		conf.conf = mbox;
	} else if (choice % 4 == 3) {
		conf.type = &fake_many;
	}
	return blocking_run(fd, &conf);
}

static int serve_directory(int fd)
{
	static char state[1];
	static const struct directory_type fake = {
		.name = "fake", .open = open_fake, .ask = ask_directory, .close = close_fake
	};
	const struct asking_conf conf = { .name = "d", .type = &fake, .conf = state };
	return asking_run(fd, &conf);
}

static int serve(int fd, unsigned choice)
{
	static const struct notify_conf notify = { .command = "/bin/tell", .timeout = SECONDS(5) };
	static const struct blocking_conf name = { .name = "s" };
	switch (choice / 4 % 4) {
	case 0: return serve_directory(fd);
	case 1: return server_address_run(fd, &name);
	case 2: return notify_run(fd, &notify);
	default: return serve_store(fd, choice);
	}
}

/* ---- the daemon ---- */

/* The numbers of the questions in a message; none: it ends the helper. */
static unsigned read_numbers(struct str message, uint64_t *numbers)
{
	uint64_t words[2];
	for (unsigned n = 0; n < POOL_OUTSTANDING_MAX && message.len >= sizeof(words[0]);) {
		memcpy(words, message.at, message.len < sizeof(words) ? sizeof(words[0]) : sizeof(words));
		numbers[n++] = words[0] & (MORE - 1); /* the last two bits say something else */
		if (!(words[0] & MORE))
			return n;
		if (message.len < sizeof(words) || words[1] > message.len - sizeof(words))
			return 0;
		message = str_from(message, sizeof(words) + (words[1] + 7) / 8 * 8);
	}
	return 0;
}

/* Sends the records; returns how many questions are to be answered. */
static unsigned send_all(int fd, struct octets *in, uint64_t numbers[QUESTIONS])
{
	unsigned n = 0;
	while (in->at < in->end) {
		uint64_t these[POOL_OUTSTANDING_MAX];
		struct str record = fuzz_take(in, fuzz_choose(in, 65536) % (POOL_RECORD_MAX / 16));
		unsigned more = read_numbers(record, these);
		if (record.len == 0 || n + more > QUESTIONS || send(fd, record.at, record.len, MSG_DONTWAIT) < 0)
			break; /* an empty one says that the daemon is gone */
		if (more == 0)
			return n;
		memcpy(numbers + n, these, more * sizeof(these[0]));
		n += more;
	}
	return n;
}

static void check_replies(int fd, const uint64_t *numbers, unsigned n)
{
	static uint64_t reply[POOL_RECORD_MAX / sizeof(uint64_t) + 2];
	for (unsigned i = 0; i < n; i++) {
		ssize_t len = recv(fd, reply, sizeof(reply), MSG_DONTWAIT | MSG_TRUNC);
		fuzz_require(len > (ssize_t)sizeof(reply[0]) && len <= (ssize_t)sizeof(reply[0]) + POOL_RECORD_MAX,
			"each question has its answer");
		fuzz_require(reply[0] == numbers[i], "under its number");
	}
	fuzz_require(recv(fd, reply, sizeof(reply), MSG_DONTWAIT) <= 0, "and no other");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool begun;
	struct octets in = OCTETS(data, size);
	uint64_t numbers[QUESTIONS];
	int pair[2], room = 1 << 21;
	if (!begun)
		begun = log_open("stderr", LOG_LEVEL_ERROR, NULL);
	fuzz_require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0, "a pair of sockets");
	for (int i = 0; i < 2; i++)
		setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	unsigned choice = fuzz_choose(&in, 256);
	unsigned n = send_all(pair[0], &in, numbers);
	shutdown(pair[0], SHUT_WR);
	serve(pair[1], choice);
	check_replies(pair[0], numbers, n);
	close(pair[0]);
	close(pair[1]);
	return 0;
}
