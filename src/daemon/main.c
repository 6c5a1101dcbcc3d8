/* quotagate(8): the command line. */
#include "daemon/commands.h"
#include "daemon/config.h"
#include "io/rights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_FILE "/etc/quotagate/quotagate.conf"

static const char usage[] =
	"quotagate " VERSION " - answers mail servers whether a mailbox has room, while the SMTP client is connected\n"
	"\n"
	"  quotagate serve  [-c FILE]                      run in the foreground\n"
	"  quotagate check  [-c FILE] [--size N] [--sender A] [--json] ADDRESS...\n"
	"                                                  decide here and now, and explain every step\n"
	"  quotagate config [-c FILE]                      read, check, print the effective configuration\n"
	"  quotagate config --options[=man]                every option with type, default and range\n"
	"  quotagate setup  [-c FILE] postfix|exim|sendmail\n"
	"                                                  print the lines to put into the MTA's configuration\n"
	"  quotagate status [-c FILE] [--json]             what the running daemon does: listeners, stores, cache\n"
	"  quotagate --help | --version\n"
	"\n"
	"FILE is " DEFAULT_FILE " by default. See quotagate(8) and quotagate.conf(5).\n";

struct command {
	const char *name;
	int (*run)(const struct command_line *);
	bool (*words_fit)(int n);
	const char *flags; /* letters of the options it takes: c file, s size, f sender, j json, o options */
};

static bool none(int n)
{
	return n == 0;
}

static bool one(int n)
{
	return n == 1;
}

static bool some(int n)
{
	return n > 0;
}

static const struct command commands[] = {
	{ "serve", command_serve, none, "c" },
	{ "check", command_check, some, "csfj" },
	{ "config", command_config, none, "co" },
	{ "setup", command_setup, one, "c" },
	{ "status", command_status, none, "cj" },
};

static int complain(const char *what, const char *word)
{
	fprintf(stderr, "quotagate: %s%s%s; quotagate --help shows how\n", what, word ? " " : "", word ? word : "");
	return EXIT_USAGE;
}

/* The option's value: behind its =, or the next word. Null when there is none. */
static const char *value_of(const char *word, size_t name, char **argv, int argc, int *i)
{
	if (word[name] == '=')
		return word + name + 1;
	if (name == 2 && word[name])
		return word + name; /* -cFILE */
	return *i + 1 < argc ? argv[++*i] : NULL;
}

static bool is_option(const char *word, const char *name)
{
	size_t n = strlen(name);
	return strncmp(word, name, n) == 0 && (word[n] == '\0' || word[n] == '=' || n == 2);
}

static bool parse_size(struct str text, uint64_t *out)
{
	static const char suffixes[] = "kKmMgG";
	size_t last = text.len ? text.len - 1 : 0;
	const char *suffix = text.len && text.at[last] ? strchr(suffixes, text.at[last]) : NULL;
	unsigned shift = suffix ? 10 * (unsigned)((suffix - suffixes) / 2 + 1) : 0;
	if (suffix)
		text.len = last;
	if (!str_u64(text, out) || *out > (uint64_t)INT64_MAX >> shift)
		return false;
	*out <<= shift;
	return true;
}

/* Takes one option; 0, or the exit status when it is wrong. */
static int take_option(struct command_line *line, const struct command *c, char **argv, int argc, int *i)
{
	const char *word = argv[*i], *value = "";
	char flag = 0;
	if (is_option(word, "-c") && (value = value_of(word, 2, argv, argc, i)))
		flag = 'c', line->file = value;
	else if (is_option(word, "--size") && (value = value_of(word, 6, argv, argc, i)))
		flag = 's';
	else if (is_option(word, "--sender") && (value = value_of(word, 8, argv, argc, i)))
		flag = 'f', line->sender = value;
	else if (strcmp(word, "--json") == 0)
		flag = 'j', line->json = word;
	else if (strcmp(word, "--options") == 0 || strcmp(word, "--options=man") == 0)
		flag = 'o', line->options = word[9] ? word + 10 : "";
	if (!value)
		return complain("a value is missing after", word);
	if (!flag || !strchr(c->flags, flag))
		return complain("unknown option", word);
	if (flag == 's' && !parse_size(str_of(value), &line->size))
		return complain("--size wants a number of octets, with k, M or G if you like, not", value);
	return 0;
}

static int run(const struct command *c, char **argv, int argc)
{
	const char **words = calloc((size_t)argc + 1, sizeof(*words));
	struct command_line line = { .file = DEFAULT_FILE, .words = words };
	bool options = true;
	int status = 0;
	if (!words)
		return complain("out of memory", NULL);
	for (int i = 2; i < argc && status == 0; i++) {
		if (options && strcmp(argv[i], "--") == 0)
			options = false;
		else if (options && argv[i][0] == '-' && argv[i][1])
			status = take_option(&line, c, argv, argc, &i);
		else
			words[line.n_words++] = argv[i];
	}
	if (status == 0 && !c->words_fit(line.n_words))
		status = complain("wrong number of arguments for", c->name);
	if (status == 0)
		status = c->run(&line);
	free(words);
	return status;
}

int main(int argc, char **argv)
{
	struct err err;
	if (argc < 2)
		return complain("a command is missing", NULL);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
		fputs(usage, stdout);
		return EXIT_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("quotagate " VERSION);
		return EXIT_OK;
	}
	/* before any of them reads a secret */
	if (!rights_hide(&err)) {
		fprintf(stderr, "quotagate: %s\n", err.text);
		return EXIT_FAILED;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return run(&commands[i], argv, argc);
	return complain("unknown command", argv[1]);
}
