"""Is the verdict what the store does at delivery? Random mailboxes, a question about each message, then the message.

Plan is one mailbox, Store (truth_stores.py) the program that delivers into it, a judge whoever is asked beside it. What is
counted: agreed; refused though it would have fitted; let in though the store refused it, which is a bounce.
"""
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

HEAD = "From: <sender@example.net>\nTo: <you@example.org>\nSubject: truth\nMessage-Id: <{name}>\n\n"
PAUSE = 0.5  # seconds between two messages of a sender, where one at a time has its turn
SMALLEST = 300  # octets of a message that a sender makes
LINE = 500


@dataclass
class Plan:
    """A mailbox to be: limits (0: none), the messages in it, and how the store finds it."""
    name: str
    limit: int = 0
    message_limit: int = 0
    sizes: list = field(default_factory=list)
    state: str = "plain"
    usage: int = 0  # as the store counts
    messages: int = 0

    def __post_init__(self):
        self.usage, self.messages = sum(self.sizes), len(self.sizes)


def split(chance, total):
    """Sizes of messages that have so many octets together."""
    parts = chance.choice((1, 1, 2, 3, 5))
    if total < 2000 * parts:
        return [total] if total else []
    cuts = sorted(chance.sample(range(1, total), parts - 1))
    return [b - a for a, b in zip([0, *cuts], [*cuts, total]) if b > a]


def plans(chance, count, label, states=("plain",), limits=(20_000, 200_000), message_limits=0.2,
          unit=1):
    """So many mailboxes, empty to over the limit; most are near it, where it matters. Limits are multiples of `unit`."""
    made = []
    for number in range(count):
        limit = chance.randrange(*limits) // unit * unit
        usage = chance.choice((
            0, chance.randrange(limit), limit - chance.randrange(5000), limit - chance.randrange(limit // 4),
            limit - chance.randrange(limit // 2),
            chance.choice((limit - 1, limit, limit + 1, limit + chance.randrange(limit // 4)))))
        sizes = split(chance, usage)
        limited = chance.random() < message_limits
        message_limit = max(1, len(sizes) + chance.choice((-1, 0, 1, 2, 5))) if limited else 0
        made.append(Plan(f"{label}{number:05}", limit, message_limit, sizes, chance.choice(states)))
    return made


def aim(chance, plan, grace):
    """A size for the next message, often right at one of the edges. `grace(limit)` is how far the last one may go."""
    room = chance.choice((plan.limit, plan.limit, grace(plan.limit))) - plan.usage
    return chance.choice((
        chance.randrange(2000), chance.randrange(max(1, abs(room))), chance.randrange(max(1, 2 * abs(room))),
        room, room + 1, room - 1, room - chance.randrange(1000), room + chance.randrange(1000),
        chance.choice((plan.limit, plan.limit + 1, plan.limit + plan.limit // 5))))


class Message:
    """A message of so many octets where a line end is one (LF), as most stores have it."""
    number = 0
    lock = threading.Lock()

    def __init__(self, octets):
        with Message.lock:
            Message.number += 1
            self.name = f"{Message.number:08}@truth"
        head = HEAD.format(name=self.name)
        left = max(octets, SMALLEST) - len(head)
        self.text = head + ("x" * (LINE - 1) + "\n") * (left // LINE)
        rest = left % LINE
        self.text += "y" * (rest - 1) + "\n" if rest else ""
        self.octets = len(self.text)
        self.lines = self.text.count("\n")

    def wire(self):
        """As SMTP carries it."""
        return self.text.replace("\n", "\r\n").encode()


def wire_size(_store, message):
    """What an SMTP client declares."""
    return message.octets + message.lines


@dataclass
class Tally:
    agreed: int = 0
    fitted: int = 0  # refused, and would have fitted
    bounced: int = 0  # let in, and the store refused
    passed: int = 0  # of those that agreed
    wrong: list = field(default_factory=list)  # the first few, in words

    def asked(self):
        return self.agreed + self.fitted + self.bounced

    def count(self, let_in, accepted, what):
        if let_in == accepted:
            self.agreed += 1
            self.passed += let_in
        elif accepted:
            self.fitted += 1
        else:
            self.bounced += 1
        if let_in != accepted and len(self.wrong) < 20:
            self.wrong.append(("bounced: " if let_in else "would have fitted: ") + what)


class Trial:
    """A judge before a store. `declared(store, message)` is the size asked about. Without it that is the size that the store
    judges, or the stored one, if that is larger and others come behind. `clear`: whether questions are left out that
    rounded figures cannot answer, or only these are asked (False)."""

    def __init__(self, store, judge, declared=None, clear=True):
        self.store, self.judge, self.clear = store, judge, clear
        self.declared = declared

    def asked(self, message, crowd=False):
        if self.declared:
            return self.declared(self.store, message)
        judged = self.store.judged(message)
        return max(judged, self.store.stored(message)) if crowd else judged

    def make(self, chance, plan):
        """A message for the mailbox, or null: there is none to ask about now."""
        store = self.store
        for _ in range(20):
            message = Message(store.octets(aim(chance, plan, store.grace)))
            if store.is_clear(plan, message) == self.clear:
                return message
        return None

    def settle(self, plan, message):
        plan.usage += self.store.stored(message)
        plan.messages += 1

    def what(self, plan, message, asked):
        store = self.store
        return (f"{store.address(plan)} ({plan.state}) usage {plan.usage} of {plan.limit}, messages {plan.messages} of"
                f" {plan.message_limit}, stored size {store.stored(message)}, asked {asked}")

    def one_at_a_time(self, chance, mailboxes, rounds=3, pause=3, end=None):
        """One sender, who comes to each mailbox once a round, with a pause between rounds, until the time `end`. A mailbox
        where they disagreed is left alone: the judge could not know of the message that came in spite of it."""
        tally, given_up = Tally(), set()
        for number in range(rounds):
            time.sleep(pause if number else 0)
            with self.judge.asker() as asker, self.store.carrier() as carrier:
                for plan in chance.sample(mailboxes, len(mailboxes)):
                    if plan.name in given_up:
                        continue
                    if end and time.monotonic() > end:
                        return tally
                    if not self.one(chance, asker, carrier, plan, tally):
                        given_up.add(plan.name)
        return tally

    def in_a_row(self, chance, mailboxes, each=3, end=None):
        """One sender, who comes to a mailbox several times at once."""
        tally = Tally()
        with self.judge.asker() as asker, self.store.carrier() as carrier:
            for plan in mailboxes:
                if end and time.monotonic() > end:
                    break
                for _ in range(each):
                    if not self.one(chance, asker, carrier, plan, tally, crowd=True):
                        break
        return tally

    def one(self, chance, asker, carrier, plan, tally, crowd=False):
        """A question and a delivery. True: they agreed."""
        message = self.make(chance, plan)
        if message is None:
            return True
        asked = self.asked(message, crowd)
        let_in = asker.lets_in(self.store.address(plan), asked)
        accepted = carrier.deliver(plan, message)
        tally.count(let_in, accepted, self.what(plan, message, asked))
        if accepted:
            self.settle(plan, message)
        return let_in == accepted

    def at_once(self, seed, mailboxes, senders=16, each=8):
        """All senders at the same mailboxes; what is let in is delivered at once. What was refused comes when all is over,
        and would have fitted if it then does."""
        tally, refused, lock = Tally(), [], threading.Lock()
        together = threading.Barrier(senders)

        def send(number):
            chance = random.Random(f"{seed}.{number}")
            with self.judge.asker() as asker, self.store.carrier() as carrier:
                together.wait(60)
                for _ in range(each):
                    time.sleep(PAUSE if self.store.alone else 0)
                    plan = chance.choice(mailboxes)
                    message = Message(chance.choice((500, 2000, 8000, 20_000)) + chance.randrange(500))
                    asked = self.asked(message, crowd=True)
                    let_in = asker.lets_in(self.store.address(plan), asked)
                    accepted = let_in and carrier.deliver(plan, message)
                    with lock:
                        what = self.what(plan, message, asked)
                        if let_in:
                            tally.count(True, accepted, what)
                        else:
                            refused.append((plan, message, what))
                        if accepted:
                            self.settle(plan, message)
        with ThreadPoolExecutor(senders) as pool:
            list(pool.map(send, range(senders)))
        with self.store.carrier() as carrier:
            for plan, message, what in refused:
                tally.count(False, carrier.deliver(plan, message), what)
        return tally
