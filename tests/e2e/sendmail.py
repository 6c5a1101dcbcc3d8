"""Sendmail for the domain example.org. It delivers to nobody: what is taken is taken."""
from enclosure import Enclosure, free_port, owned

MC = """
OSTYPE(`linux')dnl
define(`confDOMAIN_NAME', `sendmail.test')dnl
define(`QUEUE_DIR', `{folder}/queue')dnl
define(`confPID_FILE', `{folder}/sendmail.pid')dnl
define(`confSERVICE_SWITCH_FILE', `/etc/mail/service.switch')dnl
define(`confDONT_PROBE_INTERFACES', `True')dnl
define(`confTO_IDENT', `0')dnl
define(`confREFUSE_LA', `0')dnl
define(`confQUEUE_LA', `0')dnl
define(`confRUN_AS_USER', `vmail:vmail')dnl
FEATURE(`no_default_msa')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`nocanonify')dnl
RELAY_DOMAIN(`example.org')dnl
{more}
DAEMON_OPTIONS(`Name=MTA, Addr=127.0.0.1, Port={port}, Family=inet')dnl
MAILER(`smtp')dnl
MAILER_DEFINITIONS
Msink, P=/bin/true, F=lsDFMmn9, S=EnvFromSMTP/HdrFromSMTP, R=EnvToSMTP, T=DNS/RFC822/X-Unix, A=true $u
LOCAL_RULE_0
R$+ < @ example.org . >	$#sink $@ example.org $: $1 < @ example.org . >
"""


class Sendmail(Enclosure):
    """`more`: lines for sendmail.mc, as `quotagate setup sendmail` gives them."""

    def __init__(self, folder, more=""):
        super().__init__("sendmail", folder)
        self.port = free_port()
        self.more = more
        owned(self.folder / "queue", "vmail").chmod(0o700)
        # A host name without a dot makes every start sleep a minute.
        (self.etc / "hosts").write_text("127.0.0.1 localhost sendmail.test\n")
        (self.etc / "mail").mkdir()
        (self.etc / "mail" / "service.switch").write_text("hosts\tfiles\naliases\tfiles\n")
        (self.etc / "mail" / "aliases").write_text("")

    def start(self):
        source = self.etc / "mail" / "sendmail.mc"
        source.write_text(MC.format(folder=self.folder, port=self.port, more=self.more))
        templates = "/usr/share/sendmail/cf"
        (self.etc / "mail" / "sendmail.cf").write_text(
            self.run("m4", f"-D_CF_DIR_={templates}/", f"{templates}/m4/cf.m4", "/etc/mail/sendmail.mc"))
        self.launch("/usr/libexec/sendmail/sendmail", "-bD", "-q10m", port=self.port)
        return self
