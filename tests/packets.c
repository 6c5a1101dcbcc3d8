/* See packets.h. */
#include "packets.h"

#include "drive.h"
#include "wire/milter.h"

#include <stdlib.h>

#define DATA_MAX 65536

static bool put_number(struct buf *data, struct str word)
{
	char z[16];
	char *end;
	if (!str_copy_z(z, sizeof(z), word))
		return false;
	unsigned long n = strtoul(z, &end, 0);
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_putc(data, (char)(n >> shift));
	return *end == '\0';
}

/* Takes what is in quotes off *rest, without them. */
static bool take_quoted(struct buf *data, struct str *rest)
{
	char quote = rest->at[0];
	struct str text = str_from(*rest, 1);
	size_t n = str_find(text, quote);
	if (n == text.len)
		return false;
	drive_put_unescaped(data, (struct str){ text.at, n });
	if (quote == '"')
		buf_putc(data, '\0');
	*rest = str_from(text, n + 1);
	return true;
}

static bool take_word(struct buf *data, struct str *rest)
{
	if (rest->at[0] == '"' || rest->at[0] == '\'')
		return take_quoted(data, rest);
	struct str word = str_cut(rest, ' ');
	if (word.at[0] >= '0' && word.at[0] <= '9')
		return put_number(data, word);
	buf_put(data, word);
	return word.len == 1;
}

bool packets_read(struct buf *out, struct str line)
{
	static char space[DATA_MAX];
	struct buf data = BUF(space);
	struct str rest = str_trim(line);
	if (rest.len == 0)
		return false;
	unsigned char command = (unsigned char)rest.at[0];
	for (rest = str_trim(str_from(rest, 1)); rest.len; rest = str_trim(rest))
		if (!take_word(&data, &rest))
			return false;
	return !data.full && milter_encode(out, command, buf_str(&data));
}

static void put_options(struct buf *out, struct str data)
{
	struct milter_options o;
	struct milter_list list;
	struct str rest;
	if (!milter_options_decode(&o, data, &rest))
		return;
	buf_printf(out, " %u 0x%X 0x%X", o.version, o.actions, o.protocol);
	while (milter_list_decode(&list, &rest)) {
		buf_printf(out, " %u \"", list.stage);
		drive_put_escaped(out, list.names, false);
		buf_putc(out, '"');
	}
}

static void put_data(struct buf *out, struct str data)
{
	struct str text;
	while (milter_string(&text, &data)) {
		buf_puts(out, " \"");
		drive_put_escaped(out, text, false);
		buf_putc(out, '"');
	}
	if (data.len) {
		buf_puts(out, " '");
		drive_put_escaped(out, data, false);
		buf_putc(out, '\'');
	}
}

void packets_put(struct buf *out, struct str octets)
{
	struct milter_packet p;
	while (octets.len) {
		ssize_t n = milter_decode(&p, octets);
		if (n <= 0) {
			buf_puts(out, "< malformed ");
			drive_put_escaped(out, octets, false);
			buf_putc(out, '\n');
			return;
		}
		const char command = (char)p.command;
		buf_puts(out, "< ");
		drive_put_escaped(out, (struct str){ &command, 1 }, false);
		if (p.command == MILTER_OPTNEG)
			put_options(out, p.data);
		else
			put_data(out, p.data);
		buf_putc(out, '\n');
		octets = str_from(octets, (size_t)n);
	}
}
