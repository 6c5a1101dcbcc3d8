"""What the daemon counts, by the control socket and by `quotagate status`."""
import json
import os
import pwd
import re
import select
import signal
import socket
import subprocess
import threading
import time

import pytest

from enclosure import PATIENCE, TOP, USERS, free_port, mbox, owned, until
from metrics import by_control
from policy import connect, one_shot, read_all
from quotagate import PROGRAM

FULL, OK, STRANGER = "full@example.org", "ok@example.org", "joe@elsewhere.example"


@pytest.fixture
def control(folder):
    run = folder / "run"
    run.mkdir()
    os.chown(run, USERS["quotagate"], USERS["quotagate"])
    return run / "control.sock"


@pytest.fixture
def configuration(mail, control):
    mbox(mail / "full", 205_000)
    mbox(mail / "ok", 0)
    address = f"inet:127.0.0.1:{free_port()}"

    def make(more="", store="", limit="200k", helpers=1):
        return (f'control = "{control}"\n'
                f'listen mta {{ protocol = policy  address = "{address}" }}\n'
                f'store boxes {{ type = mbox  path = "{mail}/%n"  limit = {limit}  user = vmail  helpers = {helpers}\n'
                f"  {store} }}\n"
                f"domain example.org {{ store = boxes }}\n{more}\n")
    return make


def ask(gate, *recipients, **more):
    with gate.policy() as client:
        return [client.ask(recipient, instance=str(time.monotonic()), **more) for recipient in recipients]


def status(gate):
    done = gate.command("status", "--json")
    assert (done.returncode, done.stderr) == (0, ""), done
    return json.loads(done.stdout)


def row(rows, **wanted):
    found, = [one for one in rows if wanted.items() <= one.items()]
    return found


# ---- counting ----

def test_verdicts_add_up_with_the_questions(quotagate, configuration, control):
    gate = quotagate(configuration(more='bypass { senders = {"friend@example.net"} }'))
    ask(gate, FULL, FULL, OK, OK, OK, OK, STRANGER, STRANGER)
    ask(gate, FULL, sender="friend@example.net")
    ask(gate, "joe@many.example", "joe@more.example", OK, size=300_000)
    seen = by_control(control)
    verdicts = "quotagate_verdicts_total"
    assert seen(verdicts) == seen(verdicts, listener="mta") == 12
    assert seen(verdicts, action="defer", reason="full", waived="no") == 2
    assert seen(verdicts, action="pass", reason="room") == 4
    assert seen(verdicts, action="pass", reason="not-ours") == 4
    assert seen(verdicts, action="pass", reason="full", waived="bypass") == 1
    assert seen(verdicts, action="reject", reason="too-large") == 1
    domains = "quotagate_domain_verdicts_total"
    assert seen.labels(domains, "domain") == {"example.org", "other"}  # strangers make nothing grow
    assert [seen(domains, domain="example.org", action=a) for a in ("pass", "defer", "reject")] == [5, 2, 1]
    assert seen(domains, domain="other") == seen(domains, domain="other", action="pass") == 4
    store = "quotagate_store_verdicts_total"
    assert (seen(store, action="defer"), seen(store, action="reject")) == (2, 1)
    assert seen("quotagate_listener_requests_total", listener="mta") == 12
    assert seen("quotagate_questions_total") == 12
    assert seen("quotagate_lookups_total") == seen("quotagate_store_lookup_seconds_count") + \
        seen("quotagate_store_lookup_failures_total")
    assert seen("quotagate_store_lookup_seconds_count", store="boxes", type="mbox") >= 2
    assert 0 < seen("quotagate_store_lookup_seconds_sum") < 60


def test_what_only_looks_is_no_verdict(quotagate, configuration, control):
    gate = quotagate(configuration())
    one_shot(f"unix:{control}", f"peek {OK}\n")
    assert gate.check(OK).returncode == 0
    seen = by_control(control)
    assert seen("quotagate_verdicts_total") is None
    assert seen("quotagate_listener_requests_total", listener="control", protocol="control") == 3


def test_every_kind_of_listener_is_counted(quotagate, configuration, control, folder):
    port = free_port()
    gate = quotagate(configuration(
        more=f'listen udp {{ protocol = check_quota  address = "udp:127.0.0.1:{port}" }}\n'
             f'listen other {{ protocol = exim-quotad  address = "unix:{folder}/run/quotad"  roots = "{folder}/mail"'
             "  user = vmail }\n"
             "domain other { store = boxes }\n"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE)
        client.connect(("127.0.0.1", port))
        client.send(f"CHECK_QUOTA {FULL}\n".encode())
        assert b"FULL" in client.recv(512)
    assert int(one_shot(f"unix:{folder}/run/quotad", f"{folder}/mail/full\n")) > 200_000
    ask(gate, "ok@other", STRANGER)
    with connect(gate.addresses()[0]) as client:
        client.sendall(b"\n" * 3 + b"no attribute\n\n")
        client.recv(100)
    seen = by_control(control)
    verdicts = "quotagate_verdicts_total"
    assert seen(verdicts, listener="udp", protocol="check_quota", action="defer", reason="full") == 1
    assert seen(verdicts, listener="other", protocol="exim-quotad") == 1
    assert seen("quotagate_store_verdicts_total", store="other", type="path") == 1
    assert seen("quotagate_listener_accepted_total", listener="udp") == 1
    assert seen("quotagate_listener_malformed_total", listener="mta") >= 1
    assert seen("quotagate_domain_verdicts_total", domain="other", action="pass") == 2  # the section, and strangers


def test_a_store_that_fails_shows(quotagate, configuration, mail, control):
    os.chown(mail, 0, 0)
    mail.chmod(0o700)
    gate = quotagate(configuration(more="rules { error = defer }"))
    assert ask(gate, OK)[0].startswith("451 ")
    seen = by_control(control)
    assert seen("quotagate_store_lookup_failures_total", store="boxes") == 1
    assert seen("quotagate_store_lookup_seconds_count", store="boxes") == 0
    assert seen("quotagate_verdicts_total", action="defer", reason="error") == 1
    boxes = row(status(gate)["stores"], name="boxes")
    assert (boxes["lookups"], boxes["failed"], boxes["median"], boxes["p99"]) == (1, 1, None, None)


def test_a_killed_helper_and_a_hung_one_show(quotagate, configuration, control):
    gate = quotagate(configuration(store="helper_timeout = 1s", more="rules { timeout = 500ms }"))
    killed, = until(gate.helpers, "there is a helper")
    os.kill(killed, signal.SIGKILL)
    seen = until(lambda: (m := by_control(control))("quotagate_store_helper_restarts_total") == 1 and m, "a restart")
    assert seen("quotagate_store_helper_hangs_total") == 0
    stopped, = until(lambda: set(gate.helpers()) - {killed}, "there is another")
    os.kill(stopped, signal.SIGSTOP)
    ask(gate, OK)
    until(lambda: by_control(control)("quotagate_store_helper_hangs_total") == 1, "it hangs")
    boxes = row(status(gate)["stores"], name="boxes")
    assert (boxes["restarts"], boxes["hangs"], boxes["wanted"]) == (2, 1, 1)
    assert by_control(control)("quotagate_questions_late_total") == 1


def test_a_reload_keeps_what_was_counted(quotagate, configuration, control):
    gate = quotagate(configuration())
    helper, = until(gate.helpers, "there is a helper")
    os.kill(helper, signal.SIGKILL)
    until(lambda: by_control(control)("quotagate_store_helper_restarts_total") == 1, "a restart")
    kept = gate.policy()
    assert kept.ask(FULL).startswith("452 ")
    before = by_control(control)
    more = (f'listen new {{ protocol = policy  address = "inet:127.0.0.1:{free_port()}" }}\n'
            "domain example.net { store = boxes }\ndomain a.example { store = boxes }\n")
    gate.reload(configuration(more=more, helpers=2))  # so that all helpers are others
    after = until(lambda: (m := by_control(control))("quotagate_config_reloads_total", result="ok") == 1 and m, "taken")
    for name in ("quotagate_verdicts_total", "quotagate_domain_verdicts_total", "quotagate_store_verdicts_total",
                 "quotagate_store_lookup_seconds_count", "quotagate_store_helper_restarts_total",
                 "quotagate_store_helper_requests_total", "quotagate_start_time_seconds"):
        assert after(name) == before(name) is not None, name
    assert after("quotagate_store_helpers_wanted") == 2
    assert kept.ask(FULL, instance="2").startswith("452 ")
    kept.close()
    assert by_control(control)("quotagate_domain_verdicts_total", domain="example.org", action="defer") == 2
    assert by_control(control)("quotagate_verdicts_total", listener="mta", action="defer") == 2
    gate.reload("nonsense")
    until(lambda: by_control(control)("quotagate_config_reloads_total", result="failed") == 1, "refused")
    assert status(gate_with(gate, configuration()))["daemon"]["last_reload_taken"] is False


def gate_with(gate, text):
    """The daemon has read another file than this one, which `status` can read."""
    gate.configuration.write_text(text)
    return gate


def test_a_listener_that_moves_or_is_renamed(quotagate, configuration, control):
    gate = quotagate(configuration())
    ask(gate, FULL)
    moved = re.sub(r"inet:127.0.0.1:\d+", f"inet:127.0.0.1:{free_port()}", configuration())
    gate.reload(moved)
    until(gate.ready, "it listens elsewhere")
    ask(gate, FULL)
    verdicts = "quotagate_verdicts_total"
    seen = until(lambda: (m := by_control(control))(verdicts, listener="mta") == 2 and m, "both count")
    assert seen("quotagate_listener_requests_total", listener="mta") == 2
    gate.reload(moved.replace("listen mta", "listen mx"))
    until(lambda: by_control(control)("quotagate_listener_clients", listener="mx") is not None, "it has another name")
    ask(gate, FULL)
    seen = by_control(control)
    assert seen("quotagate_verdicts_total") == seen("quotagate_listener_requests_total", listener="mx") == 1


def test_a_canary_that_is_not_well(quotagate, configuration, mail, control):
    canary = mail / "dirs" / "canary"
    for made in (canary.parent, canary.parent / "other", canary, canary / "cur", canary / "new", canary / "tmp"):
        owned(made, "vmail")
    gate = quotagate(configuration(
        more="rules { unknown = reject  error = defer }\ncache { ttl_none = 1ms }\n"
             f'store dirs {{ type = maildir  path = "{mail}/dirs/%n"  user = vmail  canary = "canary@example.com" }}\n'
             "domain example.com { store = dirs }\n"))
    assert ask(gate, "nobody@example.com")[0].startswith("550 ")
    seen = by_control(control)
    assert seen("quotagate_store_canary_well", store="dirs") == 1
    assert seen.labels("quotagate_store_canary_well", "store") == {"dirs"}
    canary.rename(mail / "away")
    assert ask(gate, "somebody@example.com")[0].startswith("451 ")  # its no is not believed
    assert by_control(control)("quotagate_store_canary_well", store="dirs") == 0
    assert status(gate)["canaries"] == [{"of": "store", "name": "dirs", "well": False}]
    (mail / "away").rename(canary)
    assert ask(gate, "somebody@example.com")[0].startswith("550 ")
    assert by_control(control)("quotagate_store_canary_well", store="dirs") == 1


def test_a_directory(quotagate, configuration, control, folder):
    (folder / "addresses").write_text(f"{OK}\n{FULL}\n")
    gate = quotagate(configuration(
        more=f'directory lists {{ type = file  mailboxes = "{folder}/addresses"  user = vmail }}\n'
             "domain example.com { directory = lists  store = boxes }\n"))
    ask(gate, "ok@example.com")
    seen = by_control(control)
    assert seen("quotagate_directory_lookup_seconds_count", directory="lists", type="file") >= 1
    assert seen("quotagate_directory_helpers", directory="lists") == 2
    lists = row(status(gate)["directories"], name="lists")
    assert lists["lookups"] >= 1 and lists["failed"] == 0 and 0 < lists["median"] <= lists["p99"] < 10
    assert (lists["helpers"], lists["restarts"]) == (2, 0)


def test_the_manual_names_them_all(quotagate, configuration, control, folder):
    (folder / "addresses").write_text("")
    lists = f'directory lists {{ type = file  mailboxes = "{folder}/addresses"  user = vmail }}\n'
    quotagate(configuration(more=lists))
    manual = (TOP / "man" / "quotagate.8.in").read_text()
    families = re.findall(r"^# TYPE (\S+)", by_control(control).text, re.M)
    assert len(families) > 40
    named = {name for name in families if name.replace("_directory_", "_store_") in manual}
    assert set(families) - named == set()


# ---- the control socket ----

def test_a_text_longer_than_the_kernel_takes_at_once(quotagate, configuration, control):
    domains = "".join(f"domain d{n}.example {{ store = boxes }}\n" for n in range(4000))
    gate = quotagate(configuration(more=domains))
    with connect(f"unix:{control}") as slow:
        slow.sendall(b"metrics\n")
        assert select.select([slow], [], [], PATIENCE)[0], "it has begun"
        assert ask(gate, FULL)[0].startswith("452 ")  # nobody waits for a slow reader
        text = read_all(slow).decode()
    assert len(text) > 500_000 and text.endswith("# EOF\n")
    assert gate.command("status").returncode == 0


def test_what_it_does_not_know_closes_it(quotagate, configuration, control):
    quotagate(configuration())
    for line in ("metrics now\n", "METRICS\n", "metric\n"):
        assert one_shot(f"unix:{control}", line) == ""
    assert by_control(control)("quotagate_listener_malformed_total", listener="control") == 3


def test_many_at_once_while_questions_are_asked(quotagate, configuration, control):
    gate = quotagate(configuration())
    done = threading.Event()
    asked = [0]

    def load():
        with gate.policy() as client:
            while not done.is_set():
                client.ask(FULL, instance=str(asked[0]))
                asked[0] += 1

    loader = threading.Thread(target=load)
    loader.start()
    until(lambda: asked[0], "questions are asked")
    try:
        command = [*gate.enclosed, PROGRAM, "status", "--json", "-c", str(gate.configuration)]
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(64)]
        outputs = [one.communicate(timeout=120) for one in running]
    finally:
        done.set()
        loader.join()
    assert [one.returncode for one in running] == [0] * 64, outputs
    for out, _ in outputs:
        assert row(json.loads(out)["listeners"], listener="mta")["clients"] == 1
    assert row(status(gate)["listeners"], listener="mta")["defer"] == asked[0] > 0


# ---- two machines ----

def test_a_frontend_and_its_backend(quotagate, idle_quotagate, configuration, control, folder):
    key, port = folder / "key", free_port()
    key.write_text("0123456789abcdef0123456789abcdef\n")
    key.chmod(0o640)
    os.chown(key, USERS["quotagate"], USERS["quotagate"])
    backend = quotagate(configuration(
        more=f'listen farm {{ protocol = facts  address = "udp:127.0.0.1:{port}"  key_file = "{key}" }}'),
        name="backend")
    frontend = idle_quotagate(
        f'control = "{folder}/run/frontend.sock"\n'
        f'listen mta {{ protocol = policy  address = "inet:127.0.0.1:{free_port()}" }}\n'
        f'store far {{ type = remote  server = "udp:127.0.0.1:{port}"  timeout = 50ms  breaker_failures = 1\n'
        f'  breaker_pause = 1m  key_file = "{key}" }}\n'
        "domain example.org { store = far }\n"
        "cache { ttl_low = 1ms  ttl_mid = 1ms  ttl_high = 1ms  stale = 1ms }\n", name="frontend").start()
    assert ask(frontend, FULL)[0].startswith("452 ")
    seen = status(frontend)
    before = row(seen["peers"], store="far")
    assert (before["state"], before["timeouts"], before["answered"] >= 1) == ("closed", 0, True)
    assert row(seen["stores"], name="far")["lookups"] == 1
    assert row(status(backend)["listeners"], listener="farm")["defer"] == 1
    none = {"store": "far", "strange": 0, "late": 0, "news_owed": 0, "news_untold": 0}
    assert (seen["messages"], status(backend)["messages"]) == ([none], [])
    backend.stop()
    ask(frontend, FULL)
    peer, = until(lambda: [p for p in status(frontend)["peers"] if p["state"] == "open"], "it is left alone")
    assert peer["timeouts"] > 0 and peer["asked"] > before["asked"]
    assert row(status(frontend)["stores"], name="far")["failed"] >= 1


# ---- the command ----

def test_status_tells_people(quotagate, configuration):
    gate = quotagate(configuration())
    ask(gate, FULL, OK)
    done = gate.command("status")
    assert (done.returncode, done.stderr) == (0, "")
    said = done.stdout
    assert re.search(rf"^  pid +{gate.pid()}$", said, re.M)
    assert re.search(r"^  user +quotagate$", said, re.M)
    assert re.search(r"^  up since +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}$", said, re.M)
    assert re.search(r"^  mta +policy +\d+ +2 +1 +1 +0 +0 ", said, re.M)
    assert re.search(r"^  boxes +mbox +2 +0 +yes +\d+(\.\d)? s +\d+\.\d ms +\d+\.\d ms +1 +1 +0 +0$", said, re.M)
    assert re.search(r"^  hit rate +\d+\.\d %$", said, re.M)
    daemon = status(gate)["daemon"]
    assert (daemon["pid"], daemon["user"], daemon["nursery_running"]) == (gate.pid(), "quotagate", True)
    assert 0 <= time.time() - daemon["up_since"] < 600


def test_status_without_a_daemon(idle_quotagate, configuration, control):
    gate = idle_quotagate(configuration())
    done = gate.command("status")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"quotagate: no daemon answers at {control}: no such file or directory\n"
    gate.start()
    gate.signal(signal.SIGKILL)
    gate.process.wait()
    assert control.exists()
    assert gate.command("status").stderr == f"quotagate: no daemon answers at {control}: connection refused\n"


def test_status_without_a_way_to_ask(idle_quotagate, configuration):
    gate = idle_quotagate(re.sub("control = .*", "", configuration()))
    done = gate.command("status")
    assert (done.returncode, done.stdout) == (2, "")
    assert "neither `control` nor a listener of protocol http" in done.stderr


@pytest.mark.parametrize("token", ["", "0123456789abcdef"])
def test_status_by_http(quotagate, configuration, folder, token):
    secret = folder / "token"
    secret.write_text(f"# of Prometheus\n{token}\n")
    secret.chmod(0o600)
    os.chown(secret, USERS["quotagate"], USERS["quotagate"])
    more = f'token_file = "{secret}"' if token else ""
    text = re.sub("control = .*", "", configuration(
        more=f'listen web {{ protocol = http  address = "inet:127.0.0.1:{free_port()}"  {more} }}'))
    gate = quotagate(text)
    ask(gate, FULL)
    seen = status(gate)
    assert row(seen["listeners"], listener="mta")["defer"] == 1
    assert row(seen["listeners"], listener="web")["protocol"] == "http"
    assert (seen["daemon"]["pid"], seen["daemon"]["user"]) == (None, None)
    if token:
        secret.write_text("another-token-of-nobody\n")
        done = gate.command("status")
        assert (done.returncode, "it answers 401" in done.stderr) == (1, True), done
    gate.stop()
    assert re.search(r"no daemon answers at inet:127.0.0.1:\d+: connection refused", gate.command("status").stderr)


def test_status_of_a_daemon_that_is_stuck(quotagate, configuration):
    gate = quotagate(configuration())
    gate.signal(signal.SIGSTOP)
    done = gate.command("status")
    gate.signal(signal.SIGCONT)
    assert (done.returncode, "did not answer within 5 seconds" in done.stderr) == (1, True), done


def test_the_control_socket_is_for_root_and_the_daemon(quotagate, configuration):
    gate = quotagate(configuration())
    command = [PROGRAM, "status", "-c", str(gate.configuration)]

    def as_user(user):
        become = ["setpriv", f"--reuid={user}", "--clear-groups"]
        return subprocess.run([*gate.enclosed, *become, *command], capture_output=True, text=True, timeout=60)

    assert as_user(USERS["quotagate"]).returncode == 0
    done = as_user(pwd.getpwnam("nobody").pw_uid)
    assert (done.returncode, done.stdout) == (1, "")
    assert "permission denied" in done.stderr


@pytest.mark.parametrize("bad", [["--size", "1"], ["more"], ["--jsn"]])
def test_status_takes_no_other_arguments(idle_quotagate, configuration, bad):
    assert idle_quotagate(configuration()).command("status", *bad).returncode == 2
