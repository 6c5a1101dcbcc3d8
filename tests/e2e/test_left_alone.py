"""Real servers that accept connections and say nothing: after some questions they are left alone, and nobody waits for them
until one question is answered again. What is told of it: the log, the metrics and `quotagate status`."""
import re
import signal
import time

import pytest

from databases import Mariadb, schema, secret
from enclosure import free_port, mbox, owned, until
from metrics import by_control
from redis import Redis
from slapd import SUFFIX, Slapd
from test_doveadm import KEY, WithDoveadm
from test_status import row, status

FAILURES = 3  # in a row
CLIENTS = 12
GATE = """
control = "{folder}/run/control.sock"
listen mta {{ protocol = policy  address = "inet:127.0.0.1:{port}" }}
store rd {{ type = redis  address = "inet:127.0.0.1:{redis.port}"  missing = empty  timeout = 300ms  helpers = 1 }}
store db {{ type = sql  {mariadb}  preset = postfixadmin  timeout = 1s  helpers = 1 }}
store dv {{ type = dovecot  uri = "{dovecot.uri}"  key_file = "{key}"  timeout = 300ms  helpers = 1 }}
store boxes {{ type = mbox  path = "{mail}/%n"  user = vmail  helpers = 1 }}
directory staff {{ type = ldap  uri = "{slapd.uri}"  base = "{suffix}"  schema = inetlocal  timeout = 300ms  helpers = 1 }}
directory book {{ type = sql  {mariadb}  preset = postfixadmin  timeout = 1s  helpers = 1 }}
domain rd.example {{ store = rd }}
domain db.example {{ store = db }}
domain dv.example {{ store = dv }}
domain staff.example {{ store = boxes  directory = staff }}
domain book.example {{ store = boxes  directory = book }}
domain boxes.example {{ store = boxes }}
cache {{ ttl_low = 1ms  ttl_mid = 1ms  ttl_high = 1ms  ttl_none = 1ms  stale = 1ms }}
rules {{ error = defer  unknown = reject  timeout = 10s }}
"""
# Who asks a server, and what is said of an address that it does not know; the domain of the last is none of the book's.
ASKED = {"rd": "DUNNO", "db": "550 ", "dv": "550 ", "staff": "550 ", "book": "DUNNO"}
DIRECTORIES = ("staff", "book")


def kind(name):
    return "directory" if name in DIRECTORIES else "store"


class World:
    def __init__(self, folder, mail, started, idle_quotagate):
        self.folder, self.mail, self.port = folder, mail, free_port()
        self.servers = {"redis": Redis(folder), "mariadb": Mariadb(folder), "dovecot": WithDoveadm(folder, mail / "dovecot"),
                        "slapd": Slapd(folder, people=1)}
        for server in self.servers.values():
            started.append(server)
            server.start()
        self.servers["mariadb"].make("mail", schema("postfixadmin"))
        owned(folder / "run", "quotagate")
        self.daemon = idle_quotagate(GATE.format(
            folder=folder, mail=mail, port=self.port, key=secret(folder / "key", KEY), suffix=SUFFIX,
            **{**self.servers, "mariadb": self.servers["mariadb"].options("mail")}))
        self.daemon.addresses = lambda: [f"inet:127.0.0.1:{self.port}"]
        self.daemon.start()

    def seen(self):
        return by_control(self.folder / "run" / "control.sock")

    def peer(self, name, figure):
        return self.seen()(f"quotagate_peer_{figure}", **{kind(name): name})

    def is_in(self, name, state):
        return self.seen()("quotagate_peer_state", **{kind(name): name, "state": state}) == 1

    def signal(self, number):
        for server in self.servers.values():
            server.signal(number)

    def at_once(self, name, start):
        """So many questions about new addresses, and then their answers."""
        clients = [self.daemon.policy() for _ in range(CLIENTS)]
        for number, client in enumerate(clients, start):
            client.send(f"request=smtpd_access_policy\nprotocol_state=RCPT\nrecipient=u{number}@{name}.example\n\n".encode())
        answers = [client.answer() for client in clients]
        for client in clients:
            client.close()
        return answers


@pytest.fixture
def world(folder, mail, started, idle_quotagate):
    mbox(mail / "joe", 100)
    one = World(folder, mail, started, idle_quotagate)
    yield one
    one.signal(signal.SIGCONT)


def well(world, mta, name, who):
    return mta.ask(f"{who}@{name}.example", instance=str(time.monotonic())).startswith(ASKED[name])


def test_silent_servers(world):
    daemon = world.daemon
    with daemon.policy() as mta:
        for name in ASKED:
            assert well(world, mta, name, "before"), name
            assert world.is_in(name, "closed")
        world.signal(signal.SIGSTOP)
        for name in ASKED:
            # One helper asks one after the other: whoever waits behind the third is told when that one has failed.
            answers = world.at_once(name, 0)
            assert all(answer.startswith("451 4.3.0 ") for answer in answers), (name, answers)
            assert world.peer(name, "timeouts_total") == FAILURES, name
            host = daemon.says(rf"event=peer {kind(name)}={name} host=(\S+) state=open")[1]
            assert host in world.seen().labels("quotagate_peer_state", "peer")
            # The server is still silent, and nobody waits for it; it may be tried again meanwhile, if that takes so long.
            before = world.peer(name, "asked_total")
            answers = world.at_once(name, 100) + world.at_once(name, 200)
            assert all(answer.startswith("451 4.3.0 ") for answer in answers), (name, answers)
            assert world.peer(name, "asked_total") <= before + 2, name
            assert world.peer(name, "state") == 1
            assert mta.ask("joe@boxes.example") == "DUNNO"
        peers = status(daemon)["peers"]
        for name in ASKED:
            shown = row(peers, **{kind(name): name})
            assert shown["state"] in ("open", "half-open") and shown["timeouts"] >= FAILURES, shown
        assert not [p for p in peers if p["store"] == "boxes"], "files have no breaker"
        world.signal(signal.SIGCONT)
        for name in ASKED:
            until(lambda n=name: well(world, mta, n, "after"), f"{name} is asked again")
            daemon.says(rf"event=peer {kind(name)}={name} host=\S+ state=closed")
            assert world.is_in(name, "closed")
            assert len(re.findall(rf"event=peer {kind(name)}={name} ", daemon.said())) == 2, "opened once, closed once"
            daemon.says(rf"helper={name} pid=\d+ event=retired")  # after two faults another process begins anew
