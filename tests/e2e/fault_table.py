"""What is written down of faults: a row each, and the table in docs/reliability.md."""
import threading
import time
from collections import Counter

from askers import PASS, FULL, UNSURE, CLOSED, SILENT, Wrong
from fault_world import EXPECTED, PATIENCE_AFTER

WORDS = {
    UNSURE: "`error`: {} (here 451)", CLOSED: "connection closed: {}", SILENT: "no answer: {}", "right": "right answers: {}",
    "again": "datagrams asked again: {}",
}


class Row:
    """One fault, however often it was made. `good` is false when it was not borne as it should be."""

    def __init__(self, fault):
        self.fault, self.injected, self.seen, self.recovered = fault, 0, Counter(), 0.0
        self.refused = 0  # at the start: daemons that said why they end
        self.wrong = []  # what must not have been
        self.note, self.lock = "", threading.Lock()

    def good(self):
        return not self.wrong and not self.seen[SILENT]

    def say(self, what):
        self.wrong.append(what)

    def take(self, mailbox, outcome):
        """An answer while the fault was there: right, or one that says that nobody could tell. Never the opposite."""
        if outcome in (PASS, FULL):
            if outcome != EXPECTED[mailbox]:
                self.say(f"{mailbox}: {outcome}")
            outcome = "right"
        self.seen[outcome] += 1

    def ask(self, asker, mailbox):
        again = getattr(asker, "again", 0)
        try:
            outcome = asker.ask(mailbox)
        except Wrong as wrong:
            self.say(f"{asker.name}: {wrong}")
            asker.close()
            return
        except OSError as error:
            self.say(f"{asker.name}: {error}")
            asker.close()
            return
        if asker.name == "control socket" and outcome == PASS:
            outcome = EXPECTED[mailbox]
        if outcome == SILENT:
            self.say(f"{asker.name}: {mailbox}: no answer")
        with self.lock:
            self.take(mailbox, outcome)
            self.seen["again"] += getattr(asker, "again", 0) - again

    def recover(self, world, began=None):
        """Everybody gets the right answers again, and how soon."""
        began = began or time.monotonic()
        end = time.monotonic() + PATIENCE_AFTER
        waiting = [(asker, mailbox) for asker in world.askers for mailbox in world.mailboxes]
        while waiting:
            asker, mailbox = waiting[0]
            if right(asker, mailbox):
                waiting.pop(0)
                continue
            if time.monotonic() > end:
                self.say(f"{asker.name}: {mailbox} is not answered rightly {PATIENCE_AFTER} s after {self.fault}")
                return
            time.sleep(0.01)
        self.recovered = max(self.recovered, time.monotonic() - began)

    def users(self):
        return "; ".join(WORDS[what].format(self.seen[what]) for what in ("right", UNSURE, CLOSED, SILENT, "again")
                         if self.seen[what])

    def line(self):
        recovered = "at once" if self.recovered < 0.1 else f"{self.recovered:.1f} s"
        users = "; ".join(text for text in (self.users(), self.note) if text)
        return f"| {self.fault} | {self.injected} | {users} | {self.seen[SILENT]} | {recovered} |"


def right(asker, mailbox):
    try:
        outcome = asker.ask(mailbox)
    except (Wrong, OSError):
        asker.close()
        return False
    return outcome == EXPECTED[mailbox] or (asker.name == "control socket" and outcome == PASS)


HEAD = ("| fault | times | what users saw | lost answers | recovered in |\n"
        "|---|---:|---|---:|---|\n")


def table(rows):
    return HEAD + "\n".join(row.line() for row in rows) + "\n"
