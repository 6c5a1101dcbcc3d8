"""Facts for other quotagates: asked, charged, told of by datagrams; and all that must be refused."""
import os
import re
import secrets
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from datagrams import free_udp_port
from enclosure import PATIENCE, USERS, free_port, until
from facts import (ABANDONED, ARRIVED, CANNOT_TELL, CHARGED, CLOCK, END_OF_MESSAGE, ENDED, FOUND, LIMIT_NAMED, NO_MAILBOX,
                   NOT_OURS, NOTED, QUESTION, WITHDRAWN, Asker, Key)

JOE, FULL = "joe@example.org", "full@example.org"
LIMIT = 1_000_000


def maildir(mail, name, octets):
    """A Maildir with one message, and a maildirsize."""
    home = mail / "example.org" / name / "Maildir"
    for part in ("cur", "new", "tmp"):
        (home / part).mkdir(parents=True)
    (home / "cur" / f"1.M1P1.host,S={octets}:2,S").write_bytes(b"x" * octets)
    (home / "maildirsize").write_text(f"{LIMIT}S\n{octets} 1\n")
    subprocess.run(["chown", "-R", f"{USERS['vmail']}:{USERS['vmail']}", mail / "example.org"], check=True)


@pytest.fixture
def port():
    return free_udp_port()


@pytest.fixture
def keys(folder):
    """keys(KEY...): writes them to the key file and returns its name."""
    path = folder / "key"

    def write(*all_keys, owner=0, group=USERS["quotagate"], mode=0o640):
        path.write_text("# made for this test\n" + "".join(f"{key.line}\n" for key in all_keys))
        os.chown(path, owner, group)
        path.chmod(mode)
        return f'key_file = "{path}"'
    return write


@pytest.fixture
def configuration(mail, port):
    maildir(mail, "joe", 100_000)
    maildir(mail, "full", LIMIT)
    maildir(mail, "other", 100_000)
    tcp = f"inet:127.0.0.1:{free_port()}"

    # joe and other are not below `soft`, so that nothing is lent and charges are all that counts.
    def make(more="", soft=10):
        return (f'listen mta {{ protocol = policy  address = "{tcp}" }}\n'
                f'listen farm {{ protocol = facts  address = "udp:127.0.0.1:{port}"  {more} }}\n'
                f'store boxes {{ type = maildir  path = "{mail}/%d/%n/Maildir"  user = vmail  rule = courier }}\n'
                f"domain example.org {{ store = boxes }}\ncache {{ soft = {soft} }}\n")
    return make


@pytest.fixture
def farm(quotagate, configuration, keys):
    """A daemon with a key, and that key."""
    key = Key()
    return quotagate(configuration(keys(key))), key


def transaction():
    return secrets.token_bytes(16)


# ---- figures ----

def test_figures(farm, port):
    _, key = farm
    with Asker(port, key) as asker:
        joe, full = asker.ask(JOE), asker.ask(FULL)
        assert (joe.state, joe.usage, joe.limit, joe.messages, joe.charge) == (FOUND, 100_000, LIMIT, 1, 0)
        assert joe.rule == 1, "courier"
        assert joe.full_for == 0 and joe.age < 60_000 and abs(joe.time - time.time() * 1000) < 60_000
        assert (full.state, full.usage, full.limit) == (FOUND, LIMIT, LIMIT)
        assert asker.ask("nobody@example.org").state == NO_MAILBOX
        assert asker.ask("joe@elsewhere.example").state == NOT_OURS
        assert asker.ask("joe@" + "x" * 380).state in (CANNOT_TELL, NOT_OURS)
        assert asker.ask("\0\xff\n@example.org").state in (CANNOT_TELL, NO_MAILBOX)
        again = asker.ask(JOE)
        assert again.charge == 0, "who only wants to know charges nothing"


def test_full_for_grows(farm, port):
    _, key = farm
    with Asker(port, key) as asker:
        first = asker.ask(FULL, size=1)
        time.sleep(1.2)
        assert asker.ask(FULL, size=1).full_for >= first.full_for + 1000


def test_limit_of_the_asker(farm, port):
    _, key = farm
    with Asker(port, key) as asker:
        assert asker.ask(JOE, flags=LIMIT_NAMED, limit=50_000, message_limit=7)[9:14] == (1, 7, 0, 100_000, 50_000)
        assert asker.ask(JOE, flags=LIMIT_NAMED).limit == 0
        assert asker.ask(JOE).limit == LIMIT


def test_unsealed_where_no_key_is_wanted(quotagate, configuration, port):
    gate = quotagate(configuration())
    with Asker(port) as asker, Asker(port, Key()) as other:
        assert asker.ask(JOE).usage == 100_000
        other.send(other.message(QUESTION, JOE.encode()))
        assert other.receive(0.3) is None
    gate.says('event=bad-request listener=farm .*reason="a sealed message, and there is no key_file"')


# ---- the ledger ----

def test_askers_see_what_others_charged(farm, port):
    _, key = farm
    with Asker(port, key) as one, Asker(port, key) as two:
        mine = transaction()
        first = one.charge(JOE, 300_000, mine)
        assert (first.charge, first.flags & CHARGED, first.loan) == (0, CHARGED, 0)
        assert (two.ask(JOE).charge, two.ask(JOE).charge_messages) == (300_000, 1)
        assert one.charge(JOE, 200_000, mine).charge == 0, "in its own transaction a mailbox is judged without its charge"
        assert two.ask(JOE).charge == 200_000, "and the last question holds"
        assert two.charge(JOE, 1000, transaction()).charge == 200_000
        assert one.charge(JOE, 200_000, mine).charge == 1000
        assert two.ask("other@example.org").charge == 0


def test_tries_of_one_question_charge_once(farm, port):
    _, key = farm
    with Asker(port, key) as one, Asker(port, key) as two:
        mine, number = transaction(), secrets.randbits(64)
        for _ in range(3):
            one.charge(JOE, 1000, mine, id=number)
        assert two.ask(JOE).charge == 1000


def test_the_end_of_a_transaction(farm, port):
    _, key = farm
    with Asker(port, key) as one, Asker(port, key) as two:
        given_up, ended = transaction(), transaction()
        one.charge(JOE, 1000, given_up)
        one.charge(JOE, 20_000, ended)
        assert one.tell(ARRIVED, ended, size=21_000).state == NOTED
        assert two.ask(JOE).charge == 22_000, "the charge is as large as the message"
        assert one.tell(ABANDONED, given_up).state == NOTED
        assert two.ask(JOE).charge == 21_000
        assert one.tell(ENDED, ended).state == NOTED
        assert two.ask(JOE).charge == 21_000, "until the store has grown"
        assert one.tell(ENDED, ended).state == NOTED, "told once more"
        assert one.tell(ABANDONED, ended).state == NOTED


def test_nobody_touches_the_transactions_of_others(farm, port):
    _, key = farm
    with Asker(port, key) as one, Asker(port, key) as two:
        mine = transaction()
        one.charge(JOE, 1000, mine)
        two.tell(ABANDONED, mine)
        assert two.ask(JOE).charge == 1000
        assert two.charge(JOE, 500, mine).charge == 1000
        assert two.ask(JOE).charge == 1500


def test_what_askers_charge_fills_the_mailbox(farm, port):
    gate, key = farm
    with Asker(port, key) as asker, gate.policy() as mta:
        assert mta.ask(JOE, size=300_000) == "DUNNO"
        assert asker.charge(JOE, 500_000, transaction()).charge == 300_000
        assert mta.ask(JOE, size=300_000, instance="2").startswith("452 4.2.2 ")


def test_a_message_that_is_here(farm, port):
    _, key = farm
    with Asker(port, key) as one, Asker(port, key) as two:
        mine = transaction()
        one.charge(JOE, 0, mine)
        one.charge(JOE, 5000, mine, flags=END_OF_MESSAGE)
        one.tell(ENDED, mine)
        assert two.ask(JOE).charge == 5000


def test_one_recipient_gets_no_message_after_all(farm, port):
    _, key = farm
    other = "other@example.org"
    with Asker(port, key) as one, Asker(port, key) as two:
        mine = transaction()
        one.charge(JOE, 1000, mine)
        one.charge(other, 1000, mine)
        assert one.tell(WITHDRAWN, mine, JOE).state == NOTED
        assert (two.ask(JOE).charge, one.ask(other).charge) == (0, 1000)
        assert one.tell(WITHDRAWN, mine, JOE).state == NOTED
        assert one.tell(WITHDRAWN, transaction(), other).state == NOTED
        assert (two.ask(JOE).charge, one.ask(other).charge) == (0, 1000)


def test_what_does_not_fit_is_not_charged(farm, port):
    _, key = farm
    with Asker(port, key) as one, Asker(port, key) as two:
        refused = one.charge(JOE, 950_000, transaction())
        assert (refused.state, refused.flags & CHARGED, refused.loan) == (FOUND, 0, 0)
        assert two.ask(JOE).charge == 0


def test_loans(quotagate, configuration, keys, port):
    """A sixteenth of the room below `soft` is lent; others see it as charged, and what was let in on it is told later."""
    key = Key()
    quotagate(configuration(keys(key), soft=50))
    with Asker(port, key) as one, Asker(port, key) as two:
        number = secrets.randbits(64)
        first = one.charge(JOE, 1000, transaction(), id=number)
        assert 23 * 1024 <= first.loan <= 400_000 / 16 and 0 < first.loan_life <= 3600
        assert two.ask(JOE).charge == 1000 + first.loan
        held = number & 0xFFFFFFFF
        assert one.ask(JOE, held=held).charge == 1000, "its own loan is not held against it"
        assert one.ask(JOE, id=number >> 32 << 32).charge == 1000 + first.loan, "but it was not spoken of"
        second = one.charge(JOE, 2000, transaction(), held=held, spent=5000, spent_messages=2)
        assert second.charge == 6000
        assert two.ask(JOE).charge == 8000 + second.loan


# ---- keys ----

def test_a_key_is_changed_without_a_message_lost(quotagate, configuration, keys, port):
    old, new = Key(), Key()
    gate = quotagate(configuration(keys(old)))

    def reload(*now):
        before = gate.said().count("event=reloaded")
        gate.reload(configuration(keys(*now)))
        until(lambda: gate.said().count("event=reloaded") > before, "the key file was read again")

    def answers(key):
        with Asker(port, key) as asker:
            asker.send(asker.message(QUESTION, JOE.encode()))
            return asker.receive(0.3) is not None

    assert (answers(old), answers(new)) == (True, False)
    reload(old, new)
    with Asker(port, old) as first, Asker(port, new) as second:
        assert first.ask(JOE).key == old.name and second.ask(JOE).key == new.name
    reload(new, old)
    assert (answers(old), answers(new)) == (True, True)
    reload(new)
    assert (answers(old), answers(new)) == (False, True)


def test_a_frontend_takes_a_new_key(quotagate, configuration, keys, port, folder):
    """Nothing else changes in its file: the reload alone makes it seal with the new key."""
    old, new = Key(), Key()
    backend = quotagate(configuration(keys(old)))
    its_key = folder / "key-of-the-frontend"
    shutil.copy(folder / "key", its_key)
    os.chown(its_key, 0, USERS["quotagate"])
    frontend = quotagate(f'listen mta {{ protocol = policy  address = "inet:127.0.0.1:{free_port()}" }}\n'
                         f'store far {{ type = remote  server = "udp:127.0.0.1:{port}"  key_file = "{its_key}" }}\n'
                         "domain example.org { store = far }\nrules { error = defer }\n", name="frontend")

    def ask(instance):
        with frontend.policy() as mta:
            return mta.ask(FULL, instance=instance)

    assert ask("1").startswith("452 4.2.2 ")
    for gate in (backend, frontend):
        keys(new)
        its_key.write_text(new.line)
        gate.reload(gate.configuration.read_text())
        gate.says("event=reloaded")
    before = backend.said().count("listener=farm recipient=full")
    refused = backend.said().count("bad-request")  # of the end of the first message, sealed between the two reloads
    until(lambda: ask("2").startswith("452 4.2.2 ") and backend.said().count("listener=farm recipient=full") > before,
          "the frontend asks with the new key")
    assert backend.said().count("bad-request") == refused


@pytest.mark.parametrize("spoil,complaint", [
    (lambda path: path.unlink(), "No such file"),
    (lambda path: path.chmod(0o644), "others can neither read nor write"),
    (lambda path: path.chmod(0o660), "its group cannot write"),
    (lambda path: os.chown(path, USERS["vmail"], 0), "belongs to root or to the daemon's user"),
    (lambda path: path.write_text("\n# nothing\n"), "no key in it"),
    (lambda path: path.write_text("\ntop secret"), "line 2: a key of less than 16 octets"),
    (lambda path: path.write_text("x" * 70000), "longer than 65536 octets"),
    (lambda path: (path.unlink(), path.mkdir()), "regular file"),
    (lambda path: (path.unlink(), os.mkfifo(path)), "regular file"),
], ids=["absent", "read by others", "written by the group", "of another user", "empty", "short", "long", "folder", "fifo"])
def test_key_files_that_are_none(idle_quotagate, configuration, keys, folder, spoil, complaint):
    gate = idle_quotagate(configuration(keys(Key())))
    spoil(folder / "key")
    for command in ("serve", "config"):
        done = gate.command(command)
        assert done.returncode == 2
        assert re.search(rf"quotagate.conf:2: {folder}/key: .*{complaint}", done.stderr), done.stderr
        assert "secret" not in done.stderr


def test_a_reload_with_a_bad_key_file_keeps_the_old_key(farm, configuration, keys, port):
    gate, key = farm
    keys(key, Key(), Key())
    gate.reload(gate.configuration.read_text())
    gate.says("event=reload-failed .*more than 2 keys")
    keys(key, group=0)
    gate.reload(gate.configuration.read_text())
    gate.says("event=reload-failed .*Permission denied")
    with Asker(port, key) as asker:
        assert asker.ask(JOE).state == FOUND


def test_a_key_that_only_root_may_read_outlives_a_reload(quotagate, configuration, keys, port, folder):
    """The daemon is root no more; but as long as the file has not changed, it knows what stands there."""
    key, new = Key(), Key()
    gate = quotagate(configuration(keys(key, group=0, mode=0o600)))

    def reload(more=""):
        before = len(gate.said())
        gate.reload(configuration(f'key_file = "{folder}/key"') + more)
        return until(lambda: re.search("event=reload.*", gate.said()[before:]), "an end of the reload")[0]

    assert reload().startswith("event=reloaded ")
    assert reload("rules { full_for = 1h }\n").startswith("event=reloaded ")
    with Asker(port, key) as asker:
        assert asker.ask(JOE).state == FOUND
        keys(new, group=0, mode=0o600)
        said = reload("rules { full_for = 2h }\n")
        assert "event=reload-failed " in said and "the old configuration stays" in said
        assert f"{folder}/key: Permission denied: user quotagate may not read it, and it has changed since" in said
        assert "(chgrp quotagate and chmod 640 it, or restart)" in said
        assert asker.ask(JOE).state == FOUND, "the old one is in use"
    keys(new)
    assert reload().startswith("event=reloaded ")
    with Asker(port, new) as asker:
        assert asker.ask(JOE).state == FOUND
    (folder / "key").chmod(0o600)
    assert reload().startswith("event=reload-failed "), "it could be anything now"
    assert new.line not in gate.said() and key.line not in gate.said()


def test_a_key_in_a_folder_that_only_root_may_search(quotagate, configuration, keys, folder):
    key = Key()
    hidden = folder / "hidden"
    hidden.mkdir(mode=0o700)
    keys(key)
    (folder / "key").rename(hidden / "key")
    gate = quotagate(configuration(f'key_file = "{hidden}/key"'))
    gate.reload(gate.configuration.read_text())
    gate.says(r"event=reload-failed .*hidden/key: Permission denied: user quotagate may not look into its folder, where it "
              r"may have changed \(chgrp quotagate and chmod 750 it, or restart\)")


def test_a_new_key_file_that_only_root_may_read(quotagate, configuration, keys):
    gate = quotagate(configuration())
    gate.reload(configuration(keys(Key(), group=0, mode=0o600)))
    gate.says(r"event=reload-failed .*/key: Permission denied: user quotagate may not read it \(chgrp quotagate and chmod 640")


@pytest.mark.parametrize("reloaded", [False, True])
def test_helpers_do_not_have_the_key(farm, configuration, folder, reloaded):
    gate, key = farm
    if reloaded:
        before = relatives(gate)
        gate.reload(configuration(f'key_file = "{folder}/key"').replace("rule = courier", "rule = fits"))
        until(lambda: len(relatives(gate)) >= 3 and not relatives(gate) & before, "all helpers are others")
    processes = relatives(gate)
    assert len(processes) >= 3, "the nursery and two helpers"
    assert key.octets in memory(gate.pid()), "so this would be seen"
    for pid in processes:
        assert key.octets not in memory(pid)
        assert key.line.encode() not in memory(pid)


def relatives(gate):
    """The nursery and the helpers, also of a nursery whose parent has ended: no other process has this command line."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.fsencode(gate.configuration) in (entry / "cmdline").read_bytes().split(b"\0"):
                    found.add(int(entry.name))
            except OSError:
                continue
    return found - {gate.pid()}


def memory(pid):
    """All that a process may write to."""
    found = []
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as octets:
        for line in maps:
            low, high = (int(n, 16) for n in line.split()[0].split("-"))
            if "rw" in line.split()[1]:
                octets.seek(low)
                found.append(octets.read(high - low))
    return b"".join(found)


def test_config_warns_of_machines_that_need_no_key(idle_quotagate, configuration, keys):
    gate = idle_quotagate(configuration('allow = {"10.0.0.0/8"}'))
    assert re.search("warning: listen farm: .*without a key_file", gate.command("config").stderr)
    gate.configuration.write_text(configuration('allow = {"10.0.0.0/8"}  ' + keys(Key())))
    assert "warning" not in gate.command("config").stderr
    gate.configuration.write_text(configuration())
    assert "warning" not in gate.command("config").stderr


# ---- what is refused ----

def flip(octets, at, bit=1):
    return octets[:at] + bytes([octets[at] ^ bit]) + octets[at + 1:]


@pytest.mark.parametrize("spoil,reason", [
    (lambda m: flip(m, 0), "a seal by another key, or a forged one"),
    (lambda m: flip(m, 56), "a seal by another key, or a forged one"),
    (lambda m: flip(m, 100), "a seal by another key, or a forged one"),
    (lambda m: flip(m, -1), "a seal by another key, or a forged one"),
    (lambda m: flip(m, 4), "a seal by another key, or a forged one"),
    (lambda m: m[:4] + bytes(4) + m[8:-32] + bytes(32), "a message without a seal"),
    (lambda m: m[:-1], "a message that is too short"),
    (lambda m: m[:5], "a message that is too short"),
    (lambda m: m + b"\0", "a seal by another key, or a forged one"),
    (lambda m: m + bytes(512 - len(m)), "a seal by another key, or a forged one"),
    (lambda m: m + bytes(513 - len(m)), "the datagram is longer than a request"),
    (lambda m: m + bytes(60_000), "the datagram is longer than a request"),
    (lambda m: b"", "the datagram is empty"),
], ids=["magic", "size", "address", "seal", "name of the key", "unsealed", "an octet short", "five octets", "an octet more",
        "padded", "longer", "giant", "nothing"])
def test_forged_messages_get_no_answer(farm, port, spoil, reason):
    gate, key = farm
    with Asker(port, key) as asker:
        asker.send(spoil(asker.message(QUESTION, JOE.encode())))
        assert asker.receive(0.3) is None
        assert asker.ask(JOE).state == FOUND, "and the daemon goes on"
    gate.says(f'event=bad-request listener=farm client=127.0.0.1 reason="{re.escape(reason)}"')


@pytest.mark.parametrize("at,octet", [(2, 2), (3, 3), (3, 129), (76, 16), (76, 32), (77, 1), (79, 1), (159, 1)],
                         ids=["format", "kind", "a reply", "default of no limit", "flag", "event", "length", "padding"])
def test_malformed_messages_get_no_answer(farm, port, at, octet):
    gate, key = farm
    with Asker(port, key) as asker:
        good = asker.message(QUESTION, JOE.encode())[:-32]
        asker.send(key.seal(good[:at] + bytes([octet]) + good[at + 1:]))
        assert asker.receive(0.3) is None
        assert asker.ask(JOE).state == FOUND
    gate.says('reason="no message of format 1"')


def test_repeated_messages_get_no_answer(farm, port):
    gate, key = farm
    with Asker(port, key) as one, Asker(port, key) as thief:
        mine = transaction()
        seen = one.message(QUESTION, JOE.encode(), flags=1, size=1000, transaction=mine)
        one.exchange(seen)
        one.tell(ABANDONED, mine)
        for sender in (one, thief):
            sender.send(seen)
            assert sender.receive(0.3) is None
        assert thief.ask(JOE).charge == 0
        late = one.message(QUESTION, JOE.encode(), sequence=one.sequence + 1)
        one.sequence += 1
        for _ in range(3):
            assert one.ask(JOE).state == FOUND
        assert one.exchange(late).state == FOUND, "a message may be overtaken"
        one.ask(JOE, sequence=one.sequence + 5000)
        one.send(one.message(QUESTION, JOE.encode()))
        assert one.receive(0.3) is None, "but not by far"
    gate.says('reason="a message that was heard before"')


@pytest.mark.parametrize("clock,words", [(-3600, "3(600|599) s behind"), (3600, "3(600|599) s ahead")])
def test_clocks_an_hour_apart(farm, port, clock, words):
    gate, key = farm
    with Asker(port, key, clock=clock) as wrong, Asker(port, key) as right:
        for _ in range(3):
            reply = wrong.charge(JOE, 1000, transaction())
            assert (reply.state, reply.usage, reply.key) == (CLOCK, 0, key.name)
            assert abs(reply.time - time.time() * 1000) < 60_000
        assert right.ask(JOE).charge == 0
        wrong.clock = 25 if clock > 0 else -25
        assert wrong.ask(JOE).state == FOUND, "within the window"
    gate.says(f'event=bad-request listener=farm client=127.0.0.1 reason="the clock of the asker is {words}"')


def test_the_window_is_an_option(quotagate, configuration, keys, port):
    key = Key()
    quotagate(configuration(keys(key) + "  window = 2s"))
    with Asker(port, key) as asker:
        message = asker.message(QUESTION, JOE.encode())
        while asker.exchange(message).state != FOUND:  # a busy machine took two seconds for it
            message = asker.message(QUESTION, JOE.encode())
        assert asker.ask(JOE, clock=-10).state == CLOCK
        time.sleep(2.1)
        assert asker.exchange(message).state == CLOCK, "what is repeated later is too old"


def test_strangers(quotagate, configuration, keys, port):
    key = Key()
    gate = quotagate(configuration(keys(key) + '  allow = {"127.0.0.1"}'))
    with Asker(port, key, source="127.0.0.2") as stranger, Asker(port, key) as asker:
        stranger.send(stranger.message(QUESTION, JOE.encode()))
        assert stranger.receive(0.3) is None
        assert asker.ask(JOE).state == FOUND
    gate.says("event=refused-client listener=farm client=127.0.0.2")


def many_askers(port, key, last, patience=PATIENCE):
    """Whether one asker more than 256 is answered, `last` seconds after the others."""
    with Asker(port, key) as asker:
        for asker.name in range(256):
            assert asker.ask(JOE).state == FOUND
        time.sleep(last)
        asker.name = 256
        asker.send(asker.message(QUESTION, JOE.encode()))
        return asker.receive(patience) is not None


def test_askers_are_bounded(farm, port):
    gate, key = farm
    assert not many_askers(port, key, 0, 0.3)
    gate.says('reason="more askers than can be told apart"')


def test_askers_that_are_silent_make_room(quotagate, configuration, keys, port):
    key = Key()
    quotagate(configuration(keys(key) + "  window = 1s"))
    assert many_askers(port, key, 1.5)


def open_files(gate):
    return len(os.listdir(f"/proc/{gate.pid()}/fd"))


def most(gate):
    """The most memory that the daemon ever had, in KiB."""
    with open(f"/proc/{gate.pid()}/status") as status:
        return int(re.search(r"VmHWM:\s*(\d+)", status.read())[1])


def rubbish(asker, n):
    """Noise, messages with one bit wrong, and some that are much too long."""
    good = asker.message(QUESTION, JOE.encode())
    for i in range(n):
        kind = i % 4
        if kind == 0:
            asker.send(os.urandom(1 + i % 700))
        elif kind == 1:
            asker.send(flip(good, i % len(good), 1 << i % 8))
        elif kind == 2:
            asker.send(b"QG\1\1" + os.urandom(188))
        else:
            asker.send(good[:i % len(good)] or b"Q")


def test_twenty_thousand_bad_datagrams(farm, port):
    gate, key = farm
    with Asker(port, key) as bad, Asker(port, key) as good:
        rubbish(bad, 2000)
        assert good.ask(JOE).state == FOUND
        memory_before, files = most(gate), open_files(gate)
        for _ in range(20):
            rubbish(bad, 1000)
            assert good.ask(JOE).state == FOUND
        assert bad.receive(0.2) is None, "none was answered"
        assert most(gate) - memory_before < 1024
        assert open_files(gate) == files
    assert gate.said().count("event=bad-request") == 1, "the log is not filled"


def test_setup_has_nothing_for_an_mta(quotagate, configuration, keys, port, mail):
    gate = quotagate(configuration(keys(Key())))
    assert "facts" not in gate.command("setup", "postfix").stdout
    assert "farm" not in gate.check(JOE).stdout
    text = re.sub(r"listen mta .*\n", "", gate.configuration.read_text())
    gate.configuration.write_text(text)
    done = gate.command("setup", "postfix")
    assert done.returncode == 2 and "no listen section with a protocol that postfix speaks" in done.stderr
