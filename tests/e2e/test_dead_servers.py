"""A dead server behind each kind of store, as a postmaster meets it: the verdict, the log, `quotagate status`, the metrics, and
what they say when it answers again. Domains with several stores too."""
import re
import time

import pytest

from databases import secret
from enclosure import free_port, mbox, owned, until
from faulty import Faulty
from metrics import by_control
from redis import Redis
from test_status import row, status

DEAD = {
    "cyrus": 'type = cyrus  uri = "imap://127.0.0.1:{port}"  login = cyrus  password_file = "{secret}"  mailbox = "user/%u"',
    "imap": 'type = imap  uri = "imap://127.0.0.1:{port}"  login = "%u"  password_file = "{secret}"',
    "doveadm": 'type = dovecot  uri = "http://127.0.0.1:{port}/doveadm/v1"  key_file = "{secret}"',
    "status": 'type = dovecot  address = "inet:127.0.0.1:{port}"',
    "lmtp": 'type = lmtp  address = "inet:127.0.0.1:{port}"',
    "map": 'type = socketmap  address = "inet:127.0.0.1:{port}"',
    "postgres": 'type = sql  uri = "postgresql://quotagate@127.0.0.1:{port}/mail"  preset = postfixadmin',
    "mysql": 'type = sql  uri = "mysql://quotagate@127.0.0.1:{port}/mail"  preset = postfixadmin',
    "redis": 'type = redis  address = "inet:127.0.0.1:{port}"',
    "far": 'type = remote  server = "udp:127.0.0.1:{port}"  timeout = 50ms',
    "cgi": 'type = remote  server = "http://127.0.0.1:{port}/quota"',
    "maildir": 'type = maildir  path = "/nonexistent/%d/%n"',
    "mbox": 'type = mbox  path = "/nonexistent/%n"',
}
GATE = """
control = "{folder}/run/control.sock"
listen mta {{ protocol = policy  address = "inet:127.0.0.1:{port}" }}
rules {{ error = defer  unknown = reject }}
cache {{ ttl_low = 1ms  ttl_mid = 1ms  ttl_high = 1ms  ttl_none = 1ms  stale = 1ms }}
{more}
"""
NOBODY = "[Cc]onnection refused|no answer to|No such file or directory|Can't connect to server"


@pytest.fixture
def gate(idle_quotagate, folder):
    owned(folder / "run", "quotagate")

    def start(more):
        port = free_port()
        daemon = idle_quotagate(GATE.format(folder=folder, port=port, more=more))
        daemon.addresses = lambda: [f"inet:127.0.0.1:{port}"]  # behind the others nobody listens
        return daemon.start()
    return start


@pytest.fixture
def seen(folder):
    return lambda: by_control(folder / "run" / "control.sock")


def test_every_kind_tells_that_it_does_not_answer(gate, folder, seen):
    password = secret(folder / "secret", "0123456789abcdef")
    port = free_port()
    daemon = gate("".join(f"store {name} {{ {text.format(port=port, secret=password)} }}\n"
                          f"domain {name}.example {{ store = {name} }}\n" for name, text in DEAD.items()))
    before = seen()
    assert before("quotagate_store_answering") is before("quotagate_store_last_answer_time_seconds") is None
    assert row(status(daemon)["stores"], name="redis")["answering"] is None
    with daemon.policy() as mta:
        for name in DEAD:
            for number in range(2):
                assert mta.ask(f"joe@{name}.example", instance=f"{name}{number}").startswith("451 4.3.0 "), name
    after, stores = seen(), status(daemon)["stores"]
    for name in DEAD:
        line = re.search(rf"event=no-answer store={name} recipient=joe@{name}.example note=.*", daemon.said())
        assert line and re.search(NOBODY, line[0]), (name, line)
        assert len(re.findall(rf"event=no-answer store={name} ", daemon.said())) == 1, "once a minute"
        assert after("quotagate_store_answering", store=name) == 0
        assert after("quotagate_store_last_answer_time_seconds", store=name) is None
        assert after("quotagate_store_lookup_failures_total", store=name) == 2
        shown = row(stores, name=name)
        assert (shown["lookups"], shown["failed"], shown["answering"], shown["last_answer"]) == (2, 2, False, None)
        assert shown["wanted"] == (0 if name in ("status", "lmtp", "map") else 2), "nobody has a name to look up"
        said = daemon.check(f"joe@{name}.example")
        assert said.returncode == 3 and re.search(NOBODY, said.stdout) and "event=" not in said.stderr


def test_one_that_comes_back(gate, folder, started, seen):
    server = Redis(folder)
    started.append(server)
    daemon = gate(f'store rd {{ type = redis  address = "inet:127.0.0.1:{server.port}"  missing = empty }}\n'
                  "domain example.org { store = rd  limit = 1M }\n")
    with daemon.policy() as mta:
        for number in range(3):
            assert mta.ask("joe@example.org", instance=str(number)).startswith("451 ")
        server.start()
        until(lambda: mta.ask("joe@example.org", instance=str(time.monotonic())) == "DUNNO", "it answers")
        daemon.says(r"event=answers-again store=rd unlogged=\d+")
        shown = row(status(daemon)["stores"], name="rd")
        assert shown["answering"] is True and 0 <= shown["last_answer"] < 60
        assert abs(seen()("quotagate_store_last_answer_time_seconds", store="rd") - time.time()) < 60
        server.stop()
        until(lambda: mta.ask("joe@example.org", instance=str(time.monotonic())).startswith("451 "), "it is gone")
    assert len(re.findall("event=no-answer store=rd ", daemon.said())) == 1, "the minute is not over"
    assert row(status(daemon)["stores"], name="rd")["answering"] is False


def test_a_directory_too(gate, mail):
    mbox(mail / "joe", 100)
    daemon = gate(f'store boxes {{ type = mbox  path = "{mail}/%n"  user = vmail }}\n'
                  f'directory staff {{ type = ldap  uri = "ldap://127.0.0.1:{free_port()}"  base = "dc=example,dc=org"\n'
                  '  filter = "(mail=%u)" }\ndomain example.org { store = boxes  directory = staff }\n')
    with daemon.policy() as mta:
        assert mta.ask("joe@example.org").startswith("451 ")
    daemon.says("event=no-answer directory=staff recipient=joe@example.org note=.*an't contact LDAP server")
    assert row(status(daemon)["directories"], name="staff")["answering"] is False


@pytest.mark.parametrize("mode, notes", [
    (0o000, [r"{home}\S*: Permission denied", r"{home}/vmail\S*: Permission denied"]),
    (0o755, [r"{home}.* is empty: is its disk not mounted\?", "{home}/vmail: No such file or directory"]),
], ids=["ProtectHome=yes", "ProtectHome=tmpfs"])
@pytest.mark.parametrize("kind", ["maildir", "mbox"])
def test_homes_that_the_service_manager_hides(gate, folder, kind, mode, notes):
    """What lies over /home then is an empty folder of root's. Nobody without a mailbox is told apart there."""
    home = folder / "home"
    home.mkdir()
    home.chmod(mode)
    daemon = gate("".join(f'store {name} {{ type = {kind}  path = "{path}"  user = vmail }}\n'
                          f"domain {name}.example {{ store = {name} }}\n"
                          for name, path in (("itself", f"{home}/%n"), ("below", f"{home}/vmail/%n"))))
    with daemon.policy() as mta:
        for name, said in zip(("itself", "below"), notes):
            assert mta.ask(f"joe@{name}.example").startswith("451 ")
            daemon.says(f'event=no-answer store={name} recipient=joe@{name}.example note="?' + said.format(home=home))


# ---- a server of another kind ----

WRONG_PORT = {
    "cyrus": "it did not end the log-in in time, and said last: 220 mail ESMTP",
    "doveadm": "what it says is no HTTP",
    "status": "its answer is none of a policy server: 220 mail ESMTP",
    "lmtp": r"LHLO: 500 5.5.1 what\?",
    "map": "its answer is no netstring: 220 mail ESMTP",
    "postgres": "received invalid response to SSL negotiation: 2",
    "redis": "the answer is none of Redis",
    "cgi": "what it says is no HTTP",
}


def smtp(connection):
    connection.sendall(b"220 mail ESMTP\r\n")
    while connection.recv(4096):
        connection.sendall(b"500 5.5.1 what?\r\n")


def test_a_wrong_port_is_seen_by_what_is_said_there(idle_quotagate, folder, started):
    server, password = Faulty(smtp), secret(folder / "secret", "0123456789abcdef")
    started.append(server)
    texts = {name: DEAD[name].format(port=server.port, secret=password) + "  timeout = 500ms" for name in WRONG_PORT}
    texts["imaps"] = texts["cyrus"].replace("imap://", "imaps://")
    daemon = idle_quotagate(f'listen mta {{ protocol = policy  address = "unix:{folder}/mta" }}\n' + "".join(
        f"store {name} {{ {text} }}\ndomain {name}.example {{ store = {name} }}\n" for name, text in texts.items()))
    for name, said in {**WRONG_PORT, "imaps": r"; does it speak TLS on this port\?"}.items():
        done = daemon.check(f"joe@{name}.example")
        assert done.returncode == 3 and re.search(rf"note +.*{said}", done.stdout), (name, done.stdout)


# ---- several stores for a domain ----

def test_a_chain_of_stores(gate, folder, mail, seen):
    """The first that knows the address decides. One that does not answer ends the search: he may be there."""
    for place, octets in (("old/ann", 205_000), ("new/joe", 100)):
        for part in ("..", ".", "cur", "new", "tmp"):
            owned(mail / place / part, "vmail")
        (mail / place / "cur" / f"1.M1P1.test,S={octets}:2,S").touch()
    daemon = gate("".join(f'store {name} {{ type = maildir  path = "{mail}/{name}/%n"  user = vmail  limit = 200k }}\n'
                          for name in ("old", "new")) + "domain example.org { store = {old, new} }\n"
                  f'store dead {{ type = lmtp  address = "inet:127.0.0.1:{free_port()}" }}\n'
                  "domain example.com { store = {old, dead, new} }\n")
    with daemon.policy() as mta:
        assert mta.ask("ann@example.org").startswith("452 4.2.2 ")
        assert mta.ask("joe@example.org") == "DUNNO"
        assert mta.ask("nobody@example.org").startswith("550 5.1.1 ")
        assert mta.ask("ann@example.com").startswith("452 4.2.2 ")
        assert mta.ask("joe@example.com").startswith("451 4.3.0 ")
    stores = status(daemon)["stores"]
    assert [(s["name"], s["answering"]) for s in stores] == [("old", True), ("new", True), ("dead", False)]
    verdicts = seen()
    assert verdicts("quotagate_store_verdicts_total", store="old", action="defer") == 2
    assert verdicts("quotagate_store_verdicts_total", store="new", action="pass") == 1
    steps = daemon.check("joe@example.com").stdout
    assert re.search("stores asked +old dead new", steps) and steps.index("no such mailbox") < steps.index("did not answer")
