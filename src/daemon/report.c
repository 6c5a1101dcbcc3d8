#include "daemon/report.h"

#include "base/buf.h"

#include <inttypes.h>

#define NAME_WIDTH 20

void report_start(struct report *r, FILE *out, bool json)
{
	*r = (struct report){ .out = out, .json = json, .first_object = true };
	if (json)
		fputs("[", out);
}

void report_start_alone(struct report *r, FILE *out)
{
	*r = (struct report){ .out = out, .json = true, .alone = true };
}

void report_stop(struct report *r)
{
	if (r->json)
		fputs("\n]\n", r->out);
	fflush(r->out);
}

void report_begin(struct report *r)
{
	if (r->alone)
		fputs("{", r->out);
	else if (r->json)
		fputs(r->first_object ? "\n{" : ",\n{", r->out);
	else if (!r->first_object)
		fputs("\n", r->out);
	r->first_object = false;
	r->first = true;
}

static void close_array(struct report *r)
{
	if (r->array)
		fputs("]", r->out);
	r->array = NULL;
}

void report_end(struct report *r)
{
	close_array(r);
	if (r->json)
		fputs(r->alone ? "}\n" : "}", r->out);
	fflush(r->out);
}

/* U+0080 to U+009F, which terminals obey. */
static bool is_c1(struct str utf8)
{
	return utf8.len >= 2 && (unsigned char)utf8.at[0] == 0xC2 && (unsigned char)utf8.at[1] < 0xA0;
}

/* Octets inside double quotes, of JSON or of a line of text: what is not printable is escaped, and what is no UTF-8
   becomes '?'. */
static void put_string(struct report *r, struct str s)
{
	bool utf8 = str_is_utf8(s);
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];
		if (c == '\n')
			fputs("\\n", r->out);
		else if (c < 0x20 || c == 0x7F)
			fprintf(r->out, "\\u%04x", c);
		else if (utf8 && is_c1(str_from(s, i)))
			fprintf(r->out, "\\u%04x", (unsigned char)s.at[++i]);
		else if (r->json && (c == '"' || c == '\\'))
			fprintf(r->out, "\\%c", c);
		else
			fputc(c < 0x80 || utf8 ? c : '?', r->out);
	}
}

static void put_key(struct report *r, const char *name)
{
	fputs(r->first ? "" : ", ", r->out);
	r->first = false;
	fputc('"', r->out);
	for (; *name; name++)
		fputc(*name == ' ' ? '_' : *name, r->out);
	fputs("\": ", r->out);
}

static void put_name(struct report *r, const char *name)
{
	if (r->json) {
		if (r->depth == 0)
			close_array(r);
		put_key(r, name);
	} else {
		int indent = r->depth ? 2 : 0;
		fprintf(r->out, "%*s%-*s ", indent, "", NAME_WIDTH - indent, name);
	}
}

void report_open(struct report *r, const char *name)
{
	bool steps = strcmp(name, "step") == 0;
	if (!r->json) {
		fprintf(r->out, "%s\n", name);
	} else if (steps && r->array) {
		fputs(", {", r->out);
	} else {
		close_array(r);
		put_key(r, steps ? "steps" : name);
		fputs(steps ? "[{" : "{", r->out);
		r->array = steps ? name : NULL;
	}
	r->depth++;
	r->first = true;
}

void report_close(struct report *r)
{
	if (r->json)
		fputs("}", r->out);
	r->depth--;
	r->first = false;
}

void report_str(struct report *r, const char *name, struct str value)
{
	put_name(r, name);
	fputs(r->json ? "\"" : "", r->out);
	put_string(r, value);
	fputs(r->json ? "\"" : "\n", r->out);
}

void report_text(struct report *r, const char *name, const char *value)
{
	report_str(r, name, str_of(value));
}

void report_number(struct report *r, const char *name, uint64_t value)
{
	put_name(r, name);
	fprintf(r->out, "%" PRIu64 "%s", value, r->json ? "" : "\n");
}

void report_bool(struct report *r, const char *name, bool value)
{
	put_name(r, name);
	if (r->json)
		fputs(value ? "true" : "false", r->out);
	else
		fputs(value ? "yes\n" : "no\n", r->out);
}

void report_size(struct report *r, const char *name, uint64_t octets)
{
	static const char units[] = "kMGTPE";
	double n = (double)octets / 1024;
	int unit = 0;
	if (r->json || octets < 10240) {
		report_number(r, name, octets);
		return;
	}
	while (n >= 1024 && unit < 5)
		n /= 1024, unit++;
	put_name(r, name);
	fprintf(r->out, "%" PRIu64 " (%.1f %ciB)\n", octets, n, units[unit]);
}
