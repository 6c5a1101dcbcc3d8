"""A daemon at work for as long as one likes, with all that happens to it: questions by every front about many mailboxes,
deliveries, reloads, helpers that are killed, clients that cut the line, a backend that goes away and comes back.

Every question must have one answer, those about mailboxes that nobody changes the right one; memory and descriptors must
stay where they are.
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

from askers import CLOSED, FULL, PASS, SILENT, UNSURE, Line, Wrong
from datagrams import free_udp_port
from enclosure import USERS
from fault_plan import Injected
from fault_world import FULL as FULL_MAILBOX, LIMIT, OK, OTHER, World, maildir
from policy import connect
from quotagate import Quotagate

THREADS = 6
PAUSE = 0.02  # seconds between a thread's questions
MAILBOXES = 200
FAR = "far@example.com"  # at the backend
SURE = {FULL_MAILBOX: FULL, OK: PASS, OTHER: PASS, FAR: PASS}
RELOAD, KILL, AWAY, BACK = 15, 7, 60, 10  # seconds between them; how long the backend is away
GROWTH = {"daemon": 1024, "nursery": 512, "helper": 1024, "descriptors": 8}  # KiB, and descriptors


class Mailboxes:
    """Those that mail comes to. One that is nearly full is emptied by its user."""

    def __init__(self, mail, seed):
        self.random, self.folders, self.count = random.Random(seed), {}, 0
        for number in range(MAILBOXES):
            address = f"user{number}@example.org"
            self.folders[address] = maildir(mail, address, self.random.randrange(LIMIT))

    def deliver(self):
        """One message, as a delivery agent does it; the octets stand in its name."""
        folder = self.folders[self.random.choice(list(self.folders))]
        if self.random.random() < 0.2:
            for old in [*(folder / "cur").iterdir(), *(folder / "new").iterdir()]:
                old.unlink()
            return
        self.count += 1
        size = self.random.randrange(LIMIT // 4)
        name = f"{1700000000 + self.count}.M{self.count}P1.host,S={size}"
        (folder / "tmp" / name).touch()
        os.chown(folder / "tmp" / name, USERS["vmail"], USERS["vmail"])
        (folder / "tmp" / name).rename(folder / "new" / name)


class Soak:
    def __init__(self, minutes, seed, say):
        self.seconds, self.say, self.over = minutes * 60, say, threading.Event()
        self.counts, self.lock, self.wrong, self.samples = Counter(), threading.Lock(), [], []
        self.port = free_udp_port()
        more = (f'store far {{ type = remote  server = "udp:127.0.0.1:{self.port}" }}\n'
                "domain example.com { store = far }\nlog { level = warning }\n")
        self.world = World(lambda *given: Injected(*given, plain=True), more)
        self.backend = self.make_backend()
        self.mailboxes = Mailboxes(self.world.mail, seed)
        self.random = random.Random(seed)

    def make_backend(self):
        maildir(self.world.mail, FAR, 1000)
        return Quotagate(
            self.world.folder,
            f'listen farm {{ protocol = facts  address = "udp:127.0.0.1:{self.port}" }}\n'
            f'store boxes {{ type = maildir  path = "{self.world.mail}/%d/%n/Maildir"  user = vmail  limit = {LIMIT} }}\n'
            "domain example.com { store = boxes }\nlog { level = warning }\n", name="backend")

    # ---- who asks ----

    def note(self, asker, mailbox, outcome):
        with self.lock:
            self.counts["asked"] += 1
            self.counts[outcome] += 1
            expected = SURE.get(mailbox)
            if outcome in (SILENT, CLOSED):
                self.wrong.append(f"{asker.name}: {mailbox}: {outcome}")
            elif outcome in (PASS, FULL) and expected and outcome != expected and asker.name != "control socket":
                self.wrong.append(f"{asker.name}: {mailbox}: {outcome}, not {expected}")

    def ask_on(self, seed):
        """One thread: whoever it is next asks, about whatever mailbox."""
        chance, askers = random.Random(seed), self.world.make_askers()
        for asker in askers:
            if isinstance(asker, Line):
                asker.patience = 5
        everybody = [*self.mailboxes.folders, *[sure for sure in SURE for _ in range(20)]]
        while not self.over.wait(PAUSE):
            asker, mailbox = chance.choice(askers), chance.choice(everybody)
            try:
                self.note(asker, mailbox, asker.ask(mailbox))
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
        self.counts["reloads"] += 1

    def kill(self):
        helpers = self.world.gate.helpers()
        if not helpers:
            return
        with contextlib.suppress(ProcessLookupError):  # a reload was quicker
            os.kill(self.random.choice(helpers), signal.SIGKILL)
            self.counts["helpers killed"] += 1

    def away(self):
        self.backend.stop()
        self.over.wait(BACK)
        self.backend.start()
        self.counts["backend away"] += 1

    def deliver(self):
        self.mailboxes.deliver()
        self.counts["deliveries"] += 1

    # ---- what is measured ----

    def sample(self, began):
        kib = {"daemon": 0, "nursery": 0, "helper": 0}
        gate = self.world.gate
        for pid, name in gate.processes().items():
            what = "daemon" if pid == gate.pid() else "nursery" if name == "qg-nursery" else "helper"
            try:
                with open(f"/proc/{pid}/status") as status:
                    found = re.search(r"^VmRSS:\s*(\d+)", status.read(), re.M)
            except OSError:
                continue
            if found:
                kib[what] = max(kib[what], int(found[1]))
        with self.lock:
            one = {"second": round(time.monotonic() - began, 1), **kib, "descriptors": gate.descriptors(), **self.counts}
        self.samples.append(one)
        return one

    def run(self):
        """Returns the samples. What was wrong stands in `wrong`."""
        began = time.monotonic()
        acts = [(RELOAD, self.reload), (KILL, self.kill), (AWAY, self.away), (0.1, self.deliver)]
        threads = [threading.Thread(target=self.ask_on, args=(seed,), daemon=True) for seed in range(THREADS)]
        threads += [threading.Thread(target=self.every, args=act, daemon=True) for act in acts]
        try:
            self.backend.start()
            self.world.start()
            for thread in threads:
                thread.start()
            while time.monotonic() - began < self.seconds and self.world.gate.process.poll() is None:
                time.sleep(min(10, self.seconds / 12))
                self.say(self.sample(began))
            self.over.set()
            for thread in threads:
                thread.join(30)
            self.finish()
        finally:
            self.over.set()
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
                                 (("daemon", "daemon"), ("nursery", "nursery"), ("helper", "largest helper"))},
        "Descriptors of the daemon": {"open": [one["descriptors"] for one in samples]},
        "Questions": {"answers a second": rates, "not answered so far": missing},
    }
