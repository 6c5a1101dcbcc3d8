"""What each of our processes may do: capabilities, no_new_privs, seccomp and Landlock as the kernel shows them.

What a confined process can still do is tried from within by tests/unit/confine.c, for every kind of process.
"""
import contextlib
import json
import os
import re
import signal
import socket
import subprocess

import pytest

from enclosure import PATIENCE, USERS, free_port, mbox, owned, until
from quotagate import PROGRAM

FULL, OK = "full@example.org", "ok@example.org"
READ_SEARCH, KILL, SETGID, SETUID = 1 << 2, 1 << 5, 1 << 6, 1 << 7
THREE = KILL | SETGID | SETUID


@pytest.fixture
def configuration(mail):
    """Nothing is cached: each answer comes from a helper."""
    mbox(mail / "example.org" / "full", 205_000)
    mbox(mail / "example.org" / "ok", 0)
    address = f"inet:127.0.0.1:{free_port()}"

    def make(top="", user="user = vmail", path=mail):
        return (f'{top}\nlisten mta {{ protocol = policy  address = "{address}" }}\n'
                f'store boxes {{ type = mbox  path = "{path}/%d/%n"  limit = 200k  {user}  helpers = 2 }}\n'
                f"store homes {{ type = maildir  path = \"%h/Maildir\"  {user}  helpers = 1 }}\n"
                "domain example.org { store = boxes }\ncache { ttl_low = 0  ttl_mid = 0  ttl_high = 0  ttl_none = 0 }\n")
    return make


@pytest.fixture
def mail(folder):
    """With a folder for the domain: the root itself can be taken away and come back."""
    return owned(owned(folder / "mail", "vmail") / "example.org", "vmail").parent


def status(pid):
    with open(f"/proc/{pid}/status") as text:
        return dict(re.findall(r"^(\w+):\s*(.*)$", text.read(), re.M))


def caps(pid):
    return {name: int(value, 16) for name, value in status(pid).items() if name.startswith("Cap")}


def answer(gate, recipient=FULL):
    with gate.policy() as client:
        return client.ask(recipient)


def processes(gate, helpers=3):
    """The daemon, the nursery, its helpers."""
    nursery = [pid for pid, (parent, _) in gate.family().items() if parent == gate.pid()]
    assert len(nursery) == 1
    return gate.pid(), nursery[0], until(lambda: len(found := gate.helpers()) == helpers and list(found), "helpers")


def confined(gate):
    """All that the kernel offers to them: said by the daemon, which asked."""
    gate.says("event=confined")
    return re.search(r"event=confined seccomp=(\S+) landlock=(\S+)", gate.said()).groups()


def assert_hidden(pid):
    """No core file, nobody of the same user looks into its memory, and exec gives no right."""
    with open(f"/proc/{pid}/limits") as limits:
        assert re.search(r"^Max core file size\s+0\s+0\s", limits.read(), re.M)
    assert os.stat(f"/proc/{pid}/mem").st_uid == 0
    assert status(pid)["NoNewPrivs"] == "1"


def test_rights_of_the_daemon_and_its_family(quotagate, configuration):
    gate = quotagate(configuration())
    daemon, nursery, helpers = processes(gate)
    nothing = {"CapInh": 0, "CapPrm": 0, "CapEff": 0, "CapBnd": 0, "CapAmb": 0}
    assert caps(daemon) == nothing
    assert caps(nursery) == {"CapInh": 0, "CapPrm": THREE, "CapEff": THREE, "CapBnd": THREE, "CapAmb": 0}
    for pid in helpers:
        assert caps(pid) == {**nothing, "CapBnd": THREE}  # which no_new_privs keeps out of reach
    for pid in (daemon, nursery, *helpers):
        assert_hidden(pid)


def test_only_a_store_read_as_root_has_the_right_to_read_all(quotagate, configuration):
    gate = quotagate(configuration(user="user = root"))
    _, nursery, helpers = processes(gate)
    assert caps(nursery)["CapEff"] == THREE | READ_SEARCH
    for pid in helpers:
        assert caps(pid)["CapEff"] == caps(pid)["CapPrm"] == READ_SEARCH
        assert_hidden(pid)


def test_each_process_is_confined(quotagate, configuration):
    gate = quotagate(configuration(top="log { level = debug }"))
    daemon, nursery, helpers = processes(gate)
    seccomp, landlock = confined(gate)
    for pid in (daemon, nursery, *helpers):
        assert status(pid)["Seccomp"] == ("2" if seccomp == "yes" else "0")
    for pid in helpers:
        gate.says(rf"helper=\w+ pid={pid} event=confined seccomp={seccomp} landlock={landlock}")


def test_who_reads_the_configuration_again(quotagate, configuration, folder):
    """One that waits in an included file which never ends: it has the daemon's user and no right, and the reload fails in time."""
    gate = quotagate(configuration(top="log { level = debug }"))
    seccomp, landlock = confined(gate)
    nursery = processes(gate)[1]
    endless = folder / "endless"
    os.mkfifo(endless)
    gate.reload(configuration(top=f'log {{ level = debug }}\ninclude("{endless}")'))
    reader = until(lambda: [pid for pid, uid in gate.helpers().items() if uid == USERS["quotagate"]], "it reads")[0]
    until(lambda: status(reader)["State"].startswith("S"), "it waits")
    assert status(reader)["Name"] == "qg-config" and status(reader)["Uid"] == status(gate.pid())["Uid"]
    assert status(reader)["Gid"] == status(gate.pid())["Gid"] and status(reader)["Groups"] == status(gate.pid())["Groups"]
    assert caps(reader) == {"CapInh": 0, "CapPrm": 0, "CapEff": 0, "CapBnd": THREE, "CapAmb": 0}
    assert_hidden(reader)
    assert status(reader)["Seccomp"] == ("2" if seccomp == "yes" else "0")
    gate.says('event=reload-failed reason="the process that reads the configuration took longer than 5 seconds"')
    assert answer(gate).startswith("452 ")
    until(lambda: not os.path.exists(f"/proc/{reader}"), "it was ended")
    gate.reload(configuration(top="log { level = debug }"))
    gate.says(rf"helper=config pid=\d+ event=confined seccomp={seccomp} landlock={landlock}")
    gate.says("event=reloaded")
    assert processes(gate)[1] == nursery


def test_confine_off(quotagate, configuration):
    gate = quotagate(configuration(top="confine = off"))
    daemon, nursery, helpers = processes(gate)
    for pid in (daemon, nursery, *helpers):
        assert status(pid)["Seccomp"] == "0"
        assert_hidden(pid)
    assert "event=confined" not in gate.said()


def test_the_log_names_the_helper_that_made_a_forbidden_call(quotagate, configuration):
    """Its end as the kernel would bring it about."""
    gate = quotagate(configuration())
    for pid in processes(gate)[2]:
        os.kill(pid, signal.SIGSYS)
        gate.says(rf"helper=(boxes|homes) pid={pid} event=forbidden-call")
    assert answer(gate).startswith("452 ")  # others were made


def test_what_a_reload_confines(quotagate, configuration):
    debug = "log { level = debug }"
    gate = quotagate(configuration(top="confine = off" + "\n" + debug))
    processes(gate)
    gate.reload(configuration(top=debug))
    gate.says("event=reloaded")
    gate.says("confine changes for helpers now")
    assert status(gate.pid())["Seccomp"] == "0"
    gate.says(r"(?s)(helper=\w+ pid=\d+ event=confined seccomp=yes.*){3}")


@pytest.mark.parametrize("confine", ["auto", "off"])
def test_a_root_that_comes_later(quotagate, configuration, mail, confine):
    """Nobody's question is lost to a helper that was confined to what was not there."""
    aside = mail.with_name("aside")
    mail.rename(aside)
    gate = quotagate(configuration(top=f"confine = {confine}"))
    assert answer(gate) == "DUNNO"
    aside.rename(mail)
    for _ in range(4):
        assert answer(gate).startswith("452 ")


def test_a_root_that_is_replaced(quotagate, configuration, mail):
    gate = quotagate(configuration())
    assert answer(gate).startswith("452 ")
    mail.rename(mail.with_name("old"))
    new = owned(owned(mail, "vmail") / "example.org", "vmail")
    mbox(new / "full", 1)
    mbox(new / "ok", 205_000)
    for _ in range(4):
        assert answer(gate) == "DUNNO"
        assert answer(gate, OK).startswith("452 ")


def test_a_disk_that_is_mounted_over_the_root(quotagate, configuration, mail, folder):
    gate = quotagate(configuration())
    disk = owned(owned(folder / "disk", "vmail") / "example.org", "vmail").parent
    mbox(disk / "example.org" / "full", 1)
    assert answer(gate).startswith("452 ")
    subprocess.run(["nsenter", f"--mount=/proc/{gate.pid()}/ns/mnt", "mount", "--bind", disk, mail], check=True)
    for _ in range(4):
        assert answer(gate) == "DUNNO"


def test_one_user_for_everything(idle_quotagate, configuration):
    """Started without any right, as packaging/quotagate.service does it."""
    gate = idle_quotagate(configuration(user=""))
    gate.enclosed += ["setpriv", "--reuid", "vmail", "--regid", "vmail", "--clear-groups", "--inh-caps=-all",
                      "--bounding-set=-all", "--no-new-privs"]
    gate.start()
    daemon, nursery, helpers = processes(gate)
    for pid in (daemon, nursery, *helpers):
        assert set(caps(pid).values()) == {0}
        assert status(pid)["Uid"].split()[1] == str(USERS["vmail"])
        assert_hidden(pid)
    assert answer(gate).startswith("452 ")


def test_the_one_user_is_named_once_and_check_becomes_it_too(idle_quotagate, configuration, mail):
    """Its mail is nobody else's business, and the daemon was never root."""
    mail.chmod(0o700)
    gate = idle_quotagate(configuration(top="user = vmail", user=""))
    as_root = list(gate.enclosed)
    gate.enclosed += ["setpriv", "--reuid", "vmail", "--regid", "vmail", "--clear-groups", "--no-new-privs"]
    gate.start()
    assert answer(gate).startswith("452 ")
    gate.enclosed = as_root
    assert gate.check(FULL).returncode == 1
    gate.configuration.write_text(configuration(user=""))
    assert gate.check(FULL).returncode == 3


@pytest.fixture
def control(folder):
    """Handed down by root, as by packaging/quotagate.socket: nobody else may connect."""
    private = folder / "private"
    private.mkdir(mode=0o700)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(private / "control.sock"))
    listening.listen(5)
    yield listening
    listening.close()


@pytest.fixture
def silent():
    """A server that takes connections and says nothing."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(PATIENCE)
    yield listening
    listening.close()


def begin(gate, *words):
    """Another command, which the caller waits for."""
    command = [*gate.enclosed, PROGRAM, words[0], "-c", str(gate.configuration), *words[1:]]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def holds(pid, connection):
    """Whether the other end of this connection from 127.0.0.1 is that process's."""
    port = "%04X" % connection.getpeername()[1]
    with open("/proc/net/tcp") as table:
        inodes = [row.split()[9] for row in table if row.split()[1].endswith(":" + port)]
    fds, held = f"/proc/{pid}/fd", set()
    for fd in os.listdir(fds):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile: a shell may still be on its way to the program
            held.add(os.readlink(f"{fds}/{fd}"))
    return any(f"socket:[{inode}]" in held for inode in inodes)


def connected(server, pid):
    """The connection of that process; others, such as who looked whether anybody listens, are closed."""
    while True:
        connection, _ = server.accept()
        if holds(pid, connection):
            return connection
        connection.close()


def assert_gave_up(pid, user="quotagate", seccomp="2"):
    number = str(USERS[user])
    assert set(caps(pid).values()) == {0}
    assert status(pid)["Uid"].split() == status(pid)["Gid"].split() == [number] * 4
    assert status(pid)["Groups"].split() == [number]
    assert status(pid)["Seccomp"] == seccomp
    assert_hidden(pid)


@pytest.mark.parametrize("confine", ["auto", "off"])
def test_check_gives_up_what_the_daemon_does(idle_quotagate, control, silent, confine):
    """It is root's, and talks to servers: here to one that leaves it waiting."""
    gate = idle_quotagate(
        f'control = "{control.getsockname()}"\nconfine = {confine}\n'
        f'listen mta {{ protocol = policy  address = "inet:127.0.0.1:{free_port()}" }}\n'
        f'store far {{ type = lmtp  address = "inet:127.0.0.1:{silent.getsockname()[1]}" }}\n'
        "domain example.org { store = far }\nrules { timeout = 10m }\n", sockets=[("control", control)])
    gate.start()
    seccomp = "2" if confine == "auto" and confined(gate)[0] == "yes" else "0"
    check = begin(gate, "check", "--json", FULL)
    connection = connected(silent, check.pid)
    assert_gave_up(check.pid, seccomp=seccomp)
    connection.close()
    said, complaints = check.communicate(timeout=PATIENCE)
    assert (check.returncode, complaints) == (3, "")
    report, = json.loads(said)
    assert report["running_daemon"] == {"knows_the_mailbox": "no"}  # though only root may ask it


def test_check_asks_as_the_user_that_the_configuration_names(quotagate, silent):
    gate = quotagate(
        f'user = vmail\nlisten mta {{ protocol = policy  address = "inet:127.0.0.1:{free_port()}" }}\n'
        f'store far {{ type = lmtp  address = "inet:127.0.0.1:{silent.getsockname()[1]}" }}\n'
        "domain example.org { store = far }\nrules { timeout = 10m }\n")
    check = begin(gate, "check", FULL)
    connection = connected(silent, check.pid)
    assert_gave_up(check.pid, "vmail", status(gate.pid())["Seccomp"])
    connection.close()
    assert check.wait(PATIENCE) == 3


def test_status_reads_the_answer_without_rights(idle_quotagate, control):
    """Of a daemon that lets it wait, which it does for five seconds: then another is asked to."""
    gate = idle_quotagate(f'control = "{control.getsockname()}"\n'
                          f'listen mta {{ protocol = policy  address = "inet:127.0.0.1:{free_port()}" }}\n',
                          sockets=[("control", control)])
    gate.start()
    seccomp = "2" if confined(gate)[0] == "yes" else "0"
    gate.signal(signal.SIGSTOP)
    asking = []

    def gave_up():
        if not asking or asking[-1].poll() is not None:
            asking.append(begin(gate, "status"))
        now = status(asking[-1].pid)
        return (now["NoNewPrivs"], now["Seccomp"]) == ("1", seccomp)
    until(gave_up, "rights are given up")
    assert_gave_up(asking[-1].pid, seccomp=seccomp)
    gate.signal(signal.SIGCONT)
    for one in asking:
        one.communicate(timeout=PATIENCE)
    done = gate.command("status", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)["daemon"]
    assert (report["pid"], report["user"], report["nursery_running"]) == (gate.pid(), "quotagate", True)


@pytest.mark.parametrize("words", [["config"], ["setup", "postfix"]])
def test_who_only_reads_the_configuration_leaves_no_core_file(idle_quotagate, configuration, words):
    """It waits for the configuration meanwhile."""
    gate = idle_quotagate(configuration())
    text = gate.configuration.read_text()
    gate.configuration.unlink()
    os.mkfifo(gate.configuration)
    done = begin(gate, *words)
    with gate.configuration.open("w") as fifo:
        with open(f"/proc/{done.pid}/limits") as limits:
            assert re.search(r"^Max core file size\s+0\s+0\s", limits.read(), re.M)
        assert os.stat(f"/proc/{done.pid}/mem").st_uid == 0
        fifo.write(text)
    said, complaints = done.communicate(timeout=PATIENCE)
    assert done.returncode == 0 and said, complaints
