"""The filter in examples/ in a real MIMEDefang, which a real Sendmail asks."""
import socket
import time

import pytest

from enclosure import free_port, mbox
from mimedefang import Mimedefang
from sendmail import Sendmail
from smtp import ask, send

FULL, OK, OTHER = "full@example.org", "ok@example.org", "other@example.org"
REFUSAL = "452 4.2.2 Quota exceeded, try again later"


@pytest.fixture(params=["udp", "tcp"])
def protocol(request):
    return request.param


@pytest.fixture
def sendmail(folder, mail, started):
    """A Sendmail that asks a MIMEDefang with this filter."""
    def start(protocol, port):
        defang = Mimedefang(folder, QuotaServer=f"127.0.0.1:{port}", QuotaProtocol=protocol)
        started.append(defang)
        assert "seems syntactically correct" in defang.test()
        defang.start()
        mta = Sendmail(folder, mail=mail, more=f"INPUT_MAIL_FILTER(`mimedefang', `S=inet:{defang.port}@127.0.0.1, F=T, "
                                               "T=S:1m;R:1m')dnl\n")
        started.append(mta)
        return mta.start()
    return start


def test_full_mailbox_is_refused_at_rcpt_and_the_others_get_theirs(quotagate, sendmail, mail, protocol):
    mbox(mail / "full", 205_000)
    mbox(mail / "ok", 0)
    mbox(mail / "other", 0)
    port, kind = free_port(), {"udp": "udp", "tcp": "inet"}[protocol]
    gate = quotagate(f'listen mimedefang {{ protocol = check_quota  address = "{kind}:127.0.0.1:{port}" }}\n'
                     f'listen ready {{ protocol = check_quota  address = "inet:127.0.0.1:{free_port()}" }}\n'
                     f'store boxes {{ type = mbox  path = "{mail}/%n"  limit = 200k  user = vmail }}\n'
                     "domain example.org { store = boxes }\n")
    mta = sendmail(protocol, port)
    replies = send(mta.port, OK, FULL, OTHER, octets=10_000)
    assert str(replies[FULL]) == REFUSAL
    assert replies[OK].code == 250 and replies[OTHER].code == 250
    assert ask(mta.port, '"full and more"@example.org').code == 250
    mta.settle()
    assert mta.bounces() == []
    assert (mail / "ok").stat().st_size > 9_000 and (mail / "other").stat().st_size > 9_000
    assert (mail / "full").stat().st_size == 205_000
    gate.stop()
    assert ask(mta.port, FULL).code == 250


def test_silence_lets_mail_pass(sendmail, protocol):
    """Somebody has the port and never answers: the filter waits for a while, but not for the minute that it is given by Sendmail."""
    with socket.socket(type=socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM) as silent:
        silent.bind(("127.0.0.1", 0))
        if protocol == "tcp":
            silent.listen()
        mta = sendmail(protocol, silent.getsockname()[1])
        began = time.monotonic()
        assert ask(mta.port, FULL).code == 250
        assert time.monotonic() - began > 1.5
