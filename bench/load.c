/*
 * The load generator: one thread, one epoll set, N connections with one question each in flight (a closed loop), either
 * kept or one connection per question. Every answer is read and classified; an odd one ends the run with exit status 3,
 * for a rate of wrong answers is worth nothing, and a server that takes no connection, hangs up or falls silent ends it
 * with 4. By datagram a connection is a socket; a question without an answer is asked again after a second, and counted
 * as lost. It prints one line of key=value pairs. It connects to this machine only (endpoint.h), and is bounded in count
 * and time.
 */
#include "endpoint.h"
#include "latency.h"
#include "picks.h"
#include "question.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 4096
#define SECONDS_MAX 600
#define QUESTIONS_MAX UINT64_C(1000000000)
#define SILENCE_MS 10000
#define LOST_MS 1000 /* a datagram without an answer */
#define LOOK_MS 100 /* between looks for lost ones */
#define MS UINT64_C(1000000) /* in ns */
#define KEY_FILE_MAX 4096

enum { ENDS_USAGE = 2, ENDS_ODD = 3, ENDS_SILENT = 4 }; /* exit status */

struct plan {
	const char *to;
	const struct protocol *protocol;
	struct question_form form;
	struct seal_keys keys;
	uint64_t connections, users, questions, seconds, seed; /* questions, seconds: whichever comes first; 0 none */
	bool per_connection; /* a transaction per connection, not per question */
	bool in_order; /* user after user, not at random */
	bool zipf; /* some users far more often than others, see picks.h */
};

struct link {
	int fd;
	bool asking; /* a question is in flight */
	size_t got;
	uint64_t sent_at; /* ns; with a connection per question: when connect() began */
	uint64_t again_at; /* ns; datagrams: when it will be lost */
	uint64_t transaction;
	struct question question;
	char in[1024];
};

struct run {
	const struct plan *plan;
	struct endpoint to;
	int epoll;
	struct link *links;
	struct picks picks; /* with zipf */
	uint64_t random, asked, in_flight, answered, pass, full, lost;
	uint64_t start, stop; /* ns; no question is asked after stop */
	uint64_t look_at; /* ns; for lost datagrams */
	struct latency latency;
};

_Noreturn static void die(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void die(int status, const char *format, ...)
{
	va_list ap;

	fputs("load: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(status);
}

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* xorshift64*: repeatable, and cheap beside a system call. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (*state * UINT64_C(2685821657736338717)) >> 32;
}

static void link_open(struct run *r, struct link *l)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = l };

	l->fd = endpoint_connect(&r->to);
	if (l->fd < 0)
		die(ENDS_SILENT, "cannot connect to %s: %s", r->plan->to, strerror(errno));
	if (epoll_ctl(r->epoll, EPOLL_CTL_ADD, l->fd, &e))
		die(ENDS_SILENT, "epoll_ctl: %s", strerror(errno));
}

static void link_send(struct link *l, uint64_t now)
{
	/* One question in flight is far less than a socket buffer holds: a short write is a fault, not a state. */
	ssize_t n = send(l->fd, l->question.text, l->question.length, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n != (ssize_t)l->question.length)
		die(ENDS_SILENT, "cannot send a question: %s", n < 0 ? strerror(errno) : "short write");
	l->again_at = now + LOST_MS * MS;
}

/* Asks the next question on `l`, or none when the run is over. */
static void link_ask(struct run *r, struct link *l, uint64_t now)
{
	const struct plan *p = r->plan;
	uint64_t pick;

	if (now >= r->stop || (p->questions && r->asked == p->questions))
		return;
	if (p->zipf)
		pick = picks_next(&r->picks);
	else
		pick = p->in_order ? r->asked : next_random(&r->random);
	if (!p->per_connection)
		l->transaction = r->start + r->asked;
	p->protocol->renew(&l->question, (unsigned)(pick % p->users), l->transaction);
	l->got = 0;
	l->sent_at = now;
	if (p->form.single)
		link_open(r, l);
	link_send(l, now);
	l->asking = true;
	r->asked++;
	r->in_flight++;
}

_Noreturn static void die_of(struct link *l)
{
	for (size_t i = 0; i < l->got; i++)
		if ((l->in[i] < ' ' && l->in[i] != '\n') || l->in[i] > '~')
			l->in[i] = '.';
	die(ENDS_ODD, "odd answer: %.*s", (int)l->got, l->in);
}

/* Something has arrived on `l`. */
static void link_read(struct run *r, struct link *l)
{
	ssize_t n = recv(l->fd, l->in + l->got, sizeof l->in - l->got, MSG_DONTWAIT);
	uint64_t now;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		die(ENDS_SILENT, "the server hung up after %" PRIu64 " answers: %s", r->answered,
			n < 0 ? strerror(errno) : "end");
	l->got = l->asking ? l->got + (size_t)n : 0;
	if (l->got == 0)
		return; /* the question was asked twice, and this is the second answer */
	switch (r->plan->protocol->read(&l->question, l->in, l->got)) {
	case REPLY_PART:
		if (l->got < sizeof l->in)
			return;
		die(ENDS_ODD, "an answer without an end");
	case REPLY_ODD: die_of(l);
	case REPLY_LATE: l->got = 0; return;
	case REPLY_PASS: r->pass++; break;
	case REPLY_FULL: r->full++; break;
	}
	now = clock_ns();
	latency_put(&r->latency, now - l->sent_at);
	l->asking = false;
	r->answered++;
	r->in_flight--;
	if (r->plan->form.single) {
		close(l->fd); /* which takes it out of the epoll set */
		now = clock_ns();
	}
	link_ask(r, l, now);
}

static void start(struct run *r, const struct plan *p)
{
	r->plan = p;
	r->random = p->seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
	r->epoll = epoll_create1(EPOLL_CLOEXEC);
	r->links = calloc(p->connections, sizeof *r->links);
	if (r->epoll < 0 || !r->links || (p->zipf && !picks_open(&r->picks, p->users, p->seed)))
		die(ENDS_SILENT, "no memory or no descriptors");
	for (uint64_t i = 0; i < p->connections; i++) {
		struct link *l = &r->links[i];

		if (!p->protocol->write(&l->question, &p->form))
			die(ENDS_USAGE, "the question does not fit");
		l->transaction = clock_ns();
		if (!p->form.single)
			link_open(r, l);
	}
	r->start = clock_ns();
	r->stop = r->start + (p->seconds ? p->seconds : SECONDS_MAX) * 1000000000u;
	for (uint64_t i = 0; i < p->connections; i++)
		link_ask(r, &r->links[i], clock_ns());
}

/* Asks again where a datagram was lost. Bounded: who is silent for SILENCE_MS ends the run. */
static void repeat(struct run *r)
{
	uint64_t now = clock_ns();

	if (now < r->look_at)
		return;
	r->look_at = now + LOOK_MS * MS;
	for (uint64_t i = 0; i < r->plan->connections; i++) {
		struct link *l = &r->links[i];

		if (!l->asking || now < l->again_at)
			continue;
		if (now - l->sent_at > SILENCE_MS * MS)
			die(ENDS_SILENT, "no answer for %d s to a question asked again and again", SILENCE_MS / 1000);
		r->lost++;
		r->plan->protocol->repeat(&l->question);
		link_send(l, now);
	}
}

static void turn(struct run *r)
{
	struct epoll_event events[256];
	bool datagrams = r->plan->protocol->datagrams;
	int n = epoll_wait(r->epoll, events, 256, datagrams ? LOOK_MS : SILENCE_MS);

	if (datagrams)
		repeat(r);
	else if (n == 0)
		die(ENDS_SILENT, "no answer for %d s, %" PRIu64 " questions are open", SILENCE_MS / 1000, r->in_flight);
	if (n < 0 && errno != EINTR)
		die(ENDS_SILENT, "epoll_wait: %s", strerror(errno));
	for (int i = 0; i < n; i++)
		link_read(r, events[i].data.ptr);
}

static double share_us(const struct run *r, double q)
{
	return (double)latency_get(&r->latency, q) / 1000;
}

static void print(const struct run *r, uint64_t end)
{
	const struct plan *p = r->plan;
	double seconds = (double)(end - r->start) / 1e9;
	struct rusage u;
	double cpu;

	getrusage(RUSAGE_SELF, &u);
	cpu = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
	printf("to=%s protocol=%s mode=%s connections=%" PRIu64 " users=%" PRIu64 " question_octets=%zu ", p->to,
		p->protocol->name, p->form.single ? "per-question" : "kept", p->connections, p->users,
		r->links[0].question.length);
	printf("questions=%" PRIu64 " seconds=%.3f rate=%.0f pass=%" PRIu64 " full=%" PRIu64 " lost=%" PRIu64 " ",
		r->answered, seconds, (double)r->answered / seconds, r->pass, r->full, r->lost);
	printf("p50_us=%.1f p99_us=%.1f p999_us=%.1f max_us=%.1f own_cpu_us=%.2f\n", share_us(r, 0.5),
		share_us(r, 0.99), share_us(r, 0.999), (double)r->latency.max / 1000,
		cpu * 1e6 / (double)(r->answered ? r->answered : 1));
}

static uint64_t number(const char *option, const char *text, uint64_t least, uint64_t most)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || end == text || *end || text[0] == '-' || n < least || n > most)
		die(ENDS_USAGE, "--%s %s: expected a number from %" PRIu64 " to %" PRIu64, option, text, least, most);
	return n;
}

_Noreturn static void usage(int status)
{
	fputs("usage: load --to unix:PATH|inet:127.0.0.1:PORT|udp:127.0.0.1:PORT [--connections N] [--questions N]\n"
	      "            [--protocol policy|socketmap|exim-quotad|cgi|facts|facts-http] [--seconds N] [--users N] "
	      "[--seed N]\n"
	      "            [--domain NAME] [--size OCTETS] [--per-question] [--per-connection] [--in-order|--zipf]\n"
	      "            [--before PATH/ --after /PATH] [--key-file FILE] [--report]\n"
	      "--per-question     a connection per question, not kept ones\n"
	      "--per-connection   one transaction (Postfix's instance) per connection, not a new one per question\n"
	      "--in-order         user after user, not at random\n"
	      "--zipf             user N in proportion to 1/(N + 1)\n"
	      "--before, --after  exim-quotad: the path around the user's name\n"
	      "--key-file         facts, facts-http: the key that seals; without it nothing is sealed\n"
	      "--report           facts, facts-http: no message will come, so that nothing is charged\n",
		status ? stderr : stdout);
	exit(status);
}

static const struct option options[] = {
	{ "to", required_argument, NULL, 't' },
	{ "protocol", required_argument, NULL, 'p' },
	{ "connections", required_argument, NULL, 'c' },
	{ "questions", required_argument, NULL, 'q' },
	{ "seconds", required_argument, NULL, 's' },
	{ "users", required_argument, NULL, 'u' },
	{ "domain", required_argument, NULL, 'd' },
	{ "size", required_argument, NULL, 'z' },
	{ "seed", required_argument, NULL, 'r' },
	{ "per-question", no_argument, NULL, 'Q' },
	{ "per-connection", no_argument, NULL, 'C' },
	{ "in-order", no_argument, NULL, 'O' },
	{ "zipf", no_argument, NULL, 'Z' },
	{ "before", required_argument, NULL, 'b' },
	{ "after", required_argument, NULL, 'a' },
	{ "key-file", required_argument, NULL, 'k' },
	{ "report", no_argument, NULL, 'R' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void read_keys(struct plan *p, const char *path)
{
	char text[KEY_FILE_MAX];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
	struct err err;

	if (n < 0)
		die(ENDS_USAGE, "%s: %s", path, strerror(errno));
	close(fd);
	if (!seal_keys_parse(&p->keys, (struct str){ text, (size_t)n }, &err))
		die(ENDS_USAGE, "%s: %s", path, err.text);
	p->form.key = &p->keys.at[0];
}

static void set(struct plan *p, int c, const char *name, const char *arg)
{
	switch (c) {
	case 't': p->to = arg; break;
	case 'p': p->protocol = protocol_find(arg); break;
	case 'c': p->connections = number(name, arg, 1, CONNECTIONS_MAX); break;
	case 'q': p->questions = number(name, arg, 1, QUESTIONS_MAX); break;
	case 's': p->seconds = number(name, arg, 1, SECONDS_MAX); break;
	case 'u': p->users = number(name, arg, 1, QUESTION_USERS); break;
	case 'd': p->form.domain = arg; break;
	case 'z': p->form.size = number(name, arg, 0, INT64_MAX); break;
	case 'r': p->seed = number(name, arg, 0, INT64_MAX); break;
	case 'Q': p->form.single = true; break;
	case 'C': p->per_connection = true; break;
	case 'O': p->in_order = true; break;
	case 'Z': p->zipf = true; break;
	case 'b': p->form.before = arg; break;
	case 'a': p->form.after = arg; break;
	case 'k': read_keys(p, arg); break;
	case 'R': p->form.report = true; break;
	case 'h': usage(0);
	default: usage(ENDS_USAGE);
	}
}

int main(int argc, char **argv)
{
	static struct run run;
	struct plan plan = {
		.protocol = protocol_find("policy"),
		.form = { .domain = "example.org", .before = "", .after = "", .size = 4096 },
		.connections = 1,
		.users = 1,
	};
	int c, at = 0;

	while ((c = getopt_long(argc, argv, "", options, &at)) != -1)
		set(&plan, c, options[at].name, optarg);
	if (optind != argc || !plan.to || !plan.protocol || (!plan.questions && !plan.seconds))
		usage(ENDS_USAGE);
	if (!endpoint_decode(&run.to, plan.to))
		die(ENDS_USAGE, "%s: expected unix:/PATH, inet:127.0.0.1:PORT or udp:127.0.0.1:PORT", plan.to);
	if (plan.protocol->datagrams != (run.to.type == SOCK_DGRAM))
		die(ENDS_USAGE, "--protocol %s does not go to %s", plan.protocol->name, plan.to);
	start(&run, &plan);
	while (run.in_flight > 0)
		turn(&run);
	print(&run, clock_ns());
	close(run.epoll);
	picks_close(&run.picks);
	free(run.links);
	return 0;
}
