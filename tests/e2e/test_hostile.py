"""Whatever comes in by the real sockets gets a defined answer or a closed connection, and delays nobody else."""
import random
import resource
import socket
import struct
import time

import pytest

from enclosure import free_port, mbox, until
from installation import EXIM_WORDS, WORDS
from policy import Policy, connect, one_shot, read_all, request
from smtp import Sender

PASS = "DUNNO"


@pytest.fixture
def gate(quotagate, mail, folder):
    mbox(mail / "full", 205_000)
    mbox(mail / "ok", 0)
    (folder / "secret").write_bytes(b"x" * 500_000)
    return quotagate(
        f'listen mta {{ protocol = policy  address = "inet:127.0.0.1:{free_port()}"  max_clients = 3000\n'
        f'  idle = 10m  request_timeout = 10m }}\n'
        f'listen exim {{ protocol = policy  address = "unix:{folder}/exim.sock"  mode = 0666  {WORDS} }}\n'
        f'listen quotad {{ protocol = exim-quotad  address = "unix:{folder}/quotad.sock"  mode = 0666\n'
        f'  roots = {{"{mail}"}}  user = vmail }}\n'
        f'listen hasty {{ protocol = policy  address = "inet:127.0.0.1:{free_port()}"\n'
        f'  idle = 1s  request_timeout = 1s }}\n'
        f'store boxes {{ type = mbox  path = "{mail}/%n"  limit = 200k  user = vmail }}\n'
        "domain example.org { store = boxes }\n")


MTA, EXIM, QUOTAD, HASTY = range(4)


def assert_serves(gate, number=MTA):
    """An honest client gets its answer, whoever else is there."""
    with gate.policy(number) as client:
        assert client.ask("full@example.org", size=1000).startswith("452 4.2.2 ")


def raw(gate, octets, number=MTA):
    """What comes back for these octets; b"" when the connection is closed without an answer."""
    with connect(gate.addresses()[number]) as connection:
        try:
            connection.sendall(octets)
            connection.shutdown(1)
            return read_all(connection)
        except OSError:  # closed while we were still talking
            return b""


def assert_defined(answer):
    """Nothing, or whole answers of the protocol."""
    for one in answer.split(b"\n\n")[:-1]:
        assert one.startswith(b"action=") and len(one) < 600 and b"\n" not in one, one
    assert answer == b"" or answer.endswith(b"\n\n")


@pytest.mark.parametrize("recipient", [
    "../secret@example.org", "../../../../etc/passwd@example.org", "full/../../secret@example.org", "/etc/passwd@example.org",
    ".@example.org", "..@example.org", "./full@example.org", "full@../example.org", "full@", "@example.org", "@", "",
    "%n@example.org", "%s%s%s%n@example.org", "%1n%u%%@example.org", "full\0@example.org", "\xff\xfe@example.org",
    "full\r@example.org", "\x1b[2Jfull\x7f@example.org", "a@b@c@example.org", "\"full\"@example.org@", "+@example.org",
    "nobody@elsewhere.example",
])
def test_tricky_addresses_read_nothing_and_refuse_nobody(gate, recipient):
    text = request(request="smtpd_access_policy", protocol_state="RCPT", recipient=recipient, size=1000)
    before = len(gate.said())
    answer = raw(gate, text.encode("latin-1"))
    assert answer in (b"", b"action=DUNNO\n\n"), answer
    until(lambda: len(gate.said()) > before, "the log tells of it")
    assert_serves(gate)


@pytest.mark.parametrize("size,recipient,answer", [
    ("-1", "ok@example.org", "DUNNO"), ("-1", "full@example.org", "452 4.2.2 "),
    ("99999999999999999999", "ok@example.org", "552 5.2.3 "), ("9223372036854775807", "ok@example.org", "552 5.2.3 "),
    ("", "ok@example.org", "DUNNO"), ("1e9", "ok@example.org", "DUNNO"), ("0x7fffffff", "ok@example.org", "DUNNO"),
    (" 1", "ok@example.org", "DUNNO"), ("%d", "ok@example.org", "DUNNO"),
])
def test_sizes_that_are_none(gate, size, recipient, answer):
    with gate.policy() as client:
        assert client.ask(recipient, size=size).startswith(answer)


def test_requests_without_a_single_recipient(gate):
    rcpt = "request=smtpd_access_policy\nprotocol_state=RCPT\n"
    assert raw(gate, f"{rcpt}size=1\n\n".encode()) == b"action=DUNNO\n\n"
    assert raw(gate, f"{rcpt}recipient=\n\n".encode()) == b"action=DUNNO\n\n"
    assert_defined(raw(gate, f"{rcpt}recipient=ok@example.org\nrecipient=full@example.org\n\n".encode()))
    assert_defined(raw(gate, f"{rcpt}recipient=ok@example.org, full@example.org\n\n".encode()))
    end = "request=smtpd_access_policy\nprotocol_state=END-OF-MESSAGE\nrecipient=\nrecipient_count=2\nsize=9999999\n\n"
    assert raw(gate, end.encode()) == b"action=DUNNO\n\n"
    for state in ("CONNECT", "EHLO", "MAIL", "DATA", "VRFY", "ETRN", "XYZZY"):
        with gate.policy() as client:
            assert client.ask("full@example.org", size=1, state=state) == PASS


def rubbish(seed, octets):
    return random.Random(seed).randbytes(octets)


@pytest.mark.parametrize("octets", [
    pytest.param(b"recipient=" + b"a" * 65536 + b"@example.org\n\n", id="local part of 64 kB"),
    pytest.param(b"x" * (1 << 20), id="a megabyte without a line"),
    pytest.param(b"a=b\n" * (1 << 18), id="lines without an end"),
    pytest.param(b"\n" * 5000, id="empty lines"),
    pytest.param(b"\0" * 5000, id="NUL"),
    pytest.param(rubbish(1, 3000), id="binary rubbish"),
    pytest.param(rubbish(2, 200_000), id="much binary rubbish"),
    pytest.param(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n", id="HTTP"),
    pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + rubbish(3, 500), id="TLS"),
    pytest.param(b"EHLO x\r\nQUIT\r\n", id="SMTP"),
    pytest.param(b"=\n=\n\n", id="no names"),
    pytest.param(b"request=x\n", id="cut off"),
])
def test_rubbish_is_answered_or_closed_and_logged(gate, octets):
    for number in (MTA, EXIM):
        before = len(gate.said())
        assert_defined(raw(gate, octets, number))
        if octets != b"request=x\n":
            until(lambda: len(gate.said()) > before, "the log tells of it")
    assert gate.said().count("\n") < 20_000
    assert_serves(gate)


def test_a_thousand_requests_in_one_write_are_answered_in_order(gate):
    one = {"full": b"action=452 ", "ok": b"action=DUNNO"}
    names = ["full", "ok"] * 500
    octets = b"".join(request(request="smtpd_access_policy", protocol_state="RCPT", recipient=f"{name}@example.org",
                              size=1, instance="1").encode() for name in names)
    answers = raw(gate, octets).split(b"\n\n")[:-1]
    assert len(answers) == len(names)
    assert all(answer.startswith(one[name]) for name, answer in zip(names, answers))


def test_a_client_that_never_reads_holds_up_nobody(gate):
    octets = request(request="smtpd_access_policy", protocol_state="RCPT", recipient="full@example.org").encode() * 2000
    with connect(gate.addresses()[MTA]) as connection:
        connection.settimeout(1)
        try:
            for _ in range(50):
                connection.sendall(octets)
        except OSError:
            pass  # it stopped reading from us, or closed: both are right
        assert_serves(gate)


def test_an_octet_a_second_holds_up_nobody(gate):
    text = request(request="smtpd_access_policy", protocol_state="RCPT", recipient="full@example.org").encode()
    with Policy(gate.addresses()[MTA]) as slow:
        for octet in range(3):
            slow.send(text[octet:octet + 1])
            end = time.monotonic() + 1
            while time.monotonic() < end:
                assert_serves(gate)
                assert slow.waits()
        slow.send(text[3:])
        assert slow.answer().startswith("452 ")


@pytest.mark.parametrize("begun", [b"", b"request=smtpd_access_policy\nrecip", b"recipient=x@example.org\n"])
def test_a_connection_that_asks_nothing_is_closed_in_time(gate, begun):
    """It is by the times of its listener: one that began before it at another is still there."""
    with Policy(gate.addresses()[MTA]) as patient, Policy(gate.addresses()[HASTY]) as client:
        patient.send(begun)
        client.send(begun)
        assert client.answer() is None
        assert patient.waits()


@pytest.mark.parametrize("path", [
    "/etc/passwd", "{mail}/../secret", "{folder}/secret", "{mail}/link", "{mail}", "{mail}/", "secret", "", "{mail}/%n",
    "{mail}/nobody", "/", "{mail}/../../../../etc/shadow", "{mail}/full/../full", "{mail}/" + "a" * 5000,
])
def test_quotad_tells_nothing_of_what_is_not_below_its_roots(gate, mail, folder, path):
    (mail / "link").symlink_to(folder / "secret")
    (mail / "full").unlink()
    text = path.format(mail=mail, folder=folder) + "\n"
    assert one_shot(gate.addresses()[QUOTAD], text) in ("0\n", "")


def test_quotad_rubbish(gate, mail):
    for octets in (b"\0\n", b"x" * 100_000, rubbish(4, 5000), b"", b"\n", str(mail).encode() + b"/fu\0ll\n"):
        assert raw(gate, octets, QUOTAD) in (b"0\n", b"")
    assert one_shot(gate.addresses()[QUOTAD], f"{mail}/full\n") == "205000\n"


def test_two_thousand_connections_are_served(gate):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    clients = []
    try:
        for number in range(2000):
            clients.append(Policy(gate.addresses()[MTA]))
        for client in clients:
            client.send(request(request="smtpd_access_policy", protocol_state="RCPT",
                                recipient="full@example.org", size=1).encode())
        assert all(client.answer().startswith("452 4.2.2 ") for client in clients)
        assert_serves(gate)
    finally:
        for client in clients:
            client.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert_serves(gate)


def test_clients_that_are_gone_at_once_are_not_called_strangers(gate):
    for number in range(500):
        with connect(gate.addresses()[MTA]) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
    assert_serves(gate)
    assert "event=refused-client" not in gate.said()


@pytest.mark.parametrize("kind", ["postfix", "exim"])
def test_tricky_addresses_through_the_mta(kind, request, gate, mail):
    if kind == "postfix":
        mta = request.getfixturevalue("postfix")(
            restrictions=f"check_policy_service {gate.addresses()[MTA]}", mail=mail,
            more="virtual_alias_maps = static:ok@example.org\n")
    else:
        socket = gate.addresses()[EXIM].removeprefix("unix:")
        mta = request.getfixturevalue("exim")(mail, acl=EXIM_WORDS.replace("SOCKET", socket))
    with Sender(mta.port) as sender:
        sender.mail(size=1000)
        for local in ('"../secret"', '"a b"', '"full/../../secret"', "%s%n", '"\\"q\\""', "a" * 64, "..", "full%example.org",
                      "=?x?=", "{}", "$local_part", "`id`", '"a\\\\b"'):
            reply = sender.rcpt(f"{local}@example.org")
            assert 200 <= reply.code < 600 and not str(reply).startswith("452"), (local, reply)
        assert sender.rcpt("full@example.org").code == 452
        assert sender.rcpt("ok@example.org").code == 250
    assert "reason=error" not in gate.said()  # none of them had to wait for the deadline
