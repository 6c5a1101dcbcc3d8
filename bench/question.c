/*
 * The questions of the load generator: policy as Postfix 3.7 sends it (31 attributes, about 720 octets; Postfix,
 * README_FILES/SMTPD_POLICY_README), socketmap as Cyrus' smmapd understands it, and the one line of exim-quotad. See
 * question.h.
 */
#include "question.h"

#include "wire/netstring.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool policy_write(struct question *q, const struct question_form *form)
{
	static const char head[] =
		"request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\n"
		"client_address=192.0.2.25\nclient_name=mx7.eu.sender.example\nclient_port=45320\n"
		"reverse_client_name=mx7.eu.sender.example\nserver_address=198.51.100.10\nserver_port=25\n"
		"helo_name=mx7.eu.sender.example\nsender=weekly-newsletter-bounces@lists.sender.example\n"
		"recipient=u";
	static const char tail[] =
		"etrn_domain=\nstress=\nsasl_method=\nsasl_username=\nsasl_sender=\nccert_subject=\n"
		"ccert_issuer=\nccert_fingerprint=\nccert_pubkey_fingerprint=\n"
		"encryption_protocol=TLSv1.3\nencryption_cipher=TLS_AES_256_GCM_SHA384\n"
		"encryption_keysize=256\npolicy_context=\ncompatibility_level=3.6\nmail_version=3.7.11\n\n";
	int n, m;

	/* Postfix's own instance is pid.seconds.microseconds.count, all in hexadecimal. */
	n = snprintf(
		q->text, sizeof q->text, "%s000000@%s\nrecipient_count=0\nqueue_id=\ninstance=", head, form->domain);
	if (n < 0 || (size_t)n >= sizeof q->text)
		return false;
	q->user_at = sizeof head - 1;
	q->transaction_at = (size_t)n;
	m = snprintf(
		q->text + n, sizeof q->text - (size_t)n, "0000000000000000.0\nsize=%" PRIu64 "\n%s", form->size, tail);
	if (m < 0 || (size_t)m >= sizeof q->text - (size_t)n)
		return false;
	q->length = (size_t)(n + m);
	return true;
}

static enum reply policy_read(const struct question *q, const char *in, size_t n)
{
	(void)q;
	static const char pass[] = "action=DUNNO\n\n", full[] = "action=452 4.2.2 ";

	if (n < 2 || memcmp(in + n - 2, "\n\n", 2) != 0)
		return REPLY_PART;
	if (n == sizeof pass - 1 && memcmp(in, pass, n) == 0)
		return REPLY_PASS;
	/* One line: the empty one may stand only at the end. */
	if (n > sizeof full && memcmp(in, full, sizeof full - 1) == 0 && memchr(in, '\n', n) == in + n - 2)
		return REPLY_FULL;
	return REPLY_ODD;
}

static bool socketmap_write(struct question *q, const struct question_form *form)
{
	static const char map[] = "smmap u";
	char request[512];
	struct buf out = { .at = q->text, .cap = sizeof q->text };
	int n = snprintf(request, sizeof request, "%s000000@%s", map, form->domain);

	if (n < 0 || (size_t)n >= sizeof request)
		return false;
	netstring_encode(&out, (struct str){ request, (size_t)n });
	q->length = out.len;
	q->user_at = out.len - 1 - (size_t)n + sizeof map - 1; /* before the comma stands the request */
	q->transaction_at = 0;
	return !out.full;
}

/* Found is the key itself, or the mailbox; a full one is a temporary error. */
static enum reply socketmap_read(const struct question *q, const char *in, size_t n)
{
	struct str reply, user = { q->text + q->user_at - 1, 7 };
	ssize_t eaten = netstring_decode(&reply, (struct str){ in, n }, 1000);

	if (eaten == 0)
		return REPLY_PART;
	if (eaten != (ssize_t)n)
		return REPLY_ODD;
	if (str_eq(reply, STR("TEMP Over quota")))
		return REPLY_FULL;
	return str_starts(reply, STR("OK ")) && str_starts(str_from(reply, 3), user) ? REPLY_PASS : REPLY_ODD;
}

static bool quotad_write(struct question *q, const struct question_form *form)
{
	int n = snprintf(q->text, sizeof q->text, "%su000000%s\n", form->before, form->after);

	if (form->before[0] != '/' || n < 0 || (size_t)n >= sizeof q->text)
		return false;
	q->user_at = strlen(form->before) + 1;
	q->transaction_at = 0;
	q->length = (size_t)n;
	return true;
}

/* A number of octets; 0 means that the server could not tell, and every user of a benchmark has some. */
static enum reply quotad_read(const struct question *q, const char *in, size_t n)
{
	size_t digits = 0;

	(void)q;
	while (digits < n && in[digits] >= '0' && in[digits] <= '9')
		digits++;
	if (digits == n)
		return n < 32 ? REPLY_PART : REPLY_ODD;
	return digits > 0 && in[0] != '0' && in[digits] == '\n' && digits + 1 == n ? REPLY_PASS : REPLY_ODD;
}

static const struct protocol policy_protocol = {
	.name = "policy", .write = policy_write, .renew = question_renew, .read = policy_read
};
static const struct protocol socketmap_protocol = {
	.name = "socketmap", .write = socketmap_write, .renew = question_renew, .read = socketmap_read
};
static const struct protocol quotad_protocol = {
	.name = "exim-quotad", .write = quotad_write, .renew = question_renew, .read = quotad_read
};

static const struct protocol *const protocols[] = {
	&policy_protocol,
	&socketmap_protocol,
	&quotad_protocol,
	&cgi_protocol,
	&facts_protocol,
	&facts_http_protocol,
};

const struct protocol *protocol_find(const char *name)
{
	for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++)
		if (strcmp(protocols[i]->name, name) == 0)
			return protocols[i];
	return NULL;
}

void question_put_user(char *at, unsigned user)
{
	for (size_t i = 6; i-- > 0; user /= 10)
		at[i] = (char)('0' + user % 10);
}

void question_renew(struct question *q, unsigned user, uint64_t transaction)
{
	question_put_user(q->text + q->user_at, user);
	if (q->transaction_at == 0)
		return;
	for (size_t i = 16; i-- > 0; transaction >>= 4)
		q->text[q->transaction_at + i] = "0123456789abcdef"[transaction & 15];
}
