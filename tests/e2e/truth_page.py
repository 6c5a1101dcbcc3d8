"""What scripts/truth found, as tables in Markdown, and the page they stand in: the lines between two marks are replaced."""
import gzip
import threading
import time

from enclosure import SERVERS

BEGIN, END = "<!-- scripts/truth writes from here -->\n", "<!-- to here -->\n"
WRONG = ("refused, would have fitted", "let in, bounced")
# Packages whose versions are told, by the folder of scripts/fetch-servers.
PACKAGES = {"postfix": "postfix", "exim": "exim4-daemon-heavy", "maildrop": "maildrop", "dovecot": "dovecot-core",
            "cyrus": "cyrus-common", "redis": "redis-server"}


def table(*columns):
    """A table's head; those named with a `#` are numbers."""
    return ("| " + " | ".join(column.lstrip("#") for column in columns) + " |\n|" +
            "|".join("---:" if column.startswith("#") else "---" for column in columns) + "|\n")


def row(*cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |\n"


def versions(folders):
    """The versions of the servers' packages, as their own changelogs tell them."""
    for folder in sorted(folders & PACKAGES.keys()):
        package = PACKAGES[folder]
        with gzip.open(SERVERS / folder / "usr/share/doc" / package / "changelog.Debian.gz", "rt") as log:
            yield f"{package} {log.readline().partition('(')[2].partition(')')[0]}"


def write(path, text):
    """Puts the text between the page's marks."""
    before, begin, rest = path.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"truth: {path} lacks the lines {BEGIN.strip()} and {END.strip()}")
    path.write_text(before + begin + "\n" + text + "\n" + end + after)


class Report:
    """What was found, row by row, and whether all is as it must be. Rows come in any order, and from several threads."""

    def __init__(self, stores):
        """`stores`: their names, in the order of the tables. `sent`: messages offered by SMTP."""
        self.began, self.good, self.lock, self.stores = time.monotonic(), True, threading.Lock(), stores
        self.tallies, self.fronts, self.expected, self.sent = {}, {}, 0, 0

    def say(self, text):
        print(f"truth: [{time.monotonic() - self.began:.0f} s] {text}", flush=True)

    def progress(self):
        return f"{len(self.tallies) + len(self.fronts)} of {self.expected}"

    def take(self, store, judge, trial, tally):
        with self.lock:
            self.tallies[trial, store.name, judge] = (store, tally)
            self.say(f"{self.progress()}: {store.name}, {judge}, {trial}: {tally.asked()} asked, {tally.agreed} agreed,"
                     f" {tally.fitted} refused that would have fitted, {tally.bounced} let in that bounced")
            for words in tally.wrong[:5]:
                self.say(f"    {words}")
        return tally

    def take_front(self, store, front, checked, unchecked):
        """Each of the two is what was taken, what refused, and what bounced."""
        with self.lock:
            self.fronts[store.name] = (front, checked, unchecked)
            self.say(f"{self.progress()}: {store.name} behind {front}: {checked[0]} taken, {checked[1]} refused,"
                     f" {checked[2]} bounces; without the check {unchecked[0]} taken, {unchecked[2]} bounces")

    def must(self, condition, what):
        if not condition:
            self.say(f"WRONG: {what}")
        self.good = self.good and condition

    def asked(self):
        return sum(tally.asked() for _, tally in self.tallies.values())

    # ---- as Markdown ----

    def rows(self, trial):
        found = [(self.stores.index(name), judge != "quotagate", judge, store, tally)
                 for (one, name, judge), (store, tally) in self.tallies.items() if one == trial]
        return [entry[2:] for entry in sorted(found, key=lambda entry: entry[:3])]

    def verdicts(self, trial):
        """quotagate and the servers' own judges."""
        text = table("store", "`type`", "delivered by", "`rule`", "who is asked", "#asked", "#let in, delivered",
                     "#refused, did not fit", *(f"#{what}" for what in WRONG))
        for judge, store, tally in self.rows(trial):
            own = judge == "quotagate"
            text += row(store.name, store.type if own else "", store.delivers, store.rule if own else "", judge, tally.asked(),
                        tally.passed, tally.agreed - tally.passed, tally.fitted, tally.bounced)
        return text

    def others(self, trials):
        """Of each store and trial the two kinds of wrong verdicts, of how many."""
        found = {(trial, store.name): f"{tally.fitted} + {tally.bounced} of {tally.asked()}"
                 for trial in trials for _, store, tally in self.rows(trial)}
        return table("store", *(f"#{trial}" for trial in trials)) + "".join(
            row(name, *(found.get((trial, name), "") for trial in trials)) for name in self.stores)

    def behind(self):
        text = table("MTA", "store", "#taken", "#refused", "#bounces", "#taken without the check", "#bounces without it")
        for name in self.stores:
            if name in self.fronts:
                front, checked, unchecked = self.fronts[name]
                text += row(front, name, *checked, unchecked[0], unchecked[2])
        return text
