"""A daemon at work for as long as one likes, with all that happens to it: questions by every front about many mailboxes,
deliveries, reloads, helpers that are killed, clients that cut the line, a backend that goes away and comes back. Beside it a
calm one, before the same mailboxes, with helpers that live as long as it does: its reloads change no store.

Every question must have one answer, those about mailboxes that nobody changes the right one; what is let in must fit, and what
is refused must not; `error` may be the answer only where a helper was killed or the backend is away; memory and descriptors
must stay where they are.
"""
import contextlib
import os
import random
import re
import signal
import socket
import statistics
import threading
import time
from collections import Counter

from askers import CLOSED, FULL, PASS, SILENT, UNSURE, FreshPolicy, Line, Policy, Wrong
from datagrams import free_udp_port
from enclosure import free_port
from fault_plan import Injected
from fault_world import FULL as FULL_MAILBOX, LIMIT, OK, OTHER, PATIENCE_AFTER, World, maildir
from policy import connect
from quotagate import Quotagate
from soak_mail import SETTLE, Carrier, Mail

THREADS = 6
PAUSE = 0.02  # seconds between a thread's questions
CARRIERS = 2
FAR = "far@example.com"  # at the backend
SURE = {FULL_MAILBOX: FULL, OK: PASS, OTHER: PASS, FAR: PASS}
DOMAINS = {"qg-vmail": "example.org", "qg-boxes": "example.net", "qg-far": "example.com", "qg-third": None}  # by helper
RELOAD, KILL, AWAY, BACK = 15, 7, 60, 10  # seconds between them; how long the backend is away
REPLACED = 3  # seconds after a helper was killed; until then a question to its store may have the answer of `error`
GROWTH = {"daemon": 1024, "nursery": 512, "helper": 1024, "descriptors": 8,  # KiB, and descriptors
          "calm daemon": 1024, "calm helper": 512}


class SoakWorld(World):
    """What was let in is charged for longer than its delivery may take."""

    forgets = World.forgets.replace("settle = 1s", f"settle = {SETTLE}s")


class Calm(Injected):
    """The one whose helpers live as long as it does."""

    def __init__(self, world):
        self.port, self.turns, self.world = free_port(), 0, world
        super().__init__(world.folder, self.text(), name="calm", plain=True)

    def text(self):
        more = f'listen more {{ protocol = policy  address = "unix:{self.world.run}/calm.sock" }}\n' if self.turns % 2 else ""
        return (f'listen mta {{ protocol = policy  address = "inet:127.0.0.1:{self.port}" }}\n{more}'
                f'store vmail {{ type = maildir  path = "{self.world.mail}/%d/%n/Maildir"  user = vmail  limit = {LIMIT} }}\n'
                "domain example.org { store = vmail }\nrules { timeout = 2s  error = defer }\nlog { level = warning }\n"
                + self.world.forgets)

    def turn(self):
        """One more listener, or none more."""
        self.turns += 1
        self.reload(self.text())

    def make_askers(self):
        made = [kind(f"inet:127.0.0.1:{self.port}") for kind in (Policy, FreshPolicy)]
        for asker in made:
            asker.calm = True
        return made


class Soak:
    def __init__(self, minutes, seed, say):
        self.seconds, self.say, self.over = minutes * 60, say, threading.Event()
        self.counts, self.lock, self.wrong, self.samples = Counter(), threading.Lock(), [], []
        self.unsure, self.killed, self.gone = [], [], []  # see unexcused()
        self.port = free_udp_port()
        more = (f'store far {{ type = remote  server = "udp:127.0.0.1:{self.port}" }}\n'
                "domain example.com { store = far }\nlog { level = warning }\n")
        self.world = SoakWorld(lambda *given: Injected(*given, plain=True), more)
        self.backend, self.calm = self.make_backend(), Calm(self.world)
        self.mail = Mail(self.world.mail, seed)
        self.random = random.Random(seed)

    def make_backend(self):
        maildir(self.world.mail, FAR, 1000)
        return Quotagate(
            self.world.folder,
            f'listen farm {{ protocol = facts  address = "udp:127.0.0.1:{self.port}" }}\n'
            f'store boxes {{ type = maildir  path = "{self.world.mail}/%d/%n/Maildir"  user = vmail  limit = {LIMIT} }}\n'
            "domain example.com { store = boxes }\nlog { level = warning }\n", name="backend")

    # ---- who asks ----

    def note(self, asker, mailbox, outcome, began):
        store = "calm" if hasattr(asker, "calm") else mailbox.partition("@")[2]
        with self.lock:
            self.counts["asked"] += 1
            self.counts[outcome] += 1
            expected = SURE.get(mailbox)
            if outcome == UNSURE:
                self.unsure.append((asker.name, mailbox, store, began, time.monotonic()))
            elif outcome in (SILENT, CLOSED):
                self.wrong.append(f"{asker.name}: {mailbox}: {outcome}")
            elif outcome in (PASS, FULL) and expected and outcome != expected and asker.name != "control socket":
                self.wrong.append(f"{asker.name}: {mailbox}: {outcome}, not {expected}")

    def note_message(self, mailbox, outcome, began, wrong):
        """Of a carrier."""
        with self.lock:
            self.counts["messages"] += 1
            self.wrong += [wrong] if wrong else []
            self.counts[f"messages {outcome}"] += 1
            if outcome == UNSURE:
                self.unsure.append(("a message", mailbox, mailbox.partition("@")[2], began, time.monotonic()))

    def ask_on(self, seed):
        """One thread: whoever it is next asks, about whatever mailbox."""
        chance, askers = random.Random(seed), [*self.world.make_askers(), *self.calm.make_askers()]
        for asker in askers:
            if isinstance(asker, Line):
                asker.patience = 5
        everybody = [*self.mail.addresses, *[sure for sure in SURE for _ in range(20)]]
        near = [mailbox for mailbox in everybody if mailbox.endswith("@example.org")]  # the calm one has these
        while not self.over.wait(PAUSE):
            asker = chance.choice(askers)
            mailbox = chance.choice(near if hasattr(asker, "calm") else everybody)
            began = time.monotonic()
            try:
                self.note(asker, mailbox, asker.ask(mailbox), began)
                if chance.random() < 0.02:
                    self.cut(chance, asker)
            except (Wrong, OSError) as wrong:
                asker.close()
                with self.lock:
                    self.counts["asked"] += 1
                    self.wrong.append(f"{asker.name}: {wrong!r}")

    def cut(self, chance, asker):
        """A client that goes away in the middle of a question, or with its answer unread; or that hangs up a kept line."""
        asker.close()
        if not hasattr(asker, "question"):
            return
        with connect(asker.address) as line:
            octets = asker.question(chance.choice(list(SURE)))
            line.sendall(octets[:chance.randrange(1, len(octets) + 1)])
            if chance.random() < 0.5:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        with self.lock:
            self.counts["cut"] += 1

    # ---- what happens ----

    def every(self, seconds, act):
        while not self.over.wait(seconds):
            try:
                act()
            except Exception as error:  # a thread that ends in silence would make the run look well
                with self.lock:
                    self.wrong.append(f"{act.__name__}: {error!r}")

    def reload(self):
        self.world.turn()
        self.calm.turn()
        self.counts["reloads"] += 1

    def kill(self):
        """Which stores are without one of their helpers is remembered: see unexcused()."""
        helpers = [(pid, DOMAINS[name]) for pid, name in self.world.gate.processes().items() if name in DOMAINS]
        if not helpers:
            return
        pid, domain = self.random.choice(helpers)
        with contextlib.suppress(ProcessLookupError):  # a reload was quicker
            began = time.monotonic()
            os.kill(pid, signal.SIGKILL)
            self.killed.append((domain, began, time.monotonic() + REPLACED))
            self.counts["helpers killed"] += 1

    def away(self):
        began = time.monotonic()
        self.backend.stop()
        self.over.wait(BACK)
        self.backend.start()
        self.gone.append(("example.com", began, time.monotonic() + PATIENCE_AFTER))
        self.counts["backend away"] += 1

    def deliver(self):
        self.mail.come()
        self.counts["deliveries"] += 1

    def unexcused(self):
        """Answers of `error` for which there is no reason: no helper of that store had just been killed, and the backend was there."""
        reasons = [*self.killed, *self.gone]
        return [(asker, mailbox) for asker, mailbox, store, began, ended in self.unsure
                if not any(where == store and began <= until and since <= ended for where, since, until in reasons)]

    # ---- what is measured ----

    def sample(self, began):
        kib = {"daemon": 0, "nursery": 0, "helper": 0, "calm daemon": 0, "calm nursery": 0, "calm helper": 0}
        for gate, pid, name in [(gate, *found) for gate in (self.world.gate, self.calm) for found in gate.processes().items()]:
            what = "daemon" if pid == gate.pid() else "nursery" if name == "qg-nursery" else "helper"
            what = f"calm {what}" if gate is self.calm else what
            try:
                with open(f"/proc/{pid}/status") as status:
                    found = re.search(r"^VmRSS:\s*(\d+)", status.read(), re.M)
            except OSError:
                continue
            if found:
                kib[what] = max(kib[what], int(found[1]))
        with self.lock:
            one = {"second": round(time.monotonic() - began, 1), **kib, "descriptors": self.world.gate.descriptors(),
                   **self.counts}
        self.samples.append(one)
        return one

    def run(self):
        """Returns the samples. What was wrong stands in `wrong`."""
        began = time.monotonic()
        acts = [(RELOAD, self.reload), (KILL, self.kill), (AWAY, self.away), (0.1, self.deliver)]
        milter = f"inet:127.0.0.1:{self.world.ports['milter']}"
        acts += [(0.1, Carrier(self.mail, milter, seed, self.note_message).bring) for seed in range(CARRIERS)]
        threads = [threading.Thread(target=self.ask_on, args=(seed,), daemon=True) for seed in range(THREADS)]
        threads += [threading.Thread(target=self.every, args=act, daemon=True) for act in acts]
        try:
            self.backend.start()
            self.world.start()
            self.calm.start()
            lasting = set(self.calm.helpers())
            for thread in threads:
                thread.start()
            while time.monotonic() - began < self.seconds and self.world.gate.process.poll() is None:
                time.sleep(min(10, self.seconds / 12))
                self.say(self.sample(began))
            self.over.set()
            for thread in threads:
                thread.join(30)
            if set(self.calm.helpers()) != lasting:
                self.wrong.append("helpers of the calm daemon were replaced")
            self.finish()
        finally:
            self.over.set()
            self.calm.stop()
            self.backend.stop()
            self.world.stop()
        return self.samples

    def finish(self):
        """Every act has ended, and the daemon is still there."""
        if self.world.gate.process.poll() is not None:
            self.wrong.append(f"the daemon ended with {self.world.gate.process.returncode}")
            self.world.gate.process = None
            return
        answered = sum(self.counts[outcome] for outcome in (PASS, FULL, UNSURE))
        if answered != self.counts["asked"]:
            self.wrong.append(f"{self.counts['asked']} asked, {answered} answered")
        self.wrong += [f"{asker}: {mailbox}: `error`, and nothing was amiss" for asker, mailbox in self.unexcused()]
        if not self.counts[f"messages {PASS}"] or not self.counts[f"messages {FULL}"]:
            self.wrong.append("no message was let in, or none was refused")
        for what, most in GROWTH.items():
            grown = self.growth(what)
            if grown > most:
                self.wrong.append(f"{what} grew by {grown:g}, {most} is the most")

    def growth(self, what):
        """From the second sixth of the time to the last, by their medians."""
        values, sixth = [one[what] for one in self.samples], max(1, len(self.samples) // 6)
        return statistics.median(values[-sixth:]) - statistics.median(values[sixth:2 * sixth] or values[:1])


def panels(samples):
    """What soak_plot draws."""
    seconds = [one["second"] for one in samples]
    rates = [0.0] + [(samples[i]["asked"] - samples[i - 1]["asked"]) / max(1e-9, seconds[i] - seconds[i - 1])
                     for i in range(1, len(samples))]
    if len(rates) > 1:
        rates[0] = rates[1]
    missing = [one["asked"] - sum(one.get(outcome, 0) for outcome in (PASS, FULL, UNSURE)) for one in samples]
    return {
        "Resident memory, MiB": {title: [one[what] / 1024 for one in samples] for what, title in
                                 (("daemon", "daemon"), ("nursery", "nursery"), ("helper", "largest helper"),
                                  ("calm helper", "calm: largest helper"))},
        "Descriptors of the daemon": {"open": [one["descriptors"] for one in samples]},
        "Questions": {"answers a second": rates, "not answered so far": missing},
    }
