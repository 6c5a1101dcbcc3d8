"""The store `dovecot` by doveadm's HTTP API: a real Dovecot with real deliveries, and one that misbehaves as told."""
import base64
import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import threading
import time

import pytest

from certificates import Certificates
from databases import descendants, secret
from dovecot import Dovecot
from enclosure import USERS, connects, free_port, until
from faulty import Faulty
from metrics import by_control
from smtp import message
from through import Through

LIMIT = 200 * 1024
KEY, PASSWORD = "k e/y+%", "pass:word"
HTTP = """
doveadm_api_key = {key}
doveadm_password = {password}
service doveadm {{
  inet_listener http {{
    address = 127.0.0.1
    port = {port}
    {more}
  }}
}}
"""
GATE = """
listen mta {{ protocol = policy  address = "inet:127.0.0.1:{port}" }}
store qs {{ type = dovecot  uri = "{uri}"  {options} }}
domain example.org {{ store = qs }}
{others}
cache {{ ttl_low = 1ms  ttl_mid = 1ms  ttl_high = 1ms  ttl_none = 1ms  stale = 1ms  settle = 1s }}
rules {{ error = defer  unknown = reject  timeout = 10m }}
"""


class WithDoveadm(Dovecot):
    def __init__(self, folder, mail, more="", listener="", **others):
        self.http = free_port()
        super().__init__(folder, mail, more=more + HTTP.format(key=KEY, password=PASSWORD, port=self.http, more=listener),
                         **others)
        self.uri = f"http://127.0.0.1:{self.http}/doveadm/v1"

    def signal(self, number):
        for pid in descendants(self.process.pid):
            with contextlib.suppress(ProcessLookupError):  # Dovecot's processes come and go
                os.kill(pid, number)


@pytest.fixture
def server(folder, mail, started):
    def start(**more):
        one = WithDoveadm(folder, mail, **more)
        started.append(one)
        return one.start()
    return start


@pytest.fixture
def key(folder):
    return secret(folder / "key", KEY)


@pytest.fixture
def gate(quotagate):
    """gate(uri, options): a daemon that remembers nothing, so that each question goes out."""
    return lambda uri, options, others="": quotagate(
        GATE.format(port=free_port(), uri=uri, options=options, others=others))


def facts(daemon, address, size=1):
    """The facts of check --json, and what it prints for people."""
    answer = json.loads(daemon.check("--json", "--size", str(size), address).stdout)[0]
    return answer


def note(daemon, address):
    return daemon.check(address).stdout


# ---- a real Dovecot ----

def test_what_dovecot_says(server, gate, key):
    dovecot = server(users=[f"{name}@example.org" for name in ("full", "ok", "rich", "none")],
                     fields={"rich@example.org": "userdb_quota_rule=*:storage=0",
                             "none@example.org": "userdb_mail_plugins=zlib"})
    assert dovecot.deliver("full@example.org", 150_000) and dovecot.deliver("full@example.org", 60_000)
    assert dovecot.deliver("ok@example.org", 100_000) and dovecot.deliver("rich@example.org", 1_000_000)
    daemon = gate(dovecot.uri, f'key_file = "{key}"')
    with daemon.policy() as mta:
        assert mta.ask("ok@example.org", size=10_000) == "DUNNO"
        assert mta.ask("ok+detail@example.org", size=10_000) == "DUNNO"
        assert mta.ask("full@example.org", size=1000).startswith("452 4.2.2 ")
        assert mta.ask("FULL+x@Example.org", size=1000).startswith("452 4.2.2 ")
        assert mta.ask("ok@example.org", size=9_000_000).startswith("552 5.2.3 ")
        assert mta.ask("rich@example.org", size=9_000_000) == "DUNNO"
        assert mta.ask("none@example.org", size=9_000_000) == "DUNNO"
        assert mta.ask("nobody@example.org").startswith("550 5.1.1 ")
        assert mta.ask("ok@elsewhere.example") == "DUNNO"
    assert "User quota" in note(daemon, "ok@example.org") and "server" in note(daemon, "ok@example.org")
    assert "no such user" in note(daemon, "nobody@example.org")
    assert "has no quota" in note(daemon, "none@example.org")


@pytest.mark.parametrize("name,size", [("a", 99_000), ("b", 101_000), ("c", 103_000), ("d", 128_500), ("e", 119_500),
                                       ("f", 125_000), ("g", 203_000)])
def test_the_verdict_is_that_of_the_delivery(server, gate, key, name, size):
    """A box that is half full, and messages of all sizes around what is left, Dovecot's grace of a tenth included."""
    dovecot = server(users=[f"{name}@example.org"])
    address = f"{name}@example.org"
    assert dovecot.deliver(address, 102_000)
    daemon = gate(dovecot.uri, f'key_file = "{key}"')
    body = message(size)
    with daemon.policy() as mta:
        said = mta.ask(address, size=len(body) + 200)  # and what Dovecot puts on top
    assert (said == "DUNNO") == dovecot.deliver(address, size), said


def test_figures_mean_no_more_than_they_may(server, gate, key, mail):
    """Dovecot rounds usage and limit up, whatever they are."""
    limits = {f"u{octets}": octets for octets in (50_000, 50 * 1024 - 1, 50 * 1024, 50 * 1024 + 1)}
    dovecot = server(users=[f"{name}@example.org" for name in limits], fields={
        f"{name}@example.org": f"userdb_quota_rule=*:bytes={octets}" for name, octets in limits.items()})
    daemon = gate(dovecot.uri, f'key_file = "{key}"')
    for number, (name, octets) in enumerate(limits.items()):
        assert dovecot.deliver(f"{name}@example.org", 2000 + 300 * number)
        lines = (mail / "example.org" / name / "Maildir" / "maildirsize").read_text().splitlines()[1:]
        held = sum(int(line.split()[0]) for line in lines)
        step = facts(daemon, f"{name}@example.org")["steps"][-1]
        assert 0 <= octets - step["limit"] < 1024 and 0 <= step["usage"] - held < 1024, (name, step)


def test_a_mask_is_no_user(server, gate, key):
    """Dovecot would go through all of its users."""
    dovecot = server()
    dovecot.deliver("ok@example.org", 1000)
    daemon = gate(dovecot.uri, f'key_file = "{key}"')
    for mask in ("*@example.org", "o?@example.org", "*"):
        assert "can have this name" in note(daemon, mask)
    for name in ('"o\\"k"@example.org', "o'k@example.org", "o%u@example.org", "ök@example.org"):
        assert "no such user" in note(daemon, name), name


def test_all_quota_roots_are_obeyed(server, gate, key):
    dovecot = server(more="plugin {\n quota2 = maildir:Few messages\n quota2_rule = *:messages=3\n}\n")
    daemon = gate(dovecot.uri, f'key_file = "{key}"')
    with daemon.policy() as mta:
        for _ in range(3):
            assert mta.ask("ok@example.org", size=1000) == "DUNNO"
            assert dovecot.deliver("ok@example.org", 1000)
            time.sleep(1.2)  # settle
        assert mta.ask("ok@example.org", size=1000).startswith("452 4.2.2 ")
    assert not dovecot.deliver("ok@example.org", 1000)


def test_the_password_will_do(server, gate, folder):
    dovecot = server()
    dovecot.deliver("ok@example.org", 1000)
    daemon = gate(dovecot.uri, f'password_file = "{secret(folder / "password", PASSWORD)}"')
    assert facts(daemon, "ok@example.org")["verdict"] == "pass"


def test_a_wrong_key_is_told_and_a_new_one_needs_no_restart(server, gate, key):
    dovecot = server()
    dovecot.deliver("ok@example.org", 1000)
    secret(key, "old")
    daemon = gate(dovecot.uri, f'key_file = "{key}"')
    with daemon.policy() as mta:
        assert mta.ask("ok@example.org").startswith("451 4.3.0 ")
        assert "HTTP status 401" in note(daemon, "ok@example.org")
        daemon.says("HTTP status 401")
        secret(key, KEY)
        assert mta.ask("ok@example.org") == "DUNNO"
        secret(key, KEY, mode=0o644)
        assert mta.ask("ok@example.org").startswith("451 4.3.0 ")
        daemon.says("others can neither read nor write")


def test_restart(server, gate, key):
    dovecot = server()
    dovecot.deliver("ok@example.org", 1000)
    daemon = gate(dovecot.uri, f'key_file = "{key}"')
    with daemon.policy() as mta:
        assert mta.ask("ok@example.org") == "DUNNO"
        dovecot.stop()
        until(lambda: not connects(dovecot.http), "nobody listens any more")
        assert mta.ask("ok@example.org").startswith("451 4.3.0 ")
        assert "onnection refused" in note(daemon, "ok@example.org")
        (dovecot.folder / "run" / "master.pid").unlink(missing_ok=True)
        dovecot.start()
        until(lambda: mta.ask("ok@example.org") == "DUNNO", "Dovecot answers again")


@pytest.mark.parametrize("names,days,want", [("IP:127.0.0.1", 2, "DUNNO"), ("IP:127.0.0.1", -1, "expired"),
                                             ("DNS:mail.example.org", 2, "127.0.0.1")])
def test_certificates(server, gate, key, folder, names, days, want):
    made = Certificates(folder, names)
    made.renew(names, days)
    dovecot = server(listener="ssl = yes", more=f"ssl = yes\nssl_cert = <{made.certificate}\nssl_key = <{made.key}\n")
    dovecot.deliver("ok@example.org", 1000)
    daemon = gate(dovecot.uri.replace("http:", "https:"), f'key_file = "{key}"  ca_file = "{made.authority}"')
    with daemon.policy() as mta:
        said = mta.ask("ok@example.org")
    if want == "DUNNO":
        assert said == want
    else:
        assert said.startswith("451 4.3.0 ")
        assert want in note(daemon, "ok@example.org")


def test_one_that_hangs_stops_nobody_else(server, gate, key, mail):
    dovecot = server()
    dovecot.deliver("ok@example.org", 1000)
    daemon = gate(dovecot.uri, f'key_file = "{key}"  timeout = 3s', others=(
        f'store boxes {{ type = maildir  path = "{mail}/%d/%n/Maildir"  user = vmail  rule = dovecot-2.3 }}\n'
        "domain example.net { store = boxes }"))
    box = mail / "example.net" / "joe" / "Maildir"
    for part in ("cur", "new", "tmp"):
        (box / part).mkdir(parents=True)
    subprocess.run(["chown", "-R", f"{USERS['vmail']}:{USERS['vmail']}", mail / "example.net"], check=True)
    with daemon.policy() as mta, daemon.policy() as other:
        assert mta.ask("ok@example.org") == "DUNNO"
        dovecot.signal(signal.SIGSTOP)
        mta.send(b"request=smtpd_access_policy\nprotocol_state=RCPT\nrecipient=ok@example.org\n\n")
        assert other.ask("joe@example.net") == "DUNNO"
        assert mta.waits()
        assert mta.answer().startswith("451 4.3.0 ")
        dovecot.signal(signal.SIGCONT)
        until(lambda: mta.ask("ok@example.org") == "DUNNO", "it answers again")


class Counted(Through):
    """A way to doveadm that holds what comes until `open` is set, and remembers how many users each request was about."""

    def __init__(self, port):
        super().__init__(port, self.count)
        self.open, self.users, self.head = threading.Event(), [], threading.local()

    def count(self, octets):
        got = getattr(self.head, "rest", b"") + octets
        while b"\r\n\r\n" in got:
            head, _, rest = got.partition(b"\r\n\r\n")
            length = int(re.search(rb"(?i)content-length: *(\d+)", head)[1])
            if len(rest) < length:
                break
            self.users.append(len(json.loads(rest[:length])))
            got = rest[length:]
        self.head.rest = got
        self.open.wait(15)


def ask_all(gate, doveadm, key, helpers, names, open_way):
    """What is said of each, when all are asked about before any helper has its first answer."""
    port, control = free_port(), f"{key.parent}/control"
    gate(f"http://127.0.0.1:{doveadm}/doveadm/v1", f'key_file = "{key}"  timeout = 20s  helpers = {helpers}', others=(
        f'control = "{control}"\nlisten web {{ protocol = http  address = "inet:127.0.0.1:{port}" }}'))
    clients = []
    for name in names:
        clients.append(http.client.HTTPConnection("127.0.0.1", port, timeout=15))
        clients[-1].request("GET", f"/quota?u={name}")
    until(lambda: by_control(control)("quotagate_store_helper_queue", store="qs") == len(names) - helpers, "all wait")
    open_way.set()
    return [client.getresponse().read().decode() for client in clients]


def test_many_users_in_one_request(server, gate, key, started):
    """While helpers wait for doveadm, 40 more are asked about: they go in a few requests, and each has its own figures."""
    names = [f"u{i}@example.org" for i in range(40)]
    dovecot = server(users=names, fields={name: f"userdb_quota_rule=*:storage={100 + i}k" for i, name in enumerate(names)}
                     | {names[33]: "userdb_mail_plugins=zlib"})
    for i in range(5, 40, 7):
        assert dovecot.deliver(names[i], 1000 * i)
    asked = [*names[:20], "nobody@example.org", *names[20:]]
    way = Counted(dovecot.http)
    started.append(way)
    said = [line.split() for line in ask_all(gate, way.port, key, 2, asked, way.open)]
    for name, (word, _, usage, limit, *_rest) in zip(asked, said):
        number = 0 if name == "nobody@example.org" else int(name[1:name.index("@")])
        assert word == "OK"
        if name in ("nobody@example.org", names[33]):
            assert (usage, limit) == ("0", "0")
        else:
            assert int(limit) == (99 + number) * 1024 + 1, name  # the least that Dovecot tells so
            assert int(usage) == 0 if number % 7 != 5 else 0 <= int(usage) - 1000 * number < 2048, name
    assert sum(way.users) == len(asked) and way.users[:2] == [1, 1]
    assert len(way.users) <= 12 and max(way.users) >= 15


def test_what_the_configuration_must_say(idle_quotagate):
    for options, want in [("", "key_file"), ('key_file = "/k"  password_file = "/p"', "key_file"),
                          ('key_file = "k"', "absolute")]:
        daemon = idle_quotagate(GATE.format(port=free_port(), uri="http://127.0.0.1:1/doveadm/v1", options=options,
                                            others=""), name=f"gate{len(options)}")
        done = daemon.command("config")
        assert done.returncode == 2 and want in done.stderr


# ---- one that misbehaves ----

def reply(body, status="200 OK"):
    return (f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"Connection: close\r\n\r\n{body}").encode()


def rows(*figures):
    return json.dumps([["doveadmResponse", [
        {"root": "User quota", "type": kind, "value": value, "limit": limit, "percent": "0"}
        for kind, value, limit in figures], "0"]])


def error(**what):
    return json.dumps([["error", what, "0"]])


ANSWERS = [
    (reply(rows(("STORAGE", "10", "1024"), ("MESSAGE", "7", "-"))), "pass"),
    (reply(rows(("STORAGE", "error", "error"))), '"error" of "error"'),
    (reply(rows(("STORAGE", "-5", "1024"))), '"-5" of "1024"'),
    (reply(rows(("MESSAGE", "1", "2"))), "no quota root tells of storage"),
    (reply(rows()), "no quota root tells of storage"),
    (reply("[]"), "another question"),
    (reply('[["doveadmResponse",[],"other"]]'), "another question"),
    (reply('[["doveadmResponse",[{'), "no JSON"),
    (reply(""), "no JSON"),
    (reply("[" * 60_000), "no JSON"),
    (reply(error(type="exitCode", exitCode=75)), "exit code 75"),
    (reply(error(type="exitCode", exitCode=64)), "exit code 64"),
    (reply(error(type="exitCode", exitCode=77)), "exit code 77"),
    (reply(error(type="exitCode", exitCode=9)), "exit code 9"),
    (reply(error(type="unAuthorized")), "it says unAuthorized"),
    (reply("bad \x01key", "401 Unauthorized"), "HTTP status 401: bad ?key"),
    (reply("", "500 Internal Server Error"), "HTTP status 500"),
    (reply("", "302 Found"), "HTTP status 302"),
    (b"HTTP/1.1 200 OK\r\nContent-Len", ""),
    (b"* BYE\r\n", ""),
    (b"", ""),
    (reply("x" * 3_000_000), "too long"),
    (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500_000 + b"\r\n", ""),
]


def read_request(connection):
    got = b""
    while b"\r\n\r\n" not in got or not got.endswith(b"]]"):
        got += connection.recv(65536)
    return got


def test_bad_answers(gate, key, started):
    faulty = Faulty()
    started.append(faulty)
    daemon = gate(f"http://127.0.0.1:{faulty.port}/doveadm/v1", f'key_file = "{key}"  timeout = 2s')
    for octets, want in ANSWERS:
        faulty.behave = lambda connection, octets=octets: (read_request(connection), connection.sendall(octets))
        said = note(daemon, "joe@example.org")
        if want == "pass":
            assert facts(daemon, "joe@example.org")["verdict"] == "pass"
        else:
            assert "451 4.3.0" in said and want in said, (octets[:200], said)


@pytest.mark.parametrize("to_several", [
    b'[["doveadmResponse",[],"0"]["error",{"type":"unknownMethod", "exitCode":0},"1"]]',  # as Dovecot 2.3 has it
    rows(("STORAGE", "10", "1024")).encode(), b"[]", None])
def test_one_that_answers_one_at_a_time(gate, key, started, to_several):
    """What is no answer to several is asked again about one; when it hangs up, none has an answer, and fewer go together."""
    opened, users = threading.Event(), []

    def behave(connection):
        commands = json.loads(read_request(connection).partition(b"\r\n\r\n")[2])
        users.append(len(commands))
        opened.wait(15)
        if len(commands) == 1:
            connection.sendall(reply(rows(("STORAGE", commands[0][1]["user"][1:3], "1024"))))
        elif to_several:
            connection.sendall(reply(to_several.decode()))
    faulty = Faulty(behave)
    started.append(faulty)
    said = ask_all(gate, faulty.port, key, 1, [f"u{number}@example.org" for number in range(10, 22)], opened)
    if to_several:
        assert said == [f"OK u{number}@example.org {number * 1024} {1023 * 1024 + 1}\n" for number in range(10, 22)]
        assert users == [1, 11] + [1, 2] * 9 + [1, 1]
    else:
        assert said[0] == f"OK u10@example.org 10240 {1023 * 1024 + 1}\n"
        assert all("OK" not in line for line in said[1:]) and users[:2] == [1, 11]


def test_one_that_says_nothing_or_drop_by_drop(gate, key, started):
    faulty = Faulty()
    faulty.behave = faulty.hang
    started.append(faulty)
    daemon = gate(f"http://127.0.0.1:{faulty.port}/doveadm/v1", f'key_file = "{key}"  timeout = 300ms')

    def drops(connection):
        for octet in reply(rows(("STORAGE", "10", "1024"))):
            connection.sendall(bytes([octet]))
            time.sleep(0.1)
    for number, behave in enumerate((faulty.hang, drops)):
        faulty.behave = behave
        with daemon.policy() as mta:
            assert mta.ask("joe@example.org").startswith("451 4.3.0 ")
        until(lambda: len(re.findall("reason=error .*timed out", daemon.said())) == number + 1, "the log tells why")


def test_what_is_asked(gate, key, started):
    """The whole address, as JSON has it, and the key as Dovecot wants it."""
    heard = []
    faulty = Faulty(lambda connection: (heard.append(read_request(connection)),
                                        connection.sendall(reply(rows(("STORAGE", "10", "1024"))))))
    started.append(faulty)
    daemon = gate(f"http://127.0.0.1:{faulty.port}/doveadm/v1", f'key_file = "{key}"')
    facts(daemon, 'a"b\\c@example.org')
    head, _, body = heard[0].partition(b"\r\n\r\n")
    assert json.loads(body) == [["quotaGet", {"user": 'a"b\\c@example.org'}, "0"]]
    assert b"Authorization: X-Dovecot-API " + base64.b64encode(KEY.encode()) in head
