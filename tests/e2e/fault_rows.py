"""All that scripts/faults makes happen: the calls that fail, by process and occasion, and the faults of the machine."""
import errno
import signal

import fault_machine
from fault_calls import Series, asking, beginning, reconnecting, reloading, replacing, run_series, run_start, telling
from fault_servers import (CgiWorld, DoveadmWorld, ErrandWorld, ImapWorld, LdapWorld, MariadbWorld, NameWorld, NotifyWorld,
                           PostgresqlWorld, RedisWorld, SqliteWorld)
from fault_world import FarWorld

KILL, STOP = -signal.SIGKILL, -signal.SIGSTOP

CALLS = [
    *[Series("daemon", call, asking) for call in (
        "alloc", "accept", "read", "recv", "recvmsg", "write", "sendmsg", "epoll_ctl", "epoll_wait", "poll")],
    Series("daemon", "alloc", asking, times=8),
    Series("daemon", "accept", asking, error=errno.ENOMEM),
    Series("daemon", "read", asking, error=errno.ECONNRESET),
    Series("daemon", "write", asking, error=errno.EPIPE),
    *[Series("helper", call, asking) for call in ("alloc", "recv", "send", "open", "openat2", "readdir", "stat")],
    *[Series("helper", call, asking, error=KILL) for call in ("recv", "openat2", "readdir", "stat", "alloc", "send")],
    *[Series("daemon", call, replacing) for call in ("send", "recvmsg", "fcntl", "epoll_ctl", "alloc")],
    *[Series("nursery", call, replacing) for call in ("recv", "sendmsg", "socketpair", "fork", "open", "poll")],
    *[Series("nursery", call, reloading) for call in ("alloc", "read", "open", "socketpair", "fork", "sendmsg")],
    *[Series("daemon", call, reloading) for call in (
        "read", "recv", "stat", "socket", "bind", "listen", "epoll_ctl", "fcntl", "recvmsg", "alloc")],
    *[Series("reader", call, reloading) for call in ("open", "read", "send")],
    Series("reader", "alloc", reloading, step=5),
    Series("reader", "library_alloc", reloading, step=10),
    *[Series("reader", "send", reloading, error=error) for error in (KILL, STOP)],
    Series("nursery", "library_alloc", reloading, step=25),
]
FAR = [
    *[Series("daemon", call, asking, what=", before stores of other servers") for call in (
        "alloc", "write", "read", "sendmsg", "recvmsg", "epoll_ctl")],
    *[Series("daemon", call, reconnecting) for call in ("alloc", "socket", "connect", "write", "epoll_ctl")],
]


def helper(what, asked, new, ends, step):
    """The helper of one kind: each call of `asked` fails while it is at work, each of `new` when it is a new one; it is killed and
    stopped at `ends`, for which times are many. Libraries that are set up allocate thousands of times: each `step`th fails."""
    what = f" ({what})"
    return [*[Series("helper", call, asking, what=what) for call in asked],
            *[Series("helper", call, beginning, what=what) for call in new],
            *([Series("helper", "alloc", beginning, step=step, what=what)] if step else []),
            *[Series("helper", call, asking, error=KILL, step=3 if call == "poll" else 1, what=what) for call in ends],
            *[Series("helper", call, asking, error=STOP, step=24 if call == "poll" else 12, what=what) for call in ends]]


POOL = ("recv", "send")  # how a helper hears and answers; most libraries use the same
SERVED = [
    (SqliteWorld, helper("SQLite", ("alloc", *POOL, "stat", "fcntl"), ("open",), POOL, 20)),
    (PostgresqlWorld, helper("PostgreSQL", ("alloc", *POOL, "poll"), ("socket", "connect"), (*POOL, "poll"), 1500)),
    (MariadbWorld, helper("MariaDB", ("alloc", *POOL, "poll"), ("socket", "connect"), (*POOL, "poll"), 200)),
    (RedisWorld, helper("Redis", ("alloc", *POOL, "read", "write", "poll"), ("socket", "connect"), (*POOL, "read", "write"), 1)),
    (LdapWorld, helper("LDAP", ("alloc", *POOL, "read", "write", "poll"), ("socket", "connect", "fcntl"),
                       (*POOL, "read", "write"), 5)),
    (ImapWorld, helper("IMAP", (*POOL, "poll"), ("socket", "connect", "socketpair"), (*POOL, "poll"), 200)),
    (DoveadmWorld, helper("doveadm", (*POOL, "read", "open", "stat", "poll"), ("socket", "connect"), (*POOL, "poll"), 200)),
    (CgiWorld, helper("quota.cgi", (*POOL, "poll"), ("socket", "connect"), (*POOL, "poll"), 200)),
    (ErrandWorld, helper("questions by HTTP", (*POOL, "poll"), ("socket", "connect"), (*POOL, "poll"), 200)),
    (NameWorld, helper("names", ("alloc", *POOL), (), POOL, 5)),
    (NotifyWorld, [
        *[Series("helper", call, telling, what=" (notify)") for call in (*POOL, "open", "pipe", "fork", "poll")],
        *[Series("helper", call, telling, error=KILL, what=" (notify)") for call in (*POOL, "pipe", "fork", "poll")],
        *[Series("helper", call, telling, error=STOP, what=" (notify)") for call in ("send", "fork")]]),
]
STARTS = [  # process, call, and each how many'th of them
    *[("daemon", call, 1) for call in (
        "alloc", "open", "read", "socket", "bind", "listen", "socketpair", "pipe", "fork", "epoll_create", "epoll_ctl", "fcntl",
        "getrandom", "send")],
    ("reader", "alloc", 5), ("reader", "library_alloc", 10), ("reader", "send", 1),
]


def run(say=lambda row: None, quick=False):
    """All rows, in the order of the table: (calls, machine)."""
    calls = run_series(CALLS, say, quick)
    calls += run_series(FAR, say, quick, FarWorld)
    for kind, series in SERVED:
        calls += run_series(series, say, quick, kind)
    for role, call, step in STARTS:
        calls.append(run_start(call, quick, role, step))
        say(calls[-1])
    machine = []
    for row in fault_machine.ROWS:
        machine.append(row(quick))
        say(machine[-1])
    return calls, machine
