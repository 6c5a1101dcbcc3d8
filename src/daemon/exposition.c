#include "daemon/exposition.h"

#include "base/str.h"
#include "daemon/histogram.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void put(struct exposition *x, struct str s)
{
	if (x->failed || s.len == 0)
		return;
	if (s.len > x->cap - x->len) {
		size_t cap = 2 * (x->cap + s.len) + 4096;
		char *grown = realloc(x->at, cap);
		x->failed = grown == NULL;
		if (x->failed)
			return;
		x->at = grown;
		x->cap = cap;
	}
	memcpy(x->at + x->len, s.at, s.len);
	x->len += s.len;
}

static void put_z(struct exposition *x, const char *z)
{
	put(x, str_of(z));
}

/* In help a quote stands for itself, in a label's value it does not. */
static void put_escaped(struct exposition *x, const char *z, bool quoted)
{
	bool utf8 = str_is_utf8(str_of(z));
	for (; *z; z++) {
		if (*z == '\n')
			put_z(x, "\\n");
		else if (*z == '\\' || (*z == '"' && quoted))
			put(x, (struct str){ *z == '"' ? "\\\"" : "\\\\", 2 });
		else
			put(x, (struct str){ (unsigned char)*z < 0x80 || utf8 ? z : "?", 1 });
	}
}

void exposition_family(struct exposition *x, const char *name, const char *type, const char *help)
{
	snprintf(x->family, sizeof(x->family), "%s", name);
	put_z(x, "# HELP ");
	put_z(x, name);
	put_z(x, " ");
	put_escaped(x, help, false);
	put_z(x, "\n# TYPE ");
	put_z(x, name);
	put_z(x, " ");
	put_z(x, type);
	put_z(x, "\n");
}

static void put_sample(struct exposition *x, const char *suffix, const struct label *labels, const char *value)
{
	put_z(x, x->family);
	put_z(x, suffix);
	for (const struct label *l = labels; l->key; l++) {
		put_z(x, l == labels ? "{" : ",");
		put_z(x, l->key);
		put_z(x, "=\"");
		put_escaped(x, l->value, true);
		put_z(x, "\"");
	}
	put_z(x, labels->key ? "} " : " ");
	put_z(x, value);
	put_z(x, "\n");
}

static void put_count(struct exposition *x, const char *suffix, const struct label *labels, uint64_t value)
{
	char text[24];
	snprintf(text, sizeof(text), "%" PRIu64, value);
	put_sample(x, suffix, labels, text);
}

void exposition_count(struct exposition *x, const struct label *labels, uint64_t value)
{
	put_count(x, "", labels, value);
}

void exposition_histogram(struct exposition *x, const struct label *labels, const struct histogram *h)
{
	struct label with_bound[4] = { { NULL, NULL } };
	char bound[16], sum[48];
	uint64_t upto = 0;
	size_t n = 0;
	for (; n < 2 && labels[n].key; n++)
		with_bound[n] = labels[n];
	with_bound[n] = (struct label){ "le", bound };
	for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++) {
		upto += h->steps[i];
		snprintf(bound, sizeof(bound), "%g", i < HISTOGRAM_BOUNDS ? histogram_bounds[i] : 0);
		if (i == HISTOGRAM_BOUNDS)
			memcpy(bound, "+Inf", 5);
		put_count(x, "_bucket", with_bound, upto);
	}
	snprintf(sum, sizeof(sum), "%" PRIu64 ".%09" PRIu64, h->sum / 1000000000, h->sum % 1000000000);
	put_sample(x, "_sum", labels, sum);
	put_count(x, "_count", labels, upto);
}

void exposition_end(struct exposition *x)
{
	put_z(x, "# EOF\n");
}
