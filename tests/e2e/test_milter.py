"""quotagate as a milter: a client of our own, and a real Postfix that was given what `setup` prints."""
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from enclosure import USERS, free_port, until
from milter import Milter, acknowledged_in, charged, descriptors
from policy import connect, read_all
from smtp import ask, send

UNIX, INET, SOME = range(3)


@pytest.fixture
def gate(quotagate, mail, folder):
    for name, octets in ("full", 205_000), ("ok", 0), ("other", 0):
        (mail / name).write_bytes(b"x" * octets)
        os.chown(mail / name, USERS["vmail"], USERS["vmail"])
    return quotagate(
        f'control = "{folder}/control.sock"\n'
        f'listen unix {{ protocol = milter  address = "unix:{folder}/milter.sock"  mode = 0666 }}\n'
        f'listen inet {{ protocol = milter  address = "inet:127.0.0.1:{free_port()}" }}\n'
        f'listen some {{ protocol = milter  address = "inet:127.0.0.1:{free_port()}"  mailers = {{local, cyrusv2}} }}\n'
        f'store boxes {{ type = mbox  path = "{mail}/%n"  limit = 200k  user = vmail }}\n'
        "domain example.org { store = boxes }\n")


@pytest.mark.parametrize("listener", [UNIX, INET])
def test_each_recipient_is_judged_on_its_own(gate, listener):
    with Milter(gate.addresses()[listener]) as mta:
        assert mta.options == (6, 0, 0x373)
        assert mta.mail(size=1000) == "c"
        assert mta.rcpt("full@example.org") == "452 4.2.2 Quota exceeded for full@example.org, try again later"
        assert mta.rcpt("ok@example.org") == "c"
        assert mta.rcpt("somebody@elsewhere.example") == "c"
        assert mta.end() == "c"
        assert mta.mail(size=1_000_000) == "c"
        assert mta.rcpt("ok@example.org").startswith("552 5.2.3 ")
        mta.quit()
    assert gate.says("listener=(unix|inet)")


def test_the_true_size_is_judged_at_the_end(gate):
    with Milter(gate.addresses()[UNIX]) as mta:
        assert mta.mail() == mta.rcpt("ok@example.org") == "c"
        assert mta.end(size=1_000_000).startswith("552 5.2.3 ")
        assert charged(gate, "ok@example.org") == 0
        # of several nobody can be refused; but the next message meets their true size
        assert mta.mail() == mta.rcpt("ok@example.org") == mta.rcpt("other@example.org") == "c"
        assert mta.end(size=150_000) == "c"
        assert charged(gate, "ok@example.org") == 150_000
        assert charged(gate, "other@example.org") == 150_000
        assert mta.mail(size=100_000) == "c"
        assert mta.rcpt("ok@example.org").startswith("452 4.2.2 ")


def test_only_recipients_of_the_mailers_named(gate):
    with Milter(gate.addresses()[SOME]) as mta:
        assert mta.mail() == "c"
        assert mta.rcpt("full@example.org", mailer="esmtp") == "c"
        assert mta.rcpt("full@example.org", mailer="error") == "c"
        assert mta.rcpt("full@example.org", mailer="cyrusv2").startswith("452 4.2.2 ")
        assert mta.rcpt("full@example.org").startswith("452 4.2.2 ")


@pytest.mark.parametrize("listener", [UNIX, INET])
def test_200_messages_on_one_connection(gate, listener):
    with Milter(gate.addresses()[listener]) as mta:
        for number in range(200):
            assert mta.mail(size=100) == mta.rcpt("ok@example.org") == "c"
            assert mta.rcpt("full@example.org").startswith("452 ")
            if number % 3 == 0:
                mta.abort()
            else:
                assert mta.end(size=100) == "c"
        mta.quit()
    assert charged(gate, "ok@example.org") == 133 * 100


def test_200_connections_at_once(gate):
    before = descriptors(gate)
    mtas = [Milter(gate.addresses()[number % 2]) for number in range(200)]
    # all speak at the same time: every command is sent by all before a reply is read
    for mta in mtas:
        mta.strings("M", "<sender@example.net>", "SIZE=10000")
    assert {mta.reply() for mta in mtas} == {"c"}
    for mta in mtas:
        mta.strings("R", "<ok@example.org>")
    replies = [mta.reply() for mta in mtas]
    assert replies.count("c") == 20  # of 10,000 octets as many as fit into 200 KiB
    assert all(reply == "c" or reply.startswith("452 4.2.2 ") for reply in replies)
    for mta in mtas:
        mta.send("E")
    assert {mta.reply() for mta in mtas} == {"c"}
    for number, mta in enumerate(mtas):
        mta.quit() if number % 2 else mta.close()
    until(lambda: descriptors(gate) == before, "all connections are closed")


def test_an_abort_gives_the_room_back_and_the_end_keeps_it(gate):
    with Milter(gate.addresses()[UNIX]) as mta:
        for give_up in (mta.abort, lambda: mta.mail(), lambda: mta.strings("H", "mx.example.net") or mta.reply()):
            mta.mail(size=150_000)
            assert mta.rcpt("ok@example.org") == "c"
            assert charged(gate, "ok@example.org") == 150_000
            give_up()
            until(lambda: charged(gate, "ok@example.org") == 0, "the room is given back")
        mta.mail(size=150_000)
        assert mta.rcpt("ok@example.org") == mta.end() == "c"
        mta.quit()
    assert charged(gate, "ok@example.org") == 150_000


CLIENT = """
import sys, time
sys.path.insert(0, sys.argv[1])
from milter import Milter, acknowledged_in, charged, descriptors
mta = Milter(sys.argv[2])
assert mta.mail(size=150_000) == mta.rcpt("ok@example.org") == "c"
print("in the middle", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("listener", [UNIX, INET])
def test_a_killed_client_gives_the_room_back(gate, listener):
    before = descriptors(gate)
    for _ in range(3):
        client = subprocess.Popen([sys.executable, "-c", CLIENT, str(Path(__file__).parent), gate.addresses()[listener]],
                                  stdout=subprocess.PIPE, text=True)
        try:
            assert client.stdout.readline() == "in the middle\n"
            assert charged(gate, "ok@example.org") == 150_000
        finally:
            os.kill(client.pid, signal.SIGKILL)
            client.wait()
            client.stdout.close()
        until(lambda: charged(gate, "ok@example.org") == 0, "the room is given back")
    until(lambda: descriptors(gate) == before, "the connections are closed")


def test_nobody_waits_for_an_acknowledgement(gate):
    """Sendmail writes macros and command apart, and without TCP_NODELAY: the second waits until the first is
    acknowledged, which takes 40 ms unless it is done at once."""
    with Milter(gate.addresses()[INET]) as mta:
        mta.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
        mta.mail()
        for _ in range(30):
            assert mta.rcpt("ok@example.org") == "c"
        # A busy machine may be late now and then; one that puts it off never comes below half of the 40 ms.
        port = gate.addresses()[INET].rpartition(":")[2]
        until(lambda: mta.rcpt("ok@example.org") == "c" and acknowledged_in(port) < 10, "it is acknowledged at once")


@pytest.mark.parametrize("octets", [
    b"\0\0\0\0", b"\xff\xff\xff\xff", b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\4Rab\0", b"\0\0\0\x0dO\0\0\0\1\0\0\0\0\0\0\0\0",
])
def test_rubbish_is_not_answered(gate, octets):
    with connect(gate.addresses()[INET]) as connection:
        connection.sendall(octets)
        assert read_all(connection) == b""
    gate.says("event=bad-request")
    with Milter(gate.addresses()[INET]) as mta:
        assert mta.mail() == "c"
        mta.strings("O", "again")
        with pytest.raises((EOFError, ConnectionError)):
            mta.reply()


def test_a_reload_and_the_end_of_the_daemon_do_not_break_a_message_before_its_time(gate):
    with Milter(gate.addresses()[UNIX]) as mta:
        assert mta.mail(size=100) == "c"
        gate.reload(gate.configuration.read_text().replace("limit = 200k", "limit = 100k"))
        gate.says("event=reload|reloaded|configuration")
        assert mta.rcpt("ok@example.org") == mta.end() == "c"
        assert gate.stop() == 0


def test_setup_postfix_works_when_pasted(gate, postfix, mail):
    printed = gate.command("setup", "postfix")
    assert printed.returncode == 0 and "smtpd_milters" in printed.stdout, printed
    # three listeners were printed, each for a Postfix of its own: the second is asked
    lines = printed.stdout.split("# listen inet")[1].split("# listen some")[0]
    mta = postfix(mail=mail, more="# listen inet" + lines)
    assert str(ask(mta.port, "full@example.org")).startswith("452 4.2.2 Quota exceeded for full@example.org")
    assert send(mta.port, "ok@example.org")["ok@example.org"].code == 250
    assert send(mta.port, "ok@example.org")["ok@example.org"].code == 250
    mta.settle()
    assert mta.bounces() == []
    gate.stop()
    assert ask(mta.port, "full@example.org").code == 250
    mta.says("connect to Milter service .*: Connection refused")


def test_setup_sendmail(gate, idle_quotagate):
    printed = gate.command("setup", "sendmail")
    assert printed.returncode == 0, printed
    port = gate.addresses()[INET].rpartition(":")[2]
    assert f"INPUT_MAIL_FILTER(`quotagate', `S=inet:{port}@127.0.0.1, F=, T=C:5s;S:5s;R:8s;E:30s')dnl\n" in printed.stdout
    assert f"S=local:{gate.addresses()[UNIX].removeprefix('unix:')}, F=," in printed.stdout
    other = idle_quotagate('listen mta { protocol = policy  address = "inet:127.0.0.1:7356" }\n'
                           'store boxes { type = mbox  path = "/nonexistent/%n" }\n', name="other")
    done = other.command("setup", "sendmail")
    assert done.returncode == 2 and "sendmail" in done.stderr
