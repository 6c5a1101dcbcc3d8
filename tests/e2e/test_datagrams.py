"""Questions by UDP: each is answered to where it came from, and a flood costs neither memory nor the log."""
import os
import re
import signal
import socket
import time

import pytest

from datagrams import Datagrams, free_udp_port
from enclosure import free_port, mbox, owned, until
from metrics import by_control
from policy import one_shot

FULL, OK = b"CHECK_QUOTA full@example.org", b"CHECK_QUOTA ok@example.org"
SO_RCVBUFFORCE = 33


@pytest.fixture
def configuration(mail, folder):
    mbox(mail / "full", 205_000)
    mbox(mail / "ok", 0)
    line = f"inet:127.0.0.1:{free_port()}"
    control = owned(folder / "run", "quotagate") / "control"

    def make(port, more="", words="", rules="", host="127.0.0.1"):
        return (f'control = "{control}"\nlisten line {{ protocol = check_quota  address = "{line}" }}\n'
                f'listen udp {{ protocol = check_quota  address = "udp:{host}:{port}"  {more}  {words} }}\n'
                f'store boxes {{ type = mbox  path = "{mail}/%n"  limit = 200k  user = vmail  helpers = 2 }}\n'
                f"domain example.org {{ store = boxes }}\nrules {{ {rules} }}\n")
    return make


class Client(Datagrams):
    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **more)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 23)

    def ask(self, datagram):
        self.send(datagram)
        return self.receive()

    def take(self, n):
        """So many answers, and no more."""
        found = [self.receive() for _ in range(n)]
        assert self.all(0.1) == []
        return found

    def all(self, seconds=0.5):
        found = []
        while (one := self.receive(seconds)) is not None:
            found.append(one)
        return found


@pytest.fixture
def port():
    return free_udp_port()


def test_answers_end_as_questions_do(quotagate, configuration, port):
    quotagate(configuration(port))
    with Client(port) as client:
        assert client.ask(FULL) == b"QUOTA_FULL"
        assert client.ask(FULL + b"\n") == b"QUOTA_FULL\n"
        assert client.ask(OK + b"\r\n") == b"QUOTA_OK\n"
        assert client.ask(b"CHECK_QUOTA full") == b"QUOTA_FULL"
        assert client.ask(b"SHOW_QUOTA full") == b"using=205000 limit=204800 available=-200\n"
        assert client.ask(b"xyzzy") == b"ERROR\n"
        assert client.ask(OK + b"\n" + FULL + b"\n") == b"QUOTA_OK\n", "one question a datagram"
        assert client.all() == []


def test_ipv6(quotagate, configuration):
    port = free_udp_port("::1")
    quotagate(configuration(port, host="[::1]"))
    with Client(port, "::1") as client:
        assert client.ask(FULL) == b"QUOTA_FULL"


@pytest.mark.parametrize("datagram,reason", [
    (b"", "empty"), (b"a" * 2049, "longer"), (b"CHECK_QUOTA " + b"a" * 65_000, "longer"), (b"\n" * 65_507, "longer"),
], ids=["nothing", "an octet more than a request", "a long name", "the longest"])
def test_what_no_question_can_be_is_dropped(quotagate, configuration, port, datagram, reason):
    gate = quotagate(configuration(port))
    with Client(port) as client:
        client.send(datagram)
        assert client.ask(FULL) == b"QUOTA_FULL"
        assert client.all() == []
    gate.says(f"event=bad-request listener=udp client=127.0.0.1 .*{reason}")


def test_strangers_get_no_answer(quotagate, configuration, port):
    gate = quotagate(configuration(port, 'allow = {"127.0.0.1"}'))
    with Client(port, source="127.0.0.2") as stranger, Client(port) as client:
        for _ in range(100):
            stranger.send(FULL)
        assert client.ask(FULL) == b"QUOTA_FULL"
        assert stranger.all() == []
    assert re.findall(r"event=refused-client listener=udp client=(\S+)", gate.said()) == ["127.0.0.2"]


def most(gate):
    """The most memory that the daemon ever had, in KiB."""
    with open(f"/proc/{gate.pid()}/status") as status:
        return int(re.search(r"VmHWM:\s*(\d+)", status.read())[1])


def stopped(gate):
    helpers = until(lambda: len(gate.helpers()) == 2 and gate.helpers(), "there are helpers")
    for pid in helpers:
        os.kill(pid, signal.SIGSTOP)
    return helpers


def accepted(gate, n):
    """Waits until so many datagrams came in."""
    control = gate.controls()[0].removeprefix("unix:")
    until(lambda: by_control(control)("quotagate_listener_accepted_total", listener="udp") == n, f"{n} datagrams came in")


def burst(client):
    client.send(*[FULL, OK] * 500)


def test_bursts_are_answered_and_cost_no_memory(quotagate, configuration, port):
    # Tables are touched as they fill: small ones are soon as large as they get.
    gate = quotagate(configuration(port, rules="timeout = 1m") + "cache { mailboxes = 16  transactions = 16 }\n")
    sizes = []
    with Client(port) as client:
        helpers = stopped(gate)
        burst(client)  # all wait at once: the most memory that there can be need of
        accepted(gate, 1000)
        for pid in helpers:
            os.kill(pid, signal.SIGCONT)
        client.take(1000)
        for _ in range(8):
            burst(client)
            answers = client.take(1000)  # the socket's buffer holds a burst
            assert sorted(set(answers)) == [b"QUOTA_FULL", b"QUOTA_OK"]
            assert answers.count(b"QUOTA_FULL") == 500
            sizes.append(most(gate))
    assert sizes[-1] - sizes[0] < 1024, sizes


def test_rubbish_in_bursts_fills_neither_log_nor_memory(quotagate, configuration, port):
    gate = quotagate(configuration(port))
    with Client(port) as client:
        for _ in range(5):
            client.send(*[os.urandom(1 + n) for n in range(1000)], b"a" * 60_000)
            client.all()
        before = most(gate)
        for _ in range(20):
            client.send(*[os.urandom(1 + n) for n in range(1000)], b"a" * 60_000)
            client.all(0.1)
        assert client.ask(OK) == b"QUOTA_OK"
    assert gate.said().count("event=bad-request") == 1
    assert most(gate) - before < 1024


def test_spoofed_sources_fill_no_log(quotagate, configuration, port):
    gate = quotagate(configuration(port, 'allow = {"192.0.2.0/24"}'))
    for n in range(300):
        with Client(port, source=f"127.0.{n // 200}.{n % 200 + 1}") as client:
            client.send(FULL)
    gate.says("event=refused-client")
    time.sleep(0.3)
    assert gate.said().count("event=refused-client") <= 33


def test_no_more_wait_than_max_clients(quotagate, configuration, port):
    gate = quotagate(configuration(port, "max_clients = 5", rules="timeout = 1s"))
    helpers = stopped(gate)
    with Client(port) as client:
        client.send(*[FULL] * 20)
        assert client.take(5) == [b"QUOTA_OK"] * 5, "nothing is known, and error = pass"
        gate.says("event=too-many-clients listener=udp max_clients=5")
        for pid in helpers:
            os.kill(pid, signal.SIGCONT)
        until(lambda: client.ask(FULL) == b"QUOTA_FULL", "it goes on")


def test_the_end_waits_for_the_last_answer(quotagate, configuration, port):
    gate = quotagate(configuration(port, rules="timeout = 1m"))
    helpers = stopped(gate)
    with Client(port) as client:
        client.send(*[FULL] * 3)
        accepted(gate, 3)
        gate.signal(signal.SIGTERM)
        for pid in helpers:
            os.kill(pid, signal.SIGCONT)
        assert client.take(3) == [b"QUOTA_FULL"] * 3
    assert gate.ends() == 0


def test_the_end_comes_though_no_answer_does(quotagate, configuration, port):
    gate = quotagate(configuration(port, rules="timeout = 1s"))
    stopped(gate)
    with Client(port) as client:
        client.send(*[FULL] * 3)
        accepted(gate, 3)
        gate.signal(signal.SIGTERM)
        assert gate.ends() == 0  # the helpers would hang for longer
        assert client.take(3) == [b"QUOTA_OK"] * 3


def test_reload(quotagate, configuration, port):
    gate = quotagate(configuration(port))
    other = free_udp_port()
    with Client(port) as client:
        assert client.ask(FULL) == b"QUOTA_FULL"
        gate.reload(configuration(port, words="words { full = OVER }"))
        gate.says("event=reloaded")
        assert client.ask(FULL) == b"OVER"
        gate.reload(configuration(other))
        with Client(other) as moved:
            until(lambda: refuses(moved) == b"QUOTA_FULL", "the new address is served")
        assert refuses(client) is None
        gate.reload(configuration(port))
        until(lambda: refuses(client) == b"QUOTA_FULL", "the old one again")


def refuses(client):
    """The answer, null also when nobody is there."""
    try:
        client.send(FULL)
        return client.receive(0.5)
    except ConnectionError:
        return None


def test_an_address_is_not_shared(quotagate, idle_quotagate, configuration, port):
    gate = quotagate(configuration(port))
    second = idle_quotagate(configuration(port).replace("listen line", "listen elsewhere").replace(
        gate.addresses()[0], f"inet:127.0.0.1:{free_port()}"), name="second").launch()
    assert second.ends() == 1  # it may be free later
    assert f"127.0.0.1:{port}" in second.said()
    with Client(port) as client:
        assert client.ask(FULL) == b"QUOTA_FULL"


def test_a_port_serves_streams_and_datagrams(quotagate, configuration):
    port = free_port()
    quotagate(configuration(port) + f'listen both {{ protocol = check_quota  address = "inet:127.0.0.1:{port}" }}\n')
    with Client(port) as client:
        assert client.ask(FULL) == b"QUOTA_FULL"
    assert one_shot(f"inet:127.0.0.1:{port}", FULL.decode()) == "QUOTA_FULL"
