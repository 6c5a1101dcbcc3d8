"""The store `sql` before servers that do what PostgreSQL and MariaDB cannot be made to do: a defined verdict in time, a note in
the server's own words, and nobody else notices."""

import pytest

from enclosure import free_port, mbox
from faulty import Faulty

GATE = """
listen mta {{ protocol = policy  address = "inet:127.0.0.1:{mta}" }}
store db {{ type = sql  uri = "{scheme}://quotagate@127.0.0.1:{port}/mail"  preset = postfixadmin  timeout = 1s }}
store boxes {{ type = mbox  path = "{mail}/%n"  user = vmail }}
domain example.org {{ store = db }}
domain example.net {{ store = boxes }}
rules {{ error = defer  timeout = 10m }}
"""


def postgres(kind, body=b"", length=None):
    """A message as PostgreSQL writes it; the length may be a lie."""
    return kind + (len(body) + 4 if length is None else length).to_bytes(4, "big") + body


def mysql(body, length=None):
    """A packet of MySQL."""
    return (len(body) if length is None else length).to_bytes(3, "little") + b"\0" + body


def says(octets):
    """At once, and then nothing."""
    return lambda connection: (connection.sendall(octets), connection.recv(4096), connection.recv(1))


def says_then(octets):
    """Without TLS, when it was told who comes."""
    return lambda connection: (connection.recv(4096), connection.sendall(b"N"), says_when_asked(connection, octets))


def says_when_asked(connection, octets):
    connection.recv(4096)
    connection.sendall(octets)
    connection.recv(1)


REFUSAL = b"SFATAL\0C53300\0Mtoo many \x1b[31mclients\n already\0\0"
NOTICE = postgres(b"N", b"SNOTICE\0Mhello\0\0")
FAULTS = {
    "postgresql closes": (lambda connection: None, "server closed the connection"),
    "postgresql says half": (says_then(b"R\0\0"), "no answer within 1000 ms"),
    "postgresql refuses": (says_then(postgres(b"E", REFUSAL)), "FATAL: too many ?[31mclients"),
    "postgresql is none": (says(b"220 mail ESMTP\r\n"), "invalid response to SSL negotiation: 2"),
    "postgresql makes no sense": (says_then(b"Z" * 100), "received Z"),
    "postgresql has no end": (says_then(NOTICE * 300_000), "received N"),
    "postgresql says much": (says_then(postgres(b"R", b"x" * 10_000_000, 0x7FFFFFFF)), "received R"),
    "mysql closes": (lambda connection: None, "Lost connection to server"),
    "mysql says half": (says(b"\x4a\0\0"), "Lost connection to server"),
    "mysql refuses": (says(mysql(b"\xff\x10\x04Too many \x1b[31mconnections")), "Too many ?[31mconnections"),
    "mysql makes no sense": (says(mysql(b"\x0a\0Z")), "MySQL 127.0.0.1:"),
    "mysql says much": (says(mysql(b"\x0a" + b"x" * 20_000_000, 0xFFFFFF)), "MySQL 127.0.0.1:"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults(idle_quotagate, started, mail, fault):
    behave, want = FAULTS[fault]
    server = Faulty(behave)
    started.append(server)
    mbox(mail / "ann", 100)
    mta = free_port()
    daemon = idle_quotagate(GATE.format(mta=mta, scheme=fault.split()[0], port=server.port, mail=mail))
    daemon.addresses = lambda: [f"inet:127.0.0.1:{mta}"]  # not the server's
    daemon.start()
    with daemon.policy() as asking, daemon.policy() as other:
        asking.send(b"request=smtpd_access_policy\nprotocol_state=RCPT\nrecipient=joe@example.org\n\n")
        assert other.ask("ann@example.net") == "DUNNO"
        assert asking.answer().startswith("451 4.3.0 ")
    line = daemon.says("event=no-answer store=db recipient=joe@example.org note=.*")[0]
    assert want in line and "\x1b" not in line, line
    assert daemon.pid() and daemon.process.poll() is None
