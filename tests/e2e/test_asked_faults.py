"""Servers that are asked for a verdict and misbehave: every answer has its verdict and a note in the server's own words, it
comes in time, and other stores do not notice."""
import contextlib
import json
import time

import pytest

from enclosure import until
from faulty import Faulty

CONFIGURATION = """
listen mta {{ protocol = policy  address = "unix:{folder}/gate.sock"  mode = 0666 }}
control = "{folder}/control.sock"
rules {{ unknown = reject  error = defer  timeout = 10m }}
cache {{ ttl_high = 50ms  ttl_mid = 50ms  ttl_none = 50ms }}
store asked {{ {store}  timeout = {timeout}  {more} }}
store boxes {{ type = maildir  path = "{mail}/%d/%n/Maildir"  limit = 1M  user = vmail }}
domain asked.example {{ store = asked }}
domain boxes.example {{ store = boxes }}
"""
STORES = {
    "lmtp": 'type = lmtp  address = "inet:127.0.0.1:{port}"',
    "socketmap": 'type = socketmap  address = "inet:127.0.0.1:{port}"',
    "quota-status": 'type = dovecot  address = "inet:127.0.0.1:{port}"',
}
HELLO = b"250-here\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 1000000\r\n"


def lmtp(connection, *replies, greeting=b"220 here LMTP\r\n", hello=HELLO):
    """Says the replies to each MAIL, RCPT, RSET that comes, whole questions at a time, the last ones again and again."""
    connection.sendall(greeting)
    lines = connection.makefile("rb")
    lines.readline()
    connection.sendall(hello)
    while lines.readline().startswith(b"MAIL"):
        lines.readline()
        lines.readline()
        connection.sendall(b"".join(replies))


def socketmap(connection, reply):
    while connection.recv(4096):
        connection.sendall(reply)


@pytest.fixture
def faulty(started):
    server = Faulty()
    started.append(server)
    return server


@pytest.fixture
def gate(quotagate, folder, mail, faulty):
    def start(kind, more="", timeout="500ms"):
        (mail / "boxes.example").mkdir()
        return quotagate(CONFIGURATION.format(folder=folder, mail=mail, store=STORES[kind].format(port=faulty.port),
                                              timeout=timeout, more=more))
    return start


def step(daemon, address="joe@asked.example", size="1000"):
    """What `check` sees of the server: state and note."""
    done = daemon.check("--json", "--size", size, address)
    steps = json.loads(done.stdout)[0]["steps"]
    return steps[0]["answer"], steps[0].get("note", "")


def verdict(daemon, address="joe@asked.example", size=1000, instance="1"):
    with daemon.policy() as client:
        return client.ask(address, size=size, instance=instance)


@contextlib.contextmanager
def others_are_answered(daemon):
    """After the body, a question to another store has its answer all the same."""
    yield
    assert verdict(daemon, "joe@boxes.example").startswith(("DUNNO", "550 5.1.1"))


FAULTS = {
    "closes": (lambda c: None, "it closed the connection"),
    "half a line": (lambda c: (c.sendall(b"220 he"), c.recv(1), c.recv(1)), "no answer in 500 ms"),
    "is none": (lambda c: (c.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), c.recv(100)), "this is no reply of LMTP: HTTP/1.1 400"),
    "is busy": (lambda c: (c.sendall(b"421 4.7.0 too many connections\r\n"), c.recv(100)), "421 4.7.0 too many connections"),
    "greets with a refusal": (lambda c: (c.sendall(b"554 5.7.1 not you\r\n"), c.recv(100)), "greeting: 554 5.7.1 not you"),
    "does not know LHLO": (lambda c: lmtp(c, hello=b"500 5.5.1 what?\r\n"), "LHLO: 500 5.5.1 what?"),
    "megabytes of greeting": (lambda c: [c.sendall(b"220-" + b"x" * 60 + b"\r\n") for _ in range(10**5)], "no reply of LMTP"),
    "a line of megabytes": (lambda c: c.sendall(b"220 " + b"x" * 10**7), "no reply of LMTP"),
    "wants a password": (lambda c: lmtp(c, b"530 5.7.1 Authentication required\r\n", b"503 5.5.1 no\r\n", b"250 ok\r\n"),
                         "MAIL: 530 5.7.1 Authentication required"),
    "takes no RSET": (lambda c: lmtp(c, b"250 ok\r\n", b"250 ok\r\n", b"500 5.5.1 what?\r\n"), "RSET: 500 5.5.1 what?"),
    "speaks unasked": (lambda c: lmtp(c, hello=HELLO + b"250 and more\r\n"), "a reply to nothing: 250 and more"),
    "other codes": (lambda c: lmtp(c, b"250 ok\r\n", b"250-a\r\n550 b\r\n", b"250 ok\r\n"), "no reply of LMTP"),
    "cannot tell": (lambda c: lmtp(c, b"250 ok\r\n", b"451 4.3.0 internal error\x1b[31m\r\n", b"250 ok\r\n"),
                    "451 4.3.0 internal error?[31m"),
    "closes after each": (lambda c: (lmtp(c, b"250 ok\r\n421 4.3.2 bye\r\n")), "421 4.3.2 bye"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_lmtp_faults(gate, faulty, fault):
    faulty.behave, note = FAULTS[fault]
    daemon = gate("lmtp")
    state, said = step(daemon)
    assert state == "did not answer"
    assert note in said and "127.0.0.1" in said, said
    with others_are_answered(daemon):
        assert verdict(daemon).startswith("451 4.3.0")
    assert daemon.pid() and daemon.process.poll() is None


FULL, UNKNOWN, NOBODY_KNOWS, TAKEN = "452 4.2.2", "550 5.1.1", "451 4.3.0", "DUNNO"
REPLIES = [
    ("550 Mailbox quota exceeded", FULL),
    ("422 The recipient's mailbox is Over Its Quota", FULL),
    ("554 5.7.1 over quota", FULL),
    ("550 5.2.0 mailbox is full", FULL),
    ("450-Sorry, this\r\n450 mailbox full, try later", FULL),
    ("550 relay not permitted", NOBODY_KNOWS),
    ("550 the user has overdrawn his diskspace quota", NOBODY_KNOWS),
    ("550 5.1.1 no such user, or over quota", UNKNOWN),  # an enhanced code that says more
    ("451 4.3.1 mailbox full", NOBODY_KNOWS),
    ("550 unknown user", UNKNOWN),
    ("250 mailbox full, but taken", TAKEN),
]


@pytest.mark.parametrize("reply,answer", REPLIES)
def test_what_replies_of_lmtp_mean(gate, faulty, reply, answer):
    faulty.behave = lambda c: lmtp(c, b"250 ok\r\n", reply.encode() + b"\r\n", b"250 ok\r\n")
    assert verdict(gate("lmtp")).startswith(answer)


@pytest.mark.parametrize("reply,answer", [(b"550 Sorry, NO ROOM", FULL), (b"550 mailbox full", NOBODY_KNOWS)])
def test_other_words_for_full(gate, faulty, reply, answer):
    faulty.behave = lambda c: lmtp(c, b"250 ok\r\n", reply + b"\r\n", b"250 ok\r\n")
    assert verdict(gate("lmtp", 'full = {"no room"}')).startswith(answer)


@pytest.mark.parametrize("fault,reply,note", [
    ("closes", None, "it closed the connection"),
    ("no netstring", b"GET", "no netstring: GET"),
    ("too long", b"99999999:", "no netstring"),
    ("half", b"20:OK jo", "no answer in 500 ms"),
    ("two answers", b"2:OK,2:OK,", "an answer to nothing"),
    ("another word", b"5:WHAT?,", "WHAT?"),
    ("temporary", b"20:TEMP no disk, sorry ,", "TEMP no disk, sorry"),
    ("timeout", b"12:TIMEOUT slow,", "TIMEOUT slow"),
    ("megabytes", b"x", "its answer is no netstring: xxx"),
])
def test_socketmap_faults(gate, faulty, fault, reply, note):
    many = 5_000_000 if fault == "megabytes" else 1
    faulty.behave = (lambda c: c.recv(100)) if reply is None else (lambda c: socketmap(c, reply * many))
    daemon = gate("socketmap")
    if fault == "two answers":  # the first one counts, and the connection is not used again
        assert [verdict(daemon, instance=str(n)) for n in range(3)] == ["DUNNO"] * 3
        return
    state, said = step(daemon)
    assert state == "did not answer" and note in said, said
    with others_are_answered(daemon):
        assert verdict(daemon).startswith("451 4.3.0")


@pytest.mark.parametrize("reply,answer,note", ids=range(13), argvalues=[
    (b"action=\n\n", "552 5.2.3", ""),
    (b"action=DUNNO\n\n", "DUNNO", ""),
    (b"action=452 4.2.2 full\n\n", "452 4.2.2", ""),
    (b"action=554 5.2.2 Quota exceeded\n\n", "452 4.2.2", ""),
    (b"action=REJECT Unknown user\n\n", "550 5.1.1", ""),
    (b"action=DEFER_IF_PERMIT Internal quota calculation error\n\n", "451 4.3.0", "Internal quota calculation error"),
    (b"action=REJECT\n\n", "451 4.3.0", "action=REJECT"),
    (b"nonsense\n\n", "451 4.3.0", "none of a policy server"),
    (b"other=attribute\n\n", "451 4.3.0", "none of a policy server"),
    (b"action=" + b"x" * 100_000, "451 4.3.0", "none of a policy server"),
    (b"action=half", "451 4.3.0", "no answer in 500 ms"),
    (b"a=b\n" * 1_000_000, "451 4.3.0", "none of a policy server"),
    (None, "451 4.3.0", "it closed the connection"),
])
def test_quota_status_answers(gate, faulty, reply, answer, note):
    faulty.behave = lambda c: socketmap(c, reply) if reply else c.recv(100)
    daemon = gate("quota-status")
    assert verdict(daemon).startswith(answer)
    if note:
        assert note in step(daemon)[1]


def test_a_server_that_hangs_is_left_alone(gate, faulty):
    """Two questions cost their time; those that follow fail at once, until it answers again."""
    faulty.behave = faulty.hang
    daemon = gate("lmtp", "breaker_failures = 2  breaker_pause = 500ms", timeout="3s")
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(daemon.policy()) for _ in range(20)]
        for number, client in enumerate(clients):
            client.send(f"request=smtpd_access_policy\nprotocol_state=RCPT\nrecipient=u{number}@asked.example\n\n".encode())
        with others_are_answered(daemon):
            pass
        assert all(client.waits() for client in clients)
        assert all(client.answer().startswith("451") for client in clients)
    assert daemon.says("event=peer store=asked host=inet:127.0.0.1:[0-9]+ state=open")
    assert verdict(daemon).startswith("451")
    faulty.behave = lambda c: lmtp(c, b"250 ok\r\n", b"250 2.1.5 ok\r\n", b"250 ok\r\n")
    until(lambda: verdict(daemon) == "DUNNO", "it is asked again")
    assert daemon.says("event=peer store=asked host=.* state=closed")


def test_connections_that_end_are_made_again(gate, faulty):
    """It closes after each answer, politely or not: no question fails."""
    for ending in (b"", b"421 4.3.2 shutting down\r\n"):
        def once(connection, ending=ending):
            connection.sendall(b"220 here\r\n")
            lines = connection.makefile("rb")
            lines.readline()
            connection.sendall(HELLO)
            for _ in range(3):
                lines.readline()
            connection.sendall(b"250 ok\r\n250 2.1.5 ok\r\n250 ok\r\n" + ending)
        faulty.behave = once
        if ending == b"":
            daemon = gate("lmtp")
        for number in range(10):
            assert verdict(daemon, f"u{number}{len(ending)}@asked.example") == "DUNNO"


def test_commands_one_by_one_where_there_is_no_pipelining(gate, faulty):
    heard = []

    def slow(connection):
        connection.sendall(b"220 here\r\n")
        for reply in [b"250 here\r\n"] + [b"250 ok\r\n", b"452 4.2.2 full\r\n", b"250 ok\r\n"] * 9:
            heard.append(connection.recv(4096))
            connection.sendall(reply)
    faulty.behave = slow
    daemon = gate("lmtp", 'sender = "probe@example.net"  connections = 1')
    for size in (1000, 500):
        assert verdict(daemon, '"jo\\"e x"@asked.example', size).startswith("452 4.2.2")
        time.sleep(0.1)
    heard = [line for line in heard if line]  # one asked only whether anybody listens
    assert heard[1:5] == [b"MAIL FROM:<probe@example.net>\r\n", b'RCPT TO:<"jo\\"e x"@asked.example>\r\n', b"RSET\r\n",
                          b"MAIL FROM:<probe@example.net>\r\n"]


def test_nothing_can_be_said_between_the_lines(gate, faulty):
    heard = []

    def listen(connection):
        connection.sendall(b"220 here\r\n")
        lines = connection.makefile("rb")
        lines.readline()
        connection.sendall(HELLO)
        for line in lines:
            heard.append(line)
            connection.sendall(b"250 2.0.0 ok\r\n")
    faulty.behave = listen
    daemon = gate("lmtp")
    for address in ("joe\r\nDATA@asked.example", "joe>\x01<@asked.example", "a@b>@asked.example", 'joe"@asked.example',
                    "<joe@asked.example> SIZE=9@asked.example"):
        with daemon.policy() as client:
            client.send(b"request=smtpd_access_policy\nprotocol_state=RCPT\nrecipient=" + address.encode() +
                        b"\nsize=7\n\n")
            client.answer()
    assert all(line.startswith((b"MAIL FROM:<> SIZE=7\r\n", b'RCPT TO:<"', b"RSET\r\n", b"QUIT\r\n")) for line in heard), heard


def test_a_name_is_looked_up_by_a_helper(idle_quotagate, folder, mail, faulty):
    faulty.behave = lambda c: lmtp(c, b"250 ok\r\n", b"552 5.2.2 full\r\n", b"250 ok\r\n")
    store = f'type = lmtp  address = "inet:mail.test:{faulty.port}"'
    daemon = idle_quotagate(CONFIGURATION.format(folder=folder, mail=mail, store=store, timeout="500ms", more=""))
    with (daemon.folder / "etc" / "hosts").open("a") as hosts:
        hosts.write("127.0.0.1 mail.test\n")
    daemon.addresses = lambda: [f"unix:{folder}/gate.sock"]
    daemon.start()
    assert verdict(daemon).startswith("452 4.2.2")
    text = daemon.configuration.read_text()
    daemon.configuration.write_text(text.replace("inet:mail.test", "inet:nosuch.test"))
    state, said = step(daemon)
    assert state == "did not answer" and "nosuch.test" in said


def test_a_reload_takes_the_new_server(gate, faulty, started):
    faulty.behave = faulty.hang
    daemon = gate("lmtp")
    other = Faulty(lambda c: lmtp(c, b"250 ok\r\n", b"552 5.2.2 full\r\n", b"250 ok\r\n"))
    started.append(other)
    with daemon.policy() as client:
        before = faulty.asked
        client.send(b"request=smtpd_access_policy\nprotocol_state=RCPT\nrecipient=joe@asked.example\n\n")
        until(lambda: faulty.asked > before, "it is asked")
        daemon.reload(daemon.configuration.read_text().replace(f":{faulty.port}", f":{other.port}"))
        assert client.answer().startswith("452 4.2.2")
