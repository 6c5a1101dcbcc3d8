"""What was let in counts until the store has it, once."""
import pytest

from enclosure import free_port, mbox
from installation import EXIM_WORDS, WORDS
from smtp import Sender, ask, message, rcpt_at_once

MBOX = 'store boxes {{ type = mbox  path = "{mail}/%n"  limit = {limit}  user = vmail }}\ndomain example.org {{ store = boxes }}\n'
# Every question looks at the store anew, so that nothing passes by old facts alone.
ANEW = "cache { ttl_low = 1ms  ttl_mid = 1ms  ttl_high = 1ms }\n"


@pytest.mark.parametrize("kind", ["postfix", "exim"])
def test_of_twenty_large_messages_at_once_one_is_let_in(kind, request, quotagate, mail, folder):
    mbox(mail / "burst", 5 << 20)
    store = MBOX.format(mail=mail, limit="20M")
    if kind == "postfix":
        address = f"inet:127.0.0.1:{free_port()}"
        quotagate(f'listen mta {{ protocol = policy  address = "{address}" }}\n' + store)
        mta = request.getfixturevalue("postfix")(restrictions=f"check_policy_service {address}", mail=mail)
    else:
        socket = folder / "gate.sock"
        quotagate(f'listen mta {{ protocol = policy  address = "unix:{socket}"  mode = 0666  {WORDS} }}\n' + store)
        mta = request.getfixturevalue("exim")(mail, acl=EXIM_WORDS.replace("SOCKET", str(socket)))
    replies = rcpt_at_once([mta.port] * 20, "burst@example.org", 10 << 20)
    assert sorted(reply.code for reply in replies) == [250] + [452] * 19
    assert mta.bounces() == []


@pytest.fixture
def asked_often(quotagate, postfix, mail):
    """Postfix that asks in three restriction lists about each recipient, and once more at the end of the message."""
    def start(more="", end_of_data=False, octets=0):
        for name in ("ok", "other"):
            mbox(mail / name, octets if name == "ok" else 0)
        address = f"inet:127.0.0.1:{free_port()}"
        quotagate(f'listen mta {{ protocol = policy  address = "{address}" }}\n' + MBOX.format(mail=mail, limit="200k")
                  + more)
        asks = f"check_policy_service {address}"
        lists = f"smtpd_sender_restrictions = {asks}\nsmtpd_client_restrictions = {asks}\n"
        if end_of_data:
            lists += f"smtpd_end_of_data_restrictions = {asks}\n"
        return postfix(restrictions=asks, mail=mail, more=lists)
    return start


def test_one_transaction_charges_once_however_often_it_asks(asked_often):
    mta = asked_often()
    assert ask(mta.port, "ok@example.org", size=90_000).code == 250
    assert ask(mta.port, "ok@example.org", size=90_000).code == 250
    assert str(ask(mta.port, "ok@example.org", size=90_000)).startswith("452 4.2.2 ")


def test_the_same_recipient_twice_in_one_transaction_is_charged_once(asked_often):
    mta = asked_often()
    with Sender(mta.port) as sender:
        sender.mail(size=150_000)
        assert sender.rcpt("ok@example.org").code == 250
        assert sender.rcpt("ok@example.org").code == 250


def deliver(mta, sender, octets):
    """A message in this session; returns when the store has it."""
    body = message(octets)
    sender.mail(size=len(body))
    assert sender.rcpt("ok@example.org").code == 250
    assert sender.data(body).code == 250
    mta.settle()


@pytest.mark.parametrize("more", [ANEW, ""])
def test_a_delivered_message_does_not_count_twice(asked_often, mail, more):
    mta = asked_often(more, end_of_data=True)
    with Sender(mta.port) as sender:
        deliver(mta, sender, 110_000)
        assert (mail / "ok").stat().st_size > 105_000
        sender.mail(size=80_000)
        assert sender.rcpt("ok@example.org").code == 250
        assert ask(mta.port, "ok@example.org", size=80_000).code == 452  # but what was let in meanwhile counts
    assert mta.bounces() == []


def test_a_delivered_message_does_not_count_twice_for_another_smtpd(asked_often):
    """The first session goes on, so that another smtpd asks about the next message. Postfix has told the end of the
    message, and the store has grown by it: nothing is open any more."""
    mta = asked_often(ANEW, end_of_data=True)
    with Sender(mta.port) as first:
        deliver(mta, first, 110_000)
        assert ask(mta.port, "ok@example.org", size=80_000).code == 250


def test_an_aborted_message_gives_its_room_back(asked_often):
    mta = asked_often(end_of_data=True)
    with Sender(mta.port) as sender:
        sender.mail(size=1000)
        assert sender.rcpt("other@example.org").code == 250
        assert sender.data().code == 250
        for _ in range(4):
            sender.mail(size=150_000)
            assert sender.rcpt("ok@example.org").code == 250
            sender.reset()


def test_the_end_of_the_message_knows_what_size_the_client_hid(asked_often, mail):
    mta = asked_often(end_of_data=True, octets=150_000)
    with Sender(mta.port) as sender:
        sender.mail()
        assert sender.rcpt("ok@example.org").code == 250
        reply = sender.data((b"y" * 70 + b"\r\n") * 1200)
        assert str(reply).startswith("452 4.2.2 ")
    mta.settle()
    assert (mail / "ok").stat().st_size == 150_000
    assert mta.bounces() == []
