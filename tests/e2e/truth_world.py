"""Everything that a truth test runs: the stores with their servers, and quotagate before all of them, in one daemon."""
import random
import time
from concurrent.futures import ThreadPoolExecutor

from enclosure import free_port, owned
from quotagate import Quotagate
from truth import plans
from truth_store import PROBE, PolicyJudge
from truth_stores import STORES

DOVECOT = 1.1  # seconds: it looks at its users once a second
# Each question is a look into the store, and what one message was charged has gone when the next one comes: nothing is
# judged but rule and figures.
EXACT = "cache { ttl_low = 1ms  ttl_mid = 1ms  ttl_high = 1ms  ttl_none = 1ms  settle = 1s }\n"
# As it comes, but that a mailbox may come into being at any time.
USUAL = "cache { ttl_none = 1ms }\n"
# For stores that take one message at a time: what was let in is soon taken for delivered, so that there are many turns. That
# must be longer than a delivery takes: the senders of truth.py end a transaction when the store has its message, an MTA
# before that.
TURNS = "cache {{ ttl_none = 1ms  settle = {} }}\n"
ADDED = "rules { added = 1k }\n"
TEMPERS = {"exact": EXACT, "usual": USUAL, "added": EXACT + ADDED, "front": USUAL + ADDED,
           "usual-alone": TURNS.format("1s"), "front-alone": TURNS.format("5s") + ADDED}


class World:
    """`wrap` sees each server before its start. Mailboxes are made by make(); the gates come with start()."""

    def __init__(self, folder, names=None, seed=1, wrap=lambda server: server):
        self.folder, self.seed, self.wrap = folder, seed, wrap
        self.mail = owned(folder / "mail", "vmail")
        self.letters = folder / "letters"
        self.letters.mkdir()
        self.servers, self.labels = {}, iter("abcdefghijklmnopqrstuvwxyz")
        self.addresses = {kind: f"inet:127.0.0.1:{free_port()}" for kind in TEMPERS}
        self.stores = {name: STORES[name](self) for name in names or STORES}
        self.made = {}
        for store in self.stores.values():
            store.make([PROBE])
        time.sleep(DOVECOT)
        for store in self.stores.values():
            store.measure()

    def server(self, name, make):
        """The server of that name; stores may share it."""
        if name not in self.servers:
            self.servers[name] = self.wrap(make()).start()
        return self.servers[name]

    def make(self, what, count, crowd=False, plain=False, **more):
        """Mailboxes for one trial of each store; count(store) of them. To be made before the trials begin. `plain`: whose
        figures are as the delivering program leaves them. `crowd`: for many senders at once. How many messages are on their
        way nobody can tell a server that is asked for verdicts, so then there are no limits of messages there, unless it gets
        one at a time."""
        label = next(self.labels)

        def fill(store):
            chance = random.Random(f"{self.seed}.{what}.{store.name}")
            counted = 0 if crowd and store.rule == "asked" and not store.alone else store.message_limits
            states = store.states[:1] if plain else store.states
            made = plans(chance, count(store), label, states=states, message_limits=counted, **{"unit": store.unit, **more})
            store.make(made)
            return made
        with ThreadPoolExecutor() as pool:
            for store, made in zip(self.stores.values(), pool.map(fill, self.stores.values())):
                self.made[what, store.name] = made

    def mailboxes(self):
        return sum(len(made) for made in self.made.values())

    def start(self, *kinds):
        """quotagate, with all stores in one configuration, in the tempers that are asked for."""
        known = "".join(store.configuration() for store in self.stores.values())
        for kind in kinds:
            listen = f'listen mta {{ protocol = policy  address = "{self.addresses[kind]}" }}\n'
            self.wrap(Quotagate(self.folder, listen + known + TEMPERS[kind], name=f"gate-{kind}")).start()
        time.sleep(DOVECOT)

    def judge(self, kind):
        return PolicyJudge(self.addresses[kind])

    def crowd_judge(self, kind, store):
        """The same where many come to the store at once."""
        return self.judge(f"{kind}-alone" if store.alone else kind)
