/*
 * The scanner's rules of libconfuse 3.3 that matter: a word ends at a blank, a quote or one of ={}()+,*# ; // begins a
 * comment only where a word could begin ("imap://host" is one word). What its scanner would swallow in silence (a lone
 * + or *), take from the environment (${...}) or trip over (numbers in escapes) is told here.
 */
#include "conf/lex.h"

#define EMPTY STR("\"\"")
#define TOO_LONG "a word or string may have 4096 octets"
_Static_assert(TOKEN_OCTETS_MAX == 4096, "the message names the number");
#define IN_QUOTES(what) "`" what "` must stand in quotes here"

static bool ends_word(char c)
{
	return memchr(" #\"'\t\n\r={}()+,*", c, 15) != NULL;
}

static char peek(const struct lexer *lex, size_t i)
{
	return i < lex->rest.len ? lex->rest.at[i] : '\0';
}

/* Drops n octets and counts the lines in them. */
static void skip(struct lexer *lex, size_t n)
{
	for (size_t i = 0; i < n; i++)
		lex->line += lex->rest.at[i] == '\n';
	lex->rest = str_from(lex->rest, n);
}

/* The length of the comment at hand, 0: there is none; SIZE_MAX: it has no end. */
static size_t comment(const struct lexer *lex)
{
	if (peek(lex, 0) == '#' || (peek(lex, 0) == '/' && peek(lex, 1) == '/'))
		return str_find(lex->rest, '\n');
	if (peek(lex, 0) != '/' || peek(lex, 1) != '*')
		return 0;
	const char *end = memmem(lex->rest.at + 2, lex->rest.len - 2, "*/", 2);
	return end ? (size_t)(end + 2 - lex->rest.at) : SIZE_MAX;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Behind a backslash stand digits or an x: may the scanner see them? It takes every digit that follows, knows octal
   numbers of at most three, and would end the string at a NUL. */
static bool number_fits(struct str s)
{
	size_t n = 0;
	int value = 0;

	if (s.at[0] == 'x')
		return s.len < 2 || !is_hex(s.at[1]) || s.at[1] != '0' ||
		       (s.len > 2 && is_hex(s.at[2]) && s.at[2] != '0');
	for (; n < s.len && s.at[n] >= '0' && s.at[n] <= '9'; n++) {
		if (n == 3 || s.at[n] > '7')
			return false;
		value = value * 8 + (s.at[n] - '0');
	}
	return n == 0 || (value > 0 && value < 256);
}

static struct token string(struct lexer *lex)
{
	struct token t = { .kind = TOKEN_STRING, .line = lex->line };
	char quote = lex->rest.at[0];
	size_t i = 1;

	for (; i < lex->rest.len && lex->rest.at[i] != quote; i++) {
		if (lex->rest.at[i] != '\\' || i + 1 == lex->rest.len)
			continue;
		i++;
		if (quote == '"' && !number_fits(str_from(lex->rest, i)))
			t.wrong = "an escape must be \\ooo (octal, 1 to 377) or \\xHH (not 0)";
	}
	if (i >= lex->rest.len) {
		t.kind = TOKEN_BROKEN;
		t.wrong = "the string that begins here is not closed";
		i = lex->rest.len - 1;
	}
	if (!t.wrong && i > TOKEN_OCTETS_MAX)
		t.wrong = TOO_LONG;
	t.raw = t.wrong ? EMPTY : (struct str){ lex->rest.at, i + 1 };
	skip(lex, i + 1);
	return t;
}

static struct token sign(struct lexer *lex)
{
	static const char signs[6] = { '=', '{', '}', '(', ')', ',' };
	static const enum token_kind kinds[] = { TOKEN_EQUALS, TOKEN_OPEN, TOKEN_CLOSE, TOKEN_LEFT, TOKEN_RIGHT,
		TOKEN_COMMA };
	struct token t = { .kind = TOKEN_WORD, .raw = EMPTY, .line = lex->line };
	const char *at = memchr(signs, lex->rest.at[0], sizeof(signs));
	size_t len = 1;

	if (at) {
		t.kind = kinds[at - signs];
	} else if (peek(lex, 0) == '+' && peek(lex, 1) == '=') {
		t.kind = TOKEN_EQUALS;
		len = 2;
	} else {
		t.wrong = lex->rest.at[0] == '+' ? IN_QUOTES("+") : IN_QUOTES("*");
	}
	if (!t.wrong)
		t.raw = (struct str){ lex->rest.at, len };
	skip(lex, len);
	return t;
}

static struct token word(struct lexer *lex)
{
	struct token t = { .kind = TOKEN_WORD, .line = lex->line };
	size_t n = 0;

	while (n < lex->rest.len && !ends_word(lex->rest.at[n]))
		n++;
	t.raw = (struct str){ lex->rest.at, n };
	if (n > TOKEN_OCTETS_MAX) {
		t.wrong = TOO_LONG;
		t.raw = EMPTY;
	}
	if (peek(lex, n) == '{' && (peek(lex, n - 1) == '$' || peek(lex, n - 1) == '%')) {
		t.kind = TOKEN_BROKEN;
		t.wrong = peek(lex, n - 1) == '$' ? IN_QUOTES("${") : IN_QUOTES("%{");
	}
	skip(lex, n);
	return t;
}

struct token lex_next(struct lexer *lex)
{
	for (;;) {
		char c = peek(lex, 0);
		size_t n = comment(lex);
		if (lex->rest.len == 0)
			return (struct token){ .kind = TOKEN_END, .line = lex->line };
		if (n == SIZE_MAX)
			return (struct token){ .kind = TOKEN_BROKEN,
				.line = lex->line,
				.wrong = "the comment that begins here is not closed" };
		if (n)
			skip(lex, n);
		else if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
			skip(lex, 1);
		else if (c == '"' || c == '\'')
			return string(lex);
		else
			return ends_word(c) ? sign(lex) : word(lex);
	}
}
