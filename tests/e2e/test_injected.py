"""What scripts/faults does at length: calls that fail, and faults of the machine, each a few times. docs/reliability.md has all."""
import signal

import pytest

import fault_machine
from fault_calls import Series, asking, run_series, run_start
from fault_rows import CALLS, SERVED
from fault_servers import LdapWorld, NotifyWorld, SqliteWorld

# Those that take the time of a helper's hang are left to the script.
MACHINE = [row for row in fault_machine.ROWS if row.__name__ not in ("hung", "nursery_stopped")]


def test_what_fails_once_costs_one_answer_at_most():
    wrong = [(row.fault, row.wrong, row.users()) for row in run_series(CALLS, quick=True) if not row.good()]
    assert not wrong


def test_what_a_helper_of_a_directory_has_no_memory_for_is_no_answer():
    """libldap says of what it has no memory for that it is not there."""
    row, = run_series([Series("helper", "alloc", asking, step=3, what=" (LDAP)")], kind=LdapWorld)
    assert row.injected > 20 and row.good(), row.wrong


@pytest.mark.parametrize("kind", [SqliteWorld, NotifyWorld], ids=lambda kind: kind.__name__)
def test_helpers_that_ask_others(kind):
    """Those that hang take their time, and are left to the script."""
    series = [one for one in dict(SERVED)[kind] if one.error != -signal.SIGSTOP and (one.call != "alloc" or one.step == 1)]
    wrong = [(row.fault, row.wrong, row.users()) for row in run_series(series, quick=True, kind=kind) if not row.good()]
    assert not wrong


@pytest.mark.parametrize("call", ["alloc", "open", "socketpair"])
def test_a_start_that_fails_says_why(call):
    row = run_start(call, quick=True)
    assert row.injected and row.good(), row.wrong


@pytest.mark.parametrize("fault", MACHINE, ids=lambda fault: fault.__name__)
def test_of_the_machine(fault):
    row = fault(True)
    assert row.injected and row.good(), row.wrong
