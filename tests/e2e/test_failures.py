"""quotagate down, restarted, or its helper stuck: mail flows as `error` and `stale` say, and nobody waits for what is not there.

A helper that is stuck stays so for longer than any client here waits: an answer then is the deadline's.
"""
import os
import re
import signal

import pytest

from enclosure import free_port, mbox, tail, until
from installation import EXIM_WORDS, WORDS
from smtp import ask, send


def configuration(mail, address, rules="", more="", timeout="1s"):
    return (f'listen mta {{ protocol = policy  address = "{address}"  {more} }}\n'
            f'store boxes {{ type = mbox  path = "{mail}/%n"  limit = 200k  user = vmail  helpers = 1  helper_timeout = 1h }}\n'
            "domain example.org { store = boxes }\n"
            f"rules {{ timeout = {timeout}  {rules} }}\n")


@pytest.fixture(autouse=True)
def mailboxes(mail):
    mbox(mail / "full", 205_000)
    mbox(mail / "ok", 0)


@pytest.fixture
def full():
    return "full@example.org"


def the_helper(gate):
    return next(iter(until(gate.helpers, "there is a helper")))


class Stopped:
    """The helper is stopped in its middle, and goes on afterwards."""

    def __init__(self, gate):
        self.pid = the_helper(gate)

    def __enter__(self):
        os.kill(self.pid, signal.SIGSTOP)

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGCONT)


def test_postfix_takes_mail_while_quotagate_is_down_and_asks_again_when_it_is_up(idle_quotagate, postfix, mail, full):
    address = f"inet:127.0.0.1:{free_port()}"
    gate = idle_quotagate(configuration(mail, address))
    mta = postfix(restrictions=f"check_policy_service {{ {address}, timeout=5s, default_action=DUNNO }}", mail=mail)
    assert ask(mta.port, full).code == 250
    mta.says("Connection refused")
    gate.start()
    assert ask(mta.port, full).code == 452
    assert gate.stop() == 0
    gate.start()
    assert ask(mta.port, full).code == 452
    assert "timed out" not in tail(mta.maillog)
    assert mta.bounces() == []


def test_exim_takes_mail_while_quotagate_is_down_and_asks_again_when_it_is_up(idle_quotagate, exim, mail, folder, full):
    gate = idle_quotagate(configuration(mail, f"unix:{folder}/gate.sock", more=f"mode = 0666  {WORDS}"))
    mta = exim(mail, acl=EXIM_WORDS.replace("SOCKET", f"{folder}/gate.sock"))
    assert ask(mta.port, full).code == 250
    gate.start()
    assert ask(mta.port, full).code == 452
    gate.stop()
    assert ask(mta.port, full).code == 250
    gate.start()
    assert ask(mta.port, full).code == 452
    assert mta.bounces() == []


@pytest.mark.parametrize("rules,answer", [("error = pass", "DUNNO"), ("error = defer", "451 4.3.0 ")])
def test_a_stuck_helper_means_error_in_time(quotagate, mail, rules, answer):
    gate = quotagate(configuration(mail, f"inet:127.0.0.1:{free_port()}", rules))
    with gate.policy() as client:
        with Stopped(gate):
            assert client.ask("ok@example.org", size=1000).startswith(answer)
            gate.says("event=decision .* reason=error .* recipient=ok@example.org")
        until(lambda: client.ask("ok@example.org", size=1000, instance="2") == "DUNNO" and
              client.ask("full@example.org", size=1000).startswith("452 "), "the helper goes on and questions are answered")


def had_to_wait(gate, client, address):
    """The answer, when it was not that of facts that are still fresh."""
    before = len(gate.said())
    said = client.ask(address, size=1000)
    return said if re.search("stale=yes|reason=error", gate.said()[before:]) else None


@pytest.mark.parametrize("stale,answer,why", [("1d", "452 4.2.2 ", "stale=yes"), ("1ms", "451 4.3.0 ", "reason=error")])
def test_a_stuck_helper_means_last_known_facts_while_they_are_young(quotagate, mail, full, stale, answer, why):
    gate = quotagate(configuration(mail, f"inet:127.0.0.1:{free_port()}", "error = defer")
                     + f"cache {{ ttl_low = 1ms  ttl_mid = 1ms  ttl_high = 1ms  stale = {stale} }}\n")
    with gate.policy() as client:
        until(lambda: client.ask(full, size=1000).startswith("452 4.2.2 "), "the mailbox is known")
        with Stopped(gate):
            # The first question may come so soon that facts of a millisecond are fresh.
            assert until(lambda: had_to_wait(gate, client, full), "a question has to wait for the helper").startswith(answer)
            assert why in gate.said()


def test_mail_through_postfix_flows_while_the_helper_is_stuck(quotagate, postfix, mail, full):
    address = f"inet:127.0.0.1:{free_port()}"
    gate = quotagate(configuration(mail, address))
    mta = postfix(restrictions=f"check_policy_service {{ {address}, timeout=5s, default_action=DUNNO }}", mail=mail)
    with Stopped(gate):
        replies = send(mta.port, "ok@example.org", "other@example.org")
        assert [reply.code for reply in replies.values()] == [250, 250]
        for name in ("ok", "other"):
            gate.says(f"event=decision verdict=pass reason=error .* recipient={name}@example.org")
    assert "problem talking to server" not in tail(mta.maillog, 10**7)  # it is quotagate that let them pass
    mta.settle()
    assert mta.bounces() == []


def test_mail_flows_while_the_whole_of_quotagate_is_stuck(quotagate, postfix, exim, mail, folder, full):
    address = f"inet:127.0.0.1:{free_port()}"
    gate = quotagate(configuration(mail, address)
                     + f'listen exim {{ protocol = policy  address = "unix:{folder}/gate.sock"  mode = 0666  {WORDS} }}\n')
    asks = f"check_policy_service {{ {address}, timeout=1s, default_action=DUNNO }}"
    mtas = postfix(restrictions=asks, mail=mail), exim(mail, acl=EXIM_WORDS.replace("SOCKET", f"{folder}/gate.sock"))
    assert [ask(mta.port, full).code for mta in mtas] == [452, 452]
    gate.signal(signal.SIGSTOP)
    for mta in mtas:  # Postfix tries twice, Exim waits the 5 s of its line; the sender would wait for a minute
        assert ask(mta.port, full).code == 250
    gate.signal(signal.SIGCONT)
    assert [ask(mta.port, full).code for mta in mtas] == [452, 452]


def test_a_killed_helper_costs_at_most_one_answer(quotagate, mail, full):
    gate = quotagate(configuration(mail, f"inet:127.0.0.1:{free_port()}", "error = defer", timeout="10m")
                     + "cache { ttl_low = 1ms  ttl_mid = 1ms  ttl_high = 1ms  stale = 1ms }\n")
    with gate.policy() as client:
        assert client.ask(full, size=1000).startswith("452 ")
        for round in range(3):
            killed = the_helper(gate)
            os.kill(killed, signal.SIGKILL)
            answers = [client.ask(full, size=1000, instance=f"{round}.{n}") for n in range(5)]
            assert sum(not said.startswith("452 4.2.2 ") for said in answers) <= 1, answers
            until(lambda: gate.helpers() and killed not in gate.helpers(), "another helper takes its place")


def test_helpers_end_with_a_daemon_that_is_killed(quotagate, mail):
    gate = quotagate(configuration(mail, f"inet:127.0.0.1:{free_port()}"))
    family = until(lambda: gate.helpers() and gate.family(), "there is a helper")
    gate.signal(signal.SIGKILL)
    until(lambda: not any(alive(pid) for pid in family), "nursery and helpers end")


def test_without_its_nursery_the_daemon_ends_and_says_so(quotagate, mail, full):
    text = configuration(mail, f"inet:127.0.0.1:{free_port()}")
    gate = quotagate(text)
    until(gate.helpers, "there is a helper")
    gate.reload(text + "cache { ttl_high = 2s }\n")
    gate.says("event=reloaded")
    nursery, = {parent for parent, _ in gate.family().values()} - {gate.pid()}
    os.kill(nursery, signal.SIGKILL)
    assert gate.ends() == 1
    assert f"the process {nursery}, which makes the helpers, has ended" in gate.said()


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
