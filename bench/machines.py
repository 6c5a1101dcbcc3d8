"""scripts/bench machines: what it costs to ask another machine about a mailbox.

A backend is asked by datagrams and by HTTP, beside a web server with a quota.cgi on the same mailboxes; and a frontend
is asked that has its mailboxes on a backend, beside a quotagate that has them itself. All run at once on the loopback
and are asked in turn, several rounds of it; a ratio is always one within a round. It never fails because of a number.
"""
import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

import servers
from figures import ask, expect, spread

ROOT = Path(__file__).resolve().parent.parent
USERS = 10_000
FULL_SHARE = 0.10  # of the Maildirs that bench/maildirs makes, but for the roomy ones
FLIGHTS = (1, 8, 64)
TIMES = 20  # so many times the web server's rate

# What bench/maildirs and bench/load.c make, and the default of the option `soft`.
LIMIT, USAGE, MESSAGE, SOFT = 1000 << 20, 300_000_000, 4096, 50

NOTES = f"""
Questions about {USERS} users at random; every answer is read and checked. Warm page cache, one load generator with one
thread; so many questions in flight, each on a socket of its own. One in ten users is over quota, of the frontends' none.
 facts       datagrams of quotagate-facts(7), each a message of {MESSAGE} octets in a transaction of its own, to be charged;
             sealed, unless it says open; report: nothing is charged
 facts-http  the same messages by POST /v1/facts on kept connections
 http        quotagate's GET /cgi-bin/quota.cgi?u=USER; new: a connection for each question, as the scripts did that
             used to ask; else kept ones
 hit, miss   all facts cached and young (ttl_* = 1h, each user asked once before the first round), or none ever young
             (ttl_* = 0s), so that each question is a look-up by a helper
 cgi         lighttpd, its default of one process, no access log, kept connections that never end; bench/quota.cgi, Perl
             without a module, started anew for each question as CGI has it: it reads the maildirsize and adds it up,
             names the length of its answer, and neither looks for a user nor at the messages
 local       a quotagate that holds the mailboxes, asked by policy requests through a unix socket, as a hit
 cached      the same questions to a frontend whose mailboxes are on a backend: its facts and loans are young
 asking      the same, but its facts are never young (ttl_* = 0s): each question is one to the backend, which has a hit
CPU per answer: user and system time of all processes of a server; of a frontend, its backend's stand apart.
With 1 in flight it depends on the scheduler whether asker and server share a CPU, and so whether each question pays for
waking another one: the same server then takes 10 us or 50, and its spread is that wide."""


class Way:
    """How a server is asked: where, with which options of the load generator."""

    def __init__(self, name, server, *options, to=None, behind=None):
        self.name, self.server, self.options, self.to, self.behind = name, server, options, to, behind

    def ask(self, tools, *more):
        return ask(tools, self.server, "--users", USERS, *self.options, *more, to=self.to, behind=self.behind,
                   name=self.name)


def ways_to_ask(backend, kind, key):
    """`kind`: hit or miss."""
    facts = ("--protocol", "facts")
    yield Way(f"facts {kind}", backend, *facts, "--key-file", key, to=backend.sealed)
    if kind == "hit":
        yield Way("facts hit, report", backend, *facts, "--report", "--key-file", key, to=backend.sealed)
        yield Way("facts hit, open", backend, *facts, to=backend.open)
    if backend.web:
        yield Way(f"http {kind}", backend, "--protocol", "cgi", to=backend.web)
        yield Way(f"http {kind}, new", backend, "--protocol", "cgi", "--per-question", to=backend.web)
        yield Way(f"facts-http {kind}", backend, "--protocol", "facts-http", "--key-file", key, to=backend.web)


def datagrams(backend):
    """How many have come to its sealed listener."""
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(str(backend.socket))
        control.sendall(b"metrics\n")
        text = b"".join(iter(lambda: control.recv(65536), b"")).decode()
    return sum(int(line.rpartition(" ")[2]) for line in text.splitlines()
               if line.startswith('quotagate_listener_accepted_total{listener="sealed"'))


def check_share(way, figures, share):
    """Refusals, give or take five standard deviations."""
    off = abs(figures["full"] / figures["questions"] - share)
    if off > 5 * (share * (1 - share) / figures["questions"]) ** 0.5:
        raise SystemExit(f"bench: {way.name} answers wrongly: {figures['line']}")


def measure(given, tools, ways, share, maildirs):
    """{in flight: {way: [figures of each round]}}; the order turns from round to round."""
    cells = {flight: {way.name: [] for way in ways} for flight in FLIGHTS}
    for turn in range(given.rounds):
        for file in maildirs.glob("*/*/Maildir/maildirsize"):
            os.utime(file)  # an "over" in one older than 15 minutes is recounted
        for flight in FLIGHTS:
            for i in range(len(ways)):
                way = ways[(i + turn) % len(ways)]
                before = datagrams(way.behind) if way.behind else 0
                figures = way.ask(tools, "--connections", flight, "--seconds", given.seconds, "--seed", turn + 1)
                check_share(way, figures, share)
                if way.behind:
                    figures["sent"] = (datagrams(way.behind) - before) / figures["questions"]
                cells[flight][way.name].append(figures)
                if given.raw:
                    with given.raw.open("a") as raw:
                        print(f"round={turn} {figures['line']}", file=raw)
        print(f"round {turn + 1} of {given.rounds} is done", file=sys.stderr)
    return cells


def ratios(row, name, key, bases, best):
    """Each round's figure to the best of the bases' in that round."""
    rounds = zip(row[name], *(row[base] for base in bases))
    return [of[key] / best(base[key] for base in others) for of, *others in rounds if all(b[key] for b in others)]


def show(values):
    if not values:
        return "-"
    middle = statistics.median(values)
    return spread(values, ".0f" if middle >= 10 else ".2f" if middle >= 0.1 else ".4f")


def print_table(cells, bases, title):
    """`bases`: what ratios are to."""
    for flight, row in cells.items():
        print(f"\n{title}, {flight} in flight\n  {'':18}{'answers/s':>10}  {'rate ratio':22}{'CPU us':>9}{'user us':>9}  "
              f"{'CPU ratio':24}{'p50 us':>9}{'p99 us':>9}{'lost':>6}  backend")
        for name in sorted(row, key=lambda n: -statistics.median(f["rate"] for f in row[n])):
            middle = {key: statistics.median(f[key] for f in row[name])
                      for key in ("rate", "cpu_us", "user_us", "p50_us", "p99_us", "behind_us")}
            rate, cpu = (show(ratios(row, name, key, bases, best)) for key, best in (("rate", max), ("cpu_us", min)))
            sent = [f["sent"] for f in row[name] if "sent" in f]
            behind = f"  {middle['behind_us']:.2f} us, {statistics.median(sent):.3f} datagrams" if sent else ""
            print(f"  {name:18}{middle['rate']:10.0f}  {rate:22}{middle['cpu_us']:9.2f}{middle['user_us']:9.2f}  "
                  f"{cpu:24}{middle['p50_us']:9.1f}{middle['p99_us']:9.1f}{sum(f['lost'] for f in row[name]):6.0f}"
                  f"{behind}")


def print_expectations(cells, bases):
    print("\nExpectations")
    if not bases:
        print("  skipped  datagrams against CGI: no lighttpd; as root, scripts/fetch-servers lighttpd gets it")
        return
    for flight, row in cells.items():
        for kind in ("hit", "miss"):
            times = ratios(row, f"facts {kind}", "rate", bases, max)
            expect(f"sealed datagrams, {kind}, {flight} in flight: at least {TIMES} times the better CGI's rate",
                   spread(times, ".0f"), statistics.median(times) >= TIMES)


def renewals(messages):
    """How often a frontend asks again while it lets so many messages more into a mailbox it has asked about once."""
    room, let_in, asked = LIMIT // 100 * SOFT - USAGE, 1, 0
    while True:
        alone = ((room - let_in * MESSAGE) // 16 & ~1023) // MESSAGE
        if messages <= alone:
            return asked
        messages -= alone + 1
        let_in += alone + 1
        asked += 1


def settled(backend):
    """Events go out once connections have ended."""
    time.sleep(0.5)
    return datagrams(backend)


def print_network(tools, front, backend, questions=100_000, few=10):
    """What a frontend that is new to its backend sends it."""
    def send(connections, *more):
        before = settled(backend)
        ask(tools, front, "--connections", connections, *more)
        return settled(backend) - before

    first = send(8, "--users", USERS, "--questions", USERS, "--in-order")
    print(f"  {USERS} users asked about once: {first} datagrams, computed {2 * USERS}: a question for each, and an event "
          f"when its transaction ends")
    sent = send(8, "--users", USERS, "--questions", questions)
    expect(f"a frontend's cached answers cost no network: datagrams for the next {questions} answers", sent, sent == 0)
    # One at a time: while a loan is being renewed, others would ask too.
    sent = send(1, "--users", few, "--questions", questions, "--in-order")
    print(f"  {questions} answers more about {few} of them use up what was lent: {sent} datagrams for renewed loans, "
          f"computed {few * 2 * renewals(questions // few)}; a loan is also renewed when it ends, after the backend's "
          f"ttl_low")


class World:
    """All that runs. Ended in the reverse order."""

    def __init__(self, tools, binary, folder):
        self.tools, self.binary, self.folder = tools, binary, folder
        self.key, self.started = servers.write_key(folder), []
        self.web = servers.understands(binary, folder, 'listen web { protocol = http  address = "inet:127.0.0.1:1" }\n')

    def start(self, server):
        self.started.append(server.start())
        return server

    def stop(self):
        while self.started:
            self.started.pop().stop()

    def backend(self, name, maildirs, ttl):
        return self.start(servers.backend(self.binary, self.folder, name, maildirs, ttl, self.key, self.web))

    def frontend(self, name, backend, ttl):
        return self.start(servers.frontend(self.binary, self.folder, name, backend, ttl, self.key))

    def warm(self, way):
        way.ask(self.tools, "--questions", USERS, "--connections", 8, "--in-order")

    def backends(self, maildirs):
        """The ways to ask backends, and the names of those that are CGI."""
        hit, miss = self.backend("hit", maildirs, "1h"), self.backend("miss", maildirs, "0s")
        ways = [*ways_to_ask(hit, "hit", self.key), *ways_to_ask(miss, "miss", self.key)]
        self.warm(ways[0])
        tree = ROOT / ".cache/servers/lighttpd"
        if not tree.is_dir():
            return ways, []
        cgi = self.start(servers.lighttpd(ROOT, tree, self.folder, "cgi", maildirs))
        old = [Way("cgi", cgi, "--protocol", "cgi"), Way("cgi, new", cgi, "--protocol", "cgi", "--per-question")]
        return ways + old, [way.name for way in old]

    def frontends(self, roomy):
        rooms = self.backend("rooms", roomy, "1h")
        ways = [Way("local", self.start(servers.quotagate(self.binary, self.folder, "local", roomy, "1h"))),
                Way("cached", self.frontend("cached", rooms, "1h"), behind=rooms),
                Way("asking", self.frontend("asking", rooms, "0s"), behind=rooms)]
        for way in ways:
            self.warm(way)
        return ways


def make(root, owner, *more):
    subprocess.run([ROOT / "bench/maildirs", root, str(USERS), "--owner", str(owner), *more], check=True)
    return root


def run(given, tools, binary, folder):
    if not servers.understands(binary, folder, f'listen farm {{ protocol = facts  address = "udp:127.0.0.1:1"  '
                                               f'key_file = "{servers.write_key(folder)}" }}\n'):
        raise SystemExit("bench: this quotagate was built without libsodium, and asks no other machine")
    foreign, owner = os.getloadavg()[0], 65534 if os.geteuid() == 0 else os.geteuid()
    maildirs, roomy = make(folder / "maildirs", owner), make(folder / "roomy", owner, "--roomy")
    world = World(tools, binary, folder)
    try:
        ways, bases = world.backends(maildirs)
        old = measure(given, tools, ways, FULL_SHARE, maildirs)
        world.stop()
        front = measure(given, tools, world.frontends(roomy), 0.0, roomy)
        world.stop()
        print(NOTES)
        print(f"{os.cpu_count()} CPUs; load average before the first round {foreign:.1f}: from 0.2 on others disturb it")
        if not world.web:
            print("This quotagate has no front http, so that nothing is asked by HTTP.")
        print_table(old, bases, "Backends (ratio: to the better CGI)")
        print_table(front, ["local"], "Frontends (ratio: to local)")
        print_expectations(old, bases)
        backend = world.backend("lender", roomy, "1h")
        print_network(tools, world.frontend("borrower", backend, "1h"), backend)
    finally:
        world.stop()
