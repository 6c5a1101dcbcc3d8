"""One message at a time before a real Cyrus, which says only whether a mailbox is full now: who comes while another may be on its
way is put off, and let in when that has settled."""
import contextlib
import json

import pytest

from datagrams import free_udp_port
from enclosure import until

LISTEN = 'control = "{folder}/control.sock"\n' \
         'listen mta {{ protocol = policy  address = "unix:{folder}/gate.sock"  mode = 0666 }}\n' \
         'rules {{ unknown = reject  error = defer  timeout = 20s  {rules} }}\n' \
         'cache {{ settle = 1s }}\n'
DOMAIN = 'domain example.org { store = asked }\n'


@pytest.fixture
def boxes(cyrus):
    """Limits of 20 KiB; `near` has some 2000 octets left."""
    server = cyrus()
    for name, octets in (("near", 18_000), ("ok", 1_000)):
        server.make(f"user/{name}")
        assert server.append(f"user/{name}", octets)[0] == "OK"
        server.limit(f"user/{name}", storage=20)
    return server


@pytest.fixture(params=["socketmap", "lmtp"])
def store(request, boxes):
    """What the store's section says, in each of the two ways in which Cyrus can be asked."""
    address = boxes.smmap_socket if request.param == "socketmap" else f"inet:127.0.0.1:{boxes.lmtp}"
    return f'type = {request.param}  address = "{address}"  alone = true  timeout = 15s'


@pytest.fixture
def gate(quotagate, folder, store):
    def start(rules=""):
        return quotagate(LISTEN.format(folder=folder, rules=rules) + f"store asked {{ {store} }}\n" + DOMAIN)
    return start


def word(answer):
    return {"DUNNO": "pass"}.get(answer, answer[:9])


def ask_all(clients, address, size):
    """All at once, each in a transaction of its own, which goes on."""
    for number, client in enumerate(clients):
        client.send(f"request=smtpd_access_policy\nprotocol_state=RCPT\nrecipient={address}\nsender=s@example.net\n"
                    f"size={size}\ninstance=i{number}\nclient_address=192.0.2.7\n\n".encode())
    return [word(client.answer()) for client in clients]


def connected(stack, daemon, number):
    return [stack.enter_context(daemon.policy()) for _ in range(number)]


def test_of_many_at_once_one_is_let_in(boxes, gate):
    """Any of them would fill the mailbox, and Cyrus has room for each as long as none has come."""
    daemon = gate()
    with contextlib.ExitStack() as stack:
        verdicts = ask_all(connected(stack, daemon, 16), "near@example.org", 10_000)
        assert sorted(verdicts) == ["452 4.2.2"] * 15 + ["pass"]
        assert boxes.deliver("near@example.org", 10_000)[0] == 250
        assert boxes.deliver("near@example.org", 10_000)[0] == 452  # as the next would have fared


def test_the_next_is_let_in_when_the_first_has_settled(boxes, gate):
    daemon = gate()
    with daemon.policy() as first, daemon.policy() as second:
        def ask(client, instance, state="RCPT"):
            return word(client.ask("ok@example.org", size=1000, instance=instance, state=state))
        assert ask(first, "1") == "pass"
        assert ask(second, "2") == "452 4.2.2"  # while the transaction goes on nothing settles
        assert ask(first, "1") == "pass"
        assert ask(first, "1", state="END-OF-MESSAGE") == "pass"
        assert boxes.deliver("ok@example.org", 1000)[0] == 250
        until(lambda: ask(second, "3") == "pass", "the second is let in")
        assert ask(first, "4") == "452 4.2.2"


def test_what_waits_is_not_refused_for_good(gate):
    """Though who finds a mailbox full is."""
    daemon = gate('full = "552 5.2.2 Mailbox of %u is full"')
    with contextlib.ExitStack() as stack:
        verdicts = ask_all(connected(stack, daemon, 2), "ok@example.org", 1000)
        assert verdicts == ["pass", "452 4.2.2"]


def test_check_and_config_tell_of_it(gate):
    daemon = gate()

    def steps():
        said = daemon.check("--json", "ok@example.org")
        return said.returncode, json.loads(said.stdout)
    with daemon.policy() as client:
        status, said = steps()
        assert status == 0 and "nothing else is on its way" in json.dumps(said)
        assert word(client.ask("ok@example.org", size=1000, instance="1")) == "pass"
        status, said = steps()
        assert status == 1 and "what is charged may not have come yet" in json.dumps(said)
    assert "alone = true" in daemon.command("config").stdout


def test_a_frontend_puts_off_as_its_backend_does(boxes, store, idle_quotagate, folder):
    port = free_udp_port()
    backend = idle_quotagate(
        f'listen farm {{ protocol = facts  address = "udp:127.0.0.1:{port}" }}\nstore asked {{ {store} }}\n' + DOMAIN +
        'cache { settle = 1s }\n', name="backend")
    frontend = idle_quotagate(
        LISTEN.format(folder=folder, rules="") + f'store asked {{ type = remote  server = "udp:127.0.0.1:{port}" }}\n' + DOMAIN,
        name="frontend")
    backend.ready = lambda: "event=started" in backend.said()
    backend.start()
    frontend.start()
    with contextlib.ExitStack() as stack:
        clients = connected(stack, frontend, 16)
        verdicts = ask_all(clients, "near@example.org", 10_000)
        assert sorted(verdicts) == ["452 4.2.2"] * 15 + ["pass"]
        number = verdicts.index("pass")
        chosen, other = clients[number], clients[number - 1]

        def again(state, size):
            return word(chosen.ask("near@example.org", size=size, instance=f"i{number}", state=state))
        assert again("RCPT", 10_000) == "pass"
        assert word(other.ask("ok@example.org", size=10_000, instance="j")) == "pass"
        assert again("END-OF-MESSAGE", 1000) == "pass"
        assert boxes.deliver("near@example.org", 1000)[0] == 250
        until(lambda: word(other.ask("near@example.org", size=1000, instance="k")) == "pass", "the next is let in")
