#include "daemon/options.h"

#include "base/network.h"
#include "core/bypass.h"
#include "core/decide.h"
#include "core/verdict.h"
#include "io/endpoint.h"

static const char *const confine_names[] = { "auto", "off", NULL };
static const char *const limit_from_names[] = { "store", "config", NULL };
static const char *const unknown_names[] = { "pass", "reject", "defer", NULL };
static const char *const error_names[] = { "pass", "defer", NULL };
static const char *const fold_names[] = { "all", "domain", "none", NULL };
static const char *const alias_names[] = { "all_full", "any_full", NULL };
static const char *const level_names[] = { "error", "warning", "info", "debug", NULL };

static bool check_reply(struct str value, struct err *err)
{
	struct reply reply;
	return reply_parse(&reply, value, err);
}

static bool check_defer(struct str value, struct err *err)
{
	struct reply reply;
	return reply_parse(&reply, value, err) && (reply.code < 500 || err_set(err, "a deferral needs a 4xx code"));
}

static bool check_reject(struct str value, struct err *err)
{
	struct reply reply;
	return reply_parse(&reply, value, err) && (reply.code >= 500 || err_set(err, "a rejection needs a 5xx code"));
}

static bool check_log(struct str value, struct err *err)
{
	return str_eq(value, STR("stderr")) || str_eq(value, STR("syslog")) || (value.len > 1 && value.at[0] == '/') ||
	       err_set(err, "expected stderr, syslog or an absolute path");
}

static bool check_percent(struct str value, struct err *err)
{
	uint64_t n;
	return (str_u64(value, &n) && n >= 1 && n <= 100) || err_set(err, "expected percent, from 1 to 100");
}

/* An address keeps its meaning only if no delimiter is one of its other signs. */
static bool check_delimiters(struct str value, struct err *err)
{
	for (size_t i = 0; i < value.len; i++)
		if (value.at[i] <= ' ' || value.at[i] > '~' || value.at[i] == '@' || value.at[i] == '"')
			return err_set(err, "a delimiter is a printable ASCII character other than @ and \"");
	return true;
}

/* The rows of struct options_canary. */
#define CANARY_ROWS(section)                                                                                           \
	{ .name = "canary",                                                                                            \
		.type = OPT_STRING,                                                                                    \
		.offset = offsetof(struct section, canary.present),                                                    \
		.help = "An address that must exist. While it is not known here, \"no such address\" counts as "       \
			"\"did not answer\": see quotagate-aliases(7)." },                                             \
	{                                                                                                              \
		.name = "canary_absent", .type = OPT_STRING, .offset = offsetof(struct section, canary.absent),        \
		.help = "The same for an address that must not exist."                                                 \
	}

/* The rows of struct options_helper. */
#define HELPER_ROWS(section)                                                                                           \
	{ .name = "user",                                                                                              \
		.type = OPT_STRING,                                                                                    \
		.offset = offsetof(struct section, helper.user),                                                       \
		.help = "Who reads: the user of the helper processes. Without it: the daemon's user. root, for the "   \
			"homes of many users, keeps the right to read every file and no other." },                     \
		{ .name = "helpers",                                                                                   \
			.type = OPT_NUMBER,                                                                            \
			.offset = offsetof(struct section, helper.helpers),                                            \
			.def = "2",                                                                                    \
			.min = 1,                                                                                      \
			.max = 64,                                                                                     \
			.help = "Helper processes." },                                                                 \
	{                                                                                                              \
		.name = "helper_timeout", .type = OPT_DURATION,                                                        \
		.offset = offsetof(struct section, helper.helper_timeout), .def = "60s", .min = 1000, .max = 3600000,  \
		.help = "A helper that works on one question for longer is ended and replaced. Questions do "          \
			"not wait that long: see timeout in the section rules."                                        \
	}

#define ROW(section, member, kind, ...)                                                                                \
	{                                                                                                              \
		.name = #member, .type = kind, .offset = offsetof(struct section, member), __VA_ARGS__                 \
	}

const struct opt options_top[] = {
	ROW(options_top, user, OPT_STRING,
		.help = "The user that the daemon becomes once sockets are bound and secrets are read, when it is "
			"started as root. Without it: quotagate, or nobody where there is no such user. root must be "
			"said "
			"in so many words."),
	ROW(options_top, pid_file, OPT_STRING, .check = opt_check_path,
		.help = "Where the process id is written. A second daemon with the same file does not start."),
	ROW(options_top, control, OPT_STRING, .check = opt_check_path,
		.help = "A unix socket, for root and the daemon's user only, through which quotagate check learns what "
			"the "
			"running daemon has cached and charged, and quotagate status what it has counted. 64 may be "
			"connected "
			"at once."),
	ROW(options_top, confine, OPT_CHOICE, .choices = confine_names, .def = "auto",
		.help = "Each process gives up the calls of the kernel that it does not need (seccomp), and helpers "
			"that read files may open nothing outside of their store's directories (Landlock), as far as "
			"the kernel offers it. off: for a machine whose libraries need more; the log says "
			"event=forbidden-call then."),
	OPT_END,
};

const struct opt options_listen[] = {
	ROW(options_listen, address, OPT_STRING, .check = endpoint_check, .required = true,
		.help = "unix:/path, inet:host:port, or udp:host:port for protocols that can be asked by datagrams. "
			"The "
			"host is an IP address, localhost or *. The socket file of a server that is gone is replaced. "
			"On "
			"a machine with several addresses answers to datagrams may leave from another one than *: name "
			"it."),
	ROW(options_listen, allow, OPT_LIST, .check = network_check, .def = "127.0.0.0/8 ::1",
		.help = "Addresses and networks, such as 10.0.0.0/24, whose clients are served over TCP and UDP. "
			"Others "
			"get no answer. Who may use a unix socket is said by mode, owner and group."),
	ROW(options_listen, mode, OPT_MODE, .def = "0660", .help = "Permissions of a unix socket."),
	ROW(options_listen, owner, OPT_STRING, .help = "Owner of a unix socket. Without it: the daemon's user."),
	ROW(options_listen, group, OPT_STRING, .help = "Group of a unix socket. Without it: the group of that user."),
	ROW(options_listen, max_clients, OPT_NUMBER, .def = "4096", .min = 1, .max = 1000000,
		.help = "Connections at once. For one more another is closed that waits for no answer: first one that "
			"has "
			"come and not asked, then who has been idle the longest. When all wait for answers, it is "
			"closed "
			"itself. Over UDP: questions that wait for their answer; one more is dropped."),
	ROW(options_listen, idle, OPT_DURATION, .def = "1h", .min = 1000, .max = 604800000,
		.help = "A connection that has been answered and asks nothing more for so long is closed. Postfix "
			"keeps idle connections for up "
			"to "
			"1000 s, and one that was closed costs its next message a second."),
	ROW(options_listen, request_timeout, OPT_DURATION, .def = "10s", .min = 100, .max = 3600000,
		.help = "How long a request may take to arrive from its first octet to its last; a new connection, to "
			"begin "
			"its first one. Every MTA connects when it has a question."),
	OPT_END,
};

const struct opt options_store[] = {
	ROW(options_store, rule, OPT_CHOICE, .choices = store_rule_names,
		.help = "Whose arithmetic says full; see STORE RULES. Without it: the rule of the store's type."),
	ROW(options_store, grace, OPT_OCTETS, .def = "0",
		.help = "How far over the limit rule fits lets a message go, or the store itself where the rule is "
			"asked; see there."),
	ROW(options_store, alone, OPT_BOOL, .def = "false",
		.help = "Where the rule is asked: one message at a time. While one that was let in may not have come "
			"yet, others for the same mailbox are put off, whatever their size; see SERVERS THAT GIVE "
			"VERDICTS."),
	ROW(options_store, limit, OPT_OCTETS, .def = "0",
		.help = "The limit of a mailbox for which neither the store itself nor the domain names one. 0: none."),
	ROW(options_store, message_limit, OPT_NUMBER, .def = "0", .max = UINT32_MAX,
		.help = "The same for the number of messages."),
	ROW(options_store, limit_from, OPT_CHOICE, .choices = limit_from_names, .def = "store",
		.help = "config ignores the limits that the store itself names (Dovecot 2.4 does not trust the first "
			"line "
			"of maildirsize)."),
	CANARY_ROWS(options_store),
	HELPER_ROWS(options_store),
	OPT_END,
};

const struct opt options_directory[] = {
	ROW(options_directory, ttl, OPT_DURATION, .def = "5m", .help = "Lifetime of the targets of an address."),
	ROW(options_directory, ttl_none, OPT_DURATION, .def = "30s", .help = "Lifetime of \"no such address\"."),
	CANARY_ROWS(options_directory),
	HELPER_ROWS(options_directory),
	OPT_END,
};

const struct opt options_domain[] = {
	ROW(options_domain, directory, OPT_LIST,
		.help = "The directories that are asked who is behind an address, in this order; the first that knows "
			"it "
			"decides."),
	ROW(options_domain, check_sender, OPT_BOOL, .def = "false",
		.help = "Refuse envelope senders in this domain that its directories do not know. Authenticated "
			"clients, and "
			"addresses coded by SRS, VERP or BATV, are not checked."),
	ROW(options_domain, store, OPT_LIST,
		.help = "The stores that are asked about the domain, in this order; the first that knows the address "
			"decides. Without it: those that a domain without a section gets."),
	ROW(options_domain, limit, OPT_OCTETS, .def = "0",
		.help = "The limit of a mailbox for which the store names none. 0: none."),
	ROW(options_domain, message_limit, OPT_NUMBER, .def = "0", .max = UINT32_MAX,
		.help = "The same for the number of messages."),
	OPT_END,
};

const struct opt options_rules[] = {
	ROW(options_rules, full, OPT_STRING, .check = check_reply,
		.def = "452 4.2.2 Quota exceeded for %u, try again later",
		.help = "The reply for a full mailbox. %u is the address. With 452 the sender's server tries again "
			"until the user "
			"has made room; with a 5xx code it bounces at once."),
	ROW(options_rules, too_large, OPT_STRING, .check = check_reply,
		.def = "552 5.2.3 Message is larger than the whole quota of %u",
		.help = "The reply for a message that would not fit were the mailbox empty: waiting cannot help."),
	ROW(options_rules, full_for, OPT_DURATION, .def = "off",
		.help = "After so long a time of being full on the store's own figures, full_long is the reply. 0 or "
			"off: never."),
	ROW(options_rules, full_long, OPT_STRING, .check = check_reject,
		.def = "552 5.2.2 Mailbox of %u has been full for a long time", .help = "See full_for."),
	ROW(options_rules, unknown, OPT_CHOICE, .choices = unknown_names, .def = "pass",
		.help = "What becomes of an address without a mailbox. pass: it may be an alias or a catch-all that "
			"only "
			"the MTA knows."),
	ROW(options_rules, unknown_reject, OPT_STRING, .check = check_reject, .def = "550 5.1.1 No mailbox %u here",
		.help = "The reply with unknown = reject."),
	ROW(options_rules, unknown_defer, OPT_STRING, .check = check_defer,
		.def = "450 4.1.1 No mailbox %u here at present", .help = "The reply with unknown = defer."),
	ROW(options_rules, error, OPT_CHOICE, .choices = error_names, .def = "pass",
		.help = "What becomes of a message when the store does not answer and nothing is known of the "
			"mailbox."),
	ROW(options_rules, error_defer, OPT_STRING, .check = check_defer,
		.def = "451 4.3.0 The mailbox of %u cannot be checked now, try again later",
		.help = "The reply with error = defer."),
	ROW(options_rules, timeout, OPT_DURATION, .def = "4s", .min = 50, .max = 600000,
		.help = "By then every question has its answer. Exim waits 5 s by default, Sendmail 10 s."),
	ROW(options_rules, added, OPT_OCTETS, .def = "0",
		.help = "Octets that the MTA adds to a message after SIZE= was declared."),
	ROW(options_rules, fold, OPT_CHOICE, .choices = fold_names, .def = "all",
		.help = "In which part of an address ASCII letters are made small before the mailbox is looked for."),
	ROW(options_rules, recipient_delimiter, OPT_STRING, .check = check_delimiters, .def = "+",
		.help = "The whole local part is tried first, then what stands before the first of these characters. "
			"Empty: no extensions."),
	ROW(options_rules, alias, OPT_CHOICE, .choices = alias_names, .def = "all_full",
		.help = "An address with several targets is refused when all its local targets are full, or when any "
			"is."),
	ROW(options_rules, forged, OPT_STRING, .check = check_reject,
		.def = "550 5.7.1 Your From address %u does not exist",
		.help = "The reply to an envelope sender in a domain with check_sender that does not exist. %u is the "
			"sender."),
	ROW(options_rules, shadow, OPT_BOOL, .def = "false",
		.help = "Pass everybody, and log what would have been refused (waived=shadow)."),
	OPT_END,
};

const struct opt options_bypass[] = {
	ROW(options_bypass, senders, OPT_LIST, .check = bypass_check_address,
		.help = "Envelope senders that are never refused: joe@example.org, joe@ (in every domain) or "
			"@example.org."),
	ROW(options_bypass, clients, OPT_LIST, .check = network_check,
		.help = "SMTP clients that are never refused: addresses and networks such as 10.0.0.0/8."),
	ROW(options_bypass, recipients, OPT_LIST, .check = bypass_check_address, .def = "postmaster@ abuse@",
		.help = "Recipients that are never refused, written as senders are."),
	OPT_END,
};

const struct opt options_cache[] = {
	ROW(options_cache, mailboxes, OPT_NUMBER, .def = "100000", .min = 16, .max = 100000000,
		.help = "Mailboxes in the cache, at 148 octets each; the least useful makes room."),
	ROW(options_cache, lookups, OPT_NUMBER, .def = "1024", .min = 1, .max = 100000,
		.help = "Look-ups in flight at once. What comes on top is answered by the last known facts or by "
			"error."),
	ROW(options_cache, transactions, OPT_NUMBER, .def = "8192", .min = 16, .max = 1000000,
		.help = "Open SMTP transactions that the ledger keeps apart; past that the oldest counts as ended."),
	ROW(options_cache, loans, OPT_NUMBER, .def = "50000", .min = 16, .max = 10000000,
		.help = "Parts of mailboxes that are lent to frontends at once. Past that they ask about each "
			"message."),
	ROW(options_cache, answers, OPT_NUMBER, .def = "50000", .min = 16, .max = 10000000,
		.help = "Answers of directories that are kept, in at most 512 octets each on average."),
	ROW(options_cache, members, OPT_NUMBER, .def = "1024", .min = 16, .max = 100000,
		.help = "Members of aliases that are looked at at once. A member that comes on top counts as room."),
	ROW(options_cache, soft, OPT_NUMBER, .def = "50", .min = 1, .max = 100,
		.help = "Percent of the limit below which facts live for ttl_low."),
	ROW(options_cache, hard, OPT_NUMBER, .def = "90", .min = 1, .max = 100,
		.help = "Percent of the limit from which on facts live for ttl_high only."),
	ROW(options_cache, ttl_low, OPT_DURATION, .def = "1h", .help = "Lifetime of facts below soft."),
	ROW(options_cache, ttl_mid, OPT_DURATION, .def = "30s", .help = "Lifetime of facts between soft and hard."),
	ROW(options_cache, ttl_high, OPT_DURATION, .def = "1s",
		.help = "Lifetime of facts near or over the limit: the store is asked at most so often about one "
			"mailbox."),
	ROW(options_cache, ttl_none, OPT_DURATION, .def = "30s", .help = "Lifetime of the answer \"no such mailbox\"."),
	ROW(options_cache, stale, OPT_DURATION, .def = "1d",
		.help = "How long the last known facts serve when the store does not answer."),
	ROW(options_cache, settle, OPT_DURATION, .def = "2m", .min = 1000, .max = 86400000,
		.help = "How long a message that was let in may take to show in the store's figures."),
	OPT_END,
};

const struct opt options_log[] = {
	ROW(options_log, to, OPT_STRING, .def = "stderr", .check = check_log,
		.help = "stderr, syslog, or a file, which SIGHUP opens anew. By then it is the daemon's user who opens "
			"it: "
			"where that user may not make files, logrotate has to (create)."),
	ROW(options_log, level, OPT_CHOICE, .choices = level_names, .def = "info",
		.help = "error, warning, info (one line per decision) or debug."),
	OPT_END,
};

const struct opt options_notify[] = {
	ROW(options_notify, command, OPT_STRING, .check = opt_check_path,
		.help = "The program. Without it nobody is told. It is started without a shell, see NEARLY FULL."),
	ROW(options_notify, warn, OPT_LIST, .check = check_percent, .def = "80 95",
		.help = "Percent of the limit, 1 to 100, at most 16 of them: a mailbox that comes to one from below is "
			"news. {} tells of full mailboxes alone."),
	ROW(options_notify, period, OPT_DURATION, .def = "1d", .min = 1000, .max = 31536000000,
		.help = "What was told of a mailbox is not told again for so long."),
	ROW(options_notify, state, OPT_STRING, .check = opt_check_path,
		.help = "A file in which what was told outlives a restart, such as /var/lib/quotagate/notices; its "
			"folder must be there. 48 octets for each of `mailboxes`, opened before rights are given up; a "
			"change takes effect at a restart."),
	ROW(options_notify, user, OPT_STRING,
		.help = "Who runs it, with the groups of that user; not root. Without it: the daemon's user."),
	ROW(options_notify, helpers, OPT_NUMBER, .def = "1", .min = 1, .max = 64, .help = "How many run at once."),
	ROW(options_notify, timeout, OPT_DURATION, .def = "30s", .min = 100, .max = 3600000,
		.help = "A program that runs for longer is killed, with its process group."),
	ROW(options_notify, queue, OPT_NUMBER, .def = "1000", .min = 1, .max = 4096,
		.help = "Runs that may wait or go on at once. What comes on top is dropped and counted."),
	ROW(options_notify, mailboxes, OPT_NUMBER, .def = "10000", .min = 16, .max = 10000000,
		.help = "Mailboxes of which is remembered what was told, at 80 octets each; a change takes effect at a "
			"restart."),
	OPT_END,
};
