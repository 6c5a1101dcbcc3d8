"""What the stores of truth.py have in common: how mailboxes are made, who delivers into them, and what quotagate is told.

A store has a domain of its own, NAME.example, and all its mailboxes lie below world.mail. A Maildir's messages are files
without a block on the disk: only their sizes matter.
"""
import contextlib
import os
import smtplib
import time

from enclosure import USERS, owned
from policy import Policy
from truth import Message, Plan

PROBE = Plan("probe0")  # a name as long as all others: it may be in the headers that are added
# What a maildirsize may say, in lines that a writer would have to count anew before he believes them.
WRONG = {"low": 0.8, "high": 1.2}
OLD = 3600  # seconds: more than the 15 minutes for which a maildirsize is believed


def quota(plan, both=False):
    """The first line of a maildirsize."""
    parts = [f"{plan.limit}S"] if plan.limit or both else []
    parts += [f"{plan.message_limit}C"] if plan.message_limit or both else []
    return ",".join(parts) or "0S"


def append(path, lines):
    """In one piece: others may write there too."""
    with path.open("a") as file:
        file.write("".join(f"{line}\n" for line in lines))


class Store:
    """name: also the domain. type, rule: quotagate's. added: octets by which a message grows until it is stored; before:
    by which it has grown when the store judges whether it fits. grace: how
    many octets a mailbox of that limit may hold when its last message has come, as far as that is known. unit: octets in
    which quotagate is told what it holds. sure: of what it can be sure: of one sender ("one"), or
    that nothing of his bounces ("safe"); and that nothing of many does ("many"). (A server that is not told sizes cannot tell
    what would be too large, nor whether there is room for what is on its way.)"""
    type = rule = None
    servers = ()  # what scripts/fetch-servers is to get
    unit = 1
    sure = ("one", "many")
    message_limits = 0.2  # share of the mailboxes that have one
    slow = False  # a delivery takes a tenth of a second, and not a hundredth
    alone = False  # one message at a time: who comes with others is put off until those have settled
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

    def is_clear(self, plan, message):
        """False where a figure that is rounded to units leaves open what is right."""
        edges = (plan.limit, self.grace(plan.limit))
        return self.unit == 1 or all(abs(edge - plan.usage - more) > self.unit + 100
                                     for edge in edges for more in (0, self.judged(message)))

    def transport(self):
        """How Postfix delivers there; null: it does not."""
        return None

    def measure(self):
        """By how much it grows: one delivery into the mailbox PROBE, which has no limit. Returns the message."""
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
    type = "`maildir`"
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
        elif plan.state in WRONG:
            lines = [(int(plan.usage * WRONG[plan.state]), plan.messages), (700, 1), (-700, -1)]
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
        append(self.table(), (self.address(plan) + (
            f" {plan.limit} {plan.message_limit}" if named(plan) and plan.limit else "") for plan in plans))


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
