"""Signals, sockets, files and rights of the daemon."""
import os
import re
import shutil
import signal
import socket
import stat
from pathlib import Path

import pytest

from enclosure import USERS, free_port, mbox, until
from policy import request

FULL, OK = "full@example.org", "ok@example.org"


@pytest.fixture
def configuration(mail, folder):
    mbox(mail / "full", 205_000)
    mbox(mail / "ok", 0)
    address = f"inet:127.0.0.1:{free_port()}"

    def make(limit="200k", more="", listen=address):
        return (f'listen mta {{ protocol = policy  address = "{listen}" }}\n'
                f'store boxes {{ type = mbox  path = "{mail}/%n"  limit = {limit}  user = vmail  helpers = 2 }}\n'
                f"domain example.org {{ store = boxes }}\n{more}\n")
    return make


@pytest.fixture
def run(folder):
    """A folder where the daemon may make files after it has given up root."""
    made = folder / "run"
    made.mkdir()
    os.chown(made, USERS["quotagate"], USERS["quotagate"])
    return made


def answers(gate, recipient, **more):
    with gate.policy() as client:
        return client.ask(recipient, **more)


def test_sighup_takes_a_new_limit(quotagate, configuration):
    gate = quotagate(configuration())
    kept = gate.policy()
    assert kept.ask(FULL).startswith("452 4.2.2 ")
    gate.reload(configuration(limit="400k"))
    until(lambda: answers(gate, FULL) == "DUNNO", "the new limit holds")
    assert kept.ask(FULL, instance="2") == "DUNNO"  # and on a connection made before
    gate.reload(configuration(limit="100k"))
    until(lambda: answers(gate, FULL).startswith("452 "), "the next one as well")
    kept.close()


@pytest.mark.parametrize("control", [False, True])
def test_sighup_adds_and_removes_listeners(quotagate, configuration, run, control):
    top = f'control = "{run}/control.sock"\n' if control else ""
    gate = quotagate(top + configuration())
    more = f'listen second {{ protocol = policy  address = "unix:{run}/second.sock"  mode = 0666 }}'
    gate.reload(top + configuration(more=more))
    until(lambda: (run / "second.sock").exists(), "the second listener is there")
    with gate.policy(1) as client:
        assert client.ask(FULL).startswith("452 ")
    gate.reload(top + configuration())
    until(lambda: not (run / "second.sock").exists(), "the second listener is gone")
    assert answers(gate, FULL).startswith("452 ")


def test_sighup_that_needs_a_right_which_was_given_up_keeps_the_old(quotagate, configuration, folder):
    gate = quotagate(configuration())
    more = f'listen second {{ protocol = policy  address = "unix:{folder}/second.sock" }}'
    gate.reload(configuration(limit="400k", more=more))
    gate.says("restart")
    assert answers(gate, FULL).startswith("452 4.2.2 ")


@pytest.mark.parametrize("bad", ["nonsense = 1", "store boxes { type = mbox", "rules { full = \"421 4.2.2 x\" }"])
def test_sighup_with_mistakes_keeps_the_old_and_says_so(quotagate, configuration, bad):
    gate = quotagate(configuration())
    good = configuration(limit="400k")
    gate.reload(good + bad + "\n")
    gate.says(rf"{re.escape(str(gate.configuration))}:\d+: ")
    assert answers(gate, FULL).startswith("452 4.2.2 ")
    gate.reload(good)
    until(lambda: answers(gate, FULL) == "DUNNO", "the corrected file is taken")


@pytest.mark.parametrize("mistake", ["", "nonsense = 1\n"])
def test_sighup_reopens_the_log(quotagate, configuration, folder, mail, mistake):
    log = mail.parent / "logs"
    log.mkdir()
    os.chown(log, USERS["quotagate"], USERS["quotagate"])
    gate = quotagate(configuration(more=f'log {{ to = "{log}/quotagate.log" }}'))
    answers(gate, FULL)
    until(lambda: FULL in (log / "quotagate.log").read_text(), "the decision is logged")
    (log / "quotagate.log").rename(log / "quotagate.log.1")
    gate.reload(gate.configuration.read_text() + mistake)
    until(lambda: (log / "quotagate.log").exists(), "a new log is there")
    answers(gate, OK)
    until(lambda: OK in (log / "quotagate.log").read_text(), "and is written")


@pytest.mark.parametrize("create", [True, False])
def test_sighup_after_rotation_in_a_folder_of_roots(quotagate, configuration, folder, create):
    """As logrotate does it with `create 0640 quotagate quotagate`, and without."""
    (folder / "logs").mkdir()
    log, old = folder / "logs" / "quotagate.log", folder / "logs" / "quotagate.log.1"
    gate = quotagate(configuration(more=f'log {{ to = "{log}" }}'))
    log.rename(old)
    if create:
        log.touch(mode=0o640)
        os.chown(log, USERS["quotagate"], USERS["quotagate"])
    gate.signal(signal.SIGHUP)
    written = log if create else old
    until(lambda: "event=reloaded" in written.read_text(), "the log goes on")
    answers(gate, OK)
    until(lambda: OK in written.read_text(), "and on")
    assert ("event=log-not-opened" in old.read_text()) == (not create) == (not log.exists())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_question_that_is_being_asked_is_answered_before_the_end(quotagate, configuration, number):
    gate = quotagate(configuration())
    helpers = until(gate.helpers, "there are helpers")
    for pid in helpers:
        os.kill(pid, signal.SIGSTOP)
    with gate.policy() as client:
        client.send(request(request="smtpd_access_policy", protocol_state="RCPT", recipient=FULL, size=1).encode())
        until(lambda: all_read(gate), "the daemon has read the question")
        gate.signal(number)
        for pid in helpers:
            os.kill(pid, signal.SIGCONT)
        assert client.answer().startswith("452 4.2.2 ")
    assert gate.ends() == 0


@pytest.mark.parametrize("begun", [0, 20])
def test_who_has_just_come_is_answered_before_the_end(quotagate, configuration, begun):
    gate = quotagate(configuration())
    octets = request(request="smtpd_access_policy", protocol_state="RCPT", recipient=FULL, size=1).encode()
    with gate.policy() as client, gate.policy() as next_one:
        client.send(octets[:begun])
        assert next_one.ask(OK) == "DUNNO"  # so the first is let in, too
        gate.signal(signal.SIGTERM)
        gate.says("event=stopping")
        client.send(octets[begun:])
        assert client.answer().startswith("452 4.2.2 ")
        assert client.answer() is None
    assert gate.ends() == 0


def all_read(gate):
    """No connection to the daemon holds octets that it has not read. (What was sent on loopback is there at once.)"""
    port = int(gate.addresses()[0].rpartition(":")[2])
    with open("/proc/net/tcp") as table:
        rows = [row.split() for row in table.read().splitlines()[1:]]
    established = [row for row in rows if int(row[1].rpartition(":")[2], 16) == port and row[3] == "01"]
    return all(row[4].endswith(":00000000") for row in established)


def test_sigterm_ends_soon_with_idle_clients(quotagate, configuration):
    gate = quotagate(configuration())
    clients = [gate.policy() for _ in range(20)]
    clients[0].ask(OK)
    assert gate.stop() == 0
    assert clients[1].answer() is None


def test_a_stale_socket_is_replaced(idle_quotagate, configuration, run):
    path = run / "gate.sock"
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()
    gate = idle_quotagate(configuration(listen=f"unix:{path}")).start()
    assert answers(gate, FULL).startswith("452 ")
    gate.signal(signal.SIGKILL)
    gate.process.wait()
    assert path.exists()
    gate.start()
    assert answers(gate, FULL).startswith("452 ")
    gate.stop()
    assert not path.exists()


def test_a_live_socket_is_refused(quotagate, idle_quotagate, configuration, folder):
    path = folder / "gate.sock"
    gate = quotagate(configuration(listen=f"unix:{path}"))
    second = idle_quotagate(configuration(listen=f"unix:{path}"), name="second").launch()
    assert second.ends() != 0
    assert str(path) in second.said()
    assert answers(gate, FULL).startswith("452 ")


def test_a_taken_port_is_refused(quotagate, idle_quotagate, configuration):
    gate = quotagate(configuration())
    second = idle_quotagate(configuration(), name="second").launch()
    assert second.ends() != 0
    assert gate.addresses()[0].removeprefix("inet:") in second.said()
    assert answers(gate, FULL).startswith("452 ")


def test_what_is_no_socket_is_left_alone(idle_quotagate, configuration, folder):
    path = folder / "precious"
    path.write_text("mine")
    gate = idle_quotagate(configuration(listen=f"unix:{path}")).launch()
    assert gate.ends() != 0
    assert path.read_text() == "mine"


def test_socket_mode_owner_and_group(quotagate, configuration, folder):
    gate = quotagate(configuration(
        listen=f'unix:{folder}/gate.sock"  mode = "0660"  owner = vmail  group = "postfix'))
    found = (folder / "gate.sock").stat()
    assert stat.S_ISSOCK(found.st_mode)
    assert stat.S_IMODE(found.st_mode) == 0o660
    assert (found.st_uid, found.st_gid) == (USERS["vmail"], USERS["postfix"])
    assert answers(gate, FULL).startswith("452 ")


def rights(pid):
    with open(f"/proc/{pid}/status") as status:
        text = status.read()
    numbers = {name: re.search(rf"^{name}:\s*(.*)$", text, re.M)[1].split() for name in ("Uid", "Gid", "Groups")}
    caps = {name: int(re.search(rf"^{name}:\s*(\w+)$", text, re.M)[1], 16) for name in ("CapEff", "CapPrm", "CapInh")}
    return numbers, caps


KILL_SETGID_SETUID = 1 << 5 | 1 << 6 | 1 << 7


def assert_is(pid, user):
    numbers, caps = rights(pid)
    number = str(USERS[user])
    assert numbers["Uid"] == [number] * 4 and numbers["Gid"] == [number] * 4
    assert set(numbers["Groups"]) <= {number}
    assert set(caps.values()) == {0}


def test_each_process_has_the_rights_it_needs(quotagate, configuration):
    gate = quotagate(configuration())
    answers(gate, FULL)
    helpers = until(gate.helpers, "there are helpers")
    assert_is(gate.pid(), "quotagate")
    assert len(helpers) == 2
    for pid in helpers:
        assert_is(pid, "vmail")
    nurseries = [pid for pid, (parent, _) in gate.family().items() if parent == gate.pid()]
    assert len(nurseries) == 1
    _, caps = rights(nurseries[0])
    assert caps["CapEff"] & ~KILL_SETGID_SETUID == 0
    assert caps["CapPrm"] & ~KILL_SETGID_SETUID == 0


def test_helpers_hold_no_socket_of_a_client(quotagate, configuration):
    gate = quotagate(configuration())
    with gate.policy() as client:
        client.ask(FULL)
        helpers = until(gate.helpers, "there are helpers")
        port = int(gate.addresses()[0].rpartition(":")[2])
        with open("/proc/net/tcp") as table:
            ours = {row.split()[9] for row in table.read().splitlines()[1:]
                    if int(row.split()[1].rpartition(":")[2], 16) == port}
        held = {os.readlink(f"/proc/{pid}/fd/{fd}") for pid in helpers for fd in os.listdir(f"/proc/{pid}/fd")}
        assert not {f"socket:[{inode}]" for inode in ours} & held


def test_another_user_is_taken_from_the_configuration(quotagate, configuration):
    gate = quotagate(configuration(more="user = vmail"))
    assert answers(gate, FULL).startswith("452 ")
    assert_is(gate.pid(), "vmail")


def test_a_store_that_its_user_may_not_read_did_not_answer(quotagate, configuration, mail):
    os.chown(mail, 0, 0)
    mail.chmod(0o700)
    gate = quotagate(configuration(more="rules { error = defer }"))
    assert answers(gate, FULL).startswith("451 4.3.0 ")
    assert gate.check(FULL).returncode == 3


def test_the_pid_file_names_the_daemon_and_goes_with_it(quotagate, idle_quotagate, configuration, run):
    pid_file = run / "quotagate.pid"
    gate = quotagate(configuration(more=f'pid_file = "{pid_file}"'))
    assert int(pid_file.read_text()) == gate.pid()
    assert stat.S_IMODE(pid_file.stat().st_mode) & 0o022 == 0
    other = f"inet:127.0.0.1:{free_port()}"
    second = idle_quotagate(configuration(more=f'pid_file = "{pid_file}"', listen=other), name="second").launch()
    assert second.ends() != 0
    assert int(pid_file.read_text()) == gate.pid()
    gate.stop()
    assert not pid_file.exists()


@pytest.mark.parametrize("option", ["address", "control", "pid_file"])
def test_a_folder_that_is_not_there_is_told_and_not_made(idle_quotagate, configuration, folder, option):
    """It is a slip of the pen: root makes none for it and gives none away."""
    path = folder / "typo" / "it"
    listen = f'listen second {{ protocol = policy  address = "unix:{path}" }}'
    gate = idle_quotagate(configuration(more=listen if option == "address" else f'{option} = "{path}"')).launch()
    assert gate.ends() == 1
    assert f"{path}: " + ("No such file or directory" if option == "pid_file" else "its folder is not there") in gate.said()
    assert not path.parent.exists()


@pytest.mark.parametrize("option", ["address", "control", "pid_file"])
def test_a_folder_below_run_is_made_and_the_daemons(quotagate, configuration, option):
    made = Path(f"/run/quotagate-test-{os.getpid()}")
    path = made / "it"
    listen = f'listen second {{ protocol = policy  address = "unix:{path}" }}'
    try:
        quotagate(configuration(more=listen if option == "address" else f'{option} = "{path}"'))
        assert path.exists()
        assert (made.stat().st_uid, stat.S_IMODE(made.stat().st_mode)) == (USERS["quotagate"], 0o755)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def test_check_learns_of_charges_from_the_running_daemon(quotagate, configuration, run):
    gate = quotagate(configuration(more=f'control = "{run}/control.sock"'))
    assert stat.S_IMODE((run / "control.sock").stat().st_mode) & 0o077 == 0
    for _ in range(3):  # check itself never charges
        assert gate.check("--size", "150000", OK).returncode == 0
    assert answers(gate, OK, size=90_000) == "DUNNO"
    done = gate.check("--size", "150000", OK)
    assert (done.returncode, "90000" in done.stdout) == (1, True), done
    gate.stop()
    assert gate.check("--size", "150000", OK).returncode == 0
