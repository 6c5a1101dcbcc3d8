"""A backend that is gone, stuck, cut off or silent: SMTP answers come before Postfix gives up on quotagate and follow `stale` and
`error`, nobody else waits, and when it is back all is as before without a restart."""
import contextlib
import re
import signal

import pytest

from enclosure import tail, until
from farm import ANEW, FAR, FRONTENDS, LIMIT, TIMED, address
from policy import request

IMPATIENT = FAR.replace("tries = 3", "tries = 2  http_timeout = 500ms  breaker_failures = 4")
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


def code(farm, frontend, whom):
    return farm.ask(frontend, whom, size=1000).code


def overtakes(gate):
    """Whether a question to the other backend is answered while an earlier one to this one still waits."""
    with gate.policy() as waiting, gate.policy() as other:
        waiting.send(request(request="smtpd_access_policy", protocol_state="RCPT", recipient=FULL, size=1000).encode())
        assert other.ask(ELSEWHERE, size=1000).startswith("452 ")
        return waiting.waits()


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
    with fault(farm, gates):
        for name, error in two.items():
            if fault is not killed:  # of that one it is told at once
                until(lambda: overtakes(gates[name]), "others do not wait")
            for _ in range(3):  # the breaker opens in between
                answers = {whom: code(farm, name, whom) for whom in (FULL, ROOM, NEVER_ASKED)}
                assert answers == {FULL: 452, ROOM: 250, NEVER_ASKED: error}
            assert code(farm, name, ELSEWHERE) == 452
            assert "problem talking to server" not in tail(farm.postfixes[name].maillog, 10**7)  # all is quotagate's answer
    farm.fill(FULL, 1000)
    farm.fill(ROOM, LIMIT)
    farm.fill(NEVER_ASKED, LIMIT)
    for name in two:
        until(lambda: code(farm, name, NEVER_ASKED) == 452, "the backend is asked again")
        gates[name].says(r"event=peer store=far host=be1\.test:7359 state=open")
        gates[name].says(r"event=peer store=far host=be1\.test:7359 state=closed")
        assert [farm.ask(name, whom, size=1000).code for whom in (FULL, ROOM, NEVER_ASKED)] == [250, 452, 452]


def test_a_backend_that_is_gone_is_not_waited_for_once_that_is_known(farm, gates, two):
    gate = gates.frontend("fe1", far=IMPATIENT.replace("breaker_pause = 1s", "breaker_pause = 1m"), more=ANEW,
                          rules=f"{TIMED}  error = defer")
    assert [code(farm, "fe1", whom) for whom in (FULL, ROOM)] == [452, 250]
    unasked = "not asked, it did not answer lately"
    with cut(farm, gates):
        until(lambda: code(farm, "fe1", NEVER_ASKED) == 451 and unasked in gate.said(), "the breaker opens")
        before = gate.said().count(unasked)
        assert [code(farm, "fe1", whom) for whom in (FULL, ROOM, NEVER_ASKED) * 10] == [452, 250, 451] * 10
        until(lambda: gate.said().count(unasked) > before + 20, "it is asked once in a minute, if at all")


def test_answers_come_by_http_where_datagrams_do_not(farm, gates):
    """Nothing listens for datagrams at the address that the name leads to, or the listener is not there."""
    farm.fill(FULL, LIMIT)
    farm.fill(ROOM, 1000)
    gate = gates.backend("be1")
    gate.reload(re.sub(r"^listen facts .*$", "", gate.configuration.read_text(), flags=re.M))
    gate.says("event=reloaded")
    gates.frontend("fe1", rules=f"{TIMED}  error = defer", more=ANEW)
    assert [farm.ask("fe1", whom, size=1000).code for whom in (FULL, ROOM) * 5] == [452, 250] * 5
