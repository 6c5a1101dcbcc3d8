"""Cyrus IMAPd: mailboxes with quota roots, behind IMAP, two LMTP services, one of them strict, and smmapd."""
import contextlib
import imaplib
import re
import smtplib

from enclosure import HERE, Enclosure, USERS, owned, until

CONFIGURATION = """
configdirectory: {folder}/state
proc_path: {folder}/state/proc
mboxname_lockpath: {folder}/state/lock
defaultpartition: default
partition-default: {folder}/spool
sievedir: {folder}/state/sieve
servername: cyrus.test
virtdomains: {virtdomains}
defaultdomain: {defaultdomain}
unixhierarchysep: {hierarchy}
altnamespace: no
admins: cyrus
proxyservers: proxy
allowplaintext: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {folder}/passwords
sasl_mech_list: PLAIN LOGIN
search_engine: none
conversations: no
duplicatesuppression: no
syslog_prefix: cyrus
{more}
"""

SERVICES = """
START {{
  recover cmd="{bin}/ctl_cyrusdb -C {folder}/imapd.conf -r"
}}
SERVICES {{
  imap cmd="{bin}/imapd -C {folder}/imapd.conf" listen="{address}:{imap}" prefork=0 maxchild=100
  {imaps}
  lmtp cmd="{bin}/lmtpd -a -C {folder}/imapd.conf" listen="{address}:{lmtp}" prefork=0 maxchild=100
  lmtpstrict cmd="{bin}/lmtpd -a -C {folder}/strict.conf" listen="{address}:{strict}" prefork=0 maxchild=100
  lmtpunix cmd="{bin}/lmtpd -C {folder}/imapd.conf" listen="{folder}/lmtp" prefork=0 maxchild=100
  smmap cmd="{bin}/smmapd -C {folder}/imapd.conf" listen="{folder}/smmap" prefork=0 maxchild=100
  smmaptcp cmd="{bin}/smmapd -C {folder}/imapd.conf" listen="{address}:{smmap}" prefork=0 maxchild=100
}}
EVENTS {{
}}
"""

PASSWORDS = {"cyrus": "se'cret \"\\word", "proxy": "on behalf"}


class Cyrus(Enclosure):
    """`more` goes to the end of its imapd.conf. With `certificates` (see certificates.py) it speaks TLS.

    lmtp is a port where lmtpd takes a message when usage is at most the limit, lmtp_strict one where the message must
    fit (lmtp_strict_quota); lmtp_socket and smmap_socket are the same lmtpd and smmapd by unix sockets.
    """

    programs = "/usr/lib/cyrus/bin"

    def __init__(self, folder, more="", virtdomains="off", defaultdomain="example.org", hierarchy="yes",
                 certificates=None, host=HERE):
        super().__init__("cyrus", folder, host)
        self.imap, self.imaps, self.lmtp, self.lmtp_strict, self.smmap = (
            host.port(number) for number in (143, 993, 24, 2024, 12345))
        self.lmtp_socket, self.smmap_socket = f"unix:{self.folder}/lmtp", f"unix:{self.folder}/smmap"
        self.lower = ["setpriv", f"--reuid={USERS['cyrus']}", f"--regid={USERS['cyrus']}", "--clear-groups"]
        self.folder.chmod(0o755)
        for part in ("state", "state/proc", "state/lock", "state/sieve", "state/socket", "spool"):
            owned(self.folder / part, "cyrus")
        if certificates:
            more += (f"\ntls_server_cert: {certificates.certificate}\ntls_server_key: {self.key(certificates)}\n"
                     f"tls_client_ca_file: {certificates.authority}\n")
        self.settings = {"virtdomains": virtdomains, "defaultdomain": defaultdomain, "hierarchy": hierarchy}
        self.certificates, self.more = certificates, more
        self.configure()
        for user, password in PASSWORDS.items():
            self.password(user, password)

    def key(self, certificates):
        """A copy of the key that Cyrus may read."""
        copy = self.folder / "key.pem"
        copy.write_bytes(certificates.key.read_bytes())
        return copy

    def configure(self):
        text = CONFIGURATION.format(folder=self.folder, more=self.more, **self.settings)
        (self.folder / "imapd.conf").write_text(text)
        (self.folder / "strict.conf").write_text(text + "lmtp_strict_quota: yes\n")
        imaps = (f'imaps cmd="{self.programs}/imapd -s -C {self.folder}/imapd.conf"'
                 f' listen="{self.host.address}:{self.imaps}" prefork=0 maxchild=100' if self.certificates else "")
        (self.folder / "cyrus.conf").write_text(SERVICES.format(
            bin=self.programs, folder=self.folder, address=self.host.address, imap=self.imap, imaps=imaps,
            lmtp=self.lmtp, strict=self.lmtp_strict, smmap=self.smmap))

    def password(self, user, password):
        self.run("sh", "-c", 'printf %s "$1" | saslpasswd2 -c -p -f "$2" -u cyrus.test "$3"', "sh", password,
                 self.folder / "passwords", user)
        (self.folder / "passwords").chmod(0o644)

    def start(self):
        # It binds its unix sockets as itself, in this folder.
        owned(self.folder, "cyrus")
        self.launch(*self.lower, f"{self.programs}/master", "-C", self.folder / "imapd.conf", "-M",
                    self.folder / "cyrus.conf", "-p", self.folder / "state" / "pid", "-D", port=self.imap)
        return self

    def restart(self):
        self.stop()
        until(lambda: not self.host.connects(self.imap), "nobody listens any more")
        for name in ("lmtp", "smmap"):
            (self.folder / name).unlink(missing_ok=True)
        return self.start()

    # ---- the administrator ----

    @contextlib.contextmanager
    def admin(self):
        """An imaplib connection with all rights."""
        with self.host.inside():
            imap = imaplib.IMAP4(self.host.address, self.imap, timeout=15)
        try:
            imap.login("cyrus", PASSWORDS["cyrus"])
            yield imap
        finally:
            imap.logout()

    def make(self, mailbox, **quota):
        """Makes a mailbox, such as user/joe, with a quota root if there are limits: storage in KiB, message, ..."""
        with self.admin() as imap:
            done(imap.create(quoted(mailbox)))
            done(imap.setacl(quoted(mailbox), "cyrus", "lrswipkxtecda"))
            done(imap.setacl(quoted(mailbox), "anyone", "p"))
        if quota:
            self.limit(mailbox, **quota)

    def limit(self, mailbox, **quota):
        """Replaces the limits of the mailbox's quota root, which comes into being."""
        with self.admin() as imap:
            limits = " ".join(f"{name.upper().replace('_', '-')} {limit}" for name, limit in quota.items())
            done(imap._simple_command("SETQUOTA", quoted(mailbox), f"({limits})"))

    def holds(self, mailbox):
        """Octets and messages in the mailbox, as the sizes of its messages tell."""
        with self.admin() as imap:
            done(imap.select(quoted(mailbox), readonly=True))
            _, lines = imap.fetch("1:*", "(RFC822.SIZE)")  # of an empty one it says that there are none
        sizes = [int(number) for number in re.findall(rb"RFC822\.SIZE (\d+)", b" ".join(line for line in lines if line))]
        return sum(sizes), len(sizes)

    def empty(self, mailbox):
        """The user deletes all mail."""
        with self.admin() as imap:
            done(imap.select(quoted(mailbox)))
            done(imap.store("1:*", "+FLAGS", "\\Deleted"))
            done(imap.expunge())

    def append(self, mailbox, octets):
        """Puts a message of so many octets into the mailbox, which goes as long as usage is not above the limit."""
        with self.admin() as imap:
            return imap.append(quoted(mailbox), None, None, message(octets))

    def deliver(self, address, octets, strict=False, declared=None):
        """One message of so many octets by LMTP; Cyrus adds headers of its own. The reply that ends it: code, text."""
        with self.host.inside():
            lmtp = smtplib.LMTP(self.host.address, self.lmtp_strict if strict else self.lmtp)
        try:
            lmtp.ehlo()
            lmtp.mail("sender@example.com", [f"SIZE={declared}"] if declared else [])
            code, text = lmtp.rcpt(address)
            if code == 250:
                code, text = lmtp.data(message(octets))
            return code, text.decode()
        finally:
            lmtp.close()


def quoted(name):
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def done(answer):
    assert answer[0] == "OK", answer


def message(octets):
    """A message of so many octets, 120 at least."""
    head = b"From: sender@example.com\r\nTo: joe@example.org\r\nMessage-Id: <1@example.com>\r\n" \
           b"Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\n"
    left = octets - len(head)
    lines, rest = divmod(left, 72)
    if rest == 1:  # a line end is two octets
        lines, rest = lines - 1, 73
    return head + (b"y" * 70 + b"\r\n") * lines + (b"z" * (rest - 2) + b"\r\n" if rest else b"")
