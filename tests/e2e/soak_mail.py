"""Mail for the daemon of a soak: what is delivered whatever it says, and what is delivered only when it lets it in."""
import os
import random
import re
import threading
import time

from askers import FULL, PASS, MilterAsker, Wrong, ended
from enclosure import USERS
from fault_world import LIMIT, maildir
from milter import Milter

WILD, ASKED = 100, 30  # mailboxes
WILD_LARGEST, ASKED_LARGEST = LIMIT // 4, LIMIT // 25  # octets of a message
WILD_EMPTIED, ASKED_EMPTIED = 0.2, 0.02  # instead of the next message
FAR_FROM_FULL = LIMIT // 20  # octets of room that nothing explains away; others' questions charge a hundred octets each
SETTLE = 10  # seconds: the daemon's
ON_ITS_WAY = 3  # seconds at most from the verdict to the delivery, so that others are asked about meanwhile
CHARGED = SETTLE + 5  # seconds after its message is here, a charge counts no more


class Mailbox:
    def __init__(self, mail, address, octets):
        self.folder, self.address = maildir(mail, address, octets), address
        self.coming = {}  # {number of the message: octets, and when it was here or None}
        self.spoiled = False  # we were too slow: a charge may have been dropped before its message came

    def messages(self):
        return [*(self.folder / "cur").iterdir(), *(self.folder / "new").iterdir()]

    def usage(self):
        return sum(int(re.search(r",S=(\d+)", path.name)[1]) for path in self.messages())

    def empty(self):
        for path in self.messages():
            path.unlink(missing_ok=True)

    def deliver(self, number, size):
        """As a delivery agent does it; the octets stand in its name."""
        name = f"{1700000000 + number}.M{number}P1.host,S={size}"
        (self.folder / "tmp" / name).touch()
        os.chown(self.folder / "tmp" / name, USERS["vmail"], USERS["vmail"])
        (self.folder / "tmp" / name).rename(self.folder / "new" / name)

    def most_charged(self, now):
        """Octets that may be charged, whatever the daemon has made of them."""
        self.coming = {number: (size, here) for number, (size, here) in self.coming.items()
                       if here is None or now - here < CHARGED}
        return sum(size for size, _ in self.coming.values())


class Mail:
    """Mail comes to the wild ones whatever the daemon says, and to the asked ones when it lets it in. All are emptied by their
    users now and then."""

    def __init__(self, folder, seed):
        self.random, self.lock, self.count = random.Random(seed), threading.Lock(), 0
        self.wild = [Mailbox(folder, f"wild{number}@example.org", self.random.randrange(LIMIT)) for number in range(WILD)]
        self.asked = [Mailbox(folder, f"asked{number}@example.org", self.random.randrange(LIMIT)) for number in range(ASKED)]
        self.addresses = [mailbox.address for mailbox in [*self.wild, *self.asked]]

    def draw(self, mailboxes, largest, emptied):
        """A mailbox, a number and a size for the next message; number None: its user empties it instead."""
        with self.lock:
            mailbox = self.random.choice(mailboxes)
            if self.random.random() < emptied:
                return mailbox, None, 0
            self.count += 1
            return mailbox, self.count, self.random.randrange(1, largest)

    def come(self):
        """One message, asked about by nobody."""
        mailbox, number, size = self.draw(self.wild, WILD_LARGEST, WILD_EMPTIED)
        if number is None:
            mailbox.empty()
        else:
            mailbox.deliver(number, size)


class Carrier:
    """An MTA with a milter, which delivers what was let in a little later. Several of them bring mail to the same mailboxes."""

    def __init__(self, mail, address, seed, note):
        self.mail, self.address, self.random = mail, address, random.Random(seed)
        self.note, self.queue = note, []  # note(mailbox, outcome, began, wrong), of each message; what is to be delivered

    def bring(self):
        """One message is asked about, and those whose time has come are delivered."""
        self.deliver()
        mailbox, number, size = self.mail.draw(self.mail.asked, ASKED_LARGEST, ASKED_EMPTIED)
        if number is None:
            mailbox.empty()
            return
        began = time.monotonic()
        with self.mail.lock:
            used, charged = mailbox.usage(), mailbox.most_charged(began)
            mailbox.coming[number] = size, None
        try:
            with Milter(self.address, timeout=10) as one:
                outcome = self.ask(one, mailbox, size)
                one.send("Q")
        except (OSError, EOFError) as error:
            raise Wrong(f"a message for {mailbox.address}: {error!r}") from error
        finally:
            with self.mail.lock:
                mailbox.coming[number] = size, time.monotonic()
        if outcome == PASS:
            self.queue.append((began + self.random.random() * ON_ITS_WAY, began, mailbox, number, size))
        self.note(mailbox.address, outcome, began,
                  self.wrongly_refused(mailbox, size, used, charged) if outcome == FULL else "")

    def deliver(self):
        now = time.monotonic()
        due, self.queue = [one for one in self.queue if one[0] <= now], [one for one in self.queue if one[0] > now]
        for _, began, mailbox, number, size in due:
            mailbox.deliver(number, size)
            used = mailbox.usage()
            mailbox.spoiled = mailbox.spoiled or time.monotonic() - began > SETTLE / 2
            if used > LIMIT and not mailbox.spoiled:
                raise Wrong(f"{mailbox.address}: {used} octets of {LIMIT} with a message of {size} that was let in")

    def ask(self, one, mailbox, size):
        if one.mail(size=size) != "c":
            raise Wrong("MAIL is refused")
        outcome = self.outcome(one.rcpt(mailbox.address))
        if outcome != PASS:
            one.abort()
            return outcome
        return self.outcome(one.end(size=size))

    @staticmethod
    def outcome(said):
        return ended(MilterAsker.answers, said)

    def wrongly_refused(self, mailbox, size, used, charged):
        """What is wrong with it, or nothing. Who empties a mailbox, and others' messages, may come in between."""
        with self.mail.lock:
            now, coming = mailbox.usage(), mailbox.most_charged(time.monotonic()) - size
        most = max(used, now) + max(charged, coming) + size
        if most + FAR_FROM_FULL > LIMIT or mailbox.spoiled:
            return ""
        return f"{mailbox.address}: refused {size} octets, though it has at most {most} of {LIMIT} with them"
