"""What scripts/bench peers prints and writes, made from its rows: tables, expectations, and the plot.

With a folder it writes between the marks of performance.md there, and performance.svg; what stands around the marks is
somebody's own words and stays.
"""
import statistics
from pathlib import Path

import plot

FIRST = "floor"
BUSY = "64"

MODES = {
    "1": "1 kept connection",
    "8": "8 kept connections",
    "64": "64 kept connections",
    "512": "512 kept connections",
    "new": "a connection per question, 64 at a time",
}

SHORT = {"1": "1 kept", "8": "8 kept", "64": "64 kept", "512": "512 kept", "new": "a new one each, 64 at a time"}

TITLES = {
    "floor": "floor: a constant answer",
    "hit": "quotagate, hit",
    "mixed": "quotagate, mixed",
    "miss": "quotagate, miss",
    "hit-smmap": "quotagate, hit, socketmap",
    "miss-smmap": "quotagate, miss, socketmap",
    "smmapd": "Cyrus smmapd",
    "quota-status": "Dovecot quota-status, documented",
    "quota-status-best": "Dovecot quota-status, two processes",
    "forking": "a fork for each question",
    "imap": "an IMAP connection for each question",
    "cgi": "lighttpd and a CGI script",
}

BEGIN, END = "<!-- figures: made by scripts/bench peers, do not edit -->", "<!-- end of figures -->"


# ---- from rows to figures ----

class Figures:
    """The rows by contender and mode."""

    def __init__(self, rows):
        self.rows = rows
        self.runs = {}
        for row in self.of("run"):
            self.runs.setdefault((row["contender"], row["mode"]), {})[row["turn"]] = row
        self.cannot = {(row["contender"], row["mode"]): row["why"] for row in self.of("cannot")}
        self.names = [name for name in TITLES if any(name == known for known, _ in self.runs)]

    def of(self, kind):
        return [row for row in self.rows if row["kind"] == kind]

    def middle(self, name, mode, key):
        return statistics.median(row[key] for row in self.runs[name, mode].values())

    def ratios(self, name, mode, key, to=FIRST):
        """Of each round in which both were asked."""
        ours, theirs = self.runs.get((name, mode), {}), self.runs.get((to, mode), {})
        return [row[key] / theirs[turn][key] for turn, row in ours.items() if turn in theirs and theirs[turn][key]]

    def memory(self, name, mode):
        found = [row["mib"] for row in self.runs[name, mode].values() if "mib" in row]
        return found[0] if found else None


def digits(value):
    """As many as say something, on a machine that is never quite quiet."""
    for least, form in ((100, ",.0f"), (10, ".1f"), (0.1, ".2f"), (0.01, ".3f"), (0.001, ".4f")):
        if abs(value) >= least:
            return f"{value:{form}}"
    return f"{value:.5f}"


def spread(values):
    if not values:
        return "-"
    return f"{digits(statistics.median(values))} ({digits(min(values))}-{digits(max(values))})"


def duration(us):
    return f"{digits(us)} µs" if us < 1000 else f"{digits(us / 1000)} ms" if us < 1e6 else f"{digits(us / 1e6)} s"


# ---- tables ----

def table(head, rows):
    """Markdown that can be read as it is, too: the first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(cells):
        return "| " + " | ".join(cell.rjust(width) if i else cell.ljust(width)
                                 for i, (cell, width) in enumerate(zip(cells, widths))) + " |"
    rule = "|" + "|".join("-" * (width + 1) + (":" if i else "-") for i, width in enumerate(widths)) + "|"
    return [line(head), rule, *map(line, rows)]


def mode_table(figures, mode, notes):
    rows = []
    asked = [name for name in figures.names if (name, mode) in figures.runs]
    for name in sorted(asked, key=lambda name: -figures.middle(name, mode, "rate")):
        memory = figures.memory(name, mode)
        rows.append([TITLES[name], digits(figures.middle(name, mode, "rate")),
                     spread(figures.ratios(name, mode, "rate")),
                     *(duration(figures.middle(name, mode, key)) for key in ("p50_us", "p99_us", "p999_us")),
                     duration(figures.middle(name, mode, "cpu_us")), spread(figures.ratios(name, mode, "cpu_us")),
                     digits(memory) if memory is not None else "-"])
    for name in figures.names:
        if (name, mode) in figures.cannot:
            notes.setdefault(figures.cannot[name, mode], len(notes) + 1)
            rows.append([TITLES[name], f"- [{notes[figures.cannot[name, mode]]}]", *["-"] * 7])
    head = ["", "answers/s", "of the floor's", "p50", "p99", "p99.9", "CPU each", "times the floor's", "MiB"]
    return table(head, rows)


def cell_tables(figures):
    notes = {}
    for mode, title in MODES.items():
        if any(mode == known for _, known in figures.runs):
            yield from ["", f"### {title[0].upper()}{title[1:]}", "", *mode_table(figures, mode, notes)]
    yield ""
    yield from (f"[{number}] {why}  " for why, number in notes.items())


def by(rows, key):
    """{value of key: its rows}"""
    found = {}
    for row in rows:
        found.setdefault(row[key], []).append(row)
    return found


def grown(rows, key, figure):
    """The figure for more of `key` to that for fewer, of each round."""
    few, many = (found for _, found in sorted(by(rows, key).items()))
    return [b[figure] / a[figure] for a, b in zip(few, many) if a[figure]]


def size_tables(figures):
    memory = {row["mailboxes"]: row for row in figures.of("memory")}
    counted = {row["mailboxes"]: row for row in figures.of("instructions")}
    for kind, key, title in (("cached", "mailboxes", "mailboxes cached"), ("idle", "idle", "idle connections")):
        rows = []
        for value, found in sorted(by(figures.of(kind), key).items()):
            middle = [statistics.median(row[name] for row in found) for name in ("rate", "cpu_us", "user_us", "p99_us")]
            more = [digits(memory[value]["rss"]) if value in memory else "-"] if kind == "cached" else []
            rows.append([f"{value:,}", digits(middle[0]), *map(duration, middle[1:]), *more])
        if rows:
            yield from ["", *table([title, "answers/s", "CPU each", "of it user time", "p99",
                                    *(["RSS, MiB"] if kind == "cached" else [])], rows)]
    if counted:
        yield ""
        yield "Instructions of the daemon for an answer, without the kernel's: " + ", ".join(
            f"{row['count']:,.0f} with {row['mailboxes']:,} mailboxes" for row in counted.values()) + \
            f" (counted by {next(iter(counted.values()))['how']})."


# ---- expectations ----

def judge(text, values, good):
    return [text, spread(values), "-" if not values else "met" if good(statistics.median(values)) else "**missed**"]


def expectations(figures):
    """Rows: what is expected, what was found, whether it is met."""
    def ratio(name, key, to=FIRST):
        return figures.ratios(name, BUSY, key, to)
    yield judge("hits: at least 0.9 of the floor's answers", ratio("hit", "rate"), lambda m: m >= 0.9)
    yield judge("hits: at most 1.25 times the floor's CPU", ratio("hit", "cpu_us"), lambda m: m <= 1.25)
    yield judge("hits: p99 at most twice the floor's", ratio("hit", "p99_us"), lambda m: m <= 2)
    settings = [found for name in ("quota-status", "quota-status-best") if (found := ratio("miss", "rate", name))]
    yield judge("misses: at least 30 times quota-status, by whichever setting is faster", list(map(min, zip(*settings))),
                lambda m: m >= 30)
    yield judge("misses: more than smmapd", ratio("miss", "rate", "smmapd"), lambda m: m > 1)
    yield judge("misses asked by socketmap: more than smmapd", ratio("miss-smmap", "rate", "smmapd"), lambda m: m > 1)
    if figures.of("memory"):
        most = max(figures.of("memory"), key=lambda row: row["mailboxes"])
        yield judge(f"memory with {most['mailboxes']:,} mailboxes cached: RSS under 160 MiB", [most["rss"]],
                    lambda m: m < 160)
    if figures.of("cached"):
        yield judge("flat: CPU with all mailboxes cached, at most 1.3 times that with 1,000",
                    grown(figures.of("cached"), "mailboxes", "cpu_us"), lambda m: m <= 1.3)
        yield judge("flat: CPU with 1,000 idle connections, at most 1.1 times that with one",
                    grown(figures.of("idle"), "idle", "cpu_us"), lambda m: m <= 1.1)
    if len(figures.of("instructions")) == 2:
        few, many = sorted(row["mailboxes"] for row in figures.of("instructions"))
        yield judge(f"flat: instructions with {many:,} mailboxes, at most 1.02 times those with {few:,}",
                    grown(figures.of("instructions"), "mailboxes", "count"), lambda m: m <= 1.02)


# ---- the page ----

def about(figures):
    """What the figures are of."""
    machine = figures.of("machine")[0]
    yield (f"{machine['cpus']} CPUs ({machine['processor']}), Linux {machine['kernel']}; rounds: {machine['rounds']}, of "
           f"{machine['seconds']} s each{' (--quick)' if machine['quick'] else ''}; load average before the first "
           f"{machine['load']:.1f}, and from 0.2 on others disturb it.")
    hits = [row["hits"] for row in figures.of("run") if "hits" in row]
    if hits:
        yield f"Of the mixed questions, {statistics.median(hits) * 100:.0f} % were answered from the cache."
    for row in figures.of("lacks"):
        yield f"Without {row['who']}; " + row["hint"]


def page(figures):
    judged = list(expectations(figures))
    yield from [*about(figures), "", "![answers a second, as a share of the floor's](performance.svg)", "",
                f"### Expectations, at {BUSY} kept connections", "",
                *table(["", "median (lowest-highest)", ""], judged), *cell_tables(figures), "",
                "### Many mailboxes, many connections", *size_tables(figures)]


def write(folder, text, figures):
    file = Path(folder, "performance.md")
    before, begin, rest = file.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"bench: {file} lacks the lines {BEGIN} and {END}")
    file.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")
    dots = [(TITLES[name], {mode: statistics.median(found) for mode in MODES
                            if (found := figures.ratios(name, mode, "rate"))})
            for name in figures.names if name != FIRST]
    Path(folder, "performance.svg").write_text(plot.draw(dots, SHORT))


def show(rows, folder=None):
    """Writes the page and the plot into the folder, if one is given, and prints the page."""
    figures = Figures(rows)
    text = "\n".join(page(figures))
    if folder:
        write(folder, text, figures)
    print(text)
