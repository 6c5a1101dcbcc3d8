"""Several frontends before several backends: what they let in together fits, whoever asks and whoever offers."""
import random

import pytest

from farm import BACKEND, BACKENDS, DOMAINS, FRONTENDS, GATE, LIMIT, SCRIPT, STATUS, address
from hosts import all_at_once
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


def test_what_is_let_in_fits(farm, gates, started, capsys):
    rows = []
    for name in BACKENDS:
        gates.backend(name)
    load = Load(farm, BACKEND)
    rows.append(load.row("the backend's quotagate, by policy"))
    load.assert_all_fitted()
    rows.append(Load(farm, STATUS).row("the backend's quota-status"))
    started += [Cgi(farm.network[name], lambda whom: (used(farm.home(whom) / "Maildir"), LIMIT)) for name in BACKENDS]
    started += [Script(farm.network[name], lambda whom: farm.network[DOMAINS[whom.partition("@")[2]]], GRACE) for name in FRONTENDS]
    rows.append(Load(farm, SCRIPT).row("a script that asks the backend's for figures"))
    with capsys.disabled():
        print("\n" + HEAD + "".join(rows))
