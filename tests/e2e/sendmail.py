"""Sendmail for the domain example.org, delivering to mboxes, or to nobody: then what is taken is taken.

What is undeliverable stays in the queue where bounces() sees it: nothing leaves this machine.
"""
from enclosure import Enclosure, free_port, owned, until

MC = """
OSTYPE(`linux')dnl
define(`confDOMAIN_NAME', `sendmail.test')dnl
define(`QUEUE_DIR', `{folder}/queue')dnl
define(`confPID_FILE', `{folder}/sendmail.pid')dnl
define(`confSERVICE_SWITCH_FILE', `/etc/mail/service.switch')dnl
define(`confDONT_PROBE_INTERFACES', `True')dnl
define(`confTO_IDENT', `0')dnl
define(`confREFUSE_LA', `0')dnl
define(`confQUEUE_LA', `1000')dnl
define(`confRUN_AS_USER', `vmail:vmail')dnl
FEATURE(`no_default_msa')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`nocanonify')dnl
RELAY_DOMAIN(`example.org')dnl
{more}
DAEMON_OPTIONS(`Name=MTA, Addr=127.0.0.1, Port={port}, Family=inet, Listen=250')dnl
MAILER(`smtp')dnl
MAILER_DEFINITIONS
Msink, P=/bin/sh, F=lsDFMn9, S=EnvFromSMTP/HdrFromSMTP, R=EnvToSMTP, T=DNS/RFC822/X-Unix, A=sh /etc/mail/deliver $u
Mkeep, P=/bin/sh, F=lsDFMn9, S=EnvFromSMTP/HdrFromSMTP, R=EnvToSMTP, T=DNS/RFC822/X-Unix, A=sh /etc/mail/keep $u
LOCAL_RULE_0
R$+ < @ example.org . >	$#sink $@ example.org $: $1 < @ example.org . >
R$+ < @ $+ >	$#keep $@ $2 $: $1 < @ $2 >
"""

TEMPORARY_FAILURE = 75


class Sendmail(Enclosure):
    """`more`: lines for sendmail.mc, as `quotagate setup sendmail` gives them. `mail`: the folder of the mboxes."""

    def __init__(self, folder, more="", mail=None):
        super().__init__("sendmail", folder)
        self.port = free_port()
        self.more = more
        self.queue = owned(self.folder / "queue", "vmail")
        self.queue.chmod(0o700)
        # A host name without a dot makes every start sleep a minute.
        (self.etc / "hosts").write_text("127.0.0.1 localhost sendmail.test\n")
        etc = self.etc / "mail"
        etc.mkdir()
        (etc / "service.switch").write_text("hosts\tfiles\naliases\tfiles\n")
        (etc / "aliases").write_text("")
        (etc / "deliver").write_text(f'exec cat >>"{mail}/${{1%@*}}"\n' if mail else "exit 0\n")
        (etc / "keep").write_text(f"exit {TEMPORARY_FAILURE}\n")

    def paste(self, lines):
        """Into sendmail.mc, before the mailers."""
        self.more += lines

    def start(self):
        source = self.etc / "mail" / "sendmail.mc"
        source.write_text(MC.format(folder=self.folder, port=self.port, more=self.more))
        templates = "/usr/share/sendmail/cf"
        (self.etc / "mail" / "sendmail.cf").write_text(
            self.run("m4", f"-D_CF_DIR_={templates}/", f"{templates}/m4/cf.m4", "/etc/mail/sendmail.mc"))
        self.launch("/usr/libexec/sendmail/sendmail", "-bD", "-q10m", port=self.port)
        return self

    def queued(self):
        """Control files of messages that wait or are on their way."""
        return list(self.queue.glob("[hqt]f*"))

    def settle(self):
        until(lambda: not self.queued(), "Sendmail has delivered everything")

    def bounces(self):
        """Queued messages with a null sender, for none of them can go anywhere."""
        return [path.name for path in self.queued() if "\nS<>\n" in path.read_text(errors="replace")]
