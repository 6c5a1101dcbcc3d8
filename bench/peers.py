"""scripts/bench peers: quotagate beside everything else that answers the same question.

Every contender gets the same questions about mailboxes of the same usage and the same limit. All run at once and are
asked in turn, round by round; a ratio is always one to the floor of the same round. What was measured are rows (a
dictionary each), from which peers_page.py makes tables, expectations and a plot, now or later (--from). It never fails
because of a number, but does where an answer is wrong.
"""
import json
import os
import platform
import socket
import subprocess
import sys
import threading
from pathlib import Path

import peers_page
import peers_sizes
import servers
from figures import Silent, ask
from peers_cyrus import Cyrus

ROOT = Path(__file__).resolve().parent.parent

# What bench/maildirs makes: of ten mailboxes the last one is full.
USERS, FULL_EVERY = 10_000, 10
LIMIT, USED, USED_FULL = 1000 << 20, 300_000_000, 1_050_000_000

PICKS = 1 << 20  # bench/picks.h: so many draws, then the same again

# Key, connections, a connection per question.
MODES = [("1", 1, False), ("8", 8, False), ("64", 64, False), ("new", 64, True), ("512", 512, False)]

FETCH = "`scripts/fetch-servers {}` gets it, and root can run it."
HALF = "mailboxes = {half}"  # the rest of that cache is as it comes
FIRST = "floor"
OURS = (FIRST, "hit", "mixed", "miss", "hit-smmap", "miss-smmap")  # whose silence is a fault


class Contender:
    """`server` is asked at `to` with these options of bench/load. `full`: the share of refusals, null: not told.

    `cannot`: {mode: why not}. `seldom`: the modes in which it takes its time, and is asked in every other round.
    `warm`: it begins a process for each connection, which shall not be measured. `behind`: whom it asks itself, whose
    processes of the name `idle` wait for others.
    """

    def __init__(self, name, server, *options, to=None, behind=None, idle=None, full=1 / FULL_EVERY, cannot=None,
                 seldom=(), warm=False):
        self.name, self.server, self.options, self.to = name, server, options, to or server.at
        self.behind, self.idle = behind, idle
        self.full, self.cannot, self.seldom, self.warm = full, cannot or {}, seldom, warm

    def ask(self, tools, *more):
        return ask(tools, self.server, "--users", USERS, *self.options, *more, to=self.to, behind=self.behind,
                   name=self.name)

    def resident(self):
        """MiB of all its processes; what they share counts once."""
        return sum(resident(pid, self.idle) for server in (self.server, self.behind) if server
                   for pid in server.processes())


def resident(pid, but):
    """MiB, with its share of what it shares; 0 when it has ended meanwhile, or has the name `but`."""
    try:
        if Path(f"/proc/{pid}/comm").read_text().strip() == but:
            return 0.0
        rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(row.split()[1]) for row in rows if row.startswith("Pss:")) / 1024


def zipf_full():
    """How often a full mailbox is asked about by Zipf's law."""
    weights = [1 / (user + 1) for user in range(USERS)]
    return sum(weights[FULL_EVERY - 1::FULL_EVERY]) / sum(weights)


def check(contender, figures):
    """Refusals are as many as mailboxes are full, give or take five standard deviations."""
    share = contender.full
    if share is None:
        return
    draws = min(figures["questions"], PICKS)
    if abs(figures["full"] / figures["questions"] - share) > 5 * (share * (1 - share) / draws) ** 0.5:
        raise SystemExit(f"bench: {contender.name} answers wrongly: {figures['line']}")


# ---- who is measured ----

ALL = tuple(mode[0] for mode in MODES)


def ours(world):
    """The floor and quotagate."""
    tools, folder, maildirs = world.tools, world.folder, world.maildirs
    hit, miss = (servers.quotagate(world.binary, folder, name, maildirs, ttl, smmap=True)
                 for name, ttl in (("hit", "1h"), ("miss", "0s")))
    mixed = servers.quotagate(world.binary, folder, "mixed", maildirs, "", cache=HALF.format(half=USERS // 2))
    smmap = ("--protocol", "socketmap")
    yield Contender(FIRST, servers.floor(tools, folder, FIRST), full=0)
    yield Contender("hit", hit)
    # One octet each: the most wanted mailboxes shall not become full of what is let in.
    yield Contender("mixed", mixed, "--zipf", "--size", 1, full=zipf_full())
    yield Contender("miss", miss)
    yield Contender("hit-smmap", hit, *smmap, to=f"{hit.at}.smmap")
    yield Contender("miss-smmap", miss, *smmap, to=f"{miss.at}.smmap")


def dovecots(world):
    tree = ROOT / ".cache/servers/dovecot"
    if os.geteuid() != 0 or not tree.is_dir():
        world.lacks("Dovecot", FETCH.format("dovecot"))
        return
    more = (ROOT, tree, world.folder)
    documented = servers.dovecot(*more, "documented", world.maildirs, world.owner, servers.DOCUMENTED)
    yield Contender("quota-status", documented, seldom=ALL, warm=True, cannot={"512": "it serves 100 connections, and lets the others wait"})
    yield Contender("quota-status-best", servers.dovecot(*more, "best", world.maildirs, world.owner), seldom=ALL)


def cyruses(world):
    tree = ROOT / ".cache/servers/cyrus"
    if os.geteuid() != 0 or not tree.is_dir():
        world.lacks("Cyrus", FETCH.format("cyrus"))
        return
    cyrus = Cyrus(ROOT, tree, world.folder)
    world.started.append(cyrus)
    cyrus.fill([(f"u{i:06d}", USED_FULL if i % FULL_EVERY == FULL_EVERY - 1 else USED, LIMIT) for i in range(USERS)])
    yield Contender("smmapd", cyrus, "--protocol", "socketmap", to=cyrus.smmap, seldom=("512",), warm=True)
    yield Contender("imap", servers.imap_policy(ROOT, world.folder, "imap", cyrus.imap), behind=cyrus,
                    idle="smmapd", seldom=ALL)


def others(world):
    """What reads the files itself, anew for each question."""
    tree, kept = ROOT / ".cache/servers/lighttpd", "it closes after each answer, as Exim wants it"
    yield Contender("forking", servers.forking(world.tools, world.folder, "forking"), "--protocol", "exim-quotad",
                    "--before", f"{world.maildirs}/example.org/", "--after", "/Maildir", full=None, seldom=ALL,
                    cannot={key: kept for key, _, fresh in MODES if not fresh})
    if not tree.is_dir():
        world.lacks("lighttpd", FETCH.format("lighttpd"))
        return
    yield Contender("cgi", servers.lighttpd(ROOT, tree, world.folder, "cgi", world.maildirs), "--protocol", "cgi",
                    seldom=ALL, cannot={"512": "it would run 512 scripts at once"})


def check_octets(world, forking):
    """Its protocol knows no refusal: that it reads the right file and adds up rightly is looked at beforehand."""
    for user, used in ((0, USED), (FULL_EVERY - 1, USED_FULL)):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(forking.socket))
            client.sendall(f"{world.maildirs}/example.org/u{user:06d}/Maildir\n".encode())
            answer = client.recv(100)
        if answer != f"{used}\n".encode():
            raise SystemExit(f"bench: {forking.name} answers wrongly: {answer}")


# ---- measuring ----

class World:
    """All that runs, and what came of it. Ended in the reverse order."""

    def __init__(self, given, tools, binary, folder, owner):
        self.given, self.tools, self.binary, self.folder, self.owner = given, tools, binary, folder, owner
        self.maildirs, self.started, self.rows = folder / "maildirs", [], []

    def put(self, **row):
        self.rows.append(row)
        if self.given.raw:
            with self.given.raw.open("a") as raw:
                print(json.dumps(row), file=raw)

    def lacks(self, who, hint):
        self.put(kind="lacks", who=who, hint=hint)

    def contenders(self):
        found = []
        for some in (ours, dovecots, cyruses, others):
            for contender in some(self):
                found.append(contender)
                if contender.server not in self.started:
                    self.started.append(contender.server.start())
        for contender in found:
            if contender.name in ("hit", "mixed"):
                contender.ask(self.tools, "--questions", USERS, "--connections", 8, "--in-order")
            elif contender.name == "forking":
                check_octets(self, contender.server)
        return found

    def stop(self):
        while self.started:
            self.started.pop().stop()


def hits_since(before, after):
    hits, questions = (after[name] - before[name]
                       for name in ("quotagate_cache_hits_total", "quotagate_questions_total"))
    return hits / questions


def measure_one(world, contender, mode, turn):
    """One cell of one round; with the first of its rounds goes what memory it takes meanwhile."""
    key, connections, fresh = mode
    seconds, sizes = world.given.seconds, []
    sampled = turn == 0 and os.geteuid() == 0  # nobody else may look at quotagate's
    how = ["--connections", connections, *(["--per-question"] if fresh else [])]
    sample = threading.Timer(seconds / 2, lambda: sizes.append(contender.resident()))
    if contender.warm:
        contender.ask(world.tools, *how, "--seconds", 1)
    before = servers.metrics(contender.server) if contender.name == "mixed" else None
    if sampled:
        sample.start()
    figures = contender.ask(world.tools, *how, "--seconds", seconds, "--seed", turn + 1)
    check(contender, figures)
    if sampled:
        sample.join()
    more = {"mib": sizes[0]} if sizes else {}
    if before:
        more["hits"] = hits_since(before, servers.metrics(contender.server))
    keep = {name: figures[name] for name in ("rate", "questions", "full", "p50_us", "p99_us", "p999_us", "user_us",
                                           "own_cpu_us")}
    world.put(kind="run", contender=contender.name, mode=key, turn=turn, **keep,
              cpu_us=figures["cpu_us"] + figures["behind_us"], **more)


def measure(world, contenders):
    for turn in range(world.given.rounds):
        for file in world.maildirs.glob("*/*/Maildir/maildirsize"):
            os.utime(file)  # an "over" in one older than 15 minutes is recounted
        for mode in MODES:
            for i in range(len(contenders)):
                contender = contenders[(i + turn) % len(contenders)]
                if mode[0] in contender.cannot or (turn % 2 and mode[0] in contender.seldom):
                    continue
                try:
                    measure_one(world, contender, mode, turn)
                except Silent as silent:
                    if contender.name in OURS:
                        raise
                    contender.cannot[mode[0]] = str(silent).splitlines()[0]
        print(f"round {turn + 1} of {world.given.rounds} is done", file=sys.stderr)
    for contender in contenders:
        for key, why in contender.cannot.items():
            world.put(kind="cannot", contender=contender.name, mode=key, why=why)


def run(given, tools, binary, folder):
    owner = 65534 if os.geteuid() == 0 else os.geteuid()
    world = World(given, tools, binary, folder, owner)
    if given.raw:
        given.raw.write_text("")  # two runs in one file would make one page
    world.put(kind="machine", cpus=os.cpu_count(), kernel=platform.release().partition("-")[0], load=os.getloadavg()[0],
              processor=processor(), users=USERS, rounds=given.rounds, seconds=given.seconds, quick=given.quick)
    subprocess.run([ROOT / "bench/maildirs", world.maildirs, str(USERS), "--owner", str(owner)], check=True)
    try:
        measure(world, world.contenders())
    finally:
        world.stop()
    peers_sizes.run(world)
    peers_page.show(world.rows, given.write)


def processor():
    names = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
             if line.startswith("model name")]
    return names[0] if names else platform.machine()


def again(given):
    """The page once more, from what a run left with --raw."""
    with given.source.open() as raw:
        peers_page.show([json.loads(line) for line in raw], given.write)
