"""The milter before a real Sendmail and a real Postfix: many messages, many connections, and sudden ends."""
import pytest

from enclosure import free_port, mbox, until
from milter import charged, descriptors
from postfix import Postfix
from sendmail import Sendmail
from smtp import Sender, message, rcpt_at_once

OK = "ok@example.org"


@pytest.fixture
def gate(quotagate, mail, folder):
    mbox(mail / "full", 205_000)
    mbox(mail / "ok", 0)
    return quotagate(f'control = "{folder}/control.sock"\n'
                     f'listen mta {{ protocol = milter  address = "inet:127.0.0.1:{free_port()}" }}\n'
                     f'store boxes {{ type = mbox  path = "{mail}/%n"  limit = 200k  user = vmail }}\n'
                     "domain example.org { store = boxes }\n")


@pytest.fixture
def before(gate):
    """Open descriptors while there is no MTA, which might be busy with whoever looks whether it listens."""
    return descriptors(gate)


@pytest.fixture(params=["sendmail", "postfix"])
def mta(request, gate, before, folder, mail, started):
    server = Sendmail(folder, mail=mail) if request.param == "sendmail" else \
        Postfix(folder, mail=mail, more="default_process_limit = 250\n")
    server.paste(gate.command("setup", request.param).stdout)
    started.append(server)
    return server.start()


def test_200_messages_on_one_connection(gate, mta, mail):
    body = message(100)
    with Sender(mta.port) as sender:
        for number in range(200):
            sender.mail(size=len(body))
            assert sender.rcpt(OK).code == 250
            assert str(sender.rcpt("full@example.org")).startswith("452 4.2.2 ")
            if number % 4 == 0:
                sender.reset()
            else:
                assert sender.data(body).code == 250
    until(lambda: not mta.queued(), "everything is delivered", 60)
    assert mta.bounces() == []
    assert (mail / "ok").read_bytes().count(b"Subject: test") == 150


def test_200_connections_at_once(gate, before, mta):
    replies = rcpt_at_once([mta.port] * 200, OK, 10_000)
    assert sorted(reply.code for reply in replies) == [250] * 20 + [452] * 180  # as many as fit into 200 KiB
    until(lambda: descriptors(gate) == before, "all connections are closed")
    until(lambda: charged(gate, OK) == 0, "nothing was sent, and all room is given back")


def test_an_mta_killed_in_the_middle_of_a_message_gives_the_room_back(gate, before, mta):
    for _ in range(3):
        until(lambda: charged(gate, OK) == 0, "the room is given back")
        until(lambda: descriptors(gate) == before, "the connections are closed")
        with Sender(mta.port) as sender:
            sender.mail(size=150_000)
            assert sender.rcpt(OK).code == 250
            assert charged(gate, OK) == 150_000
            mta.stop()
        mta.start()
    until(lambda: charged(gate, OK) == 0, "the room is given back")
    until(lambda: descriptors(gate) == before, "the connections are closed")
