#include "store/http_client.h"

#include <curl/curl.h>
#include <stdlib.h>

#define CONNECTIONS 32L /* kept open by each helper */

struct http_client {
	CURL *curl;
	enum heard heard;
	char said[CURL_ERROR_SIZE]; /* libcurl's own words on what failed */
};

static size_t on_body(char *at, size_t size, size_t n, void *arg)
{
	struct buf *answer = arg;
	buf_put(answer, (struct str){ at, size * n });
	return answer->full ? 0 : size * n;
}

static bool set_options(struct http_client *h, const struct http_client_conf *c)
{
	CURL *curl = h->curl;
	CURLcode n[] = {
		curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, h->said),
		curl_easy_setopt(curl, CURLOPT_USERAGENT, "quotagate"),
		curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L),
		curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https"),
		curl_easy_setopt(curl, CURLOPT_PROXY, ""),
		curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L),
		curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2),
		curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L),
		curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L),
		curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)c->timeout),
		curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)c->timeout),
		curl_easy_setopt(curl, CURLOPT_MAXCONNECTS, CONNECTIONS),
		curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body),
		c->ca_file ? curl_easy_setopt(curl, CURLOPT_CAINFO, c->ca_file) : CURLE_OK,
	};
	for (size_t i = 0; i < sizeof(n) / sizeof(n[0]); i++)
		if (n[i] != CURLE_OK)
			return false;
	return true;
}

struct http_client *http_client_new(const struct http_client_conf *c, struct err *err)
{
	struct http_client *h = calloc(1, sizeof(*h));
	if (!h || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(h->curl = curl_easy_init())) {
		err_set(err, "libcurl does not start");
		free(h);
		return NULL;
	}
	if (set_options(h, c))
		return h;
	err_set(err, "libcurl does not take the options");
	http_client_free(h);
	return NULL;
}

void http_client_free(struct http_client *h)
{
	curl_easy_cleanup(h->curl);
	free(h);
}

/* False: out of memory. */
static bool list_headers(const struct http_request *q, struct curl_slist **list)
{
	/* The first one: we do not ask whether we may send a few octets. */
	const char *line = "Expect:";
	for (size_t i = 0; line; line = i < HTTP_HEADERS_MAX ? q->headers[i++] : NULL) {
		struct curl_slist *longer = curl_slist_append(*list, line);
		if (!longer)
			return false;
		*list = longer;
	}
	return true;
}

/* Shorter than libcurl's words where the system knows why. */
static void explain(struct http_client *h, CURLcode failed, struct buf *why)
{
	long number = 0;
	curl_easy_getinfo(h->curl, CURLINFO_OS_ERRNO, &number);
	if (failed == CURLE_WRITE_ERROR)
		buf_puts(why, "the answer is too long");
	else if (failed == CURLE_COULDNT_CONNECT && number)
		buf_puts(why, strerror((int)number));
	else if (failed == CURLE_UNSUPPORTED_PROTOCOL || failed == CURLE_WEIRD_SERVER_REPLY)
		buf_puts(why, "what it says is no HTTP");
	else
		buf_put_clean(why, str_of(h->said[0] ? h->said : curl_easy_strerror(failed)));
	if (failed == CURLE_SSL_CONNECT_ERROR)
		buf_puts(why, "; does it speak TLS on this port?");
}

/* True when the server has answered, whatever it said. */
static bool perform(struct http_client *h, const struct http_request *q, struct buf *answer, struct buf *why)
{
	CURL *curl = h->curl;
	h->said[0] = '\0';
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	if (q->body.len) {
		curl_easy_setopt(curl, CURLOPT_POST, 1L);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, q->body.at);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)q->body.len);
	} else {
		curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
	}
	CURLcode n = curl_easy_setopt(curl, CURLOPT_URL, q->url);
	if (n == CURLE_OK)
		n = curl_easy_perform(curl);
	if (n != CURLE_OK)
		explain(h, n, why);
	/* One that says more than we have room for is alive. */
	h->heard = n == CURLE_OK || n == CURLE_WRITE_ERROR ? HEARD_ANSWER : HEARD_FAULT;
	return n == CURLE_OK;
}

static bool is_good(struct http_client *h, const struct buf *answer, struct buf *why)
{
	long status = 0;
	curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status == 200)
		return true;
	if (status >= 500)
		h->heard = HEARD_FAULT;
	buf_printf(why, "HTTP status %ld", status);
	struct str rest = buf_str(answer), line = str_trim(str_cut(&rest, '\n'));
	if (line.len && line.at[0] != '<' && str_is_utf8(line)) {
		buf_puts(why, ": ");
		buf_put_clean(why, line);
	}
	return false;
}

enum heard http_client_heard(struct http_client *h)
{
	enum heard heard = h->heard;
	h->heard = HEARD_NOTHING;
	return heard;
}

bool http_client_ask(struct http_client *h, const struct http_request *q, struct buf *answer, struct buf *why)
{
	struct curl_slist *headers = NULL;
	bool good = list_headers(q, &headers);
	if (!good)
		buf_puts(why, "out of memory");
	curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, headers);
	good = good && perform(h, q, answer, why) && is_good(h, answer, why);
	curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(headers);
	return good;
}
