"""Clients of every front that ask one question after the other and see to it that each has exactly one end.

ask(address) returns how it ended: PASS, FULL, UNSURE (the answer of `error = defer`), CLOSED (the connection ended without a
word or could not be made, so that the MTA does what its default_action says), or SILENT, which must not be. Half an answer,
a second one, or one that is of no protocol raises Wrong.
"""
import errno
import json
import re
import select
import socket

from datagrams import Datagrams
from milter import Milter
from policy import connect, request

PASS, FULL, UNSURE, CLOSED, SILENT = "passed", "refused", "unsure", "closed", "silent"
PATIENCE = 10  # seconds; twice what any answer may take


class Wrong(AssertionError):
    pass


def ended(patterns, answer):
    """Which of {outcome: pattern} the whole answer is."""
    for outcome, pattern in patterns.items():
        if re.fullmatch(pattern, answer, re.S):
            return outcome
    raise Wrong(f"no answer: {answer!r}")


class Kept:
    """One connection for all questions. When it was closed while idle, the question goes over a new one, as MTAs do it."""

    kept = True

    def __init__(self, address):
        self.address, self.connection = address, None

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def still_there(self):
        """Nothing comes unasked. An MTA that finds its connection closed makes another."""
        if self.connection and select.select([self.connection], [], [], 0)[0]:
            try:
                unasked = self.connection.recv(65536)
            except ConnectionError:
                unasked = b""
            if unasked:
                raise Wrong(f"unasked: {unasked!r}")
            self.close()
        return self.connection is not None

    def ask(self, mailbox):
        """A kept connection that ends without a word was closed while the question was on its way: once more."""
        reused = self.still_there()
        outcome = self.ask_once(mailbox)
        return self.ask_once(mailbox) if outcome == CLOSED and reused else outcome

    def ask_once(self, mailbox):
        try:
            if not self.connection:
                self.connection = connect(self.address, PATIENCE)
            self.connection.sendall(self.question(mailbox))
            answer = self.read()
        except TimeoutError:
            self.close()
            return SILENT
        except OSError as error:
            self.close()
            if not isinstance(error, ConnectionError) and error.errno not in (errno.ENOTCONN, errno.ENOENT):
                raise
            return CLOSED
        if not answer:
            self.close()
            return CLOSED
        if not self.kept:
            self.close()
        return ended(self.answers, answer.decode())

    def read(self):
        """One answer, or nothing."""
        got = b""
        while not self.whole(got):
            piece = self.connection.recv(65536)
            if not piece:
                if got:
                    raise Wrong(f"half an answer: {got!r}")
                return b""
            got += piece
        return got


class Policy(Kept):
    name = "policy, kept"
    answers = {PASS: "action=DUNNO\n\n", FULL: "action=(452 4.2.2|552 5.2.3) [^\n]*\n\n",
               UNSURE: "action=451 4.3.0 [^\n]*\n\n"}
    instance = 0

    def question(self, mailbox):
        Policy.instance += 1
        return request(request="smtpd_access_policy", protocol_state="RCPT", sender="sender@example.net", recipient=mailbox,
                       size=100, instance=f"q{Policy.instance}", client_address="192.0.2.7").encode()

    def whole(self, got):
        return got.endswith(b"\n\n")


class ToTheEnd(Kept):
    """A connection for each question; we say that no more follows, and read until the other side says so."""

    kept = False

    def read(self):
        self.connection.shutdown(socket.SHUT_WR)
        return self.to_the_end()

    def to_the_end(self):
        got = b""
        while piece := self.connection.recv(65536):
            got += piece
        return got


class FreshPolicy(ToTheEnd, Policy):
    name = "policy, a connection each"


class Socketmap(Kept):
    name = "socketmap"
    answers = {PASS: r"\d+:NOTFOUND [^,]*,", FULL: r"\d+:OK (452 4\.2\.2|552 5\.2\.3) .*,",
               UNSURE: r"\d+:(OK 451 4\.3\.0 |TEMP ).*,"}

    def question(self, mailbox):
        text = f"map {mailbox}"
        return f"{len(text)}:{text},".encode()

    def whole(self, got):
        length, colon, rest = got.partition(b":")
        return bool(colon) and len(rest) >= int(length) + 1


class Web(ToTheEnd):
    name = "HTTP"
    answers = {PASS: "pass", FULL: "defer full|reject too_large|reject full", UNSURE: "defer [a-z_-]+|503"}

    def question(self, mailbox):
        return (f"GET /v1/check?recipient={mailbox}&size=100 HTTP/1.1\r\nHost: localhost\r\n"
                "Connection: close\r\n\r\n").encode()

    def read(self):
        got = self.to_the_end()
        if not got:
            return b""
        head, _, body = got.decode().partition("\r\n\r\n")
        length = re.search(r"(?im)^content-length: (\d+)\r?$", head)
        if not length or len(body) != int(length[1]):
            raise Wrong(f"half an answer, or more than one: {got!r}")
        status = head.split()[1]
        if status != "200":
            return status.encode()
        said = json.loads(body)
        return (said["verdict"] if said["verdict"] == "pass" else f"{said['verdict']} {said['reason']}").encode()


class Control(ToTheEnd):
    """The control socket, which tells what is known of a mailbox: asked for what quotagate status shows."""

    name = "control socket"
    answers = {PASS: ".*# EOF\n"}

    def question(self, _mailbox):
        return b"metrics\n"


class MilterAsker:
    """A connection for each message, as Sendmail has it."""

    name = "milter"
    answers = {PASS: "c", FULL: r"(452 4\.2\.2|552 5\.2\.3) .*", UNSURE: r"451 4\.3\.0 .*|t"}

    def __init__(self, address):
        self.address = address

    def close(self):
        pass

    def ask(self, mailbox):
        try:
            with Milter(self.address, timeout=PATIENCE) as one:
                if one.mail(size=100) != "c":
                    raise Wrong("MAIL is refused")
                said = one.rcpt(mailbox)
                one.abort()
                one.send("Q")
                if more := one.connection.recv(1):
                    raise Wrong(f"unasked: {more!r}")
        except TimeoutError:
            return SILENT
        except (ConnectionError, EOFError):
            return CLOSED
        return ended(self.answers, said)


class Line:
    """check_quota by datagrams. Who hears nothing asks again, once."""

    name = "datagrams"
    patience = 1

    def __init__(self, port):
        self.port, self.again = port, 0

    def close(self):
        pass

    def ask(self, mailbox):
        nobody = False
        for attempt in range(2):
            with Datagrams(self.port) as one:
                try:
                    one.send(f"CHECK_QUOTA {mailbox}\n".encode())
                    answer = one.receive(self.patience)
                except ConnectionError:  # the kernel says that nobody listens
                    answer, nobody = None, True
                if answer:
                    one.socket.setblocking(False)
                    try:
                        raise Wrong(f"a second answer: {one.socket.recv(65536)!r}")
                    except BlockingIOError:
                        return ended({PASS: "QUOTA_OK\n?", FULL: "QUOTA_FULL\n?", UNSURE: "QUOTA_ERROR\n?"}, answer.decode())
            self.again += attempt == 0
        return CLOSED if nobody else SILENT
