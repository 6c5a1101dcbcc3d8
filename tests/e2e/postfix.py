"""Postfix for the virtual domain example.org.

What is undeliverable stays in the queue where bounces() sees it: nothing leaves this machine.
"""
import os
import re
import time

from enclosure import HERE, Enclosure, MAILBOXES, USERS, owned, tail, until

MAIN = """
compatibility_level = 3.6
queue_directory = {spool}
data_directory = {data}
maillog_file = {log}
maillog_file_prefixes = {folder}
inet_interfaces = {address}
inet_protocols = ipv4
myhostname = postfix.test
mydestination =
mynetworks =
alias_maps =
alias_database =
message_size_limit = 60000000
mailbox_size_limit = 0
virtual_mailbox_limit = 0
virtual_mailbox_domains = example.org
virtual_mailbox_base = {mail}
virtual_mailbox_maps = texthash:/etc/postfix/mailboxes
virtual_minimum_uid = 1
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{uid}
virtual_transport = {transport}
default_transport = retry:kept for the test to see
lmtp_host_lookup = native
smtpd_peername_lookup = no
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions = {restrictions}
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 100001
smtpd_hard_error_limit = 100000
smtpd_client_connection_count_limit = 0
"""


def without_overridden(text):
    """main.cf without the entries that a later one overrides: each is a warning, and postlogd, which writes the log, may
    wait for ever for room to tell itself of it."""
    entries = []
    for line in text.splitlines(True):
        if line[0].isspace() and line.strip() and entries:
            entries[-1] += line
        else:
            entries.append(line)
    last = {entry.partition("=")[0].strip(): number for number, entry in enumerate(entries)}
    return "".join(entry for number, entry in enumerate(entries)
                   if "=" not in entry.splitlines()[0] or entry[0] == "#" or last[entry.partition("=")[0].strip()] == number)


class Postfix(Enclosure):
    """`restrictions`: smtpd_recipient_restrictions, as `quotagate setup postfix` or a manual gives it.
    `lmtp`: the port of an LMTP server that delivers; without it, Postfix itself delivers to mboxes in `mail`.
    `more`: further lines of main.cf; `others`: further smtpd, {port: {parameter: value}}; `services`: lines of master.cf,
    for programs of other `trees` (see enclosure.py) perhaps."""

    def __init__(self, folder, restrictions="", lmtp=None, mail=None, chroot=False, more="", host=HERE,
                 others=None, services="", trees=()):
        super().__init__("postfix", folder, host, trees)
        self.port = host.port(25)
        self.others = others or {}
        self.spool = self.folder / "spool"
        self.spool.mkdir()
        owned(self.folder / "data", "postfix")
        # master makes this folder itself, but a policy socket wants to be in it earlier.
        private = owned(self.spool / "private", "postfix")
        os.chown(private, USERS["postfix"], 0)
        private.chmod(0o700)
        (self.folder / "log").mkdir()
        self.maillog = self.folder / "log" / "maillog"
        self.chroot = chroot
        self.restrictions = restrictions
        self.more = more
        self.services = services
        self.settings = {
            "spool": self.spool, "data": self.folder / "data", "log": self.maillog, "folder": self.folder,
            "address": host.address, "mail": mail or "/nonexistent", "uid": USERS["vmail"],
            "transport": f"lmtp:inet:127.0.0.1:{lmtp}" if lmtp else "virtual:",
        }

    def logs(self):
        return [self.output, self.maillog]

    def write_configuration(self):
        etc = self.etc / "postfix"
        programs = self.tree
        self.run_copy(programs / "etc" / "postfix", etc)
        self.run_copy(programs / "usr" / "share" / "postfix" / "dynamicmaps.cf", etc)
        (etc / "mailboxes").write_text("".join(f"{name}@example.org {name}\n" for name in MAILBOXES))
        restrictions = self.restrictions or "permit"
        (etc / "main.cf").write_text(without_overridden(MAIN.format(**self.settings, restrictions=restrictions) + self.more))
        stock = (programs / "usr" / "share" / "postfix" / "master.cf.dist").read_text().splitlines()
        stock = stock[next(i for i, line in enumerate(stock) if line.startswith("pickup")):]
        lines = []
        for port, parameters in {self.port: {}, **self.others}.items():
            lines.append(f"{self.host.address}:{port} inet n - {'y' if self.chroot else 'n'} - - smtpd")
            lines += [f"  -o {{ {name} = {value} }}" for name, value in parameters.items()]
        for line in stock:
            if line and not line.startswith("#"):
                fields = line.split()
                if not line[0].isspace():
                    fields[4] = "n"
                lines.append(line if line[0].isspace() else " ".join(fields))
        (etc / "master.cf").write_text("\n".join(lines) + "\n" + self.services)
        for name in ("main.cf", "master.cf"):  # a younger main.cf is read again and again, with pauses
            os.utime(etc / name, (time.time() - 10,) * 2)

    @staticmethod
    def run_copy(source, target):
        target.mkdir(exist_ok=True)
        for path in source.iterdir() if source.is_dir() else [source]:
            if path.is_file():
                (target / path.name).write_bytes(path.read_bytes())

    def paste(self, lines):
        """To the end of main.cf."""
        self.more += lines

    def start(self):
        self.write_configuration()
        self.run("postfix", "check")
        self.launch("/usr/lib/postfix/sbin/master", "-c", "/etc/postfix", "-d", port=self.port)
        return self

    def says(self, pattern):
        return until(lambda: re.search(pattern, tail(self.maillog, 10**7)), f"the log of Postfix says {pattern!r}")

    def queued(self):
        """Files of messages that wait or are on their way."""
        folders = ("maildrop", "hold", "incoming", "active", "deferred")
        return [path for name in folders for path in (self.spool / name).rglob("*") if path.is_file()]

    def settle(self):
        until(lambda: not self.queued(), "Postfix has delivered everything: " + tail(self.maillog, 1500))

    def bounces(self):
        """Lines of the log that tell of a bounce or of a message with a null sender."""
        signs = ("status=bounced", "non-delivery notification", "from=<>")
        return [line for line in tail(self.maillog, 10**7).splitlines() if any(sign in line for sign in signs)]
