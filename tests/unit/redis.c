/*
 * The store redis beside a process that speaks as a server would, or worse; and the keys, as Dovecot writes them.
 */
#include "filestore.h"

#include "wire/redis_key.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

extern const struct store_kind redis_type;

/* ---- keys ---- */

static void test_keys(void **state)
{
	static const struct {
		const char *prefix, *user, *key;
	} rows[] = {
		{ "", "joe@example.org", "joe@example.org/quota/storage" },
		{ "dovecot:", "joe", "dovecot:joe/quota/storage" },
		{ "", "a/b", "a\\-b/quota/storage" },
		{ "/", "a/b\\c/", "/a\\-b\\\\c\\-/quota/storage" },
		{ "", "b\\c", "b\\c/quota/storage" },
		{ "", "", "/quota/storage" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[64];
		struct buf key = BUF(text);
		redis_key_put(&key, str_of(rows[i].prefix), str_of(rows[i].user), STR("storage"));
		assert_string_equal(buf_z(&key), rows[i].key);
	}
}

/* ---- answers ---- */

static char address[128];

/* A process that serves one connection after the other: reads, says `text`, and closes if `closes`. */
static pid_t serve(const char *text, size_t len, bool closes)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	snprintf(address, sizeof(address), "unix:%s", at("socket"));
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", at("socket"));
	unlink(un.sun_path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(fd, 5), 0);
	pid_t child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGPIPE, SIG_IGN);
		for (;;) {
			char in[4096];
			int one = accept(fd, NULL, NULL);
			while (read(one, in, sizeof(in)) > 0 && write(one, text, len) == (ssize_t)len && !closes)
				;
			close(one);
		}
	}
	close(fd);
	return child;
}

static void end(pid_t server)
{
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
}

static struct opened open_redis(const char *timeout)
{
	return open_store(&redis_type, RULE_FITS, "address", address, "timeout", timeout, NULL);
}

#define TEXT(literal) literal, sizeof(literal) - 1

static const struct {
	const char *text;
	size_t len;
	enum facts_state state;
	uint64_t usage;
	uint32_t messages;
	const char *note; /* is in it */
} answers[] = {
	{ TEXT("$4\r\n1234\r\n$1\r\n7\r\n"), FACTS_FOUND, 1234, 7, "" },
	{ TEXT("$4\r\n1234\r\n$-1\r\n"), FACTS_FOUND, 1234, 0, "" },
	{ TEXT("$1\r\n0\r\n$1\r\n0\r\n"), FACTS_FOUND, 0, 0, "" },
	{ TEXT("$20\r\n18446744073709551616\r\n$10\r\n4294967296\r\n"), FACTS_FOUND, INT64_MAX, UINT32_MAX, "" },
	{ TEXT("$-1\r\n$-1\r\n"), FACTS_NO_MAILBOX, 0, 0, "no such keys" },
	{ TEXT("$-1\r\n$1\r\n7\r\n"), FACTS_FAILED, 0, 0, "storage is missing" },
	{ TEXT("$2\r\n-5\r\n$1\r\n7\r\n"), FACTS_FAILED, 0, 0, "storage below 0" },
	{ TEXT("$1\r\n5\r\n$2\r\n-7\r\n"), FACTS_FAILED, 0, 0, "messages below 0" },
	{ TEXT("$3\r\na\nb\r\n$1\r\n7\r\n"), FACTS_FAILED, 0, 0, "odd: Redis at" },
	{ TEXT("$0\r\n\r\n$1\r\n7\r\n"), FACTS_FAILED, 0, 0, "storage is no number: \"\"" },
	{ TEXT("-NOAUTH Authentication required.\r\n-NOAUTH x\r\n"), FACTS_FAILED, 0, 0,
		": NOAUTH Authentication required." },
	{ TEXT("-LOADING Redis is\x07loading\r\n-LOADING\r\n"), FACTS_FAILED, 0, 0, ": LOADING Redis is?loading" },
	{ TEXT("$1\r\n5\r\n-MOVED 3999 127.0.0.1:6381\r\n"), FACTS_FAILED, 0, 0, ": MOVED 3999 127.0.0.1:6381" },
	{ TEXT(":5\r\n:6\r\n"), FACTS_FAILED, 0, 0, "makes no sense" },
	{ TEXT("*2\r\n$1\r\n5\r\n$1\r\n6\r\n"), FACTS_FAILED, 0, 0, "makes no sense" },
	{ TEXT("*-1\r\n*-1\r\n"), FACTS_NO_MAILBOX, 0, 0, "" },
	{ TEXT("*0\r\n*0\r\n"), FACTS_FAILED, 0, 0, "makes no sense" },
	{ TEXT("*2147483647\r\n"), FACTS_FAILED, 0, 0, "" },
	{ TEXT("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n"), FACTS_FAILED, 0, 0, "none of Redis" },
	{ TEXT("$100000000\r\nx"), FACTS_FAILED, 0, 0, "closed" },
	{ TEXT("$99999999999999999999\r\n"), FACTS_FAILED, 0, 0, "none of Redis" },
	{ TEXT("$-7\r\n"), FACTS_FAILED, 0, 0, "none of Redis" },
	{ TEXT("* BYE\r\n"), FACTS_FAILED, 0, 0, "none of Redis" },
	{ TEXT("HTTP/1.1 400 Bad Request\r\n\r\n"), FACTS_FAILED, 0, 0, "none of Redis" },
	{ TEXT("$4\r\n12"), FACTS_FAILED, 0, 0, "closed" },
	{ TEXT("$4\r\n1234\r\n"), FACTS_FAILED, 0, 0, "closed" },
	{ TEXT(""), FACTS_FAILED, 0, 0, "closed" },
};

static void test_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		pid_t server = serve(answers[i].text, answers[i].len, true);
		struct opened o = open_redis("2000");
		struct asked a = ask(&o, "joe@example.org", true);
		if (a.facts.state != answers[i].state || a.facts.usage != answers[i].usage ||
			a.facts.messages != answers[i].messages || !strstr(a.note, answers[i].note))
			fail_msg("answer %zu: state %d, %llu octets, %u messages: %s", i, (int)a.facts.state,
				(unsigned long long)a.facts.usage, a.facts.messages, a.note);
		assert_int_equal(a.facts.limit, 0);
		close_store(&o);
		end(server);
	}
}

/* One that goes on and on costs neither memory nor more than its time. */
static void test_long_answers(void **state)
{
	static char lines[1 << 20];
	static const char *const heads[] = { "$900000\r\n", "+", "*100000000\r\n" };
	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		for (size_t n = 0; n < sizeof(lines); n++)
			lines[n] = ":1\r\n"[n % 4];
		if (i < 2)
			memset(lines, 'x', sizeof(lines));
		memcpy(lines, heads[i], strlen(heads[i]));
		pid_t server = serve(lines, sizeof(lines), true);
		struct opened o = open_redis("500");
		struct asked a = ask(&o, "joe@example.org", true);
		assert_int_equal(a.facts.state, FACTS_FAILED);
		close_store(&o);
		end(server);
	}
}

static void test_silence(void **state)
{
	(void)state;
	pid_t server = serve("", 0, false);
	struct opened o = open_redis("100");
	struct asked a = ask(&o, "joe@example.org", true);
	assert_int_equal(a.facts.state, FACTS_FAILED);
	assert_non_null(strstr(a.note, "no answer in time"));
	close_store(&o);
	end(server);
}

/* The connection is kept; one that was closed, or says something unasked, is made anew. */
static void test_connections(void **state)
{
	(void)state;
	static const char good[] = "$4\r\n1234\r\n$1\r\n7\r\n",
			  chatty[] = "$4\r\n1234\r\n$1\r\n7\r\n$1\r\n0\r\n$1\r\n0\r\n";
	for (int i = 0; i < 3; i++) {
		pid_t server = i < 2 ? serve(good, sizeof(good) - 1, i == 1) : serve(chatty, sizeof(chatty) - 1, false);
		struct opened o = open_redis("2000");
		for (int n = 0; n < 3; n++) {
			struct asked a = ask(&o, "joe@example.org", true);
			if (a.facts.state != FACTS_FOUND || a.facts.usage != 1234)
				fail_msg("server %d, question %d: %s", i, n, a.note);
		}
		close_store(&o);
		end(server);
	}
}

static void test_nobody_there(void **state)
{
	(void)state;
	snprintf(address, sizeof(address), "unix:%s", at("nothing"));
	struct opened o = open_redis("100");
	for (int i = 0; i < 2; i++) {
		struct asked a = ask(&o, "joe@example.org", true);
		assert_int_equal(a.facts.state, FACTS_FAILED);
		assert_non_null(strstr(a.note, "No such file"));
	}
	close_store(&o);
}

static void test_odd_addresses(void **state)
{
	static char text[ADDRESS_MAX + 2];
	const struct mailbox nul = { .address = { "a\0b@c", 5 }, .local = { "a\0b", 3 }, .domain = STR("c") };
	(void)state;
	memset(text, '/', sizeof(text) - 1);
	struct opened o = open_redis("100");
	assert_int_equal(ask_mailbox(&o, &nul, true).facts.state, FACTS_NO_MAILBOX);
	assert_int_equal(ask(&o, text, true).facts.state, FACTS_NO_MAILBOX);
	close_store(&o);
}

static void test_option_address(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} rows[] = {
		{ "inet:127.0.0.1:6379", true },
		{ "inet:[::1]:6379", true },
		{ "inet:redis.example.org:6379", true },
		{ "unix:/run/redis", true },
		{ "unix:run/redis", false },
		{ "unix:/very/long/long/long/long/long/long/long/long/long/long/long/long/long/long/long/long/long/"
		  "long/long/long/"
		  "long/"
		  "long/long",
			false },
		{ "inet:127.0.0.1", false },
		{ "inet::6379", false },
		{ "inet:x:0", false },
		{ "inet:x:65536", false },
		{ "udp:127.0.0.1:6379", false },
		{ "127.0.0.1:6379", false },
		{ "", false },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(redis_type.opts[0].check(str_of(rows[i].text), NULL), rows[i].good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_long_answers),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_connections),
		cmocka_unit_test(test_nobody_there),
		cmocka_unit_test(test_odd_addresses),
		cmocka_unit_test(test_option_address),
	};
	return cmocka_run_group_tests_name("redis", tests, files_setup, files_teardown);
}
