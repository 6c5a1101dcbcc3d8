"""A backend that is gone, stuck, cut off or silent: SMTP answers come in time and follow `stale` and `error`, nobody else waits,
and when it is back all is as before without a restart."""
import contextlib
import re
import signal
import statistics
import time

import pytest

from enclosure import until
from farm import ANEW, FAR, FRONTENDS, LIMIT, TIMED, TIMEOUT, address

IMPATIENT = FAR.replace("tries = 3", "tries = 2  http_timeout = 500ms  breaker_failures = 4")
BOUND = 2 * TIMEOUT  # seconds for an SMTP answer: Postfix and a machine under load take their part
FULL, ROOM, NEVER_ASKED = (address(number) for number in range(3))
ELSEWHERE = address(0, "two.example")


def backend(gates):
    return gates.backend("be1", more=ANEW)


@contextlib.contextmanager
def killed(farm, gates):
    gates["be1"].signal(signal.SIGKILL)
    gates["be1"].process.wait()
    yield
    backend(gates)


@contextlib.contextmanager
def stopped(farm, gates):
    gates["be1"].signal(signal.SIGSTOP)
    yield
    gates["be1"].signal(signal.SIGCONT)


@contextlib.contextmanager
def cut(farm, gates):
    with farm.network["be1"].cut():
        yield


@contextlib.contextmanager
def unheard(farm, gates):
    with farm.network["be1"].unheard(*(farm.network[name] for name in FRONTENDS)):
        yield


def timed(farm, frontend, whom):
    began = time.monotonic()
    return farm.ask(frontend, whom, size=1000).code, time.monotonic() - began


def median(farm, frontend, whom):
    return statistics.median(timed(farm, frontend, whom)[1] for _ in range(15))


@pytest.fixture
def two(farm, gates):
    """fe1 defers what cannot be told, fe2 passes it. Both have asked about all but one mailbox."""
    for whom in (FULL, ELSEWHERE):
        farm.fill(whom, LIMIT)
    for whom in (ROOM, NEVER_ASKED):
        farm.fill(whom, 1000)
    backend(gates)
    gates.backend("be2")
    for name, error in (("fe1", "defer"), ("fe2", "pass")):
        gates.frontend(name, far=IMPATIENT, rules=f"{TIMED}  error = {error}", more=ANEW)
        assert [farm.ask(name, whom, size=1000).code for whom in (FULL, ROOM, ELSEWHERE)] == [452, 250, 452]
    return {"fe1": 451, "fe2": 250}


@pytest.mark.parametrize("fault", [killed, stopped, cut, unheard])
def test_answers_come_in_time_and_all_is_well_afterwards(farm, gates, two, fault):
    usual = {name: median(farm, name, ELSEWHERE) for name in two}
    with fault(farm, gates):
        for name, error in two.items():
            for _ in range(3):  # the breaker opens in between
                answers = {whom: timed(farm, name, whom) for whom in (FULL, ROOM, NEVER_ASKED)}
                assert {whom: code for whom, (code, _) in answers.items()} == {FULL: 452, ROOM: 250, NEVER_ASKED: error}
                assert max(took for _, took in answers.values()) < BOUND, answers
            assert median(farm, name, ELSEWHERE) < 10 * usual[name] + 0.01
    farm.fill(FULL, 1000)
    farm.fill(ROOM, LIMIT)
    farm.fill(NEVER_ASKED, LIMIT)
    for name in two:
        until(lambda: timed(farm, name, NEVER_ASKED)[0] == 452, "the backend is asked again", 15)
        gates[name].says(r"event=peer store=far host=be1\.test:7359 state=open")
        gates[name].says(r"event=peer store=far host=be1\.test:7359 state=closed")
        assert [farm.ask(name, whom, size=1000).code for whom in (FULL, ROOM, NEVER_ASKED)] == [250, 452, 452]


def test_a_backend_that_is_gone_costs_no_time_once_that_is_known(farm, gates, two):
    with cut(farm, gates):
        until(lambda: timed(farm, "fe1", NEVER_ASKED)[1] < 0.1, "the breaker opens", 30)
        took = [timed(farm, "fe1", whom)[1] for whom in (FULL, ROOM, NEVER_ASKED) * 10]
        assert statistics.median(took) < 0.1, took


def test_answers_come_by_http_where_datagrams_do_not(farm, gates):
    """Nothing listens for datagrams at the address that the name leads to, or the listener is not there."""
    farm.fill(FULL, LIMIT)
    farm.fill(ROOM, 1000)
    gate = gates.backend("be1")
    gate.reload(re.sub(r"^listen facts .*$", "", gate.configuration.read_text(), flags=re.M))
    gate.says("event=reloaded")
    gates.frontend("fe1", rules=f"{TIMED}  error = defer", more=ANEW)
    assert [farm.ask("fe1", whom, size=1000).code for whom in (FULL, ROOM) * 5] == [452, 250] * 5
