"""Questions by HTTP, asked by the clients that people have: curl, Python, Perl with a bare socket; and by nobody's client."""
import http.client
import json
import os
import re
import resource
import signal
import socket
import subprocess
import time
from urllib.parse import quote

import pytest

from certificates import Certificates
from enclosure import PATIENCE, USERS, free_port, mbox, owned, until
from facts import FOUND, NO_MAILBOX, NOTED, QUESTION, ABANDONED, EVENT, Asker, Key, decode
from metrics import Metrics, by_control
from policy import read_all

TOKEN = "a-token-of-32-octets-or-so-1234567890"


def web(address, options=""):
    return f'listen web {{ protocol = http  address = "{address}"  {options} }}\n'


@pytest.fixture
def boxes(mail):
    """The store, in words of the configuration."""
    mbox(mail / "full", 205_000)
    mbox(mail / "ok", 0)
    mbox(mail / "joe", 1000)
    mbox(mail / "joe+lists", 2000)
    return (f'store boxes {{ type = mbox  path = "{mail}/%n"  limit = 200k  user = vmail  helpers = 2 }}\n'
            f"domain example.org {{ store = boxes }}\n")


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def start(quotagate, boxes, port, folder):
    """start(options of the section, more of the configuration): a daemon that is up."""
    control = f'control = "{owned(folder / "run", "quotagate")}/control"\n'
    return lambda options="", more="": quotagate(control + web(f"inet:127.0.0.1:{port}", options) + boxes + more)


@pytest.fixture
def gate(start):
    return start()


class Client:
    """A connection that is kept, by Python's own client."""

    def __init__(self, port, **headers):
        self.connection, self.headers = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE), headers

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def ask(self, method, path, body=None, **headers):
        self.connection.request(method, path, body, {**self.headers, **headers})
        self.answer = self.connection.getresponse()
        return self.answer.status, self.answer.read().decode("latin-1")

    def get(self, path):
        return self.ask("GET", path)

    def json(self, path):
        status, text = self.get(path)
        return status, json.loads(text)

    def post(self, path, **form):
        body = "&".join(f"{name}={quote(str(value))}" for name, value in form.items())
        status, text = self.ask("POST", path, body, **{"Content-Type": "application/x-www-form-urlencoded"})
        return status, json.loads(text)


@pytest.fixture
def client(gate, port):
    with Client(port) as one:
        yield one


def curl(*arguments, check=True):
    done = subprocess.run(["curl", "-sS", "-m", str(PATIENCE), *arguments], capture_output=True, text=True)
    assert not check or done.returncode == 0, done
    return done.stdout if check else done


def raw(port, octets, seconds=PATIENCE, source="127.0.0.1"):
    """What comes back, and whether the connection was closed then."""
    got, closed = b"", False
    with socket.create_connection(("127.0.0.1", port), timeout=seconds, source_address=(source, 0)) as connection:
        try:
            connection.sendall(octets)
            while chunk := connection.recv(65536):
                got += chunk
            closed = True
        except TimeoutError:
            pass
        except ConnectionError:
            closed = True
    return got, closed


def statuses(octets):
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d\d\d) ", octets)]


# ---- the line of the quota scripts ----


@pytest.mark.parametrize("path", ["/cgi-bin/quota.cgi", "/quota"])
def test_the_line(client, path):
    assert client.get(f"{path}?u=full@example.org") == (200, "OVERQUOTA full@example.org 205000 204800\n")
    assert client.answer.getheader("Content-Type") == "text/plain"
    assert client.get(f"{path}?u=ok") == (200, "OK ok 0 204800\n")
    assert client.get(f"{path}?u=noone@example.org") == (200, "OK noone@example.org 0 0\n")
    assert client.get(f"{path}?u=noone@elsewhere.example") == (200, "OK noone@elsewhere.example 0 0\n")


def test_a_plus_is_a_plus(client):
    assert client.get("/quota?u=joe+lists@example.org") == (200, "OK joe+lists@example.org 2000 204800\n")
    assert client.get("/quota?u=joe%2Blists@example.org") == (200, "OK joe+lists@example.org 2000 204800\n")
    assert client.get("/quota?u=joe+other@example.org") == (200, "OK joe+other@example.org 1000 204800\n")


@pytest.mark.parametrize("address", ["a%b", 'a"b', "a b", "<nobody-here>", "a;b", "a#b", "a&b=c", "a'b", "\xfc\xff", "a\\b",
                                     "../etc/passwd", "a@b@c", "@", "", "x" * 600])
def test_odd_addresses_come_back_as_they_were_asked(client, address):
    assert client.get("/quota?u=" + quote(address, encoding="latin-1")) == (200, f"OK {address} 0 0\n")


def test_octets_that_old_clients_do_not_encode(gate, port):
    got, _ = raw(port, b"GET /quota?u=\xfc'\";<>\\@example.org HTTP/1.0\r\n\r\n")
    assert got.endswith(b"\r\n\r\nOK \xfc'\";<>\\@example.org 0 0\n")


@pytest.mark.parametrize("query", ["", "?", "?u", "?v=full", "?u=full&u=ok", "?u=full&x=1", "?u=a%0Ab", "?u=a%0d",
                                   "?u=%00", "?u=%7f", "?u=%4", "?u=%zz", "?u=100%"])
def test_queries_that_are_refused(client, query):
    status, _ = client.get("/quota" + query)
    assert (status, query) == ((200, "?u") if query == "?u" else (400, query))
    assert client.get("/quota?u=ok")[0] == 200, "the connection stays"


def test_messages_are_told_when_they_are_counted(quotagate, mail, port):
    for folder in ("new", "cur", "tmp"):
        (mail / "box" / folder).mkdir(parents=True)
    (mail / "box" / "new" / "1.x.y,S=100").write_bytes(b"x" * 100)
    subprocess.run(["chown", "-R", str(USERS["vmail"]), str(mail)], check=True)
    quotagate(web(f"inet:127.0.0.1:{port}") + f'store boxes {{ type = maildir  path = "{mail}/%n"  limit = 10k\n'
              "  message_limit = 50  user = vmail }\ndomain example.org { store = boxes }\n")
    with Client(port) as client:
        assert client.get("/quota?u=box@example.org") == (200, "OK box@example.org 100 10240 1 50\n")


def test_without_a_limit_the_quota_is_0(quotagate, mail, port):
    mbox(mail / "ok", 10)
    quotagate(web(f"inet:127.0.0.1:{port}") + f'store boxes {{ type = mbox  path = "{mail}/%n"  user = vmail }}\n'
              "domain example.org { store = boxes }\n")
    with Client(port) as client:
        assert client.get("/quota?u=ok@example.org") == (200, "OK ok@example.org 10 0\n")


def test_the_line_tells_what_shadow_mode_lets_pass(start, port):
    start(more="rules { shadow = true }\n")
    with Client(port) as client:
        assert client.get("/quota?u=full@example.org")[1].startswith("OVERQUOTA ")
        assert client.json("/v1/check?recipient=full@example.org")[1]["waived"] == "shadow"


def test_a_store_that_does_not_answer_is_503(start, port):
    gate = start(more="rules { timeout = 1s }\n")
    stopped(gate)
    with Client(port) as client:
        assert client.get("/quota?u=full")[0] == 503
        assert client.get("/v1/mailbox/full")[0] == 503
        status, answer = client.json("/v1/check?recipient=full@example.org")
        assert (status, answer["verdict"], answer["reason"]) == (200, "pass", "error")


def test_perl_with_a_bare_socket(gate, port):
    program = r"""use IO::Socket;
        my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $ARGV[0], Proto => "tcp") or die;
        print $s "GET /cgi-bin/quota.cgi?u=$ARGV[1] HTTP/1.0\r\n\r\n";
        my @lines = <$s>; print $lines[-1];"""
    for user, line in {"full": "OVERQUOTA full 205000 204800\n", "joe+lists": "OK joe+lists 2000 204800\n"}.items():
        done = subprocess.run(["perl", "-e", program, str(port), user], capture_output=True, text=True, timeout=PATIENCE)
        assert done.stdout == line, done


def test_curl(gate, port):
    place = f"http://127.0.0.1:{port}"
    assert curl(f"{place}/quota?u=full") == "OVERQUOTA full 205000 204800\n"
    assert curl("-0", f"{place}/quota?u=full") == "OVERQUOTA full 205000 204800\n"
    head = curl("-I", f"{place}/quota?u=full")
    assert "Content-Length: 29" in head and "OVERQUOTA" not in head
    answer = json.loads(curl("--data-urlencode", "recipient=joe+lists@example.org", "-d", "size=1000",
                             f"{place}/v1/check"))
    assert (answer["address"], answer["verdict"]) == ("joe+lists@example.org", "pass")


# ---- /v1/check ----


def test_check_explains_itself(client, mail):
    status, answer = client.json("/v1/check?recipient=full@example.org&size=1000")
    assert status == 200
    assert client.answer.getheader("Content-Type") == "application/json"
    step, = answer.pop("steps")
    assert (step["store"], step["answer"], step["usage"], step["limit"]) == ("boxes", "found", 205_000, 204_800)
    facts = answer.pop("facts")
    assert facts.pop("age_ms") < 5000
    assert facts == {"state": "found", "usage": 205_000, "limit": 204_800, "messages": 0, "message_limit": 0,
                     "charge": 0, "charge_messages": 0, "source": "stat", "firm": True}
    assert answer == {"address": "full@example.org", "size": 1000, "verdict": "defer", "reason": "full", "waived": "no",
                      "reply": "452 4.2.2 Quota exceeded for full@example.org, try again later", "charged": False,
                      "store": "boxes", "rule": "fits", "cached": False, "stale": False, "note": f"{mail}/full"}


def test_check_tells_the_same_steps_as_the_command(gate, client):
    _, answer = client.json("/v1/check?recipient=joe+other@example.org")
    report, = json.loads(gate.check("--json", "joe+other@example.org").stdout)
    for steps in (answer["steps"], report["steps"]):
        for step in steps:
            step.pop("age_ms", None)
    assert answer["steps"] == report["steps"]


def test_get_never_charges(client):
    for _ in range(3):
        assert client.json("/v1/check?recipient=ok@example.org&size=150000")[1]["verdict"] == "pass"
    assert client.json("/v1/mailbox/ok%40example.org")[1]["facts"]["charge"] == 0


def test_post_charges_a_transaction_once(client):
    def post(transaction, **more):
        return client.post("/v1/check", recipient="ok@example.org", transaction=transaction, **more)[1]["verdict"]

    assert client.post("/v1/check", recipient="ok@example.org", transaction="a", size=150_000)[1]["charged"]
    assert post("a", size=150_000) == "pass"
    assert post("b", size=150_000) == "defer"
    assert post("a", size=160_000, stage="end-of-message") == "pass"
    assert client.json("/v1/mailbox/ok%40example.org")[1]["facts"]["charge"] == 160_000
    assert client.post("/v1/check", event="abandoned", transaction="a") == (
        200, {"transaction": "a", "event": "abandoned"})


def test_an_abandoned_transaction_gives_back_its_charge(client):
    def post(**form):
        return client.post("/v1/check", **form)

    assert post(recipient="ok@example.org", size=150_000, transaction="a")[1]["verdict"] == "pass"
    assert post(recipient="ok@example.org", size=150_000, transaction="b")[1]["verdict"] == "defer"
    assert post(event="abandoned", transaction="a")[0] == 200
    assert post(recipient="ok@example.org", size=150_000, transaction="b")[1]["verdict"] == "pass"
    assert post(event="ended", transaction="b")[0] == 200
    assert post(recipient="ok@example.org", size=150_000, transaction="c")[1]["verdict"] == "defer"


def test_post_without_a_transaction_is_one_of_its_own(client):
    for verdict in ("pass", "defer"):
        assert client.post("/v1/check?size=150000", recipient="ok@example.org")[1]["verdict"] == verdict


@pytest.mark.parametrize("query,why", [
    ("", "no recipient"), ("?recipient=", "no recipient"), ("?recipient=a&size=", "size"), ("?recipient=a&size=1k", "size"),
    ("?recipient=a&size=-1", "size"), ("?recipient=a&recipient=b", "twice"), ("?recipient=a&colour=red", "unknown"),
    ("?recipient=a&transaction=1", "POST"), ("?recipient=a&client=me", "client"), ("?recipient=a%00", "encoded"),
    ("?recipient=a&%zz=1", "encoded"), ("?=", "unknown"),
])
def test_parameters_that_are_refused(client, query, why):
    status, answer = client.json("/v1/check" + query)
    assert status == 400 and why in answer["error"], answer


@pytest.mark.parametrize("form,why", [
    ({"event": "ended"}, "transaction"), ({"event": "ended", "transaction": "a", "recipient": "ok"}, "transaction"),
    ({"event": "lost", "transaction": "a"}, "event"), ({"recipient": "ok", "stage": "data"}, "stage"),
])
def test_forms_that_are_refused(client, form, why):
    status, answer = client.post("/v1/check", **form)
    assert status == 400 and why in answer["error"], answer


def test_a_size_above_all_bounds_is_a_size(client):
    assert client.json("/v1/check?recipient=ok@example.org&size=99999999999999999999")[1]["reason"] == "too-large"


def test_a_body_that_is_no_form(client):
    assert client.ask("POST", "/v1/check", '{"recipient": "ok"}', **{"Content-Type": "application/json"})[0] == 415


# ---- the other paths ----


def test_one_mailbox(client):
    status, answer = client.json("/v1/mailbox/joe%2Blists%40example.org")
    assert (status, answer["address"], answer["facts"]["usage"]) == (200, "joe+lists@example.org", 2000)
    assert client.get("/v1/mailbox/noone@example.org")[0] == 404
    assert client.get("/v1/mailbox/")[0] == 400
    assert client.get("/v1/mailbox/a%0a")[0] == 400


def test_paths_and_methods(client):
    assert client.get("/healthz") == (200, "ok\n")
    assert client.get("/metrics")[0] == 200
    for path in ("/", "/quotas", "/v1", "/v1/", "/v1/check/", "/HEALTHZ", "/%68ealthz", "/quota/?u=ok"):
        assert client.get(path)[0] == 404
    for method, path, allow in (("POST", "/quota?u=ok", "GET, HEAD"), ("GET", "/v1/facts", "POST"),
                                ("PUT", "/v1/check", "GET, HEAD, POST"), ("DELETE", "/v1/mailbox/ok", "GET, HEAD"),
                                ("OPTIONS", "/healthz", "GET, HEAD")):
        assert client.ask(method, path)[0] == 405
        assert client.answer.getheader("Allow") == allow
    assert client.get("/healthz?x=1")[0] == 400
    assert client.get("/v1/mailbox/ok?x=1")[0] == 400
    assert client.ask("HEAD", "/v1/mailbox/ok") == (200, "")


def test_decisions_are_logged(gate, client):
    client.get("/quota?u=full@example.org")
    client.json("/v1/check?recipient=full@example.org&client=192.0.2.7")
    gate.says("event=decision verdict=defer reason=full code=452 listener=web recipient=full@example.org size=0 store")
    gate.says("listener=web recipient=full@example.org size=0 client=192.0.2.7 store=boxes")


def test_a_unix_socket(quotagate, boxes, folder):
    quotagate(web(f"unix:{folder}/web.sock", "mode = 0666") + boxes)
    assert curl("--unix-socket", f"{folder}/web.sock", "http://gate/quota?u=full").startswith("OVERQUOTA ")
    # A client whose own socket has a long name.
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE)
        client.bind(str(folder / ("x" * (100 - len(str(folder))))))
        client.connect(f"{folder}/web.sock")
        client.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert read_all(client).endswith(b"ok\n")


def test_no_thread_is_made(gate, client):
    client.get("/quota?u=full")
    assert len(os.listdir(f"/proc/{gate.pid()}/task")) == 1


def test_metrics(gate, port, client):
    client.get("/quota?u=full@example.org")
    client.get("/quota?v=1")
    status, text = client.get("/metrics")
    metrics = Metrics(text)
    assert status == 200
    assert client.answer.getheader("Content-Type") == "text/plain; version=0.0.4"
    assert metrics("quotagate_verdicts_total", listener="web", reason="full") == 1
    assert metrics("quotagate_listener_requests_total", listener="web") == 3
    assert metrics("quotagate_listener_malformed_total", listener="web") == 1
    assert metrics("quotagate_listener_clients", listener="web") == 1
    for one in (BAD["folded"], BAD["negative length"], BAD["no colon"], BAD["chunks"], b"GET /\r\n\r\n"):
        raw(port, one)
    assert Metrics(client.get("/metrics")[1])("quotagate_listener_malformed_total", listener="web") == 6


# ---- messages between quotagates ----


@pytest.fixture
def key(folder):
    made = Key()
    path = folder / "key"
    path.write_text(made.line + "\n")
    path.chmod(0o640)
    os.chown(path, 0, USERS["quotagate"])
    made.option = f'key_file = "{path}"'
    return made


MESSAGE = {"Content-Type": "application/octet-stream"}


def test_facts(start, key, port):
    gate = start(key.option)
    with Client(port) as client, Asker(port, key) as asker:
        def exchange(octets):
            status, text = client.ask("POST", "/v1/facts", octets, **MESSAGE)
            assert (status, client.answer.getheader("Content-Type")) == (200, "application/octet-stream")
            return decode(text.encode("latin-1"), [key])

        question = asker.message(QUESTION, b"full@example.org")
        reply = exchange(question)
        assert (reply.state, reply.usage, reply.limit) == (FOUND, 205_000, 204_800)
        assert exchange(asker.message(QUESTION, b"noone@example.org")).state == NO_MAILBOX
        transaction = b"0123456789abcdef"
        assert exchange(asker.message(QUESTION, b"ok@example.org", flags=1, size=150_000, transaction=transaction))
        assert client.json("/v1/mailbox/ok%40example.org")[1]["facts"]["charge"] >= 150_000
        assert exchange(asker.message(EVENT, transaction=transaction, event=ABANDONED)).state == NOTED
        for bad in (question, question[:-1] + b"x", b"", b"x", b"x" * 192, b"x" * 512):
            assert client.ask("POST", "/v1/facts", bad, **MESSAGE)[0] == 400
        gate.says("event=bad-request listener=web client=127.0.0.1")
    assert statuses(raw(port, b"POST /v1/facts HTTP/1.0\r\nContent-Length: 513\r\n\r\n" + b"x" * 513)[0]) == [413]


def test_without_a_key_no_messages_are_taken(client):
    assert client.ask("POST", "/v1/facts", b"x" * 192, **MESSAGE)[0] == 404


def test_the_store_remote_asks_by_http_where_datagrams_are_lost(start, idle_quotagate, key, port):
    start(key.option)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        gate = idle_quotagate(
            f'listen mta {{ protocol = policy  address = "inet:127.0.0.1:{free_port()}" }}\n'
            f'store far {{ type = remote  server = "udp:127.0.0.1:{mute.getsockname()[1]}"  timeout = 50ms\n'
            f'  http = "http://127.0.0.1:{port}"  {key.option} }}\ndomain example.org {{ store = far }}\n',
            name="frontend").start()
        with gate.policy() as mta:
            assert mta.ask("full@example.org", size=1000).startswith("452 4.2.2 ")
            assert mta.ask("ok@example.org", size=1000) == "DUNNO"
            assert mta.ask("ok@example.org", size=300_000).startswith("552 5.2.3 ")


def test_the_store_remote_asks_for_the_line(gate, idle_quotagate, port):
    front = idle_quotagate(
        f'listen mta {{ protocol = policy  address = "inet:127.0.0.1:{free_port()}" }}\n'
        f'store far {{ type = remote  server = "http://127.0.0.1:{port}/cgi-bin/quota.cgi?u=%u" }}\n'
        "domain example.org { store = far }\n", name="frontend").start()
    with front.policy() as mta:
        assert mta.ask("full@example.org", size=1000).startswith("452 4.2.2 ")
        assert mta.ask("joe+lists@example.org", size=1000) == "DUNNO"
        assert mta.ask("joe+lists@example.org", size=300_000).startswith("552 5.2.3 ")


# ---- who may ask ----


def token_file(folder, text=TOKEN + "\n", mode=0o640):
    path = folder / "tokens"
    path.write_text(text)
    path.chmod(mode)
    os.chown(path, 0, USERS["quotagate"])
    return path


def test_tokens(start, folder, port):
    path = token_file(folder, f"# ours\n\nanother-token-of-ours\n{TOKEN}\n")
    gate = start(f'token_file = "{path}"')
    with Client(port) as client:
        assert client.get("/healthz")[0] == 200
        for path_asked in ("/quota?u=ok", "/metrics", "/v1/check?recipient=ok", "/nowhere"):
            assert client.get(path_asked)[0] == 401
            assert client.answer.getheader("WWW-Authenticate").startswith("Bearer")
        for wrong in ("Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", f"Bearer{TOKEN}"):
            assert client.ask("GET", "/quota?u=ok", Authorization=wrong)[0] == 401
        for right in (f"Bearer {TOKEN}", f"bearer  {TOKEN} ", "Bearer another-token-of-ours"):
            assert client.ask("GET", "/quota?u=ok", Authorization=right)[0] == 200
        assert TOKEN not in gate.said()


@pytest.mark.parametrize("options", ["", "token"])
def test_status_asks_by_http(start, folder, options):
    path = token_file(folder, f"# ours\n\n{TOKEN}\nanother-token-of-ours\n")
    gate = start(f'token_file = "{path}"' if options else "")
    done = gate.command("status", "--json")
    assert done.returncode == 0, done
    assert json.loads(done.stdout)


def test_tokens_change_with_a_reload(start, folder, port):
    gate = start(f'token_file = "{token_file(folder)}"')
    with Client(port) as client:
        assert client.ask("GET", "/metrics", Authorization=f"Bearer {TOKEN}")[0] == 200
        token_file(folder, "another-token-of-ours\n")
        gate.signal(signal.SIGHUP)
        gate.says("event=reloaded")
        assert client.ask("GET", "/metrics", Authorization=f"Bearer {TOKEN}")[0] == 401
        token_file(folder, "short\n")
        gate.signal(signal.SIGHUP)
        gate.says("event=reload-failed .*expected lines of 16")
        assert client.ask("GET", "/metrics", Authorization="Bearer another-token-of-ours")[0] == 200


def reload(gate):
    """What became of it."""
    before = len(gate.said())
    gate.signal(signal.SIGHUP)
    return until(lambda: re.search("event=reload.*", gate.said()[before:]), "an end of the reload")[0]


def for_root_alone(path):
    os.chown(path, 0, 0)
    path.chmod(0o600)


def test_tokens_that_only_root_may_read_outlive_a_reload(start, folder, port):
    path = token_file(folder)
    for_root_alone(path)
    gate = start(f'token_file = "{path}"')
    with Client(port, Authorization=f"Bearer {TOKEN}") as client, Client(port, Authorization="Bearer b" + TOKEN) as other:
        assert reload(gate).startswith("event=reloaded ")
        assert (client.get("/metrics")[0], other.get("/metrics")[0]) == (200, 401)
        token_file(folder, f"b{TOKEN}\n")
        for_root_alone(path)
        said = reload(gate)
        assert said.startswith("event=reload-failed ") and "chgrp quotagate and chmod 640 it, or restart" in said
        assert (client.get("/metrics")[0], other.get("/metrics")[0]) == (200, 401)
        token_file(folder, f"b{TOKEN}\n")
        assert reload(gate).startswith("event=reloaded ")
        assert (client.get("/metrics")[0], other.get("/metrics")[0]) == (401, 200)


@pytest.mark.parametrize("text,mode,why", [("short\n", 0o640, "16"), ("# none\n", 0o640, "no token"),
                                           (TOKEN, 0o644, "others"), (TOKEN, 0o660, "group"), (None, 0o640, "No such")])
def test_token_files_that_are_refused(idle_quotagate, boxes, folder, port, text, mode, why):
    path = token_file(folder, text, mode) if text else folder / "tokens"
    gate = idle_quotagate(web(f"inet:127.0.0.1:{port}", f'token_file = "{path}"') + boxes).launch()
    assert gate.ends() == 2
    assert str(path) in gate.said() and why in gate.said() and TOKEN not in gate.said()
    told = gate.command("config")
    assert told.returncode == 2 and ":1: " in told.stderr and str(path) in told.stderr and why in told.stderr


def test_strangers_are_not_served(start, port):
    gate = start('allow = {"127.0.0.1"}')
    assert raw(port, b"GET /healthz HTTP/1.0\r\n\r\n", source="127.0.0.2") == (b"", True)
    assert raw(port, b"GET /healthz HTTP/1.0\r\n\r\n")[0].endswith(b"ok\n")
    gate.says("event=refused-client listener=web client=127.0.0.2")


# ---- TLS ----


@pytest.fixture
def certificates(folder):
    made = Certificates(folder)
    made.key.chmod(0o640)
    os.chown(made.key, 0, USERS["quotagate"])
    return made


def tls(made):
    return f'certificate = "{made.certificate}"  private_key = "{made.key}"'


def serial(port, made):
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", str(made.authority)],
                          input="", capture_output=True, text=True, timeout=PATIENCE)
    return re.search(r"-----BEGIN.*?-----END", done.stdout, re.S)[0]


def test_tls(start, certificates, port):
    gate = start(tls(certificates))
    place = f"https://127.0.0.1:{port}/quota?u=full"
    trust = ["--cacert", str(certificates.authority)]
    assert curl(*trust, place) == "OVERQUOTA full 205000 204800\n"
    assert curl(*trust, place, place, place) == "OVERQUOTA full 205000 204800\n" * 3
    assert curl(*trust, "--tls-max", "1.2", place) == "OVERQUOTA full 205000 204800\n"
    assert curl(*trust, "--tls-max", "1.1", "--ciphers", "DEFAULT:@SECLEVEL=0", place, check=False).returncode != 0
    assert curl(place, check=False).returncode == 60, "who does not trust the authority"
    assert raw(port, b"GET /quota?u=full HTTP/1.0\r\n\r\n")[0][:4] != b"HTTP"
    gate.says("event=bad-request listener=web")


def test_another_certificate_with_a_reload(start, certificates, port):
    gate = start(tls(certificates))
    trust = ["--cacert", str(certificates.authority)]
    before = serial(port, certificates)
    context = __import__("ssl").create_default_context(cafile=certificates.authority)
    kept = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=PATIENCE)
    kept.request("GET", "/healthz")
    assert kept.getresponse().read() == b"ok\n"
    certificates.renew("IP:127.0.0.1,DNS:other")
    gate.signal(signal.SIGHUP)
    gate.says("event=reloaded")
    assert serial(port, certificates) != before
    kept.request("GET", "/healthz")
    assert kept.getresponse().read() == b"ok\n", "who was there before stays"
    kept.close()
    certificates.certificate.write_text("no certificate\n")
    gate.signal(signal.SIGHUP)
    gate.says("event=reload-failed .*certificate")
    assert curl(*trust, f"https://127.0.0.1:{port}/healthz") == "ok\n"


def test_a_private_key_that_only_root_may_read_outlives_a_reload(start, certificates, port):
    for_root_alone(certificates.key)
    gate = start(tls(certificates))
    first = serial(port, certificates)
    assert reload(gate).startswith("event=reloaded ")
    certificates.renew("IP:127.0.0.1,DNS:other")
    assert reload(gate).startswith("event=reloaded "), "the key belongs to the new certificate too"
    second = serial(port, certificates)
    assert second != first
    certificates.key.write_text(certificates.key.read_text() + "\n")
    certificates.renew("IP:127.0.0.1,DNS:third")
    said = reload(gate)
    assert said.startswith("event=reload-failed ") and str(certificates.key) in said
    assert "chgrp quotagate and chmod 640 it, or restart" in said
    assert serial(port, certificates) == second
    certificates.key.chmod(0o640)
    os.chown(certificates.key, 0, USERS["quotagate"])
    assert reload(gate).startswith("event=reloaded ")
    assert serial(port, certificates) not in (first, second)


@pytest.mark.parametrize("options", ['certificate = "/x"', 'private_key = "/x"'])
def test_a_certificate_and_its_key_go_together(idle_quotagate, boxes, port, options):
    gate = idle_quotagate(web(f"inet:127.0.0.1:{port}", options) + boxes)
    assert "go together" in gate.command("config").stderr


# ---- nobody's client ----

LINE, HOST = b"GET /quota?u=full HTTP/1.1\r\n", b"Host: x\r\n"
NEXT = LINE + HOST + b"\r\n"
POST = b"POST /v1/check HTTP/1.1\r\nHost: x\r\n"

BAD = {
    "first line ends in LF": LINE[:-2] + b"\n" + HOST + b"\r\n",
    "header ends in LF": LINE + HOST + b"A: b\n\r\n",
    "last header ends in LF": LINE + b"A: b\r\nHost: x\n\r\n",
    "a header in the middle ends in LF": LINE + b"A: b\nHost: x\r\n\r\n",
    "the empty line is LF": LINE + HOST + b"\n",
    "HTTP/1.0 with LF": b"GET /quota?u=full HTTP/1.0\n\n",
    "CR alone": LINE + HOST + b"A: b\rContent-Length: 5\r\n\r\n",
    "folded": LINE + HOST + b"A: b\r\n c\r\n\r\n",
    "folded length": POST + b"Content-Length: 5\r\n 6\r\n\r\n",
    "folded host": LINE + b"Host: x\r\n y\r\n\r\n",
    "blank before the colon": POST + b"Content-Length : 5\r\n\r\n",
    "tab before the colon": POST + b"Content-Length\t: 5\r\n\r\n",
    "no colon": LINE + HOST + b"nonsense\r\n\r\n",
    "no name": LINE + HOST + b": x\r\n\r\n",
    "length twice": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nsize=1",
    "the same length twice": POST + b"Content-Length: 6\r\nContent-Length: 6\r\n\r\nsize=1",
    "lengths in a list": POST + b"Content-Length: 6, 6\r\n\r\nsize=1",
    "negative length": POST + b"Content-Length: -6\r\n\r\nsize=1",
    "length with a plus": POST + b"Content-Length: +6\r\n\r\nsize=1",
    "hexadecimal length": POST + b"Content-Length: 0x6\r\n\r\nsize=1",
    "no length in Content-Length": POST + b"Content-Length: \r\n\r\nsize=1",
    "huge length": POST + b"Content-Length: 99999999999999999999999\r\n\r\nsize=1",
    "huge length in 64 bits": POST + b"Content-Length: 18446744073709551615\r\n\r\nsize=1",
    "large length": POST + b"Content-Length: 18446744073709551614\r\n\r\nsize=1",
    "an octet too many": POST + b"Content-Length: 8193\r\n\r\n" + b"a" * 8193,
    "length and chunks": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "chunks": POST + b"Transfer-Encoding: chunked\r\n\r\n6\r\nsize=1\r\n0\r\n\r\n",
    "rubbish for chunks": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "an encoding": POST + b"Transfer-Encoding: gzip\r\n\r\n",
    "an encoding like chunked": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n",
    "GET with a body": LINE + HOST + b"Content-Length: 3\r\n\r\nabc",
    "no host": LINE + b"\r\n",
    "two hosts": LINE + HOST + HOST + b"\r\n",
    "NUL in a header": LINE + HOST + b"A: b\0c\r\n\r\n",
    "NUL behind a header": LINE + b"A: b\0\r\n" + HOST + b"\r\n",
    "NUL in the path": b"GET /quota?u=full\0x HTTP/1.1\r\n" + HOST + b"\r\n",
    "NUL behind the version": b"GET /quota?u=full HTTP/1.1\0\r\n" + HOST + b"\r\n",
    "blank in the path": b"GET /quota?u=full x HTTP/1.1\r\n" + HOST + b"\r\n",
    "two blanks": b"GET  /quota?u=full HTTP/1.1\r\n" + HOST + b"\r\n",
    "tabs for blanks": b"GET\t/quota?u=full\tHTTP/1.1\r\n" + HOST + b"\r\n",
    "blank in front": b" GET /quota?u=full HTTP/1.1\r\n" + HOST + b"\r\n",
    "control character in the method": b"GE\x14 /quota?u=full HTTP/1.1\r\n" + HOST + b"\r\n",
    "control character in a header": LINE + HOST + b"A: \x01\r\n\r\n",
    "no version": b"GET /quota?u=full\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/9.9": b"GET /quota?u=full HTTP/9.9\r\n" + HOST + b"\r\n",
    "no path": b"GET quota?u=full HTTP/1.1\r\n" + HOST + b"\r\n",
    "a star": b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    "CONNECT": b"CONNECT example.org:25 HTTP/1.1\r\n" + HOST + b"\r\n",
    "path of 5 kB": b"GET /quota?u=" + b"a" * 5000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "path of 50 kB": b"GET /quota?u=" + b"a" * 50_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "header of 50 kB": LINE + HOST + b"A: " + b"a" * 50_000 + b"\r\n\r\n",
    "65 headers": LINE + HOST + b"A: b\r\n" * 64 + b"\r\n",
    "5000 headers": LINE + HOST + b"A: b\r\n" * 5000 + b"\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) * 2 + b"\n",
    "SMTP": b"EHLO x\r\n\r\n",
    "a megabyte without a line": b"x" * (1 << 20),
    "binary rubbish": bytes(range(255, -1, -1)) * 10 + b"\r\n\r\n",
}


@pytest.mark.parametrize("shape", BAD)
def test_ambiguous_requests_get_one_answer_and_the_end(start, port, shape):
    """One more request stands behind each: it must never be taken for one."""
    gate = start("request_timeout = 2s")
    got, closed = raw(port, BAD[shape] + NEXT)
    assert closed
    codes = statuses(got)
    assert len(codes) <= 1 and all(400 <= code <= 505 for code in codes), got
    assert b"OVERQUOTA" not in got
    gate.says("event=bad-request listener=web client=127.0.0.1")
    assert statuses(raw(port, NEXT.replace(b"1.1", b"1.0"))[0]) == [200]


def test_good_requests_in_pieces_and_in_a_row(gate, port):
    asked = (b"\r\n" + NEXT + LINE + HOST + b"Accept: */*\r\nX:\tx \r\nEmpty:\r\nCookie: a=b\r\n\r\n" +
             POST + b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 26\r\n\r\n"
             b"recipient=full@example.org" + b"GET http://gate/healthz HTTP/1.1\r\n" + HOST + b"\r\n" +
             b"GET /healthz HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n")
    whole, closed = raw(port, asked)
    assert closed and statuses(whole) == [200] * 5
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for n in range(len(asked)):
            connection.sendall(asked[n:n + 1])
            time.sleep(0.001)
        got = read_all(connection)
    assert statuses(got) == [200] * 5
    assert got.count(b"OVERQUOTA full 205000 204800\n") == 2


def test_many_requests_in_one_write_are_answered_in_order(gate, port):
    names = ["full", "ok", "joe", "joe+lists"] * 250
    last = b"GET /healthz HTTP/1.0\r\n\r\n"
    asked = b"".join(b"GET /quota?u=%s HTTP/1.1\r\nHost: %s\r\n\r\n" % (name.encode(), b"x" * (n % 90 + 1))
                     for n, name in enumerate(names)) + last
    got, closed = raw(port, asked)
    assert closed
    assert re.findall(rb"(?:OK|OVERQUOTA) (\S+) \d+ \d+\n", got) == [name.encode() for name in names]


def test_slow_clients_are_cut(start, port):
    """What comes bit by bit does not begin anew; one of another listener, who came before, may take its time."""
    other = free_port()
    gate = start("request_timeout = 1s", web(f"inet:127.0.0.1:{other}", "request_timeout = 10m").replace("web", "other", 1))
    with socket.create_connection(("127.0.0.1", other), timeout=PATIENCE) as patient, \
            socket.create_connection(("127.0.0.1", port), timeout=0.3) as slow:
        patient.sendall(b"G")
        began, closed = time.monotonic(), False
        while not closed and time.monotonic() - began < PATIENCE:
            try:
                slow.sendall(b"G" if time.monotonic() - began < 0.1 else b"x")
                closed = slow.recv(1) == b""
            except TimeoutError:
                pass
            except ConnectionError:
                closed = True
        assert closed and time.monotonic() - began > 0.9
        patient.sendall(b"ET /healthz HTTP/1.0\r\n\r\n")
        assert read_all(patient).endswith(b"ok\n")
    gate.says("event=bad-request listener=web client=127.0.0.1 reason=\"the request did not arrive in time\"")


@pytest.mark.parametrize("first", [b"", NEXT], ids=["at once", "after a request"])
@pytest.mark.parametrize("part", [LINE, POST + b"Content-Length: 100\r\n\r\nsize="], ids=["head", "body"])
def test_slow_heads_and_bodies_are_cut(start, port, first, part):
    start("request_timeout = 1s  idle = 1h")
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as slow:
        if first:
            slow.sendall(first)
            assert b"OVERQUOTA" in until(lambda: slow.recv(65536), "the answer")
            time.sleep(1.5)  # it may be idle for longer than a request may take
        began = time.monotonic()
        slow.sendall(part)
        assert read_all(slow) == b""
        assert time.monotonic() - began > 0.9


def test_idle_clients_are_closed(start, port):
    start("idle = 1s")
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as idle:
        idle.sendall(NEXT)
        assert b"OVERQUOTA" in read_all(idle)


def resident(gate):
    with open(f"/proc/{gate.pid()}/status") as status:
        return int(re.search(r"VmRSS:\s*(\d+)", status.read())[1])


def test_ten_thousand_connections(start, port):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (12_000, max(hard, 12_000)))
    try:
        gate = start("max_clients = 2000", f'listen other {{ protocol = http  address = "inet:127.0.0.1:{free_port()}" }}\n')
        grown = []
        for _ in range(5):  # what malloc leaves in pieces is soon as much as it gets
            crowd = []
            for n in range(10_000):
                one = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
                crowd.append(one)
                if n % 4 == 0 and n < 2000:
                    try:
                        one.sendall(LINE)  # the library has these
                    except OSError:
                        pass
            gate.says("event=too-many-clients listener=web max_clients=2000")
            other = int(gate.addresses()[1].rpartition(":")[2])
            with Client(other) as client:
                assert client.get("/quota?u=full")[0] == 200, "while they are all there"
            assert crowd[1].recv(1) == b"", "who came first and said nothing made room"
            last = crowd[-1]
            last.sendall(NEXT)
            assert b"OVERQUOTA" in last.recv(65536), "who asks is served"
            grown.append(resident(gate))
            for one in crowd:
                one.close()
            until(lambda: raw(port, NEXT.replace(b"1.1", b"1.0"))[0] != b"", "there is room again")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert grown[4] - grown[3] < 2048, grown


# ---- the daemon's life ----


def stopped(gate):
    helpers = until(lambda: len(gate.helpers()) == 2 and gate.helpers(), "there are helpers")
    for pid in helpers:
        os.kill(pid, signal.SIGSTOP)
    return helpers


def cont(helpers):
    for pid in helpers:
        os.kill(pid, signal.SIGCONT)


def asked(gate, n):
    """Waits until so many questions have come in."""
    control = gate.controls()[0].removeprefix("unix:")
    until(lambda: by_control(control)("quotagate_listener_requests_total", listener="web") >= n, f"{n} questions came in")


def test_the_end_waits_for_the_last_answer(start, port):
    gate = start(more="rules { timeout = 1m }\n")
    helpers = stopped(gate)
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as waits, \
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as idle:
        waits.sendall(NEXT)
        asked(gate, 1)
        gate.signal(signal.SIGTERM)
        assert idle.recv(1) == b""
        cont(helpers)
        got = read_all(waits)
        assert b"OVERQUOTA" in got and b"Connection: close" in got
    assert gate.ends() == 0


def test_the_end_comes_though_no_answer_does(start, port):
    gate = start(more="rules { timeout = 1s }\n")
    stopped(gate)
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as waits:
        waits.sendall(NEXT)
        asked(gate, 1)
        gate.signal(signal.SIGTERM)
        assert statuses(read_all(waits)) == [503]
    assert gate.ends() == 0


def test_a_client_that_leaves_while_it_waits(start, port):
    gate = start(more="rules { timeout = 1m }\n")
    helpers = stopped(gate)
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as one:
            one.sendall(NEXT * 3)
    asked(gate, 50)
    cont(helpers)
    with Client(port) as client:
        assert client.get("/quota?u=full")[0] == 200
    assert gate.stop() == 0


def test_reload(gate, boxes, port):
    moved = free_port()
    with Client(port) as client:
        assert client.get("/quota?u=full")[1].startswith("OVERQUOTA ")
        gate.reload(web(f"inet:127.0.0.1:{port}", "max_clients = 1") + boxes.replace("200k", "400k"))
        gate.says("event=reloaded")
        assert client.get("/quota?u=full") == (200, "OK full 205000 409600\n"), "on the connection that there was"
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as other:
            other.sendall(NEXT)
            assert b"OK full" in other.recv(65536)
            assert client.connection.sock.recv(1) == b"", "one is the most now"
        client.connection.close()
        assert client.get("/quota?u=full")[0] == 200
        gate.reload(web(f"inet:127.0.0.1:{moved}") + boxes)
        until(lambda: raw_answers(moved), "the new address is served")
        with pytest.raises((http.client.HTTPException, OSError)):
            client.get("/quota?u=full")
    with pytest.raises(OSError):
        raw(port, NEXT)


def raw_answers(port):
    try:
        return raw(port, NEXT.replace(b"1.1", b"1.0"))[0]
    except OSError:
        return False


def test_what_other_commands_say(gate):
    done = gate.command("config")
    assert done.returncode == 0 and "protocol = http" in done.stdout
    replies = json.loads(gate.check("--json", "full@example.org").stdout)[0]["replies"]
    assert replies == {"web": "OVERQUOTA full@example.org 205000 204800\\n"} or "OVERQUOTA" in replies["web"]
