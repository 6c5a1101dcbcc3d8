/*
 * The text of a directory of files. Octet 0 chooses the form, the rest is the file. Every slice that comes out lies in
 * the text, every loop ends, and what was added under a key is found under it.
 */
#include "directory/alias_text.h"
#include "directory/mailbox_text.h"
#include "directory/table.h"
#include "fuzz.h"

#include <stdlib.h>

static void require_inside(struct str s, struct str text, const char *promise)
{
	fuzz_require(s.len == 0 || (s.at >= text.at && s.at + s.len <= text.at + text.len), promise);
}

static void try_targets(struct str value)
{
	struct str rest = value;
	struct alias_target t;
	while (alias_next(&rest, &t)) {
		require_inside(t.text, value, "a target is a part of the value");
		require_inside(rest, value, "and so is what is left");
	}
	fuzz_require(rest.len == 0, "all of the value is read");
}

static void try_alias(struct str line, enum alias_form form)
{
	struct str key, value, folded;
	struct address a;
	if (alias_split(line, form, &key, &value))
		return;
	require_inside(key, line, "a key is a part of the line");
	require_inside(value, line, "and so is the value");
	fuzz_require(key.len && value.len, "neither is empty");
	try_targets(value);
	if (!alias_key(key, &a, &folded))
		fuzz_require(folded.len && folded.len <= key.len, "a key does not grow");
}

static void try_line(struct str line, enum table_form form)
{
	struct mailbox_text m;
	const char *why = NULL;
	switch (form) {
	case FORM_VIRTUAL: try_alias(line, ALIAS_VIRTUAL); return;
	case FORM_ALIASES: try_alias(line, ALIAS_SYSTEM); return;
	case FORM_MAILBOXES: why = mailbox_line(line, &m); break;
	case FORM_PASSWD: why = mailbox_passwd(line, &m); break;
	}
	if (why)
		return;
	require_inside(m.key, line, "a user is a part of the line");
	require_inside(m.home, line, "and so is the home");
	fuzz_require(m.limit.octets <= INT64_MAX, "a limit is below 2^63");
	fuzz_require(m.limit.named || (!m.limit.octets && !m.limit.messages), "a limit that is told is named");
}

static struct text copy_of(const uint8_t *data, size_t size)
{
	struct text t = { malloc(size ? size : 1), size };
	fuzz_require(t.at != NULL, "there is memory");
	if (size)
		memcpy(t.at, data, size);
	return t;
}

/* The key of a line as it is asked; empty: none. */
static struct str key_of(struct str line, enum table_form form, struct address *a)
{
	struct mailbox_text m = { 0 };
	struct str value, folded;
	switch (form) {
	case FORM_VIRTUAL: alias_split(line, ALIAS_VIRTUAL, &m.key, &value); break;
	case FORM_ALIASES: alias_split(line, ALIAS_SYSTEM, &m.key, &value); break;
	case FORM_MAILBOXES: mailbox_line(line, &m); break;
	case FORM_PASSWD: mailbox_passwd(line, &m); break;
	}
	return m.key.len && !alias_key(m.key, a, &folded) ? folded : (struct str){ "", 0 };
}

/* All of it as a table, which takes one copy of the text; the other tells what must be in it. */
static void try_table(struct text text, struct text other, enum table_form form)
{
	struct table *t = table_new();
	struct err err = { "" };
	struct lines lines;
	struct str line;
	const char *why;
	fuzz_require(t != NULL, "there is memory");
	bool added = table_add(t, form, "F", text, &err);
	fuzz_require(added || strncmp(err.text, "F:", 2) == 0, "what is wrong has its line");
	lines_init(&lines, other, form == FORM_PASSWD);
	while (added && lines_next(&lines, &line, &why)) {
		struct address a;
		struct str key = key_of(line, form, &a);
		fuzz_require(!key.len || table_find(t, TABLE_ALIAS, key) || table_find(t, TABLE_SYSTEM_ALIAS, key) ||
				     table_find(t, TABLE_MAILBOX, key),
			"what was added is found under its key");
	}
	free(other.at);
	table_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum table_form forms[] = { FORM_VIRTUAL, FORM_ALIASES, FORM_MAILBOXES, FORM_PASSWD };
	struct lines lines;
	struct str line;
	const char *why;
	unsigned last = 0;
	if (size < 1)
		return 0;
	enum table_form form = forms[data[0] % 4];
	struct text text = copy_of(data + 1, size - 1);
	lines_init(&lines, text, form == FORM_PASSWD);
	while (lines_next(&lines, &line, &why)) {
		fuzz_require(line.len && line.len <= LINES_LINE_MAX,
			"a line says something, and is no longer than it may be");
		require_inside(line, (struct str){ text.at, text.len }, "a line is a part of the text");
		fuzz_require(lines.line > last, "lines are counted");
		last = lines.line;
		try_line(line, form);
	}
	free(text.at);
	try_table(copy_of(data + 1, size - 1), copy_of(data + 1, size - 1), form);
	return 0;
}
