"""scripts/bench peers: does an answer cost the same with 1,000 mailboxes in the cache and with a million, with no idle
connection and with a thousand; and what memory a million mailboxes take.

All of them lie in one Maildir, for only the daemon is measured here. Instructions are those of the daemon outside of
the kernel: of the CPU's own counter where perf(1) can read it, which virtual machines often do not let it, else by
valgrind's callgrind. Under that a million mailboxes would take too long: a cache of 5,000 that is full stands in for
it, whose chains are as long.
"""
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import servers
from figures import ask

ROOT = Path(__file__).resolve().parent.parent
NOBODY = 65534

FEW, MANY, MANY_QUICK = 1_000, 1_000_000, 100_000
FULL = 5_000  # under callgrind
IDLE = 1_000
CONNECTIONS = 64
COUNTED = 10_000  # questions


def crowd(folder):
    """One Maildir for all mailboxes: the path takes one octet of their names."""
    root = folder / "crowd"
    subprocess.run([ROOT / "bench/maildirs", root, "1"], check=True)
    (root / "example.org/u000000").rename(root / "example.org/u")
    return root


def daemon(world, name, maildirs, room, folder=None):
    return servers.quotagate(world.binary, folder or world.folder, name, maildirs, "", local="%1n",
                             cache=f"mailboxes = {room}  {servers.TTL.format(ttl='1h')}")


def fill(world, server, users):
    ask(world.tools, server, "--users", users, "--questions", users, "--connections", CONNECTIONS, "--in-order")


def costs(world, server, users, turn):
    found = ask(world.tools, server, "--users", users, "--seconds", world.given.seconds, "--connections", CONNECTIONS,
                "--seed", turn + 1)
    return {key: found[key] for key in ("rate", "cpu_us", "user_us", "p99_us")}


def instructions_by_perf(world, server, users):
    """For each question; None where there is no perf, or nothing that it could count with."""
    if not shutil.which("perf"):
        return None
    with subprocess.Popen(["perf", "stat", "-x", ",", "-e", "instructions:u", "-p", str(server.process.pid)],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as perf:
        time.sleep(0.2)
        ask(world.tools, server, "--users", users, "--questions", COUNTED, "--connections", CONNECTIONS)
        perf.send_signal(signal.SIGINT)
        told = re.search(r"^(\d+),[^,]*,instructions", perf.communicate()[1], re.M)
    return int(told[1]) / COUNTED if told else None


def instructions_by_valgrind(world, name, maildirs, users, room):
    """Callgrind writes down what it has counted whenever the daemon is asked for its metrics."""
    out = world.folder / name
    out.mkdir()
    os.chmod(out, 0o777)
    server = daemon(world, "daemon", maildirs, room, out)
    with Path(out, "daemon.conf").open("a") as config:
        config.write("confine = off\n")  # valgrind knows no seccomp
    # Without rights from the start: callgrind opens its files late, when the daemon would have given up root.
    lower = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []
    server.command = [*(["setpriv", *lower] if lower else []), "valgrind", "--tool=callgrind", "--trace-children=no",
                      "--dump-before=metrics_text", f"--callgrind-out-file={out}/%p", *server.command]
    server.start()
    try:
        fill(world, server, users)
        servers.metrics(server)
        ask(world.tools, server, "--users", users, "--questions", COUNTED, "--connections", CONNECTIONS)
        servers.metrics(server)
        second = out / f"{server.process.pid}.2"
        total = re.search(r"^(?:summary|totals): (\d+)", second.read_text(), re.M) if second.exists() else None
    finally:
        server.stop()
    return int(total[1]) / COUNTED if total else None


def count_instructions(world, maildirs, few, many, users):
    """Rows: how counted, how many mailboxes, instructions."""
    by_perf = [instructions_by_perf(world, server, n) for server, n in ((few, FEW), (many, users))]
    if None not in by_perf:
        return [("perf", n, count) for n, count in zip((FEW, users), by_perf)]
    if not shutil.which("valgrind"):
        world.lacks("a count of instructions", "`scripts/need valgrind` gets what counts them.")
        return []
    return [("callgrind", n, instructions_by_valgrind(world, f"counted{n}", maildirs, n, room))
            for n, room in ((FEW, MANY), (FULL, FULL))]


def idle_connections(server, count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, count + 200)), hard))
    idle = []
    for _ in range(count):
        idle.append(socket.socket(socket.AF_UNIX))
        idle[-1].connect(str(server.socket))
    return idle


def measure(world, few, many, users):
    for turn in range(max(2, world.given.rounds)):
        for server, n in ((few, FEW), (many, users)) if turn % 2 else ((many, users), (few, FEW)):
            world.put(kind="cached", mailboxes=n, turn=turn, **costs(world, server, n, turn))
        for count in (1, IDLE) if turn % 2 else (IDLE, 1):
            idle = idle_connections(few, count)
            world.put(kind="idle", idle=count, turn=turn, **costs(world, few, FEW, turn))
            for connection in idle:
                connection.close()


def run(world):
    maildirs, users = crowd(world.folder), MANY_QUICK if world.given.quick else MANY
    few, many = (daemon(world, name, maildirs, MANY) for name in ("few", "many"))
    started = []
    try:
        for server, n in ((few, FEW), (many, users)):
            started.append(server.start())
            fill(world, server, n)
            world.put(kind="memory", mailboxes=n, rss=server.memory()[0][0])
        measure(world, few, many, users)
        for how, n, count in count_instructions(world, maildirs, few, many, users):
            world.put(kind="instructions", how=how, mailboxes=n, count=count)
    finally:
        for server in started:
            server.stop()
