"""A daemon with a listener of every kind before real Maildirs and mbox files, and those who ask it.

Nothing is cached for longer than a millisecond, so that each question is a look-up, and `error = defer` tells an answer that
nobody could give from one that lets the message pass.
"""
import os
import shutil
import tempfile
from pathlib import Path

from askers import FULL as REFUSED, PASS, Control, FreshPolicy, Line, MilterAsker, Policy, Socketmap, Web
from datagrams import free_udp_port
from enclosure import USERS, free_port, mbox, owned
from fault_plan import Injected
from metrics import by_control
from quotagate import Quotagate

PATIENCE_AFTER = 15  # seconds within which all must be well again
LIMIT = 10_000_000
HELPERS = 3  # of its stores, for as long as nobody turns the configuration
FULL, OK, OTHER = "full@example.org", "ok@example.org", "other@example.net"
FAR_FULL, FAR_OK, MAPPED = "full@example.com", "ok@example.com", "full@example.edu"
EXPECTED = {FULL: REFUSED, OK: PASS, OTHER: PASS, FAR_FULL: REFUSED, FAR_OK: PASS, MAPPED: REFUSED}


def maildir(mail, address, octets):
    """As Dovecot and Courier name their files: the size stands in the name."""
    local, _, domain = address.partition("@")
    made = mail / domain / local / "Maildir"
    for folder in ("cur", "new", "tmp"):
        (made / folder).mkdir(parents=True, exist_ok=True)
    if octets:
        (made / "cur" / f"1700000000.M1P1.host,S={octets}:2,S").touch()
    for path in [mail / domain, mail / domain / local, made, *made.rglob("*")]:
        os.chown(path, USERS["vmail"], USERS["vmail"])
    return made


class World:
    """`start()` it, ask by `askers` about `mailboxes`, `stop()` it. The folder goes with it."""

    mailboxes = (FULL, OK, OTHER)

    forgets = ("cache { ttl_low = 1ms  ttl_mid = 1ms  ttl_high = 1ms  ttl_none = 1ms  soft = 1  stale = 1ms"
               "  settle = 1s }\n")

    def __init__(self, kind=Injected, more="", clients=1000, each="", **start):
        self.folder = Path(tempfile.mkdtemp(prefix="qg"))
        self.folder.chmod(0o755)
        self.mail = owned(self.folder / "mail", "vmail")
        self.run = owned(self.folder / "run", "quotagate")
        maildir(self.mail, FULL, LIMIT + 1)
        maildir(self.mail, OK, 1000)
        mbox(self.mail / "other", 1000)
        self.ports = {name: free_port() for name in ("mta", "map", "milter", "web")}
        self.ports["line"] = free_udp_port()
        self.more, self.clients, self.each, self.turns = more, clients, each, 0  # `each`: options of every listener
        self.read_so_far = self.reloads = 0  # octets of the log, and what they told of
        self.gate = kind(self.folder, self.configuration(), **start)
        self.askers = self.make_askers()

    def listen(self, name, protocol, more=""):
        scheme = "udp" if name == "line" else "inet"
        return (f'listen {name} {{ protocol = {protocol}  address = "{scheme}:127.0.0.1:{self.ports[name]}"'
                f"  max_clients = {self.clients}  {self.each}  {more} }}\n")

    def turn(self):
        """A configuration unlike all before it: another store, so that helpers of another nursery take over, and every second
        time one more listener."""
        self.turns += 1
        more = f'store third {{ type = mbox  path = "{self.mail}/third{self.turns}/%n"  user = vmail  helpers = 1 }}\n'
        if self.turns % 2:
            more += f'listen more {{ protocol = policy  address = "unix:{self.run}/more.sock" }}\n'
        self.gate.reload(self.configuration(more))

    def turn_back(self):
        """As it was at the start."""
        self.turns = 0
        self.gate.reload(self.configuration())

    def configuration(self, more=""):
        return (f'control = "{self.run}/control.sock"\n'
                + self.listen("mta", "policy") + self.listen("map", "socketmap") + self.listen("milter", "milter")
                + self.listen("line", "check_quota", 'words { error = "QUOTA_ERROR" }') + self.listen("web", "http")
                + f'store vmail {{ type = maildir  path = "{self.mail}/%d/%n/Maildir"  user = vmail  helpers = 2'
                f"  helper_timeout = 4s  limit = {LIMIT} }}\n"
                f'store boxes {{ type = mbox  path = "{self.mail}/%n"  user = vmail  helpers = 1  limit = {LIMIT} }}\n'
                "domain example.org { store = vmail }\n"
                "domain example.net { store = boxes }\n"
                "rules { timeout = 2s  error = defer }\n"
                + self.forgets + self.more + more)

    def make_askers(self):
        at = {name: f"inet:127.0.0.1:{port}" for name, port in self.ports.items()}
        return [Policy(at["mta"]), FreshPolicy(at["mta"]), Socketmap(at["map"]), MilterAsker(at["milter"]),
                Line(self.ports["line"]), Web(at["web"]), Control(f"unix:{self.run}/control.sock")]

    def is_manned(self):
        """The daemon has all of its helpers. (One that it was told of too late lives on for a while without it.)"""
        metrics = by_control(f"{self.run}/control.sock")
        return metrics("quotagate_store_helpers") == metrics("quotagate_store_helpers_wanted")

    def start(self):
        self.gate.start()
        return self

    def stop(self):
        for asker in self.askers:
            asker.close()
        try:
            self.gate.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


class FarWorld(World):
    """Its mailboxes are another quotagate's, which is asked by datagrams, and as Cyrus' smmapd is."""

    mailboxes = (FAR_FULL, FAR_OK, MAPPED)

    def __init__(self):
        facts, smmapd = free_udp_port(), free_port()
        super().__init__(more=f'store far {{ type = remote  server = "udp:127.0.0.1:{facts}" }}\n'
                              f'store mapped {{ type = socketmap  address = "inet:127.0.0.1:{smmapd}"  map = quota }}\n'
                              "domain example.com { store = far }\ndomain example.edu { store = mapped }\n")
        for address in (FAR_FULL, FAR_OK, MAPPED):
            maildir(self.mail, address, LIMIT + 1 if EXPECTED[address] == REFUSED else 1000)
        self.backend = Quotagate(
            self.folder,
            f'listen farm {{ protocol = facts  address = "udp:127.0.0.1:{facts}" }}\n'
            f'listen map {{ protocol = socketmap  style = smmapd  address = "inet:127.0.0.1:{smmapd}" }}\n'
            f'store vmail {{ type = maildir  path = "{self.mail}/%d/%n/Maildir"  user = vmail  limit = {LIMIT} }}\n'
            f"{self.forgets}", name="backend")

    def start(self):
        self.backend.start()
        return super().start()

    def stop(self):
        self.backend.stop()
        super().stop()
