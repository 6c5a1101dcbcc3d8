"""A whole installation: quotagate, one MTA and one kind of mailboxes, put together as a postmaster would.

WAYS are the ways an MTA asks, STORES the kinds of mailboxes; ALL the pairs that exist.
"""
from dovecot import Dovecot
from enclosure import free_port
from exim import Exim
from postfix import Postfix
from quotagate import Quotagate
from sendmail import Sendmail

LIMIT = 200 * 1024

STORES = {
    "mbox": 'store boxes { type = mbox  path = "MAIL/%n"  limit = 200k  user = vmail }\n'
            "domain example.org { store = boxes }\n",
    "exim-maildir": 'store boxes { type = maildir  path = "MAIL/%d/%n/Maildir"  rule = exim  user = vmail }\n',
    "dovecot-maildir": 'store boxes { type = maildir  path = "MAIL/%d/%n/Maildir"  rule = dovecot-2.3  user = vmail }\n',
}

WORDS = "words { pass = OK  full = OVER  too_large = OVER  unknown = NOUSER  error = FAIL }"

# As users of Dovecot's quota-status have it, the socket's name apart.
EXIM_WORDS = r"""
  warn set acl_m_answer = ${readsocket{SOCKET}{size=$message_size\nrecipient=$local_part@$domain\n\n}{5s}{}{FAIL}}
  defer condition = ${if match{$acl_m_answer}{action=OVER}}
        message = 452 4.2.2 Mailbox of $local_part is full, try again later
"""

EXIM_QUOTAD = r"""
  warn set acl_m_path = MAILBOX
       set acl_m_used = ${sg{${readsocket{SOCKET}{$acl_m_path\n}{5s}{}{0}}}{\N\s+\N}{}}
  defer condition = ${if >{${eval:${acl_m_used}+$message_size}}{200K}}
        message = 452 4.2.2 Mailbox of $local_part is full, try again later
"""

ALL = [
    ("postfix-tcp", "mbox"), ("postfix-tcp", "dovecot-maildir"),
    ("postfix-chroot", "mbox"), ("postfix-chroot", "dovecot-maildir"),
    ("exim-words", "mbox"), ("exim-words", "exim-maildir"),
    ("exim-quotad", "mbox"), ("exim-quotad", "exim-maildir"),
    ("sendmail-milter", "mbox"),
]


class Installation:
    def __init__(self, folder, way, store, more="", wrap=lambda server: server):
        """`more` goes to the end of quotagate's configuration; `wrap` sees each server before its start."""
        self.mail = folder / "mail"
        self.way = way
        self.dovecot = None
        self.store = store
        if store == "dovecot-maildir":
            self.dovecot = wrap(Dovecot(folder, self.mail)).start()
        make = {"postfix": self.make_postfix, "exim": self.make_exim, "sendmail": self.make_sendmail}[way.partition("-")[0]]
        self.mta, listen = make(folder, way)
        # Mailboxes come into being by their first message here, seconds before the next one. What is not near its limit is not
        # looked at again: whoever sees anything new of a full mailbox within a test has it by ttl_high.
        known = STORES[store].replace("MAIL", str(self.mail)) + "cache { ttl_none = 1ms  ttl_mid = 1h }\n"
        self.gate = wrap(Quotagate(folder, listen + known + more)).start()
        wrap(self.mta).start()
        self.port = self.mta.port

    def make_postfix(self, folder, way):
        mta = Postfix(folder, lmtp=self.dovecot and self.dovecot.lmtp, mail=self.mail, chroot=way == "postfix-chroot")
        if mta.chroot:
            asked = "unix:private/quotagate"
            listen = (f'listen mta {{ protocol = policy  address = "unix:{mta.spool}/private/quotagate"'
                      f"  mode = 0660  group = postfix }}\n")
        else:
            asked = f"inet:127.0.0.1:{free_port()}"
            listen = f'listen mta {{ protocol = policy  address = "{asked}" }}\n'
        mta.restrictions = f"check_policy_service {{ {asked}, timeout=5s, default_action=DUNNO }}"
        return mta, listen

    def make_exim(self, folder, way):
        socket = folder / f"{way}.sock"
        mailbox = (f"{self.mail}/$local_part" if self.store == "mbox" else f"{self.mail}/$domain/$local_part/Maildir")
        if way == "exim-words":
            acl = EXIM_WORDS
            listen = f'listen mta {{ protocol = policy  address = "unix:{socket}"  mode = 0666  {WORDS} }}\n'
        else:
            acl = EXIM_QUOTAD
            listen = (f'listen mta {{ protocol = exim-quotad  address = "unix:{socket}"  mode = 0666'
                      f'  roots = {{"{self.mail}"}}  user = vmail }}\n')
        acl = acl.replace("SOCKET", str(socket)).replace("MAILBOX", mailbox)
        store = "mbox" if self.store == "mbox" else "maildir"
        quota = "0" if store == "mbox" else "200K"
        return Exim(folder, self.mail, acl=acl, store=store, quota=quota), listen

    def make_sendmail(self, folder, way):
        port = free_port()
        asks = f"INPUT_MAIL_FILTER(`quotagate', `S=inet:{port}@127.0.0.1, F=, T=C:5s;S:5s;R:8s;E:30s')dnl\n"
        return Sendmail(folder, more=asks, mail=self.mail), \
            f'listen mta {{ protocol = milter  address = "inet:127.0.0.1:{port}" }}\n'

    def maildir(self, name):
        return self.mail / "example.org" / name / "Maildir"

    def empty(self, name):
        """The user deletes all mail, with what such a user has: Dovecot, or a program that knows maildirsize."""
        if self.store == "mbox":
            (self.mail / name).write_bytes(b"")
        elif self.dovecot:
            self.dovecot.empty(f"{name}@example.org")
        else:
            for path in self.maildir(name).glob("[cn][ue][rw]/*"):
                path.unlink()
            (self.maildir(name) / "maildirsize").unlink()

    def holds(self, name):
        """Octets in the mailbox, counted by us."""
        if self.store == "mbox":
            path = self.mail / name
            return path.stat().st_size if path.exists() else 0
        return sum(path.stat().st_size for path in self.maildir(name).glob("[cn][ue][rw]/*"))


