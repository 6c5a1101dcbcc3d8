"""Nearly full is news: the command of section notify, run by the real daemon."""
import json
import os
import time

import pytest

from enclosure import TOP, USERS, free_port, mbox, owned, until
from metrics import by_control

LIMIT = 200_000
SCRIPT = """#!/bin/sh
{ printf '%s|' "$@"; env | sort | tr '\\n' '|'; id -u; } >>DIRECTORY/told
"""


@pytest.fixture
def told(folder):
    """What the command writes: one line of arguments and environment for each run."""
    return owned(folder / "told", "defang") / "told"


@pytest.fixture
def command(folder, told):
    """command(text): the path of a script that does that."""
    def write(text=SCRIPT, name="notify"):
        path = folder / name
        path.write_text(text.replace("DIRECTORY", str(told.parent)))
        path.chmod(0o755)
        return path
    return write


@pytest.fixture
def configuration(mail, folder):
    run = owned(folder / "run", "quotagate")
    address = f"inet:127.0.0.1:{free_port()}"

    def make(notify, limit=LIMIT, more=""):
        return (f'control = "{run}/control"\n'
                f'listen mta {{ protocol = policy  address = "{address}" }}\n'
                f'store boxes {{ type = mbox  path = "{mail}/%n"  limit = {limit}  user = vmail  helpers = 1 }}\n'
                f"domain example.org {{ store = boxes }}\n{more}\n"
                "cache { ttl_low = 1ms  ttl_mid = 1ms  ttl_high = 1ms }\n"
                f"notify {{ user = defang  {notify} }}\n")
    return make


def counted(gate, what):
    return by_control(gate.controls()[0].removeprefix("unix:"))(f"quotagate_notify_{what}")


def shown(gate):
    return json.loads(gate.command("status", "--json").stdout)["notify"]


def ask(gate, recipient="joe@example.org", size=1):
    time.sleep(0.005)  # facts live for 1 ms
    with gate.policy() as client:
        return client.ask(recipient, size=size)


def fill(mail, percent, name="joe"):
    mbox(mail / name, LIMIT * percent // 100)


def first_look(gate, mail, *names):
    """The mailboxes are seen below all marks, so that what comes now is news."""
    for name in names or ("joe",):
        fill(mail, 10, name)
        assert ask(gate, f"{name}@example.org") == "DUNNO"


def lines(told, n):
    """The runs, once there are so many."""
    until(lambda: told.exists() and told.read_text().count("\n") >= n, f"{n} runs")
    time.sleep(0.1)
    rows = [line.split("|") for line in told.read_text().splitlines()]
    assert len(rows) == n, rows
    return rows


def test_what_the_command_is_told(quotagate, configuration, command, told, mail):
    gate = quotagate(configuration(f'command = "{command()}"'))
    fill(mail, 79)
    assert ask(gate) == "DUNNO"
    fill(mail, 81)
    assert ask(gate) == "DUNNO"
    (row,) = lines(told, 1)
    assert row[:3] == ["warning", "joe@example.org", "81"]
    environment = [word for word in row[3:-1] if not word.startswith(("PWD=", "OLDPWD=", "SHLVL=", "_="))]
    path = [word for word in environment if word.startswith("PATH=/")]
    assert len(path) == 1
    assert sorted(set(environment) - set(path)) == [
        "QUOTA_ADDRESS=joe@example.org", "QUOTA_EVENT=warning", f"QUOTA_LIMIT={LIMIT}", "QUOTA_MESSAGES=0",
        "QUOTA_MESSAGE_LIMIT=0", "QUOTA_PERCENT=81", "QUOTA_STORE=boxes", row_value(row, "QUOTA_USAGE")]
    assert row[-1] == str(USERS["defang"])
    gate.says("event=notify news=warning address=joe@example.org percent=81 store=boxes told=yes")
    assert counted(gate, "told_total") == 1
    assert shown(gate) == {"told": 1, "failed": 0, "dropped": 0, "waiting": 0}
    assert "\nnotify\n  told                 1\n  failed               0\n" in gate.command("status").stdout


def row_value(row, name):
    return next(word for word in row if word.startswith(f"{name}="))


def test_each_mark_is_told_once_on_the_way_up(quotagate, configuration, command, told, mail):
    gate = quotagate(configuration(f'command = "{command()}"'))
    for percent in (10, 80, 85, 79, 82, 95, 99, 94, 96):
        fill(mail, percent)
        ask(gate)
    assert [row[0:3:2] for row in lines(told, 2)] == [["warning", "80"], ["warning", "95"]]


def test_full_is_told_at_the_first_refusal(quotagate, configuration, command, told, mail):
    gate = quotagate(configuration(f'command = "{command()}"  warn = {{}}'))
    fill(mail, 99)
    assert ask(gate) == "DUNNO"
    assert ask(gate, size=LIMIT // 10).startswith("452 ")
    assert ask(gate, size=LIMIT // 10).startswith("452 ")
    fill(mail, 103)
    assert ask(gate).startswith("452 ")
    assert lines(told, 1)[0][:3] == ["full", "joe@example.org", "99"]


def test_a_forged_size_mutes_no_warning(quotagate, configuration, command, told, mail):
    """Nor is what is too large for any mailbox news of this one."""
    gate = quotagate(configuration(f'command = "{command()}"'))
    fill(mail, 10)
    assert ask(gate, size=2 * LIMIT).startswith("552 ")
    assert ask(gate, size=LIMIT).startswith("452 ")
    for percent in (81, 96):
        fill(mail, percent)
        assert ask(gate) == "DUNNO"
    fill(mail, 120)
    assert ask(gate).startswith("452 ")
    assert [row[0:3:2] for row in lines(told, 3)] == [["full", "10"], ["warning", "81"], ["warning", "96"]]


def test_a_mark_and_a_refusal_at_once_are_both_told(quotagate, configuration, command, told, mail):
    gate = quotagate(configuration(f'command = "{command()}"'))
    first_look(gate, mail)
    fill(mail, 120)
    assert ask(gate).startswith("452 ")
    assert sorted(row[0:3:2] for row in lines(told, 2)) == [["full", "120"], ["warning", "120"]]


def test_shadow_tells_nobody_that_mail_was_refused(quotagate, configuration, command, told, mail):
    gate = quotagate(configuration(f'command = "{command()}"', more="rules { shadow = true }"))
    first_look(gate, mail)
    fill(mail, 103)
    assert ask(gate) == "DUNNO"
    assert lines(told, 1)[0][:3] == ["warning", "joe@example.org", "103"]


def test_after_a_fall_and_a_period_it_is_news_again(quotagate, configuration, command, told, mail):
    gate = quotagate(configuration(f'command = "{command()}"  period = 1h'))
    first_look(gate, mail)
    for _ in range(2):
        fill(mail, 90)
        ask(gate)
        fill(mail, 10)
        ask(gate)
    lines(told, 1)
    gate.reload(configuration(f'command = "{command()}"  period = 1s'))
    gate.says("event=reloaded")
    time.sleep(1.1)
    fill(mail, 90)
    ask(gate)
    until(lambda: told.read_text().count("\n") >= 2, "it is told again")


def test_a_mailbox_is_one_however_its_address_is_typed(quotagate, configuration, command, told, mail):
    gate = quotagate(configuration(f'command = "{command()}"'))
    first_look(gate, mail)
    fill(mail, 90)
    for address in ("joe@example.org", "JOE@example.org", "joe+1@example.org", "joe+2@Example.ORG"):
        assert ask(gate, address) == "DUNNO"
    lines(told, 1)


def restart(gate, configuration=None):
    assert gate.stop() == 0
    if configuration:
        gate.configuration.write_text(configuration)
    gate.start()


def test_without_a_state_marks_have_a_base_line(quotagate, configuration, command, told, mail):
    """Where a mailbox stands when it is first seen is no news; a refusal is told again."""
    gate = quotagate(configuration(f'command = "{command()}"'))
    fill(mail, 90)
    assert ask(gate) == "DUNNO"
    assert ask(gate, size=LIMIT // 2).startswith("452 ")
    assert [row[0:3:2] for row in lines(told, 1)] == [["full", "90"]]
    restart(gate)
    assert ask(gate) == "DUNNO"
    assert ask(gate, size=LIMIT // 2).startswith("452 ")
    lines(told, 2)
    fill(mail, 96)
    assert ask(gate) == "DUNNO"
    assert [row[0:3:2] for row in lines(told, 3)] == [["full", "90"], ["full", "90"], ["warning", "96"]]


def test_with_a_state_what_was_told_outlives_a_restart(quotagate, configuration, command, told, mail, folder):
    """Whatever else changes: the store's settings, and how many are remembered."""
    state = folder / "notices"
    notify = f'command = "{command()}"  state = "{state}"'
    gate = quotagate(configuration(notify))
    fill(mail, 90)
    fill(mail, 10, "other")
    assert ask(gate) == "DUNNO" and ask(gate, "other@example.org") == "DUNNO"
    assert ask(gate, size=LIMIT // 2).startswith("452 ")
    assert [row[0:3:2] for row in lines(told, 2)] == [["warning", "90"], ["full", "90"]]
    assert state.stat().st_mode & 0o777 == 0o600 and state.stat().st_size == 64 + 10_000 * 48
    restart(gate, configuration(notify + "  mailboxes = 100", more="log { level = debug }").replace("helpers = 1", "helpers = 2"))
    gate.says("event=notify-state file=.* mailboxes=1\n")
    assert gate.check("other@example.org").returncode == 0  # which leaves the file alone
    assert state.stat().st_size == 64 + 100 * 48
    assert ask(gate) == "DUNNO" and ask(gate, size=LIMIT // 2).startswith("452 ")
    fill(mail, 85, "other")  # which nobody has told of
    assert ask(gate, "other@example.org") == "DUNNO"
    fill(mail, 96)
    assert ask(gate) == "DUNNO"
    restart(gate)
    assert ask(gate) == "DUNNO" and ask(gate, "other@example.org") == "DUNNO"
    assert [row[0:3:2] for row in lines(told, 4)][2:] == [["warning", "85"], ["warning", "96"]]


def test_what_is_under_way_at_the_end_is_told(quotagate, configuration, command, told, mail):
    script = command("#!/bin/sh\nsleep 0.2\necho \"$@\" >>DIRECTORY/told\n")
    gate = quotagate(configuration(f'command = "{script}"'))
    first_look(gate, mail)
    fill(mail, 90)
    assert ask(gate) == "DUNNO"
    assert gate.stop() == 0
    assert told.read_text() == "warning joe@example.org 90\n"


def test_a_killed_daemon_has_forgotten_nothing(quotagate, configuration, command, told, mail, folder):
    gate = quotagate(configuration(f'command = "{command()}"  state = "{folder}/notices"'))
    fill(mail, 90)
    ask(gate)
    lines(told, 1)
    gate.process.kill()
    gate.process.wait()
    gate.start()
    ask(gate)
    fill(mail, 96)
    ask(gate)
    assert [row[2] for row in lines(told, 2)] == ["90", "96"]


def test_a_state_that_is_none(idle_quotagate, configuration, command, told, mail, folder):
    """One that is damaged is begun anew; one that cannot be had is told of."""
    state = folder / "notices"
    state.write_text("This is no state of anything.\n")
    gate = idle_quotagate(configuration(f'command = "{command()}"  state = "{state}"')).start()
    gate.says('event=notify-state file=.* mailboxes=0 note="it was damaged and is begun anew')
    fill(mail, 90)
    ask(gate)
    fill(mail, 96)
    ask(gate)
    assert lines(told, 1)[0][:3] == ["warning", "joe@example.org", "96"]
    gate.stop()
    state.unlink()
    state.symlink_to("/etc/passwd")
    assert gate.launch().ends() == 1
    assert f"quotagate: notify: {state}: Too many levels of symbolic links" in gate.said()


def test_another_state_wants_a_restart(quotagate, configuration, command, mail, folder):
    notify = f'command = "{command()}"  state = "{folder}/notices"'
    gate = quotagate(configuration(notify))
    gate.reload(configuration(notify, limit=LIMIT + 1))
    gate.says("event=reloaded")
    assert "restart" not in gate.said()
    gate.reload(configuration(notify.replace("notices", "others")))
    gate.says('event=reload note="the state of notify changes at the next restart"')
    until(lambda: gate.said().count("event=reloaded") == 2, "the reload is taken")
    assert not (folder / "others").exists()
    restart(gate)
    assert (folder / "others").exists()


@pytest.mark.parametrize("local", ["-rf", "$(touch HERE)", ";touch HERE", "a b", "`id`", "a'b", 'x"y', "-"])
def test_a_hostile_local_part_is_one_argument(quotagate, configuration, command, told, mail, local):
    gate = quotagate(configuration(f'command = "{command()}"', more='rules { recipient_delimiter = "" }'))
    local = local.replace("HERE", "touched")
    first_look(gate, mail, local)
    fill(mail, 90, local)
    assert ask(gate, f"{local}@example.org") == "DUNNO"
    assert lines(told, 1)[0][:3] == ["warning", f"{local}@example.org", "90"]
    assert not (told.parent / "touched").exists()


HANGS = "#!/bin/sh\nsleep 1000 & echo $! $$ >>DIRECTORY/told\nwait\n"


def test_a_command_that_hangs_delays_nobody(quotagate, configuration, command, mail):
    """Those for whom there is no room are dropped, and no command has ended when all have their answer."""
    gate = quotagate(configuration(f'command = "{command(HANGS)}"  timeout = 1h  queue = 2'))
    names = ("joe", "ok", "other", "burst")
    first_look(gate, mail, *names)
    for name in names:
        fill(mail, 90, name)
        assert ask(gate, f"{name}@example.org") == "DUNNO"
    gate.says("event=notify-dropped dropped=1 waiting=2")
    assert [counted(gate, what) for what in ("dropped_total", "waiting", "told_total", "failed_total")] == [2, 2, 0, 0]


def test_a_command_that_hangs_is_killed(quotagate, configuration, command, told, mail):
    gate = quotagate(configuration(f'command = "{command(HANGS)}"  timeout = 500ms'))
    first_look(gate, mail, "joe", "ok")
    for name in ("joe", "ok"):
        fill(mail, 90, name)
        assert ask(gate, f"{name}@example.org") == "DUNNO"
    until(lambda: counted(gate, "failed_total") == 2, "both were killed")
    assert counted(gate, "waiting") == 0
    gate.says('told=no reason="did not end in time and was killed"')
    for pid in told.read_text().split():
        until(lambda: not os.path.exists(f"/proc/{pid}"), "the command and its child are gone")


@pytest.mark.parametrize("script, reason", [
    (None, "cannot be started: No such file or directory"), ("#!/bin/sh\nexit 3\n", "ended with status 3"),
    ("#!/bin/sh\nkill -TERM $$\n", "ended by signal 15")])
def test_a_command_that_fails_is_counted_and_told(quotagate, configuration, command, folder, mail, script, reason):
    path = command(script) if script else folder / "nothing"
    gate = quotagate(configuration(f'command = "{path}"'))
    first_look(gate, mail)
    fill(mail, 90)
    assert ask(gate) == "DUNNO"
    gate.says(f'event=notify news=warning address=joe@example.org percent=90 store=boxes told=no reason="{reason}"')
    assert counted(gate, "failed_total") == 1 and counted(gate, "told_total") == 0


def test_a_reload_brings_changes_and_takes_the_command_away(quotagate, configuration, command, told, mail):
    gate = quotagate(configuration(f'command = "{command()}"'))
    first_look(gate, mail, "joe", "ok")
    fill(mail, 90)
    ask(gate)
    lines(told, 1)
    other = command("#!/bin/sh\necho other >>DIRECTORY/told\n", "other")
    for n, (notify, runs) in enumerate(((f'command = "{other}"  warn = 70', 2), ("", 2), (f'command = "{other}"', 3))):
        gate.reload(configuration(notify))
        until(lambda: gate.said().count("event=reloaded") == n + 1, "the reload is taken")
        fill(mail, 75 if runs == 2 else 99, "ok")
        ask(gate)  # of this one all is known
        ask(gate, "ok@example.org")
        lines(told, runs)
        assert bool(shown(gate)) == bool(notify)
    assert counted(gate, "told_total") == 3


@pytest.mark.parametrize("wrong, says", [
    ("user = root", "not for root"), ("warn = 101", "from 1 to 100"), ("period = 0s", "1s to 365d"),
    (f"warn = {{{', '.join(map(str, range(1, 18)))}}}", "more than 16")])
def test_mistakes(idle_quotagate, configuration, command, wrong, says):
    text = configuration(f'command = "{command()}"').replace("user = defang", "" if "user" in wrong else "user = defang")
    gate = idle_quotagate(text.replace("notify {", f"notify {{ {wrong}")).launch()
    assert gate.ends() != 0
    assert says in gate.said()


SENDMAIL = """#!/bin/sh
{ for word; do printf '[%s]' "$word"; done; echo; cat; echo END; } >>DIRECTORY/told
"""


def example(command):
    """examples/notify, with a sendmail that keeps what it gets."""
    sendmail = command(SENDMAIL, "sendmail")
    text = (TOP / "examples" / "notify").read_text()
    assert text.count("/usr/sbin/sendmail\n") == 1
    return command(text.replace("/usr/sbin/sendmail\n", f"{sendmail}\n"))


def messages(told):
    """What it got: {recipient: lines of the message}."""
    found = {}
    for text in told.read_text().split("END\n")[:-1]:
        words, *message = text.splitlines()
        assert words.startswith("[-i][-f][<>][--][") and words.count("[") == 5, words
        assert found.setdefault(words[17:-1], message) is message
    return found


def test_the_example_writes_a_message(quotagate, configuration, command, told, mail):
    gate = quotagate(configuration(f'command = "{example(command)}"'))
    names = ("a,b", "$(id)", "joe")
    first_look(gate, mail, *names)
    for name in names:
        fill(mail, 90, name)
        ask(gate, f"{name}@example.org")
    until(lambda: counted(gate, "told_total") == 3, "all were told, or not to be told")
    (message,) = messages(told).values()
    assert message[:4] == ["From: Mail system <postmaster@example.org>", "To: <joe@example.org>",
                           "Subject: Your mailbox is 90 % full", "Auto-Submitted: auto-generated"]
    assert f"    octets      {LIMIT * 90 // 100} of {LIMIT}" in message


def test_the_example_at_120_percent(quotagate, configuration, command, told, mail):
    """The mark that was jumped over is for the owner; that mail is refused is for the postmaster to tell him."""
    gate = quotagate(configuration(f'command = "{example(command)}"'))
    first_look(gate, mail)
    fill(mail, 120)
    assert ask(gate).startswith("452 ")
    until(lambda: counted(gate, "told_total") == 2, "both are told")
    to = messages(told)
    assert set(to) == {"joe@example.org", "postmaster@example.org"}
    assert "Subject: Your mailbox is 120 % full" in to["joe@example.org"]
    assert "Subject: The mailbox joe@example.org is full" in to["postmaster@example.org"]
    assert f"    octets      {LIMIT * 120 // 100} of {LIMIT}" in to["postmaster@example.org"]


def test_the_example_at_a_large_message(quotagate, configuration, command, told, mail):
    gate = quotagate(configuration(f'command = "{example(command)}"'))
    first_look(gate, mail)
    assert ask(gate, size=LIMIT).startswith("452 ")
    until(lambda: counted(gate, "told_total") == 1, "it is told")
    assert "Subject: A message to your mailbox was refused" in messages(told)["joe@example.org"]
