#include "store/doveadm_answer.h"

#include <jansson.h>

#define WORDS_MAX 80 /* octets of the server's own words in a note */

/* Exit codes, see sysexits.h and Dovecot's doveadm.h. */
enum exit_code { EXIT_USAGE = 64, EXIT_NO_USER = 67, EXIT_NO_QUOTA = 68, EXIT_TEMPORARY = 75, EXIT_NOT_ALLOWED = 77 };

/* One resource of the root with the least room for it. */
struct resource {
	bool seen;
	uint64_t used, limit; /* as told; limit 0: none */
	const char *root;
};

static struct str text_of(const json_t *at)
{
	return json_is_string(at) ? (struct str){ json_string_value(at), json_string_length(at) }
				  : (struct str){ NULL, 0 };
}

static void put_words(struct buf *note, struct str s)
{
	s.len = s.len < WORDS_MAX ? s.len : WORDS_MAX;
	buf_put_clean(note, s);
}

static uint64_t room_of(const struct resource *r)
{
	if (r->limit == 0)
		return UINT64_MAX;
	return r->used < r->limit ? r->limit - r->used : 0;
}

static bool read_resource(struct resource *r, const json_t *row, struct buf *note)
{
	struct str value = text_of(json_object_get(row, "value")), limit = text_of(json_object_get(row, "limit"));
	struct resource is = { .seen = true, .root = json_string_value(json_object_get(row, "root")) };
	bool good = str_u64(value, &is.used) && (str_eq(limit, STR("-")) || str_u64(limit, &is.limit));
	if (!good) {
		buf_puts(note, ": the value of a quota root is \"");
		put_words(note, value);
		buf_puts(note, "\" of \"");
		put_words(note, limit);
		buf_puts(note, "\"");
		return false;
	}
	if (!r->seen || room_of(&is) < room_of(r))
		*r = is;
	return true;
}

static uint64_t octets_of(uint64_t kib)
{
	return kib > INT64_MAX / 1024 ? INT64_MAX : kib * 1024;
}

/* Dovecot rounds up: of usage the largest that a figure can mean is taken, of a limit the smallest, for a message too few
   comes again, and one too many bounces. */
static uint64_t least_limit(uint64_t kib)
{
	return kib ? octets_of(kib) - 1023 : 0;
}

static uint32_t count_of(uint64_t n)
{
	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static void read_rows(const json_t *rows, struct facts *facts, struct buf *note)
{
	struct resource storage = { 0 }, messages = { 0 };
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		struct str type = text_of(json_object_get(row, "type"));
		struct resource *r = str_eq(type, STR("STORAGE"))   ? &storage
				     : str_eq(type, STR("MESSAGE")) ? &messages
								    : NULL;
		if (r && !read_resource(r, row, note))
			return;
	}
	if (!storage.seen) {
		buf_puts(note, ": no quota root tells of storage");
		return;
	}
	*facts = (struct facts){ .state = FACTS_FOUND,
		.source = SOURCE_SERVER,
		.firm = true,
		.usage = octets_of(storage.used),
		.limit = least_limit(storage.limit),
		.messages = count_of(messages.used),
		.message_limit = count_of(messages.limit) };
	buf_puts(note, ": ");
	put_words(note, str_of(storage.root ? storage.root : "a quota root"));
}

static void read_exit_code(json_int_t code, struct facts *facts, struct buf *note)
{
	switch (code) {
	case EXIT_NO_USER:
		facts->state = FACTS_NO_MAILBOX;
		buf_puts(note, ": no such user");
		return;
	case EXIT_NO_QUOTA:
		*facts = (struct facts){ .state = FACTS_FOUND, .source = SOURCE_SERVER, .firm = true };
		buf_puts(note, ": this user has no quota");
		return;
	case EXIT_USAGE: buf_puts(note, ": it does not understand the question (exit code 64)"); return;
	case EXIT_TEMPORARY: buf_puts(note, ": it failed for now, see Dovecot's log (exit code 75)"); return;
	case EXIT_NOT_ALLOWED: buf_puts(note, ": it is not allowed to (exit code 77)"); return;
	default: buf_printf(note, ": exit code %lld", (long long)code); return;
	}
}

static void read_error(const json_t *error, struct facts *facts, struct buf *note)
{
	struct str type = text_of(json_object_get(error, "type"));
	const json_t *code = json_object_get(error, "exitCode");
	if (str_eq(type, STR("exitCode")) && json_is_integer(code)) {
		read_exit_code(json_integer_value(code), facts, note);
		return;
	}
	buf_puts(note, ": it says ");
	put_words(note, type.len ? type : STR("error"));
}

static void read_result(const json_t *result, struct store_question *q)
{
	const json_t *payload = json_array_get(result, 1);
	struct str kind = text_of(json_array_get(result, 0));
	if (str_eq(kind, STR("doveadmResponse")) && json_is_array(payload))
		read_rows(payload, &q->facts, &q->note);
	else if (str_eq(kind, STR("error")))
		read_error(payload, &q->facts, &q->note);
	else
		buf_puts(&q->note, ": the answer is none of doveadm's");
}

/* The result that has this tag; null: there is none. */
static const json_t *find_result(const json_t *all, size_t tag)
{
	uint64_t n;
	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *result = json_array_get(all, i);
		if (str_u64(text_of(json_array_get(result, 2)), &n) && n == tag)
			return result;
	}
	return NULL;
}

static bool answers_all(const json_t *all, size_t n)
{
	bool good = json_array_size(all) == n;
	for (size_t i = 0; i < n && good; i++)
		good = find_result(all, i) != NULL;
	return good;
}

bool doveadm_answer_read(struct str answer, struct store_question *many, size_t n)
{
	json_error_t error;
	json_t *all = json_loadb(answer.at ? answer.at : "", answer.len, 0, &error);
	bool good = all && answers_all(all, n);
	for (size_t i = 0; i < n; i++) {
		struct store_question *q = &many[i];
		q->facts = (struct facts){ .state = FACTS_FAILED };
		if (good) {
			read_result(find_result(all, i), q);
		} else if (all) {
			buf_puts(&q->note, ": this answers another question");
		} else {
			buf_puts(&q->note, ": the answer is no JSON: ");
			put_words(&q->note, str_of(error.text));
		}
	}
	json_decref(all);
	return good;
}
