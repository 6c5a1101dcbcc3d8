/*
 * The commands that only read the configuration: config prints it, setup prints what the MTA's configuration needs to ask
 * each of its listeners.
 */
#include "daemon/commands.h"
#include "daemon/config.h"

#include <stdio.h>
#include <string.h>

int command_config(const struct command_line *line)
{
	size_t n;
	const struct conf_kind *kinds = registry_kinds(&n);
	if (line->options) {
		conf_print_options(kinds, n, stdout, *line->options ? CONF_MAN : CONF_TEXT);
		return EXIT_OK;
	}
	struct config *c = config_read(line->file, CONFIG_LOOK);
	if (!c) {
		fputs("quotagate: out of memory\n", stderr);
		return EXIT_USAGE;
	}
	bool wrong = config_print_errors(c);
	if (!wrong)
		conf_print(c->conf, stdout);
	config_put(c);
	return wrong ? EXIT_USAGE : EXIT_OK;
}

/* Postfix' smtpd is chrooted to its queue directory on Debian, and then sees a socket below it under a shorter name. */
static void print_postfix_unix(const char *path)
{
	static const char spool[] = "/var/spool/postfix/";
	printf("check_policy_service { unix:%s, timeout=5s, default_action=DUNNO }",
		strncmp(path, spool, sizeof(spool) - 1) == 0 ? path + sizeof(spool) - 1 : path);
}

static void setup_postfix(const struct config_listener *l)
{
	const char *address = l->options->address;
	printf("# %s: /etc/postfix/main.cf. It must stand behind reject_unauth_destination, and before anything that "
	       "permits.\n"
	       "smtpd_recipient_restrictions =\n"
	       "    permit_mynetworks,\n"
	       "    reject_unauth_destination,\n    ",
		l->name);
	if (l->endpoint.family == ENDPOINT_UNIX)
		print_postfix_unix(address + strlen("unix:"));
	else
		printf("check_policy_service { %s, timeout=5s, default_action=DUNNO }", address);
	printf("\n# With the true size once the message is here, and charges given back when it does not come:\n"
	       "smtpd_end_of_data_restrictions =\n    ");
	if (l->endpoint.family == ENDPOINT_UNIX)
		print_postfix_unix(address + strlen("unix:"));
	else
		printf("check_policy_service { %s, timeout=5s, default_action=DUNNO }", address);
	printf("\n\n");
}

/* Exim's name for the socket. */
static void print_exim_socket(const struct config_listener *l)
{
	const char *address = l->options->address;
	printf("%s", l->endpoint.family == ENDPOINT_UNIX ? address + strlen("unix:") : address);
}

static void setup_exim_policy(const struct config_listener *l)
{
	printf("# %s: the ACL that acl_smtp_rcpt names, behind the check of relaying.\n"
	       "  warn   set acl_m_quota = ${readsocket{",
		l->name);
	print_exim_socket(l);
	printf("}{recipient=$local_part@$domain\\nsender=$sender_address\\nsize=$message_size\\n\\n}{5s}{ "
	       "}{action=DUNNO}}\n"
	       "  defer  condition = ${if match{$acl_m_quota}{\\N^action=4\\d\\d \\N}}\n"
	       "         message   = ${sg{$acl_m_quota}{\\N^action=|\\s+$\\N}{}}\n"
	       "  deny   condition = ${if match{$acl_m_quota}{\\N^action=5\\d\\d \\N}}\n"
	       "         message   = ${sg{$acl_m_quota}{\\N^action=|\\s+$\\N}{}}\n\n");
}

static void setup_exim_quotad(const struct config_listener *l)
{
	printf("# %s: a router or transport that holds the quota. Octets used of an mbox file or a Maildir:\n"
	       "  ${readsocket{",
		l->name);
	print_exim_socket(l);
	printf("}{/path/of/mailbox\\n}{5s}{}{0}}\n"
	       "# For instance, in the ACL that acl_smtp_rcpt names, for mailboxes of 200 MB in /var/mail:\n"
	       "  defer  condition = ${if >{${readsocket{");
	print_exim_socket(l);
	printf("}{/var/mail/$local_part\\n}{5s}{}{0}}}{209715200}}\n"
	       "         message   = 452 4.2.2 Quota exceeded for $local_part@$domain, try again later\n\n");
}

static bool setup_mta(const struct config *c, const char *mta)
{
	bool any = false;
	for (size_t i = 0; i < c->n_listeners; i++) {
		const struct config_listener *l = &c->listeners[i];
		bool policy = strcmp(l->front->name, "policy") == 0, exim = strcmp(mta, "exim") == 0;
		if (!policy && !exim)
			continue;
		any = true;
		if (!policy)
			setup_exim_quotad(l);
		else if (exim)
			setup_exim_policy(l);
		else
			setup_postfix(l);
	}
	return any;
}

int command_setup(const struct command_line *line)
{
	const char *mta = line->words[0];
	if (strcmp(mta, "postfix") != 0 && strcmp(mta, "exim") != 0) {
		fprintf(stderr, "quotagate: setup knows postfix and exim, not %s\n", mta);
		return EXIT_USAGE;
	}
	struct config *c = config_read(line->file, CONFIG_LOOK);
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
