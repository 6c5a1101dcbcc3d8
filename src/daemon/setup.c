/* The command setup: prints what the MTA's configuration needs to ask each of the listeners. */
#include "daemon/commands.h"
#include "daemon/config.h"
#include "daemon/literal.h"
#include "daemon/setup_address.h"
#include "daemon/setup_map.h"

#include <stdio.h>
#include <string.h>

/* How to see that it works. The MTA's own networks are often let in before anybody is asked. */
static void print_trial(const char *comment)
{
	printf("%s To try it, from a host that may not relay, with the address of a full mailbox:\n"
	       "%s   swaks --server HOST --to joe@example.org --quit-after RCPT\n\n",
		comment, comment);
}

static void print_postfix_service(const struct config_listener *l)
{
	char space[256];
	struct buf address = BUF(space);
	setup_put_postfix(&address, l);
	printf("check_policy_service { %s, timeout=5s, default_action=DUNNO }\n", buf_z(&address));
}

/* The action that this listener writes for a reason, as it goes into a regular expression of Exim's. */
static struct str action_for(
	const struct config_listener *l, const struct reply *reply, enum reason reason, struct buf *out)
{
	struct query q = { .kind = QUERY_RECIPIENT, .address = STR("joe@example.org") };
	struct answer a = { .verdict = { .reason = reason,
				    .reply = reply,
				    .action = reply->code < 500 ? ACTION_DEFER : ACTION_REJECT } };
	if (!literal_put(out, l, &q, &a))
		return STR("");
	struct str line = buf_str(out);
	return str_cut(&line, '\n');
}

/* A word of the listener's stands for a reply that Exim must give itself. */
static void print_exim_word(const char *verb, struct str action, const char *message)
{
	printf("  %-6s condition = ${if match{$acl_m_quota}{\\N^\\Q%.*s\\E\\s*$\\N}}\n"
	       "         message   = %s\n",
		verb, (int)action.len, action.at, message);
}

static void print_exim_reply(const char *verb, char code)
{
	printf("  %-6s condition = ${if match{$acl_m_quota}{\\N^action=%c\\d\\d \\N}}\n"
	       "         message   = ${sg{$acl_m_quota}{\\N^action=|\\s+$\\N}{}}\n",
		verb, code);
}

/* The replies for a listener's own words. `of`, with a blank before it, tells whose mailbox it is. */
static void print_exim_words(const struct config *c, const struct config_listener *l, const char *of)
{
	const struct rules *rules = &c->gate.rules;
	bool reject = rules->unknown == UNKNOWN_REJECT;
	char space[3][1024], message[128];
	struct buf out[3] = { BUF(space[0]), BUF(space[1]), BUF(space[2]) };
	struct str full = action_for(l, &rules->full, REASON_FULL, &out[0]);
	struct str large = action_for(l, &rules->too_large, REASON_TOO_LARGE, &out[1]);
	struct str unknown =
		action_for(l, reject ? &rules->unknown_reject : &rules->unknown_defer, REASON_NO_MAILBOX, &out[2]);
	if (str_find(full, ' ') < full.len)
		return;
	snprintf(message, sizeof(message), "452 4.2.2 Quota exceeded%s%s, try again later", of[0] ? " for" : "", of);
	print_exim_word("defer", full, message);
	if (!str_eq(full, large))
		print_exim_word("deny", large, "552 5.2.3 Message is larger than the whole quota");
	snprintf(message, sizeof(message), "%s No mailbox%s here%s", reject ? "550 5.1.1" : "450 4.1.1", of,
		reject ? "" : " at present");
	if (rules->unknown != UNKNOWN_PASS && str_find(unknown, ' ') == unknown.len)
		print_exim_word(reject ? "deny" : "defer", unknown, message);
}

/* What is refused, by the answer in $acl_m_quota. */
static void print_exim_refusals(const struct config *c, const struct config_listener *l, const char *of)
{
	print_exim_words(c, l, of);
	/* Without words, or for what there is no word for. */
	print_exim_reply("defer", '4');
	print_exim_reply("deny", '5');
}

/* Both questions name the message alike, so that it is charged once. A mailbox that was not asked about at RCPT, such as
   those of the postmaster's own network, is not asked about at DATA either. */
static bool setup_exim_policy(const struct config *c, const struct config_listener *l)
{
	static const char from[] =
		"sender=$sender_address\\nsize=$message_size\\nclient_address=$sender_host_address\\n"
		"sasl_username=$sender_host_authenticated\\nmessage=$acl_m_quota_id\\n\\n";
	const char *place = setup_exim_socket(l);
	printf("# listen %s: for the ACL that acl_smtp_rcpt names, behind the check of relaying.\n"
	       "  warn   set acl_m_quota_id = ${if def:acl_m_quota_id{$acl_m_quota_id}{$pid.$tod_epoch_l}}\n"
	       "         set acl_m_quota = ${readsocket{%s}{recipient=$local_part@$domain\\n%s}{5s}{ "
	       "}{action=DUNNO}}\n",
		l->name, place, from);
	print_exim_refusals(c, l, " $local_part@$domain");
	printf("# The same for the ACL that acl_smtp_data names: the message is here, and its true size. It is refused "
	       "for "
	       "all its\n"
	       "# recipients when one of them has no room.\n"
	       "  warn   set acl_m_quota = ${if def:acl_m_quota_id{${readsocket{%s}{protocol_state=END-OF-MESSAGE\\n"
	       "recipients=$recipients\\n%s}{5s}{ }{action=DUNNO}}}{action=DUNNO}}\n",
		place, from);
	print_exim_refusals(c, l, "");
	printf("# To try it, with the address of a full mailbox:\n"
	       "#   exim -be '${readsocket{%s}{recipient=joe@example.org\\n\\n}{5s}{ }{no answer}}'\n\n",
		place);
	return true;
}

static bool setup_exim_quotad(const struct config *c, const struct config_listener *l)
{
	(void)c;
	printf("# listen %s: the octets used by an mbox file or a Maildir, as a number; 0 when that cannot be told.\n"
	       "# For instance, in the ACL that acl_smtp_rcpt names, for mailboxes of 200 MB in /var/mail:\n"
	       "  defer  condition = ${if >{${readsocket{%s}{/var/mail/$local_part\\n}{5s}{}{0}}}{209715200}}\n"
	       "         message   = 452 4.2.2 Quota exceeded for $local_part@$domain, try again later\n"
	       "# To try it:\n"
	       "#   exim -be '${readsocket{%s}{/var/mail/joe\\n}{5s}{}{no answer}}'\n\n",
		l->name, setup_exim_socket(l), setup_exim_socket(l));
	return true;
}

/* A listener whose words are not actions of access(5) is for Exim alone. */
static bool is_for_postfix(const struct config *c, const struct config_listener *l)
{
	char space[1024];
	struct buf out = BUF(space);
	struct str action = str_from(action_for(l, &c->gate.rules.full, REASON_FULL, &out), strlen("action="));
	return action.len && ((action.at[0] >= '4' && action.at[0] <= '5') || str_starts(action, STR("REJECT")) ||
				     str_starts(action, STR("DEFER")));
}

static bool setup_postfix_policy(const struct config *c, const struct config_listener *l)
{
	if (!is_for_postfix(c, l))
		return false;
	printf("# listen %s: for /etc/postfix/main.cf. It must stand behind reject_unauth_destination, and before what "
	       "permits.\n"
	       "smtpd_recipient_restrictions =\n"
	       "    permit_mynetworks,\n"
	       "    reject_unauth_destination,\n"
	       "    ",
		l->name);
	print_postfix_service(l);
	printf("# The same once the message is here, with its true size; and what was let in for a message that does "
	       "not\n"
	       "# come after all is given back:\n"
	       "smtpd_end_of_data_restrictions =\n"
	       "    ");
	print_postfix_service(l);
	print_trial("#");
	return true;
}

/* The milter's own default_action leaves other milters as they are. */
static bool setup_postfix_milter(const struct config *c, const struct config_listener *l)
{
	char space[256];
	struct buf address = BUF(space);
	(void)c;
	setup_put_postfix(&address, l);
	printf("# listen %s: for /etc/postfix/main.cf. While quotagate is down, mail is accepted. Other milters stand "
	       "in the\n"
	       "# same list, behind a comma. Not for non_smtpd_milters: there is no client to refuse a recipient to.\n"
	       "smtpd_milters =\n"
	       "    { %s, connect_timeout=5s, command_timeout=8s, default_action=accept }\n",
		l->name, buf_z(&address));
	print_trial("#");
	return true;
}

static bool setup_sendmail_milter(const struct config *c, const struct config_listener *l)
{
	char space[256];
	struct buf address = BUF(space);
	(void)c;
	setup_put_sendmail(&address, l);
	printf("dnl listen %s: for sendmail.mc. F= lets mail pass while quotagate is down; F=T would have it tried "
	       "again\n"
	       "dnl later, but then a daemon that is stopped stops all mail.\n",
		l->name);
	if (l->endpoint.family == ENDPOINT_UNIX)
		printf("dnl No directory above the socket may be writable for group or others, or Sendmail calls it "
		       "unsafe and ends.\n");
	printf("INPUT_MAIL_FILTER(`quotagate', `S=%s, F=, T=C:5s;S:5s;R:8s;E:30s')dnl\n", buf_z(&address));
	print_trial("dnl");
	return true;
}

/* Who can ask whom. A setup function prints its lines, or tells that the listener is not for this MTA after all. */
static const struct {
	const char *mta, *front;
	bool (*print)(const struct config *, const struct config_listener *);
} setups[] = {
	{ "postfix", "policy", setup_postfix_policy },
	{ "postfix", "milter", setup_postfix_milter },
	{ "postfix", "socketmap", setup_postfix_socketmap },
	{ "exim", "policy", setup_exim_policy },
	{ "exim", "exim-quotad", setup_exim_quotad },
	{ "exim", "check_quota", setup_exim_check_quota },
	{ "sendmail", "milter", setup_sendmail_milter },
	{ "sendmail", "socketmap", setup_sendmail_socketmap },
};

#define N_SETUPS (sizeof(setups) / sizeof(setups[0]))

static bool is_mta(const char *name)
{
	bool known = false;
	for (size_t i = 0; i < N_SETUPS; i++)
		known = known || strcmp(setups[i].mta, name) == 0;
	return known;
}

static bool setup_listener(const struct config *c, const struct config_listener *l, const char *mta)
{
	for (size_t i = 0; i < N_SETUPS; i++)
		if (strcmp(setups[i].mta, mta) == 0 && strcmp(setups[i].front, l->front->name) == 0)
			return setups[i].print(c, l);
	return false;
}

static bool setup_mta(const struct config *c, const char *mta)
{
	size_t n = 0;
	for (size_t i = 0; i < c->n_listeners; i++)
		n += setup_listener(c, &c->listeners[i], mta);
	if (n > 1)
		printf("%s Choose one of these %zu: who asks twice about a message is charged twice.\n",
			strcmp(mta, "sendmail") == 0 ? "dnl" : "#", n);
	return n > 0;
}

int command_setup(const struct command_line *line)
{
	const char *mta = line->words[0];
	if (!is_mta(mta)) {
		fprintf(stderr, "quotagate: setup knows postfix, exim and sendmail, not %s\n", mta);
		return EXIT_USAGE;
	}
	struct config *c = config_read(line->file, CONFIG_LOOK, NULL);
	if (!c) {
		fputs("quotagate: out of memory\n", stderr);
		return EXIT_USAGE;
	}
	bool wrong = config_print_errors(c);
	if (!wrong && !setup_mta(c, mta)) {
		fprintf(stderr, "quotagate: %s: no listen section with a protocol that %s speaks\n", line->file, mta);
		wrong = true;
	}
	config_put(c);
	return wrong ? EXIT_USAGE : EXIT_OK;
}
