"""A real MTA before a store: many senders at once, mailboxes that fill up, and how many bounces it makes.

Postfix delivers to the stores that have a transport, by LMTP or by pipe(8); Exim has mailboxes of its own.
"""
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from enclosure import free_port
from postfix import Postfix
from smtp import Sender
from truth import PAUSE, Message

ASKS = "check_policy_service {{ {address}, timeout=5s, default_action=DUNNO }}"

MAIN = """
virtual_mailbox_domains = {domains}
virtual_mailbox_maps = texthash:{folder}/front-users
transport_maps = texthash:{folder}/front-transports
smtpd_end_of_data_restrictions = {asks}
default_transport = discard:bounces
deliverquota_destination_recipient_limit = 1
"""

PIPE = """deliverquota unix - n n - - pipe
  flags=R user=vmail argv=/usr/sbin/deliverquota.maildrop {mail}/${{domain}}/${{user}}/Maildir
"""


class PostfixFront:
    """One Postfix before all stores that have a transport."""

    name = "Postfix"

    def __init__(self, world, mailboxes):
        """`mailboxes`: the plans of each store, by its name."""
        asks, in_turn = (ASKS.format(address=world.addresses[kind]) for kind in ("front", "front-alone"))
        stores = [world.stores[name] for name in mailboxes]
        self.unchecked, self.in_turn = free_port(), free_port()
        (world.folder / "front-users").write_text("".join(
            f"{store.address(plan)} x\n" for store in stores for plan in mailboxes[store.name]))
        (world.folder / "front-transports").write_text("".join(
            f"{store.domain} {store.transport()}\n" for store in stores))
        self.postfix = world.wrap(Postfix(
            world.folder, restrictions=asks, trees=("maildrop",), services=PIPE.format(mail=world.mail),
            more=MAIN.format(domains=" ".join(store.domain for store in stores), folder=world.folder, asks=asks),
            others={self.unchecked: {"smtpd_recipient_restrictions": "permit", "smtpd_end_of_data_restrictions": ""},
                    self.in_turn: {name: in_turn for name in (
                        "smtpd_recipient_restrictions", "smtpd_end_of_data_restrictions")}}))
        self.postfix.start()

    def port(self, store, checked):
        if not checked:
            return self.unchecked
        return self.in_turn if store.alone else self.postfix.port

    def breathe(self):
        """Postfix has so many deliveries at once and no more."""

    def settle(self):
        self.postfix.settle()

    def bounces(self, store):
        """Recipients to whom a message was accepted and not delivered."""
        return sum("status=bounced" in line and f"@{store.domain}>" in line
                   for line in self.postfix.maillog.read_text().splitlines())


class EximFront:
    """The Exim of appendfile.py, which asks at RCPT and at DATA."""

    name = "Exim"

    def __init__(self, exim):
        self.exim = exim

    def port(self, _store, checked):
        return self.exim.port if checked else self.exim.unchecked

    def breathe(self):
        """Exim begins a process for each message, and hundreds of them help nobody."""
        self.exim.settle(left=16)

    def settle(self):
        self.exim.settle()

    def bounces(self, store):
        return sum(" ** " in line and f"@{store.domain}" in line
                   for line in self.exim.mainlog.read_text().splitlines())


class Load:
    """What senders offered: how many messages, and of their recipients how many were taken, how many refused."""

    def __init__(self):
        self.messages, self.taken, self.refused, self.lock = 0, 0, 0, threading.Lock()

    def count(self, taken, refused):
        with self.lock:
            self.messages += 1
            self.taken += taken
            self.refused += refused


def offer(chance, sender, addresses, load):
    """One message to one to three of the mailboxes; its size may be hidden or told as half."""
    message = Message(chance.choice((1000, 3000, 8000, 20_000)) + chance.randrange(1000)).wire()
    people = chance.sample(addresses, chance.choice((1, 1, 1, 2, 3)))
    sender.mail(size=chance.choice((len(message), len(message), len(message), None, len(message) // 2)))
    replies = [sender.rcpt(whom) for whom in people]
    taken = sum(reply.code == 250 for reply in replies)
    if taken == 0 or sender.data(message).code != 250:
        taken = 0
        sender.reset()
    load.count(taken, len(people) - taken)


def send_all(port, addresses, messages, seed, senders=16, breathe=lambda: None):
    """So many messages by all senders together; `breathe` may make one wait before the next."""
    load = Load()

    def send(number):
        chance = random.Random(f"{seed}.{number}")
        with Sender(port) as sender:
            for _ in range(number, messages, senders):
                breathe()
                offer(chance, sender, addresses, load)
    with ThreadPoolExecutor(senders) as pool:
        list(pool.map(send, range(senders)))
    return load


def run(front, store, checked, plans, messages, seed):
    """Returns load and number of bounces."""
    before = front.bounces(store)

    def breathe():
        front.breathe()
        time.sleep(PAUSE if checked and store.alone else 0)
    load = send_all(front.port(store, checked), [store.address(plan) for plan in plans], messages,
                    seed, breathe=breathe)
    front.settle()
    return load, front.bounces(store) - before
