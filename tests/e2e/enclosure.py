"""A mail server in namespaces of its own (scripts/enclose), with private users and a private /etc.

State lives in one folder a server. Its ends are hard: stop() kills, and everything inside is gone at once.
"""
import contextlib
import os
import random
import socket
import subprocess
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
SERVERS = TOP / ".cache" / "servers"

# Users that exist only inside; the numbers are free on any Debian.
USERS = {
    "postfix": 25001, "postdrop": 25002, "Debian-exim": 25003, "dovecot": 25004, "dovenull": 25005, "cyrus": 25006,
    "quotagate": 25010, "vmail": 25011, "defang": 25012,
    "postgres": 25021, "mysql": 25022,
}

# Seconds that anything may take before it counts as hung. Long beyond what a busy machine needs, for no test goes by the clock;
# shorter than the minute after which the daemon ends a helper that hangs.
PATIENCE = 40

# Local parts of the mailboxes at example.org.
MAILBOXES = ("full", "ok", "other", "burst", "joe")


def until(condition, what, seconds=PATIENCE):
    """The first true value that condition() gives; fails when there is none in time."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.01)


def free_port(host="127.0.0.1", family=socket.AF_INET, kind=socket.SOCK_STREAM):
    """Below those that connections which go out are given (ip_local_port_range): one of them may take such a port before the
    server that it is meant for."""
    while True:
        port = random.randrange(12000, 32000)
        with socket.socket(family, kind) as probe, contextlib.suppress(OSError):
            probe.bind((host, port))
            return port


def connects(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        return True
    except OSError:
        return False


class Here:
    """This machine, where a server runs unless it is given a host of its own (hosts.py has the like of this)."""

    name = None
    address = "127.0.0.1"
    enter = []  # what stands before a command so that it runs there
    etc_hosts = ""
    connects = staticmethod(connects)

    @staticmethod
    def port(_usual):
        return free_port()

    @staticmethod
    def inside():
        return contextlib.nullcontext()


HERE = Here()


def tail(path, octets=6000):
    try:
        return Path(path).read_text(errors="replace")[-octets:]
    except OSError:
        return ""


def write_etc(folder, hosts=""):
    """The private /etc: what is not in it shows through from the machine's own."""
    folder.mkdir(parents=True)
    passwd, group = Path("/etc/passwd").read_text(), Path("/etc/group").read_text()
    for name, number in USERS.items():
        passwd += f"{name}:x:{number}:{number}::/nonexistent:/usr/sbin/nologin\n"
        group += f"{name}:x:{number}:\n"
    (folder / "passwd").write_text(passwd)
    (folder / "group").write_text(group)
    (folder / "nsswitch.conf").write_text("passwd: files\ngroup: files\nshadow: files\nhosts: files\n")
    (folder / "hosts").write_text("127.0.0.1 localhost\n" + hosts)
    (folder / "resolv.conf").write_text("")


class Enclosure:
    """One server. `name` is also the folder of its programs in the cache; those of `trees` are there as well."""

    def __init__(self, name, folder, host=HERE, trees=()):
        self.host = host
        self.folder = Path(folder, name)
        self.etc = self.folder / "etc"
        write_etc(self.etc, host.etc_hosts)
        self.output = self.folder / "output"
        self.process = None
        for tree in (name, *trees):
            if not (SERVERS / tree).is_dir():
                raise AssertionError(f"{SERVERS / tree} is missing: run scripts/fetch-servers {tree}")
        self.tree = SERVERS / name
        over = [word for tree in (name, *trees) for word in ("--usr", SERVERS / tree)]
        self.command = [*host.enter, TOP / "scripts" / "enclose", *over, "--etc", self.etc,
                        "--host", f"{host.name or name}.test"]

    def logs(self):
        return [self.output]

    def run(self, *command, check=True):
        """Runs one of the server's commands and returns what it says."""
        done = subprocess.run([*self.command, *command], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if check and done.returncode != 0:
            raise AssertionError(f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def launch(self, *command, port):
        """Starts the server and waits until it listens."""
        with self.output.open("a") as output:
            self.process = subprocess.Popen([*self.command, *command], stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=output)

        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"{command[0]} ended at once:\n{tail(self.output)}")
            return self.host.connects(port)
        until(ready, f"{command[0]} listens on {port}")

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


def owned(path, user):
    """Makes a folder that belongs to one of the users above."""
    path.mkdir(parents=True, exist_ok=True)
    os.chown(path, USERS[user], USERS[user])
    return path


def mbox(path, octets):
    """Makes a mailbox of so many octets that the MTA can write to."""
    path.write_bytes(b"x" * octets)
    os.chown(path, USERS["vmail"], USERS["vmail"])
