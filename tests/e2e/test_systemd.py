"""quotagate under a systemd that runs: installed from packaging/ as the README says, told, restarted, killed, and given a
configuration that is wrong."""
import re
import shutil
import threading

import pytest

from booted import SYSTEMD, Booted
from enclosure import USERS, mbox, until
from policy import Policy
from test_rights import THREE
from test_units import ONE, PACKAGING, SEVERAL

pytestmark = pytest.mark.skipif(not SYSTEMD.exists(), reason="systemd is not installed")

ADDRESS = "inet:127.0.0.1:7356"
CONFIGURATION = """\
control = "/run/quotagate/control.sock"
listen mta {{ protocol = policy  address = "inet:127.0.0.1:7356" }}
store boxes {{ type = mbox  path = "/var/vmail/%n"  limit = {limit}  {user} }}
domain example.org {{ store = boxes }}
{more}
"""
PLACE = "/var/lib/quotagate/notices"
KINDS = pytest.mark.parametrize("unit", [SEVERAL, ONE], ids=["several users", "one user"])


@pytest.fixture
def machine(folder, started, unit):
    made = Booted(folder, unit, PACKAGING / "quotagate.socket")
    started.append(made)
    mbox(made.mail / "full", 205_000)
    configure(made, unit)
    if unit == ONE:
        for path in (made.configuration.parent, made.configuration):
            shutil.chown(path, group=USERS["vmail"])
    return made.start()


def configure(machine, unit, limit="200k", more=""):
    machine.configuration.write_text(
        CONFIGURATION.format(limit=limit, user="" if unit == ONE else "user = vmail", more=more))
    machine.configuration.chmod(0o640 if unit == ONE else 0o644)


def ask(machine, recipient="full@example.org"):
    with machine.inside():
        client = Policy(ADDRESS)
    with client:
        return client.ask(recipient)


def process(machine):
    """The fields of the main process' /proc/PID/status."""
    text = machine.run("cat", f"/proc/{machine.told('MainPID')}/status").stdout
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


@KINDS
def test_a_service_of_systemd(machine, unit):
    machine.systemctl("enable", "--now", "quotagate")
    assert machine.told("StatusText") == "Answers questions"
    assert ask(machine).startswith("452 ") and ask(machine, "nobody@example.org") == "DUNNO"
    user = USERS["vmail"] if unit == ONE else None
    fields = process(machine)
    assert fields["Uid"].split()[0] == str(user) if user else fields["Uid"].split()[0] != "0"
    assert int(fields["CapEff"], 16) == 0 and int(fields["CapBnd"], 16) == (0 if unit == ONE else THREE)
    assert fields["Seccomp"] == "2" and fields["NoNewPrivs"] == "1"
    status = machine.run("quotagate", "status")
    assert status.returncode == 0 and "boxes" in status.stdout, status

    configure(machine, unit, limit="1M")
    machine.systemctl("reload", "quotagate")
    until(lambda: ask(machine) == "DUNNO", "the new limit holds")
    configure(machine, unit, more="nonsense")
    machine.systemctl("reload", "quotagate")
    until(lambda: "the last reload failed" in machine.told("StatusText"), "systemd is told")
    assert ask(machine) == "DUNNO"

    said = machine.journal()
    assert "event=confined seccomp=yes" in said and "event=reloaded" in said and "event=decision" in said
    assert not any(word in said for word in ("crashed", "forbidden-call", "cannot", "Permission", "not permitted"))
    machine.systemctl("stop", "quotagate.socket", "quotagate")
    assert machine.told("Result") == "success" and machine.told("ExecMainStatus") == "0"


def test_a_socket_for_a_chroot(folder, started):
    """The unit that stands at the end of quotagate.socket, for a Postfix in its chroot."""
    text = (PACKAGING / "quotagate.socket").read_text()
    unit = folder / "quotagate-mta.socket"
    unit.write_text("".join(re.findall(r"^#\t(.+\n)", text.partition("quotagate-mta.socket")[2], re.M)))
    machine = Booted(folder, SEVERAL, PACKAGING / "quotagate.socket", unit)
    started.append(machine)
    mbox(machine.mail / "full", 205_000)
    path = "/var/spool/postfix/private/quotagate"
    configure(machine, SEVERAL, more=f'listen chroot {{ protocol = policy  address = "unix:{path}" }}')
    machine.start()
    machine.systemctl("enable", "--now", "quotagate-mta.socket", "quotagate")
    seen = machine.seen(path)
    assert (seen.stat().st_mode & 0o777, seen.stat().st_gid) == (0o660, USERS["postfix"])
    with Policy(f"unix:{seen}") as client:
        assert client.ask("full@example.org").startswith("452 ")
    assert ask(machine).startswith("452 ")


@KINDS
def test_nobody_is_turned_away_by_a_restart(machine, unit):
    machine.systemctl("start", "quotagate")
    answers, ended = [], threading.Event()

    def keep_asking():
        while not ended.is_set():
            try:
                answers.append(ask(machine) or "closed")
            except OSError as error:
                answers.append(str(error))

    clients = [threading.Thread(target=keep_asking) for _ in range(4)]
    for client in clients:
        client.start()
    for _ in range(3):
        seen = len(answers)
        machine.systemctl("restart", "quotagate")
        until(lambda: len(answers) > seen + 8, "there are answers again", 40)
    ended.set()
    for client in clients:
        client.join()
    assert not [answer for answer in answers if not answer.startswith("452 ")]


@KINDS
def test_what_was_told_outlives_a_restart(machine, unit):
    """By notify, in the state directory that the unit makes; what is under way is told before the end."""
    state, program = machine.seen(PLACE), machine.configuration.parent / "tell"
    user = "" if unit == ONE else "user = nobody"
    program.write_text("#!/bin/sh\nsleep 0.2\n")
    program.chmod(0o755)
    configure(machine, unit, more=f'notify {{ command = "/etc/quotagate/tell"  state = "{PLACE}"  {user} }}')
    for percent in (83, 83, 96):
        mbox(machine.mail / "full", 204_800 * percent // 100 + 100)
        machine.systemctl("restart", "quotagate")
        assert ask(machine) == "DUNNO"
        seen = state.stat()
        assert seen.st_mode & 0o777 == 0o600 and seen.st_uid == (USERS["vmail"] if unit == ONE else 0)
        assert state.parent.stat().st_mode & 0o777 == 0o700
    machine.systemctl("stop", "quotagate.socket", "quotagate")
    said = machine.journal()
    assert re.findall("event=notify .*percent=(\\d+) .*told=(\\w+)", said) == [("83", "yes"), ("96", "yes")]
    assert said.count("event=notify-state file=") == 3
    assert "level=error" not in said and "forbidden" not in said


@KINDS
def test_who_was_killed_is_started_again(machine, unit):
    machine.systemctl("start", "quotagate")
    killed = machine.told("MainPID")
    machine.systemctl("kill", "--kill-who=main", "--signal=KILL", "quotagate")
    until(lambda: machine.told("MainPID") not in (killed, "0"), "systemd has started it again", 40)
    assert ask(machine).startswith("452 ")


@KINDS
def test_a_wrong_configuration_is_told_once(machine, unit):
    configure(machine, unit, more="nonsense")
    assert machine.run("systemctl", "start", "quotagate").returncode != 0
    assert machine.told("ActiveState") == "failed" and machine.told("ExecMainStatus") == "2"
    assert machine.told("NRestarts") == "0"
    assert machine.journal().count("quotagate.conf:5: ") == 1
    configure(machine, unit)
    machine.systemctl("restart", "quotagate")
    assert ask(machine).startswith("452 ")
