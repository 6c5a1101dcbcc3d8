"""The stores `cyrus` and `imap` before a server that does what no real one can be made to do."""
import json
import re
import time

import pytest

from databases import secret
from enclosure import free_port, until
from faulty import Faulty

GATE = """
listen mta {{ protocol = policy  address = "inet:127.0.0.1:{port}" }}
store box {{ type = {type}  uri = "imap://127.0.0.1:{imap}"  login = "{login}"  password_file = "{secret}"
    mailbox = "user/%n"  timeout = 1s  {options} }}
store other {{ type = {type}  uri = "imap://127.0.0.1:{other}"  login = admin  password_file = "{secret}"
    mailbox = "user/%n" }}
domain example.org {{ store = box }}
domain example.net {{ store = other }}
cache {{ ttl_low = 1ms  ttl_mid = 1ms  ttl_high = 1ms  ttl_none = 1ms  stale = {stale} }}
rules {{ error = defer  unknown = reject  timeout = 10m }}
"""

FINE = b"* QUOTAROOT x r\r\n* QUOTA r (STORAGE 1 100)\r\nTAG OK done\r\n"


class Imap(Faulty):
    """Logs everybody in, and answers a GETQUOTAROOT as told; TAG is the question's, and null means to say nothing.
    `heard` are the commands without their tags."""

    def __init__(self, answer=FINE, greeting=b"* OK ready\r\n", login=b"TAG OK in\r\n", capabilities=b"IMAP4rev1 QUOTA"):
        super().__init__(self.speak)
        self.answer, self.greeting, self.login, self.capabilities = answer, greeting, login, capabilities
        self.heard = []

    def said_to(self, word):
        return {"CAPABILITY": b"* CAPABILITY " + self.capabilities + b"\r\nTAG OK done\r\n", "LOGIN": self.login,
                "AUTHENTICATE": self.login, "STARTTLS": b"TAG NO not now\r\n",
                "GETQUOTA": b"TAG NO Quota root does not exist\r\n", "GETQUOTAROOT": self.answer,
                "LOGOUT": b"* BYE\r\nTAG OK\r\n"}[word]

    def speak(self, connection):
        if self.greeting is None:
            self.hang(connection)
            return
        connection.sendall(self.greeting)
        if not self.greeting:
            return
        for line in connection.makefile("rb"):
            tag, _, command = line.rstrip(b"\r\n").partition(b" ")
            self.heard.append(command.decode())
            answer = self.said_to(command.split()[0].decode())
            if answer is None:
                self.hang(connection)
                return
            connection.sendall(answer.replace(b"TAG", tag))
            if not answer.endswith(b"\n") or b"BYE" in answer:
                return


@pytest.fixture
def server(started):
    def start(*arguments, **more):
        one = Imap(*arguments, **more)
        started.append(one)
        return one
    return start


@pytest.fixture
def gate(quotagate, folder, server):
    """gate(server): one that asks it for example.org, and one that is well for example.net."""
    well = server()

    def start(imap, type="cyrus", options="", stale="1ms", login="admin"):
        return quotagate(GATE.format(port=free_port(), type=type, imap=imap.port, other=well.port, options=options,
                                     stale=stale, login=login, secret=secret(folder / "secret", "x")))
    return start


def looks(daemon, address="joe@example.org"):
    answer = json.loads(daemon.check("--json", address).stdout)[0]
    return answer["verdict"], answer["steps"][-1]


def failed(daemon, imap, want):
    """joe is deferred, the reason is told, and nobody else notices."""
    with daemon.policy() as mta:
        assert mta.ask("joe@example.org").startswith("451 4.3.0 ")
        assert mta.ask("joe@example.net") == "DUNNO"
    assert re.search(want, daemon.said()), daemon.said()


def test_one_that_is_fine(server, gate):
    imap = server()
    daemon = gate(imap)
    for _ in range(3):
        verdict, step = looks(daemon)
        assert (verdict, step["usage"], step["limit"]) == ("pass", 2047, 102400)


GREETINGS = [
    (b"", "it closed the connection"),
    (None, "it did not answer in time"),
    (b"* OK hal", "it closed the connection|did not"),
    (b"* BYE [UNAVAILABLE] we are \x01closed\r\n", r"BYE \[UNAVAILABLE\] we are \?closed"),
    (b"HTTP/1.1 400 Bad Request\r\n\r\n", "imap"),
    (b"* OK " + b"x" * 3_000_000, "imap"),
    (b"* 3 EXISTS\r\n" * 300_000, "imap"),
]


@pytest.mark.parametrize("number", range(len(GREETINGS)))
def test_bad_greetings(server, gate, number):
    greeting, want = GREETINGS[number]
    imap = server(greeting=greeting)
    failed(gate(imap), imap, want)


LOGINS = [
    (b"TAG NO [AUTHENTICATIONFAILED] who?\r\n", r"NO \[AUTHENTICATIONFAILED\] who\?"),
    (b"TAG BAD what\r\n", "BAD what"),
    (b"* BYE too many\r\n", "BYE too many"),
    (b"TAG OK", "it closed the connection during the log-in"),
    (None, "it did not end the log-in in time"),
    (b"* 3 EXISTS\r\n" * 300_000 + b"TAG OK\r\n", "before the log-in"),
    (b"+ \r\n", "imap"),
]


@pytest.mark.parametrize("number", range(len(LOGINS)))
def test_bad_logins(server, gate, number):
    login, want = LOGINS[number]
    imap = server(login=login)
    failed(gate(imap), imap, want)


ANSWERS = [
    (b"", "it closed the connection"),
    (None, "it did not answer in time"),
    (b"* QUOTAROOT x r\r\n* QUOTA r (STORAGE 1", "it closed the connection amidst its answer"),
    (b"TAG NO Permission denied\r\n", "NO Permission denied"),
    (b"TAG NO [SERVERBUG] \xff\x01\r\n", r"NO \[SERVERBUG\] \?\?"),
    (b"TAG BAD Unknown command\r\n", "BAD Unknown command"),
    (b"* BYE going down\r\n", "BYE going down"),
    (b"q999 OK done\r\n", "it answered what was not asked: q999 OK done"),
    (b"+ go on\r\n", "it waits for more"),
    (b"TAG MAYBE\r\n", "it said what is no IMAP: q[0-9]+ MAYBE"),
    (b"* QUOTA r (STORAGE 1)\r\nTAG OK done\r\n", r"it said what is no IMAP: \* QUOTA r \(STORAGE 1\)"),
    (b"* QUOTA r (STORAGE -1 100)\r\nTAG OK done\r\n", "it said what is no IMAP"),
    (b"\0\0\0\0\n", r"it said what is no IMAP: \?\?"),
    (b"* QUOTA {999999999}\r\n", "it did not end its answer in time"),
    (b"* QUOTA {9999999999}\r\n", "it said what is no IMAP"),
    (b"* 3 EXISTS\r\n" * 300_000 + b"TAG OK\r\n", "its answer is too long"),
    (b"* QUOTA " + b"x" * 3_000_000 + b"\r\n", "its answer is too long"),
    (b"x" * 3_000_000, "its answer is too long"),
    # Of half an answer nobody makes a mailbox without a limit.
    (b"TAG OK done\r\n", "OK done, but no line QUOTAROOT"),
    (b"TAG OK No quota\r\n", "OK No quota, but no line QUOTAROOT"),  # Dovecot's words, and Cyrus is asked
    (b"* QUOTA r (STORAGE 1 100)\r\nTAG OK done\r\n", "OK done, but no line QUOTAROOT"),
    (b"* QUOTAROOT x r\r\nTAG OK done\r\n", "OK done, but no line QUOTA for a quota root that it names"),
    (b"* QUOTAROOT x r s\r\n* QUOTA s (STORAGE 1 100)\r\nTAG OK done\r\n", "but no line QUOTA for a quota root"),
    (b"* QUOTAROOT x" + b" r" * 65 + b"\r\n* QUOTA r (STORAGE 1 100)\r\nTAG OK done\r\n", "too many quota roots"),
    (b"* QUOTAROOT x " + b"r" * 1025 + b"\r\nTAG OK done\r\n", "too long names of them"),
]


@pytest.mark.parametrize("number", range(len(ANSWERS)))
def test_bad_answers(server, gate, number):
    answer, want = ANSWERS[number]
    imap = server(answer)
    daemon = gate(imap)
    failed(daemon, imap, want)
    imap.answer = FINE
    with daemon.policy() as mta:
        until(lambda: mta.ask("joe@example.org") == "DUNNO", "it is asked again")


def test_bad_answers_on_a_kept_connection(server, gate):
    """Only that it came to its end is forgiven, and once."""
    imap = server()
    daemon = gate(imap, options="helpers = 1")
    for answer in (b"", b"* BYE idle for too long\r\n"):
        imap.answer = FINE
        with daemon.policy() as mta:
            assert mta.ask("joe@example.org") == "DUNNO"
            before = imap.asked
            imap.answer = answer
            time.sleep(0.01)  # what is known is too old now
            assert mta.ask("joe@example.org").startswith("451 4.3.0 ")
            assert imap.asked == before + 1
            imap.answer = FINE
            until(lambda: mta.ask("joe@example.org") == "DUNNO", "it is asked again")


@pytest.mark.parametrize("login", ["%u", "admin"])
def test_a_server_that_hangs_is_left_alone(server, gate, login):
    """Else each question would cost a helper a second, and those behind it their time. A log-in as anybody is as good a sign."""
    imap = server(login=None)
    daemon = gate(imap, type="imap", login=login, options="helpers = 1")
    with daemon.policy() as mta:
        for n in range(10):
            assert mta.ask(f"u{n}@example.org").startswith("451 4.3.0 ")
    assert imap.asked <= 4, "three in a row, and perhaps one to try again"
    daemon.says(r"event=peer store=box host=imap://\S+ state=open")


def test_one_user_who_is_not_let_in_is_no_fault_of_the_server(server, gate):
    imap = server(login=b"TAG NO [AUTHENTICATIONFAILED] who?\r\n")
    daemon = gate(imap, type="imap", login="%u")
    with daemon.policy() as mta:
        for n in range(6):
            assert mta.ask(f"u{n}@example.org").startswith("451 4.3.0 ")
            assert imap.asked == n + 1
    assert "state=open" not in daemon.said()


def test_what_was_known_serves_meanwhile(server, gate):
    imap = server()
    daemon = gate(imap, stale="1h")
    with daemon.policy() as mta:
        assert mta.ask("joe@example.org") == "DUNNO"
        imap.answer = None
        time.sleep(0.01)  # what is known is too old now
        assert mta.ask("joe@example.org", instance="2") == "DUNNO"
    daemon.says("it did not answer in time")


SPELLINGS = [
    (b'* QUOTAROOT {8}\r\nuser/joe "a \\" b"\r\n* QUOTA "a \\" b" (MESSAGE 1 5 storage 10 20)\r\nTAG OK\r\n', 10, 20, 1, 5),
    (b"* QUOTA {9+}\r\nq9 OK\r\n a (STORAGE 10 20)\r\n* QUOTAROOT x {9}\r\nq9 OK\r\n a\r\nTAG OK done\r\n", 10, 20, 0, 0),
    (b'* 7 EXISTS\r\n* QUOTAROOT x a b\r\n* QUOTA a (STORAGE 10 100)\r\n* QUOTA b (STORAGE 5 20 X-Y ? !)\r\n'
     b"* LIST () NIL {3}\r\nfoo\r\nTAG OK [x] done {3}\r\n", 5, 20, 0, 0),
    (b'* QUOTAROOT x ""\r\n* QUOTA "" (STORAGE 18446744073709551616 18446744073709551616)\r\nTAG OK\r\n', None, None, 0, 0),
]


@pytest.mark.parametrize("number", range(len(SPELLINGS)))
def test_answers_in_other_spellings(server, gate, number):
    answer, usage, limit, messages, message_limit = SPELLINGS[number]
    verdict, step = looks(gate(server(answer)))
    if usage is None:
        assert verdict == "defer" and step["usage"] > step["limit"] > 2**62
    else:
        assert (step["usage"], step["limit"]) == (usage * 1024 + 1023, limit * 1024)
        assert (step.get("messages", 0), step.get("message_limit", 0)) == (messages, message_limit)


# What Dovecot 2.3 says: nothing but words where no root has a limit, and no line QUOTA for a root without one.
NO_QUOTA = b"TAG OK No quota (0.001 + 0.000 secs).\r\n"
SECOND = b'* QUOTAROOT INBOX "User quota" Second\r\n* QUOTA Second (STORAGE 3 5)\r\nTAG OK Getquotaroot completed.\r\n'


@pytest.mark.parametrize("rule,answer,usage,limit", [
    ("fits", NO_QUOTA, 0, 0), ("dovecot-2.3", NO_QUOTA, 0, 0),
    ("fits", SECOND, None, None), ("dovecot-2.3", SECOND, 3072, 4 * 1024 + 1), ("dovecot-2.4", SECOND, 3072, 4 * 1024 + 1),
    ("fits", FINE, 2047, 100 * 1024), ("dovecot-2.3", FINE, 1024, 99 * 1024 + 1), ("cyrus", FINE, 2047, 100 * 1024),
    ("dovecot-2.3", b"* QUOTAROOT x r\r\nTAG OK done\r\n", None, None),
])
def test_figures_are_read_as_the_rule_says_that_they_are_meant(server, gate, rule, answer, usage, limit):
    verdict, step = looks(gate(server(answer), type="imap", options=f"rule = {rule}"))
    assert (verdict == "defer") == (usage is None), step["note"]
    assert (step.get("usage"), step.get("limit")) == (usage, limit)


@pytest.mark.parametrize("type,limit", [("cyrus", 1), ("imap", 0)])
def test_a_limit_of_nothing(server, gate, type, limit):
    """Cyrus means it; others, that there is none."""
    imap = server(b"* QUOTAROOT x r\r\n* QUOTA r (STORAGE 0 0)\r\nTAG OK\r\n")
    verdict, step = looks(gate(imap, type=type))
    assert (verdict, step["limit"]) == ("defer" if limit else "pass", limit)


@pytest.mark.parametrize("text", [b"[NONEXISTENT] gone", b"mailbox does not exist", b"Mailbox doesn't exist: user/joe",
                                  b"Invalid mailbox name"])
def test_words_for_no_such_mailbox(server, gate, text):
    assert looks(gate(server(b"TAG NO " + text + b"\r\n")))[0] == "reject"


def test_what_is_said_before_starttls_is_no_answer(server, gate):
    """Somebody in between cannot tell figures before the connection is encrypted."""
    imap = server(greeting=b"* QUOTA r (STORAGE 1 100)\r\n* OK ready\r\n", capabilities=b"IMAP4rev1 STARTTLS")
    daemon = gate(imap, options="starttls = yes")
    with daemon.policy() as mta:
        assert mta.ask("joe@example.org").startswith("451 4.3.0 ")
    assert not any(command.startswith(("LOGIN", "AUTHENTICATE", "GETQUOTA")) for command in imap.heard)


@pytest.mark.parametrize("capabilities,want", [(b"IMAP4rev1 AUTH=LOGIN", None), (b"IMAP4rev1", None),
                                               (b"IMAP4rev1 AUTH=PLAIN SASL-IR", "AUTHENTICATE PLAIN ")])
def test_nobody_is_asked_about_as_somebody_else(server, gate, capabilities, want):
    """Where PLAIN is not spoken, there is no way to say on whose behalf one logs in."""
    imap = server(capabilities=capabilities)
    verdict, _ = looks(gate(imap, type="imap", options='authorize = "%u"'))
    assert (verdict == "pass") == bool(want)
    assert any(command.startswith("AUTHENTICATE PLAIN") for command in imap.heard) == bool(want)
    assert not any(command.startswith("LOGIN") for command in imap.heard)


def test_what_is_asked(server, gate):
    imap = server()
    daemon = gate(imap)
    for local in ("joe", '"a \\"b\\\\"', "é&", '"%s"', '"*"'):
        looks(daemon, f"{local}@example.org")
    asked = [command for command in imap.heard if command.startswith("GETQUOTAROOT")]
    assert asked == [f'GETQUOTAROOT "user/{name}"' for name in ("joe", 'a \\"b\\\\', "&AOk-&-", "%s", "*")]
