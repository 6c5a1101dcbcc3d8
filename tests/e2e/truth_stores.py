"""The stores of truth.py, a class each: how its mailboxes are made, who delivers into them, and what quotagate is told.

A store has a domain of its own, NAME.example, and all its mailboxes lie below world.mail. A Maildir's messages are files
without a block on the disk: only their sizes matter.
"""
import contextlib
import os
import smtplib
import time

from appendfile import Appendfile
from dovecot import Dovecot
from enclosure import USERS, owned
from maildrop import Maildrop
from policy import Policy
from truth import LINE, Message, Plan

# What `quotagate setup exim` prints.
ACL = r"""
  warn   set acl_m_quota = ${readsocket{PLACE}{recipient=$local_part@$domain\nsender=$sender_address\nsize=$message_size\nclient_address=$sender_host_address\n\n}{5s}{ }{action=DUNNO}}
  defer  condition = ${if match{$acl_m_quota}{\N^action=4\d\d \N}}
         message   = ${sg{$acl_m_quota}{\N^action=|\s+$\N}{}}
  deny   condition = ${if match{$acl_m_quota}{\N^action=5\d\d \N}}
         message   = ${sg{$acl_m_quota}{\N^action=|\s+$\N}{}}
"""

PROBE = Plan("probe0")  # a name as long as all others: it may be in the headers that are added
OLD = 3600  # seconds: more than the 15 minutes for which a maildirsize is believed


def quota(plan, both=False):
    """The first line of a maildirsize."""
    parts = [f"{plan.limit}S"] if plan.limit or both else []
    parts += [f"{plan.message_limit}C"] if plan.message_limit or both else []
    return ",".join(parts) or "0S"


class Store:
    """name: also the domain. rule: quotagate's. added: octets by which a message grows until it is stored; before:
    by which it has grown when the store judges whether it fits. grace: how
    many octets a mailbox of that limit may hold when its last message has come, as far as that is known."""
    rule = None
    servers = ()  # what scripts/fetch-servers is to get
    slow = False  # a delivery takes a tenth of a second, and not a hundredth
    states = ("plain",)
    peer = None  # the program's own judge
    added = before = 0

    def __init__(self, world):
        self.world = world
        self.domain = f"{self.name}.example"
        self.folder = owned(world.mail / self.domain, "vmail")

    @staticmethod
    def grace(limit):
        return limit

    def address(self, plan):
        return f"{plan.name}@{self.domain}"

    def stored(self, message):
        """Octets that the store counts for it."""
        return message.octets + self.added

    def judged(self, message):
        """Octets that it looks at before it takes the message."""
        return message.octets + self.before

    def octets(self, judged):
        """How large the sender makes a message of which the store judges so many octets."""
        return judged - self.before

    def transport(self):
        """How Postfix delivers there; null: it does not."""
        return None

    def measure(self):
        """By how much it grows: one delivery into a mailbox without a limit. Returns the message."""
        self.make([PROBE])
        before = self.count(PROBE)
        message = Message(5000)
        with self.carrier() as carrier:
            assert carrier.deliver(PROBE, message), f"{self.name} takes a message without a limit"
        self.added = self.before = self.count(PROBE) - before - message.octets
        return message

    def write(self, message):
        """A file that the delivering program may read."""
        path = self.world.letters / message.name
        path.write_text(message.text)
        return path


class Maildirs(Store):
    """`columns`: how the program writes the lines of maildirsize."""
    states = ("plain", "plain", "lines", "old", "absent")
    columns = "{} {}\n"
    both = False

    def maildir(self, plan):
        return self.folder / plan.name / "Maildir"

    def make(self, plans):
        for plan in plans:
            maildir = self.maildir(plan)
            for part in (maildir.parent, maildir, *(maildir / name for name in ("new", "cur", "tmp"))):
                owned(part, "vmail")
            for number, size in enumerate(plan.sizes):
                path = maildir / "cur" / f"1000000000.M{number}P1.truth,S={size}:2,S"
                path.touch()
                os.truncate(path, size)
                os.chown(path, USERS["vmail"], USERS["vmail"])
            if plan.state != "absent":
                self.write_size(plan, maildir / "maildirsize")

    def write_size(self, plan, path):
        lines = [(plan.usage, plan.messages)]
        if plan.state == "lines":
            lines = [(size, 1) for size in plan.sizes] + [(700, 1), (-700, -1)]
        path.write_text(quota(plan, self.both) + "\n" + "".join(self.columns.format(*line) for line in lines))
        os.chown(path, USERS["vmail"], USERS["vmail"])
        if plan.state == "old":
            os.utime(path, (time.time() - OLD,) * 2)

    def count(self, plan):
        return sum(path.stat().st_size for part in ("new", "cur") for path in (self.maildir(plan) / part).iterdir())

    def configuration(self):
        """Limits stand in the maildirsize; where there is none, in a table."""
        return (f'store {self.name} {{ type = maildir  path = "{self.world.mail}/%d/%n/Maildir"  rule = {self.rule}'
                f"  user = vmail }}\n"
                f'directory {self.name} {{ type = file  mailboxes = "{self.table()}" }}\n'
                f"domain {self.domain} {{ store = {self.name}  directory = {self.name} }}\n")

    def table(self):
        return self.world.folder / f"limits-{self.name}"

    def write_table(self, plans, named=lambda plan: plan.state == "absent"):
        with self.table().open("a") as table:
            for plan in plans:
                limits = f" {plan.limit} {plan.message_limit}" if named(plan) and plan.limit else ""
                table.write(f"{self.address(plan)}{limits}\n")


class Courier(Maildirs):
    name, rule, servers = "courier", "courier", ("maildrop",)
    delivers = "deliverquota of maildrop 2.9.3"
    columns = "{:>12} {:>12}\n"

    def __init__(self, world):
        super().__init__(world)
        self.maildrop = world.server("maildrop", lambda: Maildrop(world.folder))

    def make(self, plans):
        super().make(plans)
        self.write_table(plans)

    def transport(self):
        return "deliverquota:"

    @contextlib.contextmanager
    def carrier(self):
        carrier = self.maildrop.carrier()

        class Delivery:
            @staticmethod
            def deliver(plan, message):
                return carrier.deliver(self.maildir(plan), quota(plan), self.write(message))
        try:
            yield Delivery
        finally:
            carrier.close()


class ByExim(Store):
    """Delivery by appendfile. What Exim judges is $message_size: without the lines that the transport writes around it."""
    delivers = "Exim 4.96, appendfile"
    servers = ("exim",)
    slow = True

    def __init__(self, world):
        super().__init__(world)
        self.exim = world.server("exim", lambda: Appendfile(
            world.folder, world.mail, acl=ACL.replace("PLACE", world.addresses["front"])))

    def make(self, plans):
        super().make(plans)
        self.exim.add((plan.name, self.domain, plan.limit, self.files(plan)) for plan in plans)

    @staticmethod
    def files(plan):
        """quota_filecount for the plan's limit of messages."""
        return plan.message_limit

    def measure(self):
        message = super().measure()
        self.before = self.exim.sizes[message.name] - message.octets
        return message

    @contextlib.contextmanager
    def carrier(self):
        carrier = self.exim.carrier()

        class Delivery:
            @staticmethod
            def deliver(plan, message):
                return carrier.deliver(self.address(plan), self.write(message), message.name)
        try:
            yield Delivery
        finally:
            carrier.close()


class EximSizefile(ByExim, Maildirs):
    name, rule, both = "sizefile", "exim", True
    columns = "{} {}\n"

    def make(self, plans):
        super().make(plans)
        self.write_table(plans)


class EximScanned(ByExim, Maildirs):
    name, rule = "scanned", "exim"
    states = ("absent",)

    @staticmethod
    def files(plan):
        """Without a maildirsize Exim takes cur, new and tmp for files as well."""
        return plan.message_limit and plan.message_limit + 3

    def make(self, plans):
        super().make(plans)
        self.write_table(plans)


class EximExclusive(EximSizefile):
    name, rule = "exclusive", "exim-exclusive"


class EximMbox(ByExim):
    name, rule = "mbox", "fits"

    def path(self, plan):
        return self.folder / plan.name

    def make(self, plans):
        for plan in plans:
            self.path(plan).touch()
            os.truncate(self.path(plan), plan.usage)
            os.chown(self.path(plan), USERS["vmail"], USERS["vmail"])
        self.exim.add((plan.name, self.domain, plan.limit, 0) for plan in plans)
        with (self.world.folder / "limits-mbox").open("a") as table:
            table.writelines(f"{self.address(plan)} {plan.limit}\n" for plan in plans)

    def count(self, plan):
        return self.path(plan).stat().st_size

    def configuration(self):
        return (f'store mbox {{ type = mbox  path = "{self.folder}/%n"  user = vmail }}\n'
                f'directory mbox {{ type = file  mailboxes = "{self.world.folder}/limits-mbox" }}\n'
                f"domain {self.domain} {{ store = mbox  directory = mbox }}\n")


class DovecotMaildirs(Maildirs):
    name, rule, servers = "dovecot", "dovecot-2.3", ("dovecot",)
    delivers = "Dovecot 2.3.19 LMTP"
    peer = "quota-status"
    def __init__(self, world):
        super().__init__(world)
        self.dovecot = world.server("dovecot", lambda: Dovecot(world.folder, world.mail, quota="0", users=["nobody"]))

    @staticmethod
    def grace(limit):
        return limit + limit // 10

    def make(self, plans):
        super().make(plans)
        self.write_table(plans)
        with (self.dovecot.folder / "users").open("a") as users:
            for plan in plans:
                rule = f"*:bytes={plan.limit}:messages={plan.message_limit}"
                users.write(f"{self.address(plan)}:{{PLAIN}}x::::::userdb_quota_rule={rule}\n")

    def measure(self):
        """It judges the message as it comes, where line ends are two octets, in what it adds as well."""
        message = super().measure()
        stored, = (self.maildir(PROBE) / "new").iterdir()
        self.before = self.added + stored.read_text().count("\n") - message.lines
        return message

    def judged(self, message):
        return message.octets + message.lines + self.before

    def octets(self, judged):
        judged -= self.before
        return judged - Message(judged - judged // (LINE + 1)).lines

    def transport(self):
        return f"lmtp:inet:127.0.0.1:{self.dovecot.lmtp}"

    def carrier(self):
        return Lmtp(self, self.dovecot.lmtp)

    def peer_judge(self):
        return PolicyJudge(self.dovecot.quota_status, "OK")


class Lmtp:
    """A connection for each message: the later ones of a connection may be given longer names in the headers."""

    def __init__(self, store, port):
        self.store, self.port = store, port

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def deliver(self, plan, message):
        with contextlib.closing(smtplib.LMTP("127.0.0.1", self.port, local_hostname="truth.test", timeout=60)) as lmtp:
            lmtp.ehlo()
            lmtp.mail("sender@example.net")
            code, text = lmtp.rcpt(self.store.address(plan))
            if code == 250:
                code, text = lmtp.data(message.wire())
        assert code in (250, 452, 552), (self.store.address(plan), code, text)
        return code == 250


class PolicyJudge:
    """Whoever answers the policy protocol: quotagate, or Dovecot's quota-status."""

    def __init__(self, address, word="DUNNO"):
        self.address, self.word = address, word

    def asker(self):
        return Asker(self)


class Asker(Policy):
    """A sender's connection; each question is about a message of its own."""

    def __init__(self, judge):
        super().__init__(judge.address, timeout=60)
        self.word, self.number = judge.word, 0

    def lets_in(self, address, size):
        self.number += 1
        answer = self.ask(address, size=size, instance=f"{id(self)}.{self.number}")
        assert answer == self.word or answer[:1] in "45" or answer == "OVER", (address, answer)
        return answer == self.word


STORES = {kind.name: kind for kind in (Courier, DovecotMaildirs, EximSizefile, EximScanned, EximExclusive, EximMbox)}
