"""Mailboxes on other machines: real daemons on this one's loopback addresses, and a backend that misbehaves as told."""
import contextlib
import functools
import os
import re
import signal
import socket
import sqlite3
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from certificates import Certificates
from datagrams import free_udp_port
from enclosure import USERS, free_port, until
from facts import ANSWER, CLOCK, EVENT, FOUND, NOTED, QUESTION, REPLY, REQUEST, SEAL, Asker, Key

JOE, FULL = "joe@example.org", "full@example.org"
LIMIT = 1_000_000
# A backend that looks at the mailbox with each question, lends nothing, and soon lets go of a message that has ended.
ANEW = "cache { ttl_low = 1ms  ttl_mid = 1ms  ttl_high = 1ms  soft = 1  settle = 1s }\n"


def maildir(mail, name, octets):
    """A Maildir with one message."""
    home = mail / "example.org" / name / "Maildir"
    for part in ("cur", "new", "tmp"):
        (home / part).mkdir(parents=True)
    with (home / "cur" / f"1.M1P1.host,S={octets}:2,S").open("wb") as message:
        message.truncate(octets)
    subprocess.run(["chown", "-R", f"{USERS['vmail']}:{USERS['vmail']}", mail / "example.org"], check=True)


def mine(path, text, mode=0o640):
    """A secret of the daemon's user."""
    path.write_text(text)
    os.chown(path, USERS["quotagate"], USERS["quotagate"])
    path.chmod(mode)
    return path


@pytest.fixture
def key(folder):
    made = Key()
    mine(folder / "key", made.line + "\n")
    made.option = f'key_file = "{folder}/key"'
    return made


@pytest.fixture
def backend(idle_quotagate, mail, key):
    """backend(host, port, name, more): a daemon with the mailboxes."""
    maildir(mail, "joe", 100_000)
    maildir(mail, "full", LIMIT)

    def start(host="127.0.0.1", port=None, name="backend", more=""):
        port = port or free_udp_port(host)
        host = f"[{host}]" if ":" in host else host
        daemon = idle_quotagate(
            f'listen mta {{ protocol = policy  address = "inet:127.0.0.1:{free_port()}" }}\n'
            f'listen farm {{ protocol = facts  address = "udp:{host}:{port}"  {key.option} }}\n'
            f'listen web {{ protocol = http  address = "inet:{host}:{port}"  {key.option} }}\n'
            f'store boxes {{ type = maildir  path = "{mail}/%d/%n/Maildir"  user = vmail  limit = {LIMIT} }}\n'
            f"domain example.org {{ store = boxes }}\n{more}", name=name).start()
        daemon.port, daemon.place, daemon.web = port, f"udp:{host}:{port}", f"http://{host}:{port}"
        return daemon
    return start


@pytest.fixture
def frontend(idle_quotagate):
    """frontend(server, options): a daemon that asks there. It remembers nothing, so that each question goes out."""
    def start(servers, more="timeout = 100ms", top="", domain="", hosts=""):
        servers = ", ".join(f'"{server}"' for server in ([servers] if isinstance(servers, str) else servers))
        daemon = idle_quotagate(
            f'{top}\nlisten mta {{ protocol = policy  address = "inet:127.0.0.1:{free_port()}" }}\n'
            f"store far {{ type = remote  server = {{{servers}}}  {more} }}\n"
            f"domain example.org {{ store = far  {domain} }}\nrules {{ error = defer  timeout = 10s }}\n"
            "cache { ttl_low = 1ms  ttl_mid = 1ms  ttl_high = 1ms  ttl_none = 1ms  stale = 1ms }\n", name="frontend")
        with (daemon.folder / "etc" / "hosts").open("a") as names:
            names.write(hosts)
        return daemon.start()
    return start


@pytest.fixture
def mute():
    """A place where datagrams come in and nobody answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        yield f"udp:127.0.0.1:{one.getsockname()[1]}"


# ---- two daemons ----

@pytest.mark.parametrize("host", ["127.0.0.2", "::1"])
def test_a_frontend_judges_by_what_its_backend_says(frontend, backend, key, host):
    far = backend(host)
    gate = frontend(far.place, key.option)
    with gate.policy() as mta:
        assert mta.ask(JOE, size=1000) == "DUNNO"
        assert mta.ask(FULL, size=1000).startswith("452 4.2.2 ")
        assert mta.ask(JOE, size=2 * LIMIT).startswith("552 5.2.3 ")
        assert mta.ask("nobody@example.org") == "DUNNO"
    assert "event=peer" not in gate.said()


def test_check(frontend, backend, key):
    far = backend("127.0.0.2")
    gate = frontend(far.place, key.option)
    done = gate.check("--json", FULL)
    assert done.returncode == 1
    assert '"recount"' in done.stdout and "127.0.0.2" in done.stdout
    assert gate.check(JOE).returncode == 0


def test_the_directory_says_which_host(frontend, backend, key, folder):
    """One that it does not name, or that is none, or unknown, fails; the others answer."""
    port = free_udp_port("127.0.0.2")
    backend("127.0.0.1", port, "first")
    backend("127.0.0.2", port, "second")
    with sqlite3.connect(folder / "db") as db:
        db.execute("CREATE TABLE t (address, host)")
        db.executemany("INSERT INTO t VALUES (?, ?)", [
            (JOE, "127.0.0.1"), (FULL, "be.test"), ("none@example.org", None), ("odd@example.org", "a b"),
            ("lost@example.org", "nowhere.test")])
    db.close()
    gate = frontend("udp:%{host}:" + str(port), key.option, domain="directory = db", hosts="127.0.0.2 be.test\n",
                    top=f'directory db {{ type = sql  uri = "sqlite:{folder}/db"  ttl = 1ms\n'
                        'mailbox_query = "SELECT host FROM t WHERE address = :address" }')
    with gate.policy() as mta:
        assert mta.ask(JOE, size=1000) == "DUNNO"
        assert mta.ask(FULL, size=1000).startswith("452 4.2.2 ")
        for whom in ("none", "odd", "lost"):
            assert mta.ask(f"{whom}@example.org").startswith("451 4.3.0 ")
    assert "the directory names no host" in gate.check("none@example.org").stdout
    assert "what the directory names as host is none" in gate.check("odd@example.org").stdout
    assert "nowhere.test: " in gate.check("lost@example.org").stdout


def questions(dead):
    """How many came since, to a socket that answers none."""
    dead.setblocking(False)
    heard = []
    with contextlib.suppress(BlockingIOError):
        while True:
            heard.append(dead.recv(65536))
    return sum(octets[3] == QUESTION for octets in heard)


def test_a_host_with_two_addresses(frontend, backend, key):
    """The first is dead: the next try goes to the other, and the next question begins there."""
    far = backend("127.0.0.2")
    port = int(far.place.rpartition(":")[2])
    gate = frontend(f"udp:be.test:{port}", f"timeout = 1s  {key.option}",
                    hosts="127.0.0.3 be.test\n127.0.0.2 be.test\n")
    with gate.policy() as mta, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dead:
        dead.bind(("127.0.0.3", port))
        assert mta.ask(FULL, size=1000).startswith("452 4.2.2 ")
        assert questions(dead) == 1
        assert mta.ask(FULL, size=1000, instance="2").startswith("452 4.2.2 ")
        assert questions(dead) == 0


def test_a_backend_that_goes_and_comes_back(frontend, backend, key):
    far = backend("127.0.0.2")
    gate = frontend(far.place, f"timeout = 50ms  breaker_failures = 2  breaker_pause = 500ms  {key.option}")
    with gate.policy() as mta:
        assert mta.ask(FULL, size=1000).startswith("452 4.2.2 ")
        far.stop()
        for _ in range(3):
            assert mta.ask(FULL, size=1000).startswith("451 4.3.0 ")
        gate.says(f"event=peer store=far host={far.place[4:]} state=open")
        far.start()
        until(lambda: mta.ask(FULL, size=1000).startswith("452 4.2.2 "), "it is asked again")
        gate.says(f"event=peer store=far host={far.place[4:]} state=closed")


def test_a_backend_that_only_http_reaches(frontend, backend, mute, key):
    gate = frontend(mute, f'timeout = 50ms  http = "{backend("127.0.0.2").web}"  {key.option}')
    with gate.policy() as mta:
        assert mta.ask(JOE, size=1000) == "DUNNO"
        assert mta.ask(FULL, size=1000).startswith("452 4.2.2 ")
    assert gate.check(FULL).returncode == 1


def test_the_quota_cgi_of_a_quotagate(frontend, backend):
    gate = frontend(backend("127.0.0.2").web + "/cgi-bin/quota.cgi?u=%u", "")
    with gate.policy() as mta:
        assert mta.ask(JOE, size=1000) == "DUNNO"
        assert mta.ask(FULL, size=1000).startswith("452 4.2.2 ")
        assert mta.ask("nobody@example.org", size=1000) == "DUNNO"


def test_another_key(frontend, backend, key, folder):
    far = backend("127.0.0.2")
    mine(folder / "other", Key().line + "\n")
    gate = frontend(far.place, f'timeout = 50ms  key_file = "{folder}/other"')
    with gate.policy() as mta:
        assert mta.ask(FULL, size=1000).startswith("451 4.3.0 ")
    assert "127.0.0.2: no answer to 3 datagrams" in gate.check(FULL).stdout


# ---- what becomes of a transaction ----

@pytest.fixture
def charged(key):
    """charged(backend): the octets that it holds for messages on their way to joe."""
    with contextlib.ExitStack() as open_ones:
        @functools.cache
        def asker(port):
            return open_ones.enter_context(Asker(port, key, "127.0.0.2"))
        yield lambda far: asker(far.port).ask(JOE).charge


@pytest.mark.parametrize("abandoned", [True, False], ids=["abandoned", "ended"])
def test_ends_that_a_backend_did_not_hear_of(frontend, backend, key, charged, abandoned):
    """It stands still while transactions end, the last of which it was asked about meanwhile."""
    far = backend("127.0.0.2", more=ANEW)
    gate = frontend(far.place, f"timeout = 50ms  breaker_failures = 1  breaker_pause = 500ms  {key.option}")
    if abandoned:  # what a connection leaves behind is known to be so once the end of a message was asked about
        with gate.policy() as mta:
            mta.ask(JOE, size=10, state="END-OF-MESSAGE")
        until(lambda: charged(far) == 0, "that one is over")
    clients = [gate.policy() for _ in range(20)]
    for number, client in enumerate(clients):
        assert client.ask(JOE, size=10_000, instance=f"m{number}") == "DUNNO"
    assert charged(far) == 200_000
    far.signal(signal.SIGSTOP)
    try:
        assert clients[0].ask(JOE, size=10_000, instance="late").startswith("451 4.3.0 ")
        gate.says(f"event=peer store=far host={far.place[4:]} state=open")
        for client in clients:
            client.close()
        time.sleep(2)
    finally:
        far.signal(signal.SIGCONT)
    until(lambda: charged(far) <= 10_000, "it hears of them")
    until(lambda: charged(far) == 0, "and of the one that it may have charged afterwards")
    gate.says(f"event=peer store=far host={far.place[4:]} state=closed")


def test_ends_by_http(frontend, backend, mute, key, charged):
    """No datagram comes through."""
    far = backend("127.0.0.2", more=ANEW)
    gate = frontend(mute, f'timeout = 50ms  http = "{far.web}"  {key.option}')
    with gate.policy() as mta:
        assert mta.ask(JOE, size=10_000) == "DUNNO"
        time.sleep(1.5)
        assert charged(far) == 10_000
    until(lambda: charged(far) == 0, "it hears of the end")


# ---- a backend that does as it is told ----

def answer(one, octets):
    return [one.reply(octets)]


class Backend:
    """Answers questions as `misdeeds` say, one after the other, then well: what each makes of a message is sent."""

    def __init__(self, key):
        self.key, self.heard, self.misdeeds = key, [], []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.place = f"udp:127.0.0.1:{self.socket.getsockname()[1]}"
        self.answering = threading.Thread(target=self.run, daemon=True)
        self.answering.start()

    def logs(self):
        return []

    def stop(self):
        self.socket.sendto(b"", self.socket.getsockname())
        self.answering.join()
        self.socket.close()

    def reply(self, octets, state=FOUND, clock=0, note=b"", usage=LIMIT):
        assert self.key.seal(octets[:-SEAL]) == octets, "a wrong seal"
        fields = REQUEST.unpack_from(octets)
        assert fields[:2] == (b"QG", 1) and fields[3] == self.key.name
        if fields[2] == EVENT:
            state = NOTED
        else:
            self.heard.append(octets[REQUEST.size:REQUEST.size + fields[14]].decode())
        figures = (1, 0, 0, usage, LIMIT, 0, 0, 0, 0, 0, 0) if state == FOUND else (0,) * 11
        return self.key.seal(ANSWER.pack(b"QG", 1, REPLY, self.key.name, *fields[4:7],
                                         int((time.time() + clock) * 1000), state, 1, 1, 1, *figures, len(note)) + note)

    def run(self):
        while True:
            try:
                octets, sender = self.socket.recvfrom(65536)
            except OSError:
                return
            if not octets:
                return
            misdeed = self.misdeeds.pop(0) if self.misdeeds and octets[3] == QUESTION else answer
            for reply in misdeed(self, octets):
                self.socket.sendto(reply, sender)


@pytest.fixture
def fake(key, started):
    one = Backend(key)
    started.append(one)
    return one


def lose(_, octets):
    del octets
    return []


def garble(one, octets):
    good = one.reply(octets)
    return [os.urandom(200), b"", good[:-1], good + b"x", good[:50] + bytes([good[50] ^ 1]) + good[51:], b"Q" * 60_000]


def late(one, octets):
    """The answer to this one comes when the next try is here, which gets none."""
    one.misdeeds.insert(0, lambda *_: [one.reply(octets)])
    return []


def double(one, octets):
    return [one.reply(octets)] * 3


def replay(one, octets):
    """The answer to another question, which was good."""
    changed = bytearray(octets[:-SEAL])
    changed[31] ^= 1  # its id
    return [one.reply(one.key.seal(bytes(changed)))]


@pytest.mark.parametrize("misdeeds,heard", [
    ([], 1), ([lose], 2), ([lose, lose], 3), ([garble], 2), ([double], 1), ([replay], 2),
], ids=["well", "lost", "lost twice", "garbled", "thrice", "of another question"])
def test_faults(frontend, fake, key, misdeeds, heard):
    gate = frontend(fake.place, f"timeout = 500ms  {key.option}")
    fake.misdeeds = misdeeds
    with gate.policy() as mta:
        assert mta.ask(FULL, size=1000).startswith("452 4.2.2 ")
    assert fake.heard[0] == FULL
    assert len(fake.heard) <= heard


def test_late_answers_count(frontend, fake, key):
    gate = frontend(fake.place, f"timeout = 200ms  tries = 5  {key.option}")
    fake.misdeeds = [late]
    with gate.policy() as mta:
        assert mta.ask(FULL, size=1000).startswith("452 4.2.2 ")


def test_clocks_that_differ(frontend, fake, key):
    gate = frontend(fake.place, key.option)
    fake.misdeeds = [lambda one, octets: [one.reply(octets, CLOCK, clock=100)]] * 3
    with gate.policy() as mta:
        for number in range(3):
            assert mta.ask(FULL, size=1000, instance=number).startswith("451 4.3.0 ")
    fake.misdeeds = [lambda one, octets: [one.reply(octets, CLOCK, clock=-100)]]
    assert re.search(r"its clock is \d+ s behind ours", gate.check(FULL).stdout)
    assert len(re.findall(r"event=clock store=far host=\S+ behind=-\d+s", gate.said())) == 1


def test_many_at_once(frontend, fake, key):
    """Each connection has one question out; a tenth of the first tries is lost."""
    gate = frontend(fake.place, f"timeout = 300ms  {key.option}")
    fake.misdeeds = [lose if number % 10 == 0 else answer for number in range(200)]
    clients = [gate.policy() for _ in range(200)]
    for number, client in enumerate(clients):
        client.send(f"request=smtpd_access_policy\nprotocol_state=RCPT\nrecipient=u{number}@example.org\n"
                    f"size=1000\ninstance={number}\nsender=\n\n".encode())
    assert [client.answer()[:10] for client in clients] == ["452 4.2.2 "] * 200
    assert len(set(fake.heard)) == 200


# ---- by HTTP ----

class Web:
    """A web server; `answer`(method, path, headers, body) gives status and body."""

    def __init__(self, answer, certificates=None):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def respond(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, text = answer(self.command, self.path, self.headers, body)
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", text.decode())
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = respond

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if certificates:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(certificates.certificate, certificates.key)
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.place = f"{'https' if certificates else 'http'}://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def logs(self):
        return []

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def web(started):
    def make(answer, certificates=None):
        one = Web(answer, certificates)
        started.append(one)
        return one
    return make


def test_http_where_datagrams_are_lost(frontend, web, fake, mute, key):
    asked = []

    def answer(method, path, headers, body):
        if body[3] == QUESTION:
            asked.append((method, path, headers["Content-Type"]))
        return 200, fake.reply(body)
    gate = frontend(mute, f'timeout = 50ms  http = "{web(answer).place}"  breaker_failures = 2  {key.option}')
    with gate.policy() as mta:
        for number in range(4):
            assert mta.ask(FULL, size=1000, instance=number).startswith("452 4.2.2 ")
    assert asked == [("POST", "/v1/facts", "application/octet-stream")] * 4
    assert "event=peer" not in gate.said(), "an answer is an answer"


def test_http_of_several_servers(frontend, web, fake, mute, key):
    """The answer is that of the second server, and says nothing of the first."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as another:
        another.bind(("127.0.0.2", 0))
        second = f"udp:127.0.0.2:{another.getsockname()[1]}"
        urls = f'"http://127.0.0.1:{free_port()}", "{web(lambda method, path, headers, body: (200, fake.reply(body))).place}"'
        gate = frontend([mute, second], f"timeout = 50ms  http = {{{urls}}}  breaker_failures = 2  {key.option}")
        with gate.policy() as mta:
            for number in range(4):
                assert mta.ask(FULL, size=1000, instance=number).startswith("452 4.2.2 ")
    assert re.findall(r"event=peer .*", gate.said()) == [f"event=peer store=far host={mute[4:]} state=open"]


@pytest.mark.parametrize("answer,why", [
    (lambda *_: (400, b"no message that is believed\n"), "http: HTTP status 400: no message that is believed"),
    (lambda *_: (200, b""), "http: the answer is empty"),
    (lambda *_: (200, b"x" * 500), "http: its answer is not sealed with our key"),
    (lambda *_: (200, b"x" * 513), "http: the answer is too long"),
    (lambda *_: (302, b"http://127.0.0.1/"), "http: HTTP status 302"),
    (lambda *_: time.sleep(10) or (200, b""), "http: .*timed out"),
], ids=["refused", "empty", "rubbish", "long", "moved", "slow"])
def test_http_that_does_not_answer_well(frontend, web, mute, key, answer, why):
    gate = frontend(mute, f'timeout = 50ms  http = "{web(answer).place}"  http_timeout = 1s  {key.option}')
    with gate.policy() as mta:
        assert mta.ask(FULL, size=1000).startswith("451 4.3.0 ")
    assert re.search(f"127.0.0.1: no answer to 3 datagrams; {why}", gate.check(FULL).stdout), gate.check(FULL).stdout


def test_http_where_nobody_listens(frontend, mute, key):
    gate = frontend(mute, f'timeout = 50ms  http = "http://127.0.0.1:{free_port()}"  {key.option}')
    assert "no answer to 3 datagrams; http: Connection refused" in gate.check(FULL).stdout


def test_certificates_are_checked(frontend, web, fake, mute, key, folder):
    certificates = Certificates(folder)
    place = web(lambda method, path, headers, body: (200, fake.reply(body)), certificates).place
    certificates.authority.chmod(0o644)
    certificates.folder.chmod(0o755)
    gate = frontend(mute, f'timeout = 50ms  http = "{place}"  {key.option}  ca_file = "{certificates.authority}"')
    with gate.policy() as mta:
        assert mta.ask(FULL, size=1000).startswith("452 4.2.2 ")
    text = gate.configuration.read_text()
    gate.configuration.write_text(text.replace(f'ca_file = "{certificates.authority}"', ""))
    assert re.search("http: .*certificate", gate.check(FULL).stdout)


@pytest.mark.parametrize("names,days,want", [("IP:127.0.0.1", -1, "expired"), ("DNS:elsewhere.example", 2, "match")])
def test_certificates_that_will_not_do(frontend, web, fake, mute, key, folder, names, days, want):
    certificates = Certificates(folder)
    certificates.renew(names, days)
    certificates.authority.chmod(0o644)
    certificates.folder.chmod(0o755)
    place = web(lambda method, path, headers, body: (200, fake.reply(body)), certificates).place
    gate = frontend(mute, f'timeout = 50ms  http = "{place}"  {key.option}  ca_file = "{certificates.authority}"')
    with gate.policy() as mta:
        assert mta.ask(FULL, size=1000).startswith("451 4.3.0 ")
    gate.says(f"event=no-answer store=far .*{want}")


# ---- quota.cgi ----

def cgi(usage, quota, more=""):
    def answer(method, path, headers, body):
        del headers, body
        user = parse_qs(urlsplit(path).query)["u"][0]
        assert method == "GET"
        figures = usage.get(user)
        if figures is None:
            return 503, b"could not tell\n"
        word = "OVERQUOTA" if quota and figures > quota else "OK"
        return 200, f"{word} {user} {figures} {quota}{more}\n".encode()
    return answer


def test_quota_cgi(frontend, web):
    odd = "a b&c=%/+d@example.org"
    place = web(cgi({JOE: 100_000, FULL: LIMIT + 1, "zero@example.org": 0, odd: LIMIT + 1}, LIMIT)).place
    gate = frontend(f"{place}/cgi-bin/quota.cgi?u=%u", "")
    with gate.policy() as mta:
        assert mta.ask(JOE, size=1000) == "DUNNO"
        assert mta.ask(FULL, size=1000).startswith("452 4.2.2 ")
        assert mta.ask("zero@example.org", size=1000) == "DUNNO"
        assert mta.ask('"a b&c=%/+d"@example.org', size=1000).startswith("452 4.2.2 ")
        assert mta.ask("nobody@example.org").startswith("451 4.3.0 ")
    assert "HTTP status 503: could not tell" in gate.check("nobody@example.org").stdout
    said = gate.check(FULL).stdout
    assert "peer" in said and "it says OVERQUOTA" in said


def test_quota_cgi_keeps_the_ledger_here(frontend, web):
    gate = frontend(f"{web(cgi({JOE: 0}, LIMIT)).place}/quota?u=%u", "")
    with gate.policy() as mta:
        answers = [mta.ask(JOE, size=300_000, instance=number)[:9] for number in range(4)]
    assert answers == ["DUNNO"] * 3 + ["452 4.2.2"]


def test_quota_cgi_of_several_servers(frontend, web):
    """The next one is asked when one does not answer, and only then."""
    place = web(cgi({FULL: LIMIT + 1}, LIMIT)).place
    gate = frontend([f"http://127.0.0.1:{free_port()}/q?u=%u", f"{place}/q?u=%u"], "")
    with gate.policy() as mta:
        assert mta.ask(FULL, size=1000).startswith("452 4.2.2 ")
        assert mta.ask(JOE, size=1000).startswith("451 4.3.0 ")
    assert "Connection refused; " in gate.check(JOE).stdout


def test_tokens(frontend, web, folder):
    seen = []

    def answer(method, path, headers, body):
        seen.append(headers["Authorization"])
        return cgi({FULL: LIMIT + 1}, LIMIT)(method, path, headers, body)
    token = mine(folder / "token", "a-token-of-some-length\n")
    gate = frontend(f"{web(answer).place}/q?u=%u", f'token_file = "{token}"')
    with gate.policy() as mta:
        assert mta.ask(FULL, size=1000).startswith("452 4.2.2 ")
    assert seen == ["Bearer a-token-of-some-length"]
    token.chmod(0o644)
    assert "others can neither read nor write" in gate.check(FULL).stderr


# ---- what the configuration says ----

@pytest.mark.parametrize("options,complaint", [
    ('server = "udp:10.0.0.5"', "a port, 1 to 65535"),
    ('server = "udp:10.0.0.5:0"', "a port, 1 to 65535"),
    ('server = "udp::7359"', "expected udp:HOST:PORT"),
    ('server = "udp:::1:7359"', "expected udp:HOST:PORT"),
    ('server = "udp:a b:7359"', "no name of a host"),
    ('server = "udp:%d:7359"', "%d cannot be used here"),
    ('server = "inet:10.0.0.5:7359"', "expected udp:HOST:PORT, http://"),
    ('server = "http://%d/quota"', "%d cannot be used here"),
    ('server = "http://joe:secret@a/quota"', "token_file"),
    ('server = {"udp:10.0.0.5:7359", "http://a/q"}', "either all are asked by datagrams"),
    ('server = "http://a/q?u=%u"  http = "http://a"', "go with a server that is asked by datagrams"),
    ('server = "udp:10.0.0.5:7359"  http = "http://a"', "http needs a key_file"),
    ('server = "udp:10.0.0.5:7359"  http = "http://a/path"  key_file = "/k"', "expected no path"),
    ('server = {}', "expected 1 to 4"),
    ('server = "udp:10.0.0.5:7359"  http = {"http://a", "b"}  key_file = "/k"', "expected http://"),
    ('server = "udp:10.0.0.5:7359"  tries = 9', "8"),
    ('server = "udp:10.0.0.5:7359"  key_file = "key"', "expected an absolute path"),
])
def test_mistakes(idle_quotagate, options, complaint):
    gate = idle_quotagate(f'listen mta {{ protocol = policy  address = "inet:127.0.0.1:1" }}\n'
                          f"store far {{ type = remote  {options} }}\n")
    done = gate.command("config")
    assert done.returncode == 2
    assert f"{gate.configuration}:2: " in done.stderr and complaint in done.stderr
