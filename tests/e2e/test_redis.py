"""The store `redis`: a real Dovecot writes its usage into a real Redis, quotagate reads it there, and the two agree on which
message fits. Then what happens when Redis is slow, new, or does not want us, and a server that is none."""
import json

import pytest

from databases import secret
from enclosure import connects, free_port, mbox, until
from faulty import Faulty
from redis import PASSWORD, Redis

LIMIT = 1 << 20
JOE = "joe@example.org"
GATE = """
listen mta {{ protocol = policy  address = "inet:127.0.0.1:{port}" }}
store rd {{ type = redis  rule = dovecot-2.3  {options} }}
domain example.org {{ store = rd  limit = 1M }}
{sections}
cache {{ ttl_low = 1ms  ttl_mid = 1ms  ttl_high = 1ms  ttl_none = 1ms  stale = 1ms  settle = 1s }}
rules {{ error = defer  timeout = 10m }}
"""
DOVECOT = """
mail_plugins = quota quota_clone
plugin {{
  quota_clone_dict = redis:{where}
}}
"""
# Dovecot 2.3 can also keep its own books there.
DICT = """
plugin {{
  quota = dict:User quota::redis:{where}
}}
"""


@pytest.fixture
def redis(folder, started):
    def start(**more):
        one = Redis(folder, **more)
        started.append(one)
        return one.start()
    return start


def configuration(options, sections=""):
    return GATE.format(port=free_port(), options=options, sections=sections)


def at(server):
    return f'address = "inet:127.0.0.1:{server.port}"'


def put(server, user=JOE, storage=None, messages=None, prefix="", database=0):
    for what, value in (("storage", storage), ("messages", messages)):
        if value is not None:
            assert server.say("SET", f"{prefix}{user}/quota/{what}", str(value), database=database) == "OK"


def found(gate, address=JOE):
    """What the store said, of check --json."""
    step = json.loads(gate.check("--json", address).stdout)[0]["steps"][0]
    return {"found": (step.get("usage"), step.get("messages", 0))}.get(step["answer"], step["answer"])


def fits(gate, address, size):
    return gate.check("--size", str(size), address).returncode == 0


# ---- Dovecot writes, quotagate reads ----

@pytest.mark.parametrize("how,prefix", [(DOVECOT, ""), (DOVECOT, "dovecot/quota-"), (DICT, "d-")])
def test_the_verdict_is_that_of_the_delivery(redis, dovecot, idle_quotagate, mail, how, prefix):
    server = redis()
    where = f"host=127.0.0.1:port={server.port}" + (f":prefix={prefix}" if prefix else "")
    writer = dovecot(mail, quota="1M", more=how.format(where=where))
    gate = idle_quotagate(configuration(f'{at(server)}  prefix = "{prefix}"'))
    assert found(gate) == "no such mailbox"
    assert writer.deliver(JOE, 500_000) and writer.deliver(JOE, 400_000)
    until(lambda: found(gate)[1] == 2, "two messages are in Redis")
    usage, _ = found(gate)
    assert 880_000 <= usage <= 900_000
    room = LIMIT - usage + LIMIT // 10
    # See test_sql_store.py.
    assert not fits(gate, JOE, room + 6000) and not writer.deliver(JOE, room + 6000)
    assert fits(gate, JOE, room - 1000) and writer.deliver(JOE, room - 1000)
    until(lambda: found(gate)[1] == 3, "three messages are in Redis")
    assert not fits(gate, JOE, 1) and not writer.deliver(JOE, 100)
    writer.empty(JOE)
    until(lambda: found(gate) == (0, 0), "none is in Redis")
    assert fits(gate, JOE, 1000) and writer.deliver(JOE, 1000)


def test_odd_names(redis, dovecot, idle_quotagate, mail):
    """Dovecot writes a slash in a name otherwise."""
    server, names = redis(), ["a/b@example.org", "j.o-e_1@example.org"]
    writer = dovecot(mail, users=names, more="auth_username_chars =\nmail_location = maildir:{mail}/%Mu/Maildir\n" +
                     DOVECOT.format(where=f"host=127.0.0.1:port={server.port}"))
    gate = idle_quotagate(configuration(at(server)))
    for name in names:
        assert writer.deliver(name, 2000)
        until(lambda name=name: found(gate, name) != "no such mailbox", f"{name} is in Redis")
        assert found(gate, name)[1] == 1
    assert "a\\-b@example.org/quota/storage" in server.say("KEYS", "*storage").replace("\\\\", "\\")


# ---- what is in Redis ----

def test_values(redis, idle_quotagate):
    server = redis()
    gate = idle_quotagate(configuration(at(server)))
    put(server, "ok@example.org", 1000, 7)
    put(server, "few@example.org", 1000)
    put(server, "anew@example.org", -1, 7)
    put(server, "half@example.org", messages=7)
    put(server, "odd@example.org", "lots", 7)
    server.say("LPUSH", "list@example.org/quota/storage", "7")
    assert found(gate, "ok@example.org") == (1000, 7)
    assert found(gate, "OK+tag@Example.Org") in ("no such mailbox", (1000, 7))
    assert found(gate, "few@example.org") == (1000, 0)
    for name, words in (("anew", "below 0"), ("half", "storage is missing"), ("odd", "lots"), ("list", "WRONGTYPE")):
        assert found(gate, f"{name}@example.org") == "did not answer"
        assert words in gate.check(f"{name}@example.org").stdout, name
    assert found(gate, "nobody@example.org") == "no such mailbox"
    assert found(gate, "*") == "no such mailbox"
    gate.configuration.write_text(gate.configuration.read_text().replace("type = redis", "type = redis  missing = empty"))
    assert found(gate, "nobody@example.org") == (0, 0)
    assert fits(gate, "nobody@example.org", LIMIT) and not fits(gate, "nobody@example.org", LIMIT * 2)
    assert found(gate, "half@example.org") == "did not answer"


def test_a_strange_value_is_no_fault_of_the_server(redis, quotagate):
    """Who cannot be told about does not have the others left alone."""
    server = redis()
    put(server, storage=5, messages=1)
    put(server, "long@example.org", "9" * 1000, 7)
    put(server, "longer@example.org", "9" * 100_000, 7)
    server.say("LPUSH", "list@example.org/quota/storage", "7")
    gate = quotagate(configuration(f"{at(server)}  helpers = 1"))
    with gate.policy() as mta:
        for number in range(4):
            for name in ("long", "longer", "list"):
                assert mta.ask(f"{name}@example.org", instance=f"{name}{number}").startswith("451 4.3.0 ")
        assert mta.ask(JOE) == "DUNNO"
    assert "state=open" not in gate.said()


def test_place_and_rights(redis, idle_quotagate, folder):
    """A unix socket, another database, and a user that may do nothing but GET."""
    server = redis()
    put(server, storage=5, messages=1, prefix="p%u:", database=3)
    options = (f'address = "unix:{server.socket}"  prefix = "p%u:"  database = 3  login = quotagate'
               f'  password_file = "{secret(folder / "password", PASSWORD)}"')
    gate = idle_quotagate(configuration(options))
    assert found(gate) == (5, 1)
    gate.configuration.write_text(configuration(options.replace("database = 3", "database = 99")))
    assert found(gate) == "did not answer" and "DB index is out of range" in gate.check(JOE).stdout


def test_a_host_by_name(redis, idle_quotagate):
    server = redis()
    put(server, storage=5, messages=1)
    gate = idle_quotagate(configuration(f'address = "inet:localhost:{server.port}"'))
    assert found(gate) == (5, 1)
    gate.configuration.write_text(configuration('address = "inet:nowhere.invalid:6379"'))
    assert found(gate) == "did not answer"


# ---- what goes wrong ----

def test_one_that_wants_a_password(redis, quotagate):
    server = redis()
    server.say("CONFIG", "SET", "requirepass", "right")
    gate = quotagate(configuration(at(server)))
    with gate.policy() as mta:
        assert mta.ask(JOE).startswith("451 4.3.0 ")
    gate.says("NOAUTH Authentication required")


def test_a_wrong_password_and_the_right_one_later(redis, quotagate, folder):
    server = redis()
    put(server, storage=5, messages=1)
    password = secret(folder / "password", "guess")
    gate = quotagate(configuration(f'{at(server)}  login = quotagate  password_file = "{password}"'))
    with gate.policy() as mta:
        assert mta.ask(JOE).startswith("451 4.3.0 ")
        gate.says("WRONGPASS")
        assert "guess" not in gate.said()
        secret(password, PASSWORD)
        until(lambda: mta.ask(JOE) == "DUNNO", "the new password will do")


def test_a_new_connection_when_the_old_one_is_gone(redis, quotagate):
    server = redis()
    put(server, storage=5, messages=1)
    gate = quotagate(configuration(at(server)))
    with gate.policy() as mta:
        assert mta.ask(JOE) == "DUNNO"
        server.say("CLIENT", "KILL", "TYPE", "normal")
        assert mta.ask(JOE) == "DUNNO"
        server.stop()
        until(lambda: not connects(server.port), "nobody listens any more")
        assert mta.ask(JOE).startswith("451 4.3.0 ")
        server.start()
        put(server, storage=5, messages=1)
        until(lambda: mta.ask(JOE) == "DUNNO", "it answers again")
    gate.says("onnection refused")


def test_one_that_hangs_stops_nobody_else(redis, quotagate, mail):
    server = redis()
    put(server, storage=5, messages=1)
    mbox(mail / "ann", 100)
    gate = quotagate(configuration(
        f"{at(server)}  timeout = 3s",
        f'store boxes {{ type = mbox  path = "{mail}/%n"  user = vmail }}\ndomain example.net {{ store = boxes }}'))
    with gate.policy() as mta, gate.policy() as other:
        assert mta.ask(JOE) == "DUNNO"
        server.freeze()
        try:
            mta.send(f"request=smtpd_access_policy\nprotocol_state=RCPT\nrecipient={JOE}\n\n".encode())
            assert other.ask("ann@example.net") == "DUNNO"
            assert mta.waits()
            assert mta.answer().startswith("451 4.3.0 ")
        finally:
            server.thaw()
        until(lambda: mta.ask(JOE) == "DUNNO", "it answers again")
    gate.says("no answer in time")


@pytest.mark.parametrize("octets,want", [
    (b"-LOADING Redis is loading the dataset in memory\r\n" * 2, "LOADING Redis is loading"),
    (b"-MOVED 3999 127.0.0.1:6381\r\n" * 2, "MOVED 3999"),
    (b"$4\r\n12", "closed"),
    (b"* BYE\r\n", "none of Redis"),
    (b"*3\r\n" + b"$1\r\nx\r\n" * 3, "makes no sense"),
    (b"$10000000\r\n" + b"x" * 10_000_000, ""),
    (b"+x" + b"x" * 3_000_000, ""),
    (b"", "closed"),
], ids=["loading", "moved", "half", "bye", "several", "long", "endless", "nothing"])
def test_bad_answers(idle_quotagate, started, octets, want):
    """What a server would only say in a cluster, while it starts, or when it is no Redis at all."""
    faulty = Faulty(lambda connection: (connection.recv(65536), connection.sendall(octets)))
    started.append(faulty)
    gate = idle_quotagate(configuration(at(faulty) + "  timeout = 2s"))
    said = gate.check(JOE).stdout
    assert "did not answer" in said and want in said, said


def test_what_the_configuration_must_say(idle_quotagate):
    for options, want in [("", "address"), ('address = "127.0.0.1:6379"', "inet:host:port"),
                          ('address = "unix:/s"  login = joe', "password_file"),
                          ('address = "unix:/s"  password_file = "p"', "absolute")]:
        gate = idle_quotagate(configuration(options), name=f"gate{len(options)}")
        done = gate.command("config")
        assert done.returncode == 2 and want in done.stderr, (options, done.stderr)
