"""Clients that hide the size of a message: it is judged once more when it is here, for all its recipients, before any real
MTA, put together from what `quotagate setup` prints. A refusal leaves no charge."""
import pytest

from enclosure import free_port, mbox
from exim import Exim
from postfix import Postfix
from sendmail import Sendmail
from smtp import Sender, ask, message

OK, NEAR, NEW = "ok@example.org", "other@example.org", "joe@example.org"
STORE = 'store boxes {{ type = mbox  path = "{mail}/%n"  limit = 200k  user = vmail }}\ndomain example.org {{ store = boxes }}\n'
# Every question looks at the store anew, so that nothing passes by old facts alone.
ANEW = "cache { ttl_low = 1ms  ttl_mid = 1ms  ttl_high = 1ms }\n"
MTAS = {"postfix": Postfix, "exim": Exim, "sendmail": Sendmail}
PROTOCOLS = {"sendmail": "milter"}


@pytest.fixture(params=MTAS)
def mta(request, quotagate, folder, mail, started):
    """NEAR has room for some 50 KB, OK for 200 KB."""
    mbox(mail / "ok", 0)
    mbox(mail / "other", 155_000)
    gate = quotagate(f'listen mta {{ protocol = {PROTOCOLS.get(request.param, "policy")}'
                     f'  address = "inet:127.0.0.1:{free_port()}" }}\n' + STORE.format(mail=mail) + ANEW)
    made = MTAS[request.param](folder, mail=mail)
    printed = gate.command("setup", request.param)
    assert printed.returncode == 0, printed
    made.paste(printed.stdout)
    started.append(made)
    return made.start()


def offer(mta, octets, *recipients, size=None):
    """The reply to a message, of whose size is told what `size` says."""
    with Sender(mta.port) as sender:
        sender.mail(size=size)
        for address in recipients:
            assert sender.rcpt(address).code == 250
        return str(sender.data(message(octets)))


def test_one_of_several_without_room_refuses_the_message(mta, mail):
    for _ in range(2):  # what the first was charged has gone
        reply = offer(mta, 100_000, OK, NEW, NEAR)
        assert reply.startswith("452 4.2.2 ") and NEAR in reply
    mta.settle()
    assert mta.bounces() == []
    assert (mail / "ok").stat().st_size == 0 and (mail / "other").stat().st_size == 155_000
    assert ask(mta.port, OK, size=195_000).code == 250


def test_a_message_that_would_never_fit_is_refused_for_good(mta):
    assert offer(mta, 300_000, OK, NEAR).startswith("552 5.2.3 ")
    assert offer(mta, 300_000, OK).startswith("552 5.2.3 ")
    assert offer(mta, 300_000, OK, size=1000).startswith("552 5.2.3 ")
    mta.settle()
    assert mta.bounces() == []


def test_both_questions_charge_once(mta, mail):
    """What was let in is seen in the store in the end; until then it is charged once, with its true size."""
    with Sender(mta.port) as sender:
        sender.mail()
        assert sender.rcpt(OK).code == sender.rcpt(NEW).code == 250
        assert sender.data(message(90_000)).code == 250
        assert ask(mta.port, OK, size=80_000).code == 250
    assert offer(mta, 20_000, NEAR, OK, size=10_000).startswith("250 ")
    mta.settle()
    assert mta.bounces() == []
    assert (mail / "ok").stat().st_size > 105_000 and (mail / "other").stat().st_size > 170_000
