"""Several frontends before several backends: what they let in together fits, whoever asks and whoever offers."""
import random
import re
import signal

import pytest

from enclosure import until
from farm import (ANEW, BACKEND, BACKENDS, DOMAINS, FAR, FRONTENDS, GATE, KEY, LIMIT, SCRIPT, STATUS, TIMED, TIMEOUT,
                  address)
from hosts import all_at_once
from relay import Relay
from script import Cgi, Script, used

SENDERS, MESSAGES = 30, 8  # messages of each sender
CROWD = 10  # mailboxes of each domain that they write to
SIZES = (3_000, 20_000, 60_000, 150_000)
# What these hold at the beginning: full, room for one, two and five messages of 60 kB, and for all that come.
HOLD = (LIMIT, LIMIT - 1, LIMIT - 60_000, LIMIT - 300_000, LIMIT // 10)
GRACE = LIMIT // 10  # by which the last message may pass the limit in Dovecot


def crowd():
    return [address(number, domain) for domain in DOMAINS for number in range(CROWD)]


def fill(farm):
    for number, whom in enumerate(crowd()):
        farm.fill(whom, HOLD[number % len(HOLD)])


class Load:
    """All senders at once, each with its messages one after the other. The same one for each way to ask."""

    def __init__(self, farm, port):
        fill(farm)
        self.taken, self.refused = [], []
        results = all_at_once(lambda number: self.offer(farm, port, number), range(SENDERS))
        farm.settle()
        for replies, end in (message for messages in results for message in messages):
            for whom, reply in replies.items():
                if reply.code == 250 and end.code == 250:
                    self.taken.append(whom)
                else:
                    self.refused.append(str(reply if reply.code != 250 else end))
        self.bounces = farm.bounces()
        self.queued = farm.queued()
        self.delivered = {whom: farm.delivered(whom) for whom in crowd()}
        farm.forget()

    @staticmethod
    def offer(farm, port, number):
        chance = random.Random(number)
        return [farm.send(FRONTENDS[number % len(FRONTENDS)], chance.sample(crowd(), chance.choice((1, 1, 2, 3))),
                          chance.choice(SIZES), port) for _ in range(MESSAGES)]

    def assert_all_fitted(self):
        assert self.bounces == []
        assert self.queued == []
        assert self.delivered == {whom: self.taken.count(whom) for whom in crowd()}
        assert [reply for reply in self.refused if not reply.startswith("452 4.2.2 ")] == []
        assert self.taken and self.refused

    def row(self, way):
        return f"{way:<60} {len(self.taken):>8} {len(self.refused):>8} {len(self.bounces):>8}\n"


HEAD = f"{'who is asked':<60} {'taken':>8} {'refused':>8} {'bounces':>8}\n"


def backend_of(farm, whom):
    return farm.network[DOMAINS[whom.partition("@")[2]]]


def test_what_is_let_in_fits(farm, gates, started, capsys):
    """The others are measured beside it, with the same load."""
    rows = []
    gates.all()
    load = Load(farm, GATE)
    rows.append(load.row("quotagate on frontends and backends"))
    load.assert_all_fitted()
    for name in FRONTENDS:
        gates.frontend(name, far=f'type = remote  server = "http://%{{host}}:7360/cgi-bin/quota.cgi?u=%u"', key=None)
    rows.append(Load(farm, GATE).row("quotagate on frontends, figures of the backends by HTTP"))
    for name in BACKENDS:
        gates.backend(name, more="rules { added = 1k }\n")
    rows.append(Load(farm, BACKEND).row("quotagate on backends, asked by policy without end of message"))
    rows.append(Load(farm, STATUS).row("Dovecot's quota-status on backends"))
    started += [Cgi(farm.network[name], lambda whom: (used(farm.home(whom) / "Maildir"), LIMIT)) for name in BACKENDS]
    started += [Script(farm.network[name], lambda whom: backend_of(farm, whom), GRACE) for name in FRONTENDS]
    rows.append(Load(farm, SCRIPT).row("scripts that ask the backends' for figures, and charge nothing"))
    with capsys.disabled():
        print("\n" + HEAD + "".join(rows))


@pytest.mark.parametrize("delays", [
    pytest.param(lambda chance: [chance.uniform(0, 0.2)], id="delayed and out of order"),
    pytest.param(lambda chance: [0, 0, chance.uniform(0, 0.2)], id="three times"),
    pytest.param(lambda chance: [] if chance.random() < 0.1 else [0], id="one of ten lost"),
])
def test_what_is_let_in_fits_over_a_bad_network(farm, gates, started, delays):
    """The frontends reach one backend through a relay. They try often enough that each question is answered at last: what
    nobody answers passes."""
    relay = Relay(farm.network["relay"], farm.network["be1"], delays)
    started.append(relay.start())
    gates.all(far=FAR.replace("timeout = 300ms  tries = 3", "timeout = 100ms  tries = 8"),
              names=farm.network.etc_hosts(be1="relay"))
    Load(farm, GATE).assert_all_fitted()
    assert relay.passed > 100


def hold(farm, frontend, whom, size):
    """A session that has named the recipient, and its reply; the message is yet to come."""
    session = farm.session(frontend)
    session.mail(size=size)
    return session, session.rcpt(whom)


def test_frontends_share_one_ledger_and_a_restart_does_not_lose_it(farm, gates):
    whom = address(0)
    farm.fill(whom, LIMIT - 150_000)
    gates.all(more=ANEW)
    first, reply = hold(farm, "fe1", whom, 100_000)
    assert reply.code == 250
    with first:
        assert str(farm.ask("fe2", whom, size=100_000)).startswith("452 4.2.2 ")
        gates.frontend("fe1", more=ANEW)
        for frontend in FRONTENDS:
            assert str(farm.ask(frontend, whom, size=100_000)).startswith("452 4.2.2 ")
        assert farm.ask("fe3", whom, size=10_000).code == 250


def test_a_message_that_does_not_come_gives_its_room_back_on_the_other_machine(farm, gates):
    whom = address(0)
    farm.fill(whom, LIMIT - 150_000)
    farm.fill(address(1), 0)
    gates.all(more=ANEW)
    farm.send("fe1", [address(1)], 1000)  # Postfix has asked at the end of a message
    with farm.session("fe1") as sender:
        for _ in range(4):
            sender.mail(size=100_000)
            assert sender.rcpt(whom).code == 250
            sender.reset()


def test_mailboxes_far_from_full_cost_no_datagrams(farm, gates):
    people = [address(number, domain) for domain in DOMAINS for number in range(5)]
    for whom in people:
        farm.fill(whom, LIMIT // 10)
    gates.backend("be1")
    gates.backend("be2")
    gate = gates.frontend("fe1", rules=f"timeout = {TIMEOUT}s")
    hosts = [farm.network[name] for name in BACKENDS]

    def ask_all(times):
        with gate.policy() as client:
            return [client.ask(whom, size=100, instance=f"{times}.{number}.{whom}")
                    for number in range(times) for whom in people]
    ask_all(1)
    before = [host.datagrams() for host in hosts]
    assert set(ask_all(100)) == {"DUNNO"}
    grown = [host.datagrams() - then for host, then in zip(hosts, before)]
    assert sum(grown) < 50, grown


def test_check_on_a_frontend_tells_who_was_asked_and_what_was_said(farm, gates):
    farm.fill(address(0), LIMIT)
    gates.backend("be1")
    said = gates.frontend("fe1").check("--size", "1000", address(0))
    assert said.returncode == 1, said
    for line in (r"targets +mailbox host=be1\.test", r"note +be1\.test", f"usage +{LIMIT} ", "rule +dovecot-2.3"):
        assert re.search(f"^ *{line}", said.stdout, re.M), (line, said.stdout)


def test_the_key_changes_while_nothing_stops(farm, gates):
    """As quotagate-machines(7) has it, in any order of machines within a step."""
    farm.fill(address(0), LIMIT)
    old, new = KEY, "another key, of 16 octets at least"
    machines = {"be1": gates.backend("be1"), "fe1": gates.frontend("fe1", rules=f"{TIMED}  error = defer", more=ANEW)}
    for number, (text, order) in enumerate([(f"{old}\n{new}", ("be1", "fe1")), (f"{new}\n{old}", ("fe1", "be1")),
                                            (new, ("be1", "fe1"))], 1):
        for name in order:
            gates.key(name, text)
            machines[name].signal(signal.SIGHUP)
            until(lambda: machines[name].said().count("event=reloaded") == number, f"{name} has read its keys")
            assert farm.ask("fe1", address(0), size=1000).code == 452
    assert "stale=yes" not in machines["fe1"].said()
