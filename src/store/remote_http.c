#include "store/remote_http.h"

#include "io/secret.h"
#include "store/remote_conf.h"

#include <curl/curl.h>
#include <stdlib.h>

#define TOKEN_MAX 2048
#define CONNECTIONS 32L /* kept open by each helper */

const bool remote_http_is_there = true;

struct remote_http {
	CURL *curl;
	struct curl_slist *headers;
	char said[CURL_ERROR_SIZE]; /* libcurl's own words on what failed */
};

static size_t on_body(char *at, size_t size, size_t n, void *arg)
{
	struct buf *answer = arg;
	buf_put(answer, (struct str){ at, size * n });
	return answer->full ? 0 : size * n;
}

static bool is_printable(const char *z)
{
	for (; *z; z++)
		if (*z <= ' ' || *z > '~')
			return false;
	return true;
}

static bool add_header(struct remote_http *h, const char *line)
{
	struct curl_slist *longer = curl_slist_append(h->headers, line);
	if (longer)
		h->headers = longer;
	return longer != NULL;
}

static bool add_token(struct remote_http *h, const char *path, struct err *err)
{
	char token[TOKEN_MAX], text[TOKEN_MAX + 32];
	struct buf line = BUF(text);
	bool good = secret_line(token, sizeof(token), path, err) == SECRET_READ;
	if (good && (!*token || !is_printable(token)))
		good = err_set(err, "%s: the first line is no token", path);
	if (good) {
		buf_printf(&line, "Authorization: Bearer %s", token);
		good = add_header(h, buf_z(&line)) || err_set(err, "out of memory");
	}
	explicit_bzero(token, sizeof(token));
	explicit_bzero(text, sizeof(text));
	return good;
}

static bool set_headers(struct remote_http *h, const struct remote_conf *c, struct err *err)
{
	/* The second one: we do not ask whether we may send 512 octets. */
	if (!add_header(h, "Content-Type: application/octet-stream") || !add_header(h, "Expect:"))
		return err_set(err, "out of memory");
	return !c->token_file || add_token(h, c->token_file, err);
}

static bool set_options(struct remote_http *h, const struct remote_conf *c)
{
	CURL *curl = h->curl;
	CURLcode n[] = {
		curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, h->said),
		curl_easy_setopt(curl, CURLOPT_HTTPHEADER, h->headers),
		curl_easy_setopt(curl, CURLOPT_USERAGENT, "quotagate"),
		curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L),
		curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https"),
		curl_easy_setopt(curl, CURLOPT_PROXY, ""),
		curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L),
		curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2),
		curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L),
		curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L),
		curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)c->http_timeout),
		curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)c->http_timeout),
		curl_easy_setopt(curl, CURLOPT_MAXCONNECTS, CONNECTIONS),
		curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body),
		c->ca_file ? curl_easy_setopt(curl, CURLOPT_CAINFO, c->ca_file) : CURLE_OK,
	};
	for (size_t i = 0; i < sizeof(n) / sizeof(n[0]); i++)
		if (n[i] != CURLE_OK)
			return false;
	return true;
}

struct remote_http *remote_http_new(const struct remote_conf *c, struct err *err)
{
	struct remote_http *h = calloc(1, sizeof(*h));
	if (!h || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(h->curl = curl_easy_init())) {
		err_set(err, "libcurl does not start");
		free(h);
		return NULL;
	}
	if (set_headers(h, c, err)) {
		if (set_options(h, c))
			return h;
		err_set(err, "libcurl does not take the options");
	}
	remote_http_free(h);
	return NULL;
}

void remote_http_free(struct remote_http *h)
{
	curl_slist_free_all(h->headers);
	curl_easy_cleanup(h->curl);
	free(h);
}

/* Shorter than libcurl's words where the system knows why. */
static void explain(struct remote_http *h, CURLcode failed, struct buf *why)
{
	long number = 0;
	curl_easy_getinfo(h->curl, CURLINFO_OS_ERRNO, &number);
	if (failed == CURLE_WRITE_ERROR)
		buf_puts(why, "the answer is too long");
	else if (failed == CURLE_COULDNT_CONNECT && number)
		buf_puts(why, strerror((int)number));
	else
		buf_put_clean(why, str_of(h->said[0] ? h->said : curl_easy_strerror(failed)));
}

/* True when the server has answered, whatever it said. */
static bool perform(struct remote_http *h, const char *url, struct str body, struct buf *answer, struct buf *why)
{
	CURL *curl = h->curl;
	h->said[0] = '\0';
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	if (body.len) {
		curl_easy_setopt(curl, CURLOPT_POST, 1L);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.at);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)body.len);
	} else {
		curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
	}
	CURLcode n = curl_easy_setopt(curl, CURLOPT_URL, url);
	if (n == CURLE_OK)
		n = curl_easy_perform(curl);
	if (n != CURLE_OK)
		explain(h, n, why);
	return n == CURLE_OK;
}

bool remote_http_ask(struct remote_http *h, const char *url, struct str body, struct buf *answer, struct buf *why)
{
	long status = 0;
	if (!perform(h, url, body, answer, why))
		return false;
	curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status == 200)
		return true;
	buf_printf(why, "HTTP status %ld", status);
	struct str rest = buf_str(answer), line = str_trim(str_cut(&rest, '\n'));
	if (line.len && line.at[0] != '<' && str_is_utf8(line)) {
		buf_puts(why, ": ");
		buf_put_clean(why, line);
	}
	return false;
}
