#include "daemon/setup_map.h"

#include "daemon/literal.h"
#include "daemon/setup_address.h"

#include <stdio.h>
#include <string.h>

/* Whether this choice was made for an option of the front's own. */
static bool has_chosen(const struct config_listener *l, const char *option, const char *choice)
{
	for (const struct opt *row = l->front->opts; row->name; row++)
		if (row->type == OPT_CHOICE && strcmp(row->name, option) == 0) {
			const void *chosen = (const char *)l->own + row->offset;
			return strcmp(row->choices[*(const int *)chosen], choice) == 0;
		}
	return false;
}

/* ---- Postfix ---- */

static void postfix_access(const struct config_listener *l, const char *map)
{
	printf("# listen %s: for /etc/postfix/main.cf. It must stand behind reject_unauth_destination, and before what "
	       "permits.\n"
	       "# While quotagate is stopped, Postfix defers the mail that it looks up here; with the protocol policy "
	       "it\n"
	       "# would take it.\n"
	       "smtpd_recipient_restrictions =\n"
	       "    permit_mynetworks,\n"
	       "    reject_unauth_destination,\n"
	       "    check_recipient_access %s\n"
	       "# To try it, with the address of a full mailbox; of others it prints nothing:\n"
	       "#   postmap -q joe@example.org %s\n\n",
		l->name, map, map);
}

static void postfix_smmapd(const struct config_listener *l, const char *map)
{
	printf("# listen %s: for /etc/postfix/main.cf, which recipients there are. A full mailbox is deferred with "
	       "Postfix'\n"
	       "# own 451 4.3.0. It fits a virtual_transport that knows by itself where mailboxes are, such as lmtp; "
	       "not\n"
	       "# virtual(8).\n"
	       "virtual_mailbox_maps = %s\n"
	       "# To try it, with the address of a mailbox that has room; it prints the address:\n"
	       "#   postmap -q joe@example.org %s\n\n",
		l->name, map, map);
}

bool setup_postfix_socketmap(const struct config *c, const struct config_listener *l)
{
	char space[1024];
	struct buf map = BUF(space);
	(void)c;
	buf_puts(&map, "socketmap:");
	setup_put_postfix(&map, l);
	buf_putc(&map, ':');
	buf_puts(&map, l->name);
	if (has_chosen(l, "style", "smmapd"))
		postfix_smmapd(l, buf_z(&map));
	else
		postfix_access(l, buf_z(&map));
	return true;
}

/* ---- Sendmail ---- */

bool setup_sendmail_socketmap(const struct config *c, const struct config_listener *l)
{
	char space[1024];
	struct buf address = BUF(space);
	bool smmapd = has_chosen(l, "style", "smmapd");
	(void)c;
	setup_put_sendmail(&address, l);
	printf("dnl listen %s: for sendmail.mc. Between the halves of a rule stand tabs.\n"
	       "dnl While quotagate is stopped, Sendmail %s.\n"
	       "LOCAL_CONFIG\n"
	       "Kquotagate socket -a<FOUND> -T<TMPF> %s\n\n"
	       "LOCAL_RULESETS\n"
	       "SLocal_check_rcpt\n"
	       "R$*\t\t\t\t$: $>CanonAddr $1\n"
	       "R$+ < @ $+ . > $*\t\t$: $1 @ $2\n"
	       "R$+ < @ $+ > $*\t\t\t$: $1 @ $2\n"
	       "R$+\t\t\t\t$: $(quotagate $1 $)\n"
	       "%s\n"
	       "dnl To try it, with the address of a full mailbox; the last line then tells of an error:\n"
	       "dnl   echo 'Local_check_rcpt <joe@example.org>' | sendmail -bt\n\n",
		l->name, smmapd ? "defers all mail" : "takes all mail", buf_z(&address),
		smmapd ? "R$* <TMPF>\t\t\t$#error $@ 4.2.2 $: \"452 Quota exceeded, try again later\""
		       : "R$- $-.$-.$- $* <FOUND>\t\t$#error $@ $2.$3.$4 $: $1 $5");
	return true;
}

/* ---- Exim ---- */

/* The request as Exim's expansion makes it; with names in place of variables, to try it by hand. */
static void print_exim_request(const struct config_listener *l, bool by_hand)
{
	const char *local = by_hand ? "joe" : "$local_part", *domain = by_hand ? "example.org" : "$domain";
	printf("${readsocket{%s}{", setup_exim_socket(l));
	if (has_chosen(l, "form", "colon"))
		printf("%s:%s:200", local, domain);
	else if (has_chosen(l, "form", "local-domain"))
		printf("CHECK_QUOTA %s %s", local, domain);
	else
		printf("CHECK_QUOTA %s@%s%s", local, domain, by_hand ? "" : " $sender_address");
	printf("}{5s}{}{no answer}}");
}

bool setup_exim_check_quota(const struct config *c, const struct config_listener *l)
{
	const struct query q = { .kind = QUERY_RECIPIENT, .address = STR("joe@example.org") };
	const struct answer a = {
		.verdict = { .action = ACTION_DEFER, .reason = REASON_FULL, .reply = &c->gate.rules.full }
	};
	char space[1024];
	struct buf full = BUF(space);
	if (l->endpoint.family == ENDPOINT_UDP || !literal_put(&full, l, &q, &a))
		return false;
	printf("# listen %s: for the ACL that acl_smtp_rcpt names, behind the check of relaying.\n"
	       "  defer  condition = ${if match{",
		l->name);
	print_exim_request(l, false);
	printf("}{\\N^\\Q%s\\E\\s*$\\N}}\n"
	       "         message   = 452 4.2.2 Quota exceeded for $local_part@$domain, try again later\n"
	       "# To try it, with the address of a mailbox:\n"
	       "#   exim -be '",
		buf_z(&full));
	print_exim_request(l, true);
	printf("'\n\n");
	return true;
}
