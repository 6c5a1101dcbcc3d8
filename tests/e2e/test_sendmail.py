"""A real Sendmail that was given what `quotagate setup sendmail` prints."""
import os

import pytest

from enclosure import USERS, free_port, until
from milter import acknowledged_in
from sendmail import Sendmail
from smtp import Sender, ask, send


@pytest.fixture
def gate(quotagate, mail):
    for name, octets in ("full", 205_000), ("ok", 0), ("other", 0):
        (mail / name).write_bytes(b"x" * octets)
        os.chown(mail / name, USERS["vmail"], USERS["vmail"])
    return quotagate(f'listen mta {{ protocol = milter  address = "inet:127.0.0.1:{free_port()}" }}\n'
                     f'store boxes {{ type = mbox  path = "{mail}/%n"  limit = 200k  user = vmail }}\n'
                     "domain example.org { store = boxes }\n")


@pytest.fixture
def mta(gate, folder, started):
    printed = gate.command("setup", "sendmail")
    assert printed.returncode == 0, printed
    server = Sendmail(folder, more=printed.stdout)
    started.append(server)
    return server.start()


def test_setup_sendmail_works_when_pasted(gate, mta):
    assert str(ask(mta.port, "full@example.org")) == \
        "452 4.2.2 Quota exceeded for full@example.org, try again later"
    assert send(mta.port, "ok@example.org")["ok@example.org"].code == 250
    assert str(ask(mta.port, "ok@example.org", size=1_000_000)).startswith("552 5.2.3 ")
    gate.stop()
    assert ask(mta.port, "full@example.org").code == 250


def test_percent_signs_do_not_turn_a_temporary_refusal_into_a_lasting_one(gate, mta):
    gate.reload(gate.configuration.read_text() + 'rules { full = "452 4.2.2 100%% of %u is used" }\n')
    gate.says("event=reload|reloaded|configuration")
    assert str(ask(mta.port, "full@example.org")) == "452 4.2.2 100% of full@example.org is used"


def test_the_true_size_of_a_message_whose_client_hid_it(gate, mta):
    with Sender(mta.port) as sender:
        sender.mail()
        assert sender.rcpt("ok@example.org").code == 250
        assert str(sender.data((b"y" * 70 + b"\r\n") * 4000)).startswith("552 5.2.3 ")
        # several recipients cannot be refused any more
        sender.mail()
        assert sender.rcpt("ok@example.org").code == 250
        assert sender.rcpt("other@example.org").code == 250
        assert sender.data((b"y" * 70 + b"\r\n") * 2000).code == 250
        # but their charges are true
        sender.mail(size=100_000)
        assert str(sender.rcpt("other@example.org")).startswith("452 4.2.2 ")


def test_what_is_reset_is_given_back(gate, mta):
    with Sender(mta.port) as sender:
        for _ in range(3):
            sender.mail(size=150_000)
            assert sender.rcpt("ok@example.org").code == 250
            sender.reset()
        sender.mail(size=150_000)
        assert sender.rcpt("ok@example.org").code == 250
        assert sender.data().code == 250


def test_no_command_waits_for_an_acknowledgement(gate, mta):
    with Sender(mta.port) as sender:
        def round_trips():
            for _ in range(10):
                sender.mail(size=10)
                assert sender.rcpt("ok@example.org").code == 250
                sender.reset()
            return acknowledged_in(gate.addresses()[0].rpartition(":")[2])
        round_trips()  # a connection that is new is acknowledged at once by whomever
        until(lambda: round_trips() < 10, "Sendmail's macros are acknowledged at once")
