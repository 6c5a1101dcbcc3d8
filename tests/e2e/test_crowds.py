"""More clients than a listener has places for: who asks is served, who is being answered stays, and who only sits there goes."""
import os
import resource
import select
import signal
import socket

import pytest

from askers import FULL, FreshPolicy, MilterAsker, Socketmap, Web
from enclosure import PATIENCE, free_port, mbox, until
from metrics import by_control
from policy import Policy, connect, request

PLACES = 50
LISTENERS = {"policy": FreshPolicy, "socketmap": Socketmap, "milter": MilterAsker, "http": Web}
QUESTION = request(request="smtpd_access_policy", protocol_state="RCPT", recipient="full@example.org", size=1000).encode()


@pytest.fixture
def configuration(folder, mail):
    mbox(mail / "full", 205_000)
    listeners = "".join(f'listen {name} {{ protocol = {name}  address = "inet:127.0.0.1:{free_port()}"\n'
                        f"  max_clients = {PLACES}  request_timeout = 10m }}\n" for name in LISTENERS)
    return (f'control = "{folder}/control.sock"\n{listeners}'
            f'store boxes {{ type = mbox  path = "{mail}/%n"  limit = 200k  user = vmail  helpers = 1  helper_timeout = 10m }}\n'
            "domain example.org { store = boxes }\nrules { timeout = 10m  error = defer }\n")


@pytest.fixture
def gate(quotagate, configuration):
    return quotagate(configuration)


def address_of(gate, name):
    return gate.addresses()[list(LISTENERS).index(name)]


def count(gate, what, name):
    return by_control(gate.controls()[0].removeprefix("unix:"))(f"quotagate_listener_{what}", listener=name)


def crowd(gate, name, octets=b"", number=PLACES):
    """So many that have come, and sent that."""
    address, come = address_of(gate, name), []
    for _ in range(number):
        come.append(connect(address))
        come[-1].sendall(octets)
    return come


def close(clients):
    for one in clients:
        one.close()


def has_ended(connection):
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def answered(client):
    return (client.answer() or "").startswith("452 4.2.2 ")


@pytest.mark.parametrize("begun", [b"", b"1"], ids=["silent", "slow"])
@pytest.mark.parametrize("name", LISTENERS)
def test_who_asks_is_served_among_those_who_do_not(gate, name, begun):
    crowded = crowd(gate, name, begun)
    for _ in range(2 * PLACES):
        asker = LISTENERS[name](address_of(gate, name))
        assert asker.ask("full@example.org") == FULL
        asker.close()
    gate.says(f"event=too-many-clients listener={name} max_clients={PLACES} displaced=")
    assert count(gate, "displaced_total", name) >= 1
    assert count(gate, "crowded_total", name) == 0
    gone, _, _ = select.select(crowded, [], [], PATIENCE)  # which one depends on whose octet was read first
    assert gone and all(has_ended(one) for one in gone)
    close(crowded)


def test_kept_connections_outlive_any_number_of_silent_ones(gate):
    with Policy(address_of(gate, "policy")) as kept, Policy(address_of(gate, "policy")) as between:
        assert kept.ask("full@example.org", size=1).startswith("452 4.2.2 ")
        assert between.ask("full@example.org", size=1, instance="2").startswith("452 4.2.2 ")
        between.send(QUESTION[:20])
        before = count(gate, "accepted_total", "policy")
        crowded = [*crowd(gate, "policy", number=10 * PLACES), *crowd(gate, "policy", b"r", number=10 * PLACES)]
        until(lambda: count(gate, "accepted_total", "policy") == before + 20 * PLACES, "all have come")
        assert kept.ask("full@example.org", size=1).startswith("452 4.2.2 ")
        between.send(QUESTION[20:])
        assert answered(between)
        close(crowded)


def test_of_those_that_have_asked_the_longest_idle_goes(gate):
    kept = [Policy(address_of(gate, "policy")) for _ in range(PLACES)]
    for client in kept:
        assert client.ask("full@example.org", size=1).startswith("452 4.2.2 ")
    assert kept[0].ask("full@example.org", size=1).startswith("452 4.2.2 ")
    with Policy(address_of(gate, "policy")) as late:
        assert late.ask("full@example.org", size=1).startswith("452 4.2.2 ")
    assert kept[1].answer() is None
    for client in [kept[0], *kept[2:]]:
        assert client.ask("full@example.org", size=1).startswith("452 4.2.2 ")
    close(kept)


def test_who_waits_for_an_answer_stays(gate):
    helper, = until(lambda: gate.helpers(), "there is a helper")
    os.kill(helper, signal.SIGSTOP)
    waiting = [Policy(address_of(gate, "policy")) for _ in range(PLACES)]
    for client in waiting:
        client.send(QUESTION)
    until(lambda: count(gate, "requests_total", "policy") == PLACES, "all questions are with the gate")
    late = crowd(gate, "policy", number=5)
    assert all(has_ended(one) for one in late)
    gate.says(f"event=too-many-clients listener=policy max_clients={PLACES} displaced=0 refused=1\n")
    assert count(gate, "crowded_total", "policy") == 5
    assert all(client.waits() for client in waiting)
    os.kill(helper, signal.SIGCONT)
    assert all(answered(client) for client in waiting)
    close([*waiting, *late])


def test_who_comes_and_does_not_ask_has_the_time_of_a_request(quotagate, configuration):
    gate = quotagate(configuration.replace("request_timeout = 10m", "request_timeout = 1s"))
    with Policy(address_of(gate, "policy")) as kept:
        assert kept.ask("full@example.org", size=1).startswith("452 4.2.2 ")
        silent = [connect(address_of(gate, name)) for name in LISTENERS]
        assert all(has_ended(one) for one in silent)
        assert kept.ask("full@example.org", size=1).startswith("452 4.2.2 ")
        close(silent)


@pytest.fixture
def many_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4000), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
def test_one_listener_does_not_take_the_descriptors_of_all(idle_quotagate, configuration):
    """The machine allows fewer than the listeners have places for."""
    gate = idle_quotagate(configuration.replace(f"max_clients = {PLACES}", "max_clients = 4096", 1))
    gate.enclosed += ["prlimit", "--nofile=600:600"]
    gate.start()
    crowded = crowd(gate, "policy", number=1500)
    until(lambda: count(gate, "accepted_total", "policy") >= 1500, "all have come")
    for name, asker in LISTENERS.items():
        one = asker(address_of(gate, name))
        assert one.ask("full@example.org") == FULL, name
        one.close()
    assert count(gate, "displaced_total", "policy") >= 1200
    assert count(gate, "displaced_total", "http") == 0
    close(crowded)
