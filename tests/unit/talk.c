/*
 * Replays the dialogues of tests/talk/<front>/: each whole, octet by octet, and cut in two at every single place, with
 * the input standing still and moving. Every replay must give the same transcript (see drive.h), line for line.
 *
 *   # a comment
 *   option words.pass = OK             of the listener; first
 *   connect 192.0.2.25                 the client comes; what was connected is hung up
 *   > recipient=joe@example.com        the client sends this and LF; \xNN is an octet; a backslash at the end: no LF
 *   >* 20000 a                         the client sends so many of it, no LF
 *   > M "<joe@example.com>"            where the protocol has packets: it sends this one; see packets.h
 *   >> \x00\x00                        the same octets in any protocol, no LF
 *   ? rcpt address=joe@example.com     the front asks this
 *   ! defer full 452 4.2.2 Mailbox full    it is answered: action, reason, then usage=N, limit=N, then a reply
 *   < action=452 4.2.2 Mailbox full    the front sends this and LF
 *   hangup                             the client goes
 *   ended 1                            the front's other doings: abandoned N, complaint: text, metrics, close
 */
#include "../drive.h"
#include "../packets.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

extern const struct front policy_front, milter_front, exim_quotad_front, socketmap_front, check_quota_front,
	control_front;

static const struct front *const fronts[] = { &policy_front, &milter_front, &exim_quotad_front, &socketmap_front,
	&check_quota_front, &control_front };

#define SCRIPT_MAX 65536
#define INPUT_MAX 65536
#define VERDICTS_MAX 64
#define CONNECTIONS_MAX 32

struct connection {
	struct str host, sent;
	bool hangs_up;
};

struct talk {
	const char *path;
	bool packets;
	char script[SCRIPT_MAX], input[INPUT_MAX], expected[SCRIPT_MAX], seen[SCRIPT_MAX];
	struct buf in, want;
	struct connection connections[CONNECTIONS_MAX];
	size_t n_connections, longest;
	struct answer answers[VERDICTS_MAX];
	struct reply replies[VERDICTS_MAX];
	size_t n_answers, next_answer;
	struct drive drive;
};

static void read_sent(struct talk *t, struct str line)
{
	size_t before = t->in.len;
	assert_true(t->n_connections > 0);
	if (str_starts(line, STR(">* "))) {
		struct str text = str_from(line, 3), count = str_cut(&text, ' ');
		uint64_t n = 0;
		assert_true(str_u64(count, &n));
		while (n-- > 0)
			drive_put_unescaped(&t->in, text);
	} else if (str_starts(line, STR(">> "))) {
		drive_put_unescaped(&t->in, str_from(line, 3));
	} else if (t->packets) {
		if (!packets_read(&t->in, str_from(line, 2)))
			fail_msg("%s: no packet: %.*s", t->path, (int)line.len, line.at);
	} else {
		struct str text = str_from(line, 2);
		bool ends = text.len == 0 || text.at[text.len - 1] != '\\';
		drive_put_unescaped(&t->in, (struct str){ text.at, ends ? text.len : text.len - 1 });
		if (ends)
			buf_putc(&t->in, '\n');
	}
	t->connections[t->n_connections - 1].sent.len += t->in.len - before;
}

static const char *const action_names[] = { "pass", "defer", "reject" };

static void read_answer(struct talk *t, struct str line)
{
	struct str rest = str_from(line, 2);
	struct str action = str_cut(&rest, ' '), reason = str_cut(&rest, ' ');
	struct err err;
	assert_true(t->n_answers < VERDICTS_MAX);
	struct answer *a = &t->answers[t->n_answers];
	struct reply *reply = &t->replies[t->n_answers++];
	while (!str_eq(action, str_of(action_names[a->verdict.action])))
		assert_true(++a->verdict.action <= ACTION_REJECT);
	while (!str_eq(reason, str_of(reason_name(a->verdict.reason))))
		assert_true(++a->verdict.reason < REASON_COUNT);
	if (str_starts(rest, STR("usage="))) {
		struct str figure = str_cut(&rest, ' ');
		assert_true(str_u64(str_from(figure, 6), &a->facts.usage));
		a->facts.state = FACTS_FOUND;
	}
	if (str_starts(rest, STR("limit="))) {
		struct str figure = str_cut(&rest, ' ');
		assert_true(str_u64(str_from(figure, 6), &a->limit));
	}
	if (rest.len && !reply_parse(reply, rest, &err))
		fail_msg("%s: %s", t->path, err.text);
	a->verdict.reply = rest.len ? reply : NULL;
}

static void read_option(struct talk *t, struct str line)
{
	struct err err;
	struct str rest = str_from(line, 7);
	struct str name = str_trim(str_cut(&rest, '='));
	struct str value = str_trim(rest);
	((char *)(uintptr_t)value.at)[value.len] = '\0'; /* in t->script, where the LF stood */
	if (!drive_option(&t->drive, name, value.at, &err))
		fail_msg("%s: %s", t->path, err.text);
}

static void read_line(struct talk *t, struct str line)
{
	if (line.len == 0 || line.at[0] == '#')
		return;
	if (line.at[0] == '>') {
		read_sent(t, line);
	} else if (line.at[0] == '!') {
		read_answer(t, line);
	} else if (str_starts(line, STR("option "))) {
		read_option(t, line);
	} else if (str_eq(line, STR("hangup"))) {
		t->connections[t->n_connections - 1].hangs_up = true;
	} else {
		if (str_starts(line, STR("connect"))) {
			assert_true(t->n_connections < CONNECTIONS_MAX);
			t->connections[t->n_connections++] = (struct connection){
				.host = str_trim(str_from(line, 7)),
				.sent = { t->in.at + t->in.len, 0 },
			};
		}
		buf_put(&t->want, line);
		buf_putc(&t->want, '\n');
	}
}

static void read_script(struct talk *t)
{
	FILE *f = fopen(t->path, "rb");
	assert_non_null(f);
	size_t n = fread(t->script, 1, sizeof(t->script) - 1, f);
	assert_true(n < sizeof(t->script) - 1);
	fclose(f);
	struct str rest = { t->script, n };
	t->in = BUF(t->input);
	t->want = BUF(t->expected);
	while (rest.len)
		read_line(t, str_cut(&rest, '\n'));
	assert_false(t->in.full || t->want.full);
	for (size_t i = 0; i < t->n_connections; i++)
		if (t->connections[i].sent.len > t->longest)
			t->longest = t->connections[i].sent.len;
}

static void next_answer(void *context, const struct query *q, struct answer *a)
{
	struct talk *t = context;
	(void)q;
	if (t->next_answer == t->n_answers)
		fail_msg("%s: one question more than answers", t->path);
	*a = t->answers[t->next_answer++];
}

/* Pieces of `piece` octets, 0: whole. When `cut` is not 0, cut there first. */
static void send_in_pieces(struct drive *d, struct str sent, size_t piece, size_t cut)
{
	if (cut && cut < sent.len) {
		drive_input(d, (struct str){ sent.at, cut });
		sent = str_from(sent, cut);
	}
	for (size_t n; sent.len; sent = str_from(sent, n)) {
		n = piece && piece < sent.len ? piece : sent.len;
		drive_input(d, (struct str){ sent.at, n });
	}
}

static void replay(struct talk *t, size_t piece, size_t cut, bool moves)
{
	struct drive *d = &t->drive;
	d->transcript = BUF(t->seen);
	d->moves = moves;
	d->n_seen = 0;
	memset(d->shared, 0, d->front->shared_size);
	t->next_answer = 0;
	for (size_t i = 0; i < t->n_connections; i++) {
		drive_connect(d, t->connections[i].host);
		send_in_pieces(d, t->connections[i].sent, piece, cut);
		if (t->connections[i].hangs_up)
			drive_hangup(d);
	}
	struct str got = buf_str(&d->transcript);
	if (!str_eq(got, buf_str(&t->want)))
		fail_msg("%s, in pieces of %zu (0: whole), cut at %zu:\n--- expected\n%s--- got\n%.*s", t->path, piece,
			cut, buf_z(&t->want), (int)got.len, got.at);
	drive_hangup(d); /* its end is not in the dialogue */
	if (t->next_answer != t->n_answers)
		fail_msg("%s: %zu answers, %zu questions", t->path, t->n_answers, t->next_answer);
}

static void replay_every_way(const struct front *front, const char *path)
{
	struct talk *t = calloc(1, sizeof(*t));
	assert_non_null(t);
	t->path = path;
	t->drive = (struct drive){ 0 };
	drive_init(&t->drive, front, BUF(t->seen));
	t->drive.verdict = next_answer;
	t->drive.context = t;
	t->packets = front == &milter_front;
	if (t->packets)
		t->drive.put_sent = packets_put;
	read_script(t);
	size_t step = t->longest > 4096 ? 61 : 1; /* an endless line need not be cut everywhere */
	for (int moves = 0; moves < 2; moves++) {
		replay(t, 0, 0, moves);
		replay(t, 1, 0, moves);
		replay(t, 7, 0, moves);
		for (size_t cut = 1; cut < t->longest; cut += step)
			replay(t, 0, cut, moves);
	}
	drive_done(&t->drive);
	free(t);
}

static void test_front(void **state)
{
	const struct front *front = *state;
	char folder[1024], path[2048];
	size_t n = 0;
	snprintf(folder, sizeof(folder), "%s/tests/talk/%s", getenv("SRC"), front->name);
	DIR *dir = opendir(folder);
	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir)); n++) {
		struct str name = str_of(e->d_name);
		if (name.len < 5 || !str_eq(str_from(name, name.len - 5), STR(".talk")))
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		replay_every_way(front, path);
	}
	closedir(dir);
	assert_true(n > 2); /* not only . and .. */
}

int main(void)
{
	enum { N = sizeof(fronts) / sizeof(fronts[0]) };
	struct CMUnitTest tests[N];
	for (size_t i = 0; i < N; i++)
		tests[i] = (struct CMUnitTest){ fronts[i]->name, test_front, NULL, NULL, (void *)(uintptr_t)fronts[i] };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
