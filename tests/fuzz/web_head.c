/*
 * The head of an HTTP request, read by libmicrohttpd from a real socket and then looked at by daemon/web_head.c. What is
 * accepted is read once more, by a reader that knows the grammar of RFC 9112 and no kindness: a proxy in front of us reads
 * no other request out of it.
 */
#include "daemon/web_inside.h"
#include "fuzz.h"
#include "wire/query_string.h"

#include <sys/socket.h>
#include <unistd.h>

static struct {
	struct MHD_Daemon *library;
	struct web_client client;
	struct str sent;
	bool looked_at;
} f;

/* ---- the strict reader ---- */

static bool is_token_octet(char c)
{
	return c > ' ' && c < 0x7F && !strchr("()<>@,;:\\\"/[]?={}", c);
}

/* With releases of old, ends of lines that are not CR LF but as long cannot be told from it, see daemon/web_head.c. */
static bool is_end(struct str rest, bool is_empty)
{
	static const char ends[] = { '\r', '\n', '\0', ':' };
	if (rest.len < 2 || MHD_VERSION >= 0x00097700)
		return str_starts(rest, STR("\r\n"));
	return memchr(ends, rest.at[0], is_empty ? 4 : 3) && memchr(ends, rest.at[1], 4);
}

static struct str cut_line(struct str *rest)
{
	struct str line = { rest->at, 0 };
	while (line.len < rest->len && !is_end(str_from(*rest, line.len), line.len == 0))
		line.len++;
	fuzz_require(line.len < rest->len, "a line has its end");
	for (size_t i = 0; i < line.len; i++)
		fuzz_require(line.at[i] == '\t' || ((unsigned char)line.at[i] >= 0x20 && line.at[i] != 0x7F),
			"no control characters");
	*rest = str_from(*rest, line.len + 2);
	return line;
}

static bool check_first_line(struct str line)
{
	struct str rest = line, method = str_cut(&rest, ' '), target = str_cut(&rest, ' ');
	fuzz_require(method.len && target.len && rest.len == 8 && str_starts(rest, STR("HTTP/")), "three words");
	return str_eq(rest, STR("HTTP/1.0"));
}

struct seen {
	unsigned hosts, lengths, encodings, authorizations;
	uint64_t length;
};

static void check_header(struct seen *s, struct str line)
{
	struct str value = line, name = str_cut(&value, ':');
	fuzz_require(name.len && value.at, "a name and a colon");
	for (size_t i = 0; i < name.len; i++)
		fuzz_require(is_token_octet(name.at[i]), "a name is a token, and no line is folded");
	s->hosts += str_eq_nocase(name, STR("Host"));
	s->encodings += str_eq_nocase(name, STR("Transfer-Encoding"));
	s->authorizations += str_eq_nocase(name, STR("Authorization"));
	if (!str_eq_nocase(name, STR("Content-Length")))
		return;
	s->lengths++;
	fuzz_require(str_u64(str_trim(value), &s->length), "a length is a number");
}

/* Empty lines before a request are to be passed over. Releases of old pass over what begins with a NUL as well, and there it
   cannot be told where the request begins: false. */
static bool find_request(struct str *rest)
{
	*rest = f.sent;
	while (rest->len && (rest->at[0] == '\r' || rest->at[0] == '\n'))
		*rest = str_from(*rest, 1);
	return MHD_VERSION >= 0x00097700 || (rest->len && rest->at[0]);
}

static void check_accepted(const struct web_head *head)
{
	struct str rest;
	struct seen s = { 0 };
	if (!find_request(&rest))
		return;
	bool is_1_0 = check_first_line(cut_line(&rest));
	for (struct str line = cut_line(&rest); line.len; line = cut_line(&rest))
		check_header(&s, line);
	fuzz_require(s.lengths <= 1 && s.encodings == 0, "one length, told in one way");
	fuzz_require(head->length == s.length, "and it is the one that is believed");
	fuzz_require(s.hosts == 1 || (s.hosts == 0 && is_1_0), "one host");
	fuzz_require(s.authorizations <= 1 && (head->authorization.at != NULL) == (s.authorizations == 1),
		"at most one who asks");
}

/* ---- the library ---- */

static void *on_target(void *context, const char *target, struct MHD_Connection *connection)
{
	(void)context, (void)connection;
	f.client.request.sent_target = target;
	f.client.request.sent_len = strlen(target);
	return NULL;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
	const char *version, const char *octets, size_t *len, void **own)
{
	struct web_head head = { 0 };
	struct http_target parsed;
	unsigned status = MHD_HTTP_BAD_REQUEST;
	(void)context, (void)url, (void)octets, (void)len, (void)own;
	if (f.looked_at)
		return MHD_NO;
	f.looked_at = true;
	f.client.connection = connection;
	const char *fault = web_head_fault(&f.client, method, version, &head, &status);
	fuzz_require(status == MHD_HTTP_BAD_REQUEST || (fault && status == MHD_HTTP_LENGTH_REQUIRED), "a status");
	struct str target = { f.client.request.sent_target, f.client.request.sent_len };
	if (!fault && http_target_parse(&parsed, target)) /* daemon/web_answer.c refuses others next */
		check_accepted(&head);
	return MHD_NO;
}

static size_t on_unescape(void *context, struct MHD_Connection *connection, char *text)
{
	(void)context, (void)connection;
	return strlen(text);
}

/* As the daemon starts it (daemon/web_server.c). */
static void start(void)
{
	f.library = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
		on_request, NULL, MHD_OPTION_URI_LOG_CALLBACK, on_target, NULL, MHD_OPTION_UNESCAPE_CALLBACK,
		on_unescape, NULL, MHD_OPTION_CONNECTION_LIMIT, 16U, MHD_OPTION_CONNECTION_MEMORY_LIMIT, WEB_MEMORY,
		MHD_OPTION_END);
	fuzz_require(f.library != NULL, "the library starts");
}

/* True when it has closed the connection. */
static bool serve(int fd)
{
	char text[4096];
	for (int i = 0; i < 4; i++) {
		MHD_run(f.library);
		if (recv(fd, text, sizeof(text), MSG_DONTWAIT) == 0)
			return true;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sockaddr_storage from = { .ss_family = AF_UNIX };
	int pair[2];
	if (!f.library)
		start();
	f.sent = (struct str){ (const char *)data, size };
	f.client = (struct web_client){ .connection = NULL };
	f.looked_at = false;
	fuzz_require(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0, "a pair of sockets");
	if (size)
		fuzz_require(send(pair[1], data, size, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size, "room for it");
	fuzz_require(MHD_add_connection(f.library, pair[0], (struct sockaddr *)&from, sizeof(from)) == MHD_YES,
		"the library takes it");
	if (!serve(pair[1])) { /* it must see the end come: one that is there already escapes it */
		shutdown(pair[1], SHUT_WR);
		fuzz_require(serve(pair[1]), "the library closes");
	}
	close(pair[1]);
	return 0;
}
