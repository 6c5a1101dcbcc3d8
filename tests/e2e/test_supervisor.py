"""What a service manager does for the daemon: sockets that it hands down, and words that it is told."""
import os
import signal
import socket
import stat

import pytest

from datagrams import Datagrams
from enclosure import PATIENCE, free_port, mbox
from policy import Policy

FULL = "full@example.org"


@pytest.fixture
def store(mail):
    mbox(mail / "full", 205_000)
    return (f'store boxes {{ type = mbox  path = "{mail}/%n"  limit = 200k  user = vmail  helpers = 1 }}\n'
            "domain example.org { store = boxes }\n")


def listen(name, address, protocol="policy"):
    return f'listen {name} {{ protocol = {protocol}  address = "{address}" }}\n'


@pytest.fixture
def bound():
    """bound(address, kind): a socket that somebody else made for the daemon."""
    made = []

    def bind(address, kind=socket.SOCK_STREAM, family=socket.AF_INET):
        one = socket.socket(family, kind)
        made.append(one)
        one.bind(address)
        if kind == socket.SOCK_STREAM:
            one.listen(64)
        return one
    yield bind
    for one in made:
        one.close()


def full(address):
    with Policy(address) as client:
        return client.ask(FULL).startswith("452 ")


def test_sockets_are_taken_by_their_address(quotagate, store, bound, folder):
    os.mkdir(folder / "run", 0o755)  # root's: the daemon could bind nothing in there by itself
    path = f"{folder}/run/policy.sock"
    local = bound(path, family=socket.AF_UNIX)
    os.chmod(path, 0o600)
    inet, udp = bound(("127.0.0.1", 0)), bound(("127.0.0.1", 0), socket.SOCK_DGRAM)
    ports = [one.getsockname()[1] for one in (inet, udp)]
    configuration = (store + listen("a", f"unix:{path}") + listen("b", f"inet:127.0.0.1:{ports[0]}")
                     + listen("c", f"udp:127.0.0.1:{ports[1]}", "check_quota"))
    gate = quotagate(configuration, sockets=[("x.socket", local), ("x.socket", inet), ("x.socket", udp)])
    assert full(f"unix:{path}") and full(f"inet:127.0.0.1:{ports[0]}")
    with Datagrams(ports[1]) as client:
        client.send(f"CHECK_QUOTA {FULL}".encode())
        assert client.receive() == b"QUOTA_FULL"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600  # its maker's
    assert "unused-socket" not in gate.said()
    gate.reload(store + listen("b", f"inet:127.0.0.1:{ports[0]}"))
    gate.says("event=reloaded")
    assert gate.stop() == 0
    assert os.path.exists(path)


def test_a_socket_is_taken_by_its_name(quotagate, store, bound):
    """Say, one for IPv4 and IPv6 at once, which no address in the configuration means."""
    both = bound(("::", 0), family=socket.AF_INET6)
    port = both.getsockname()[1]
    gate = quotagate(store + listen("mta", f"inet:*:{port}"), sockets=[("mta", both)])
    for host in ("127.0.0.1", "[::1]"):
        assert full(f"inet:{host}:{port}")
    assert "unused-socket" not in gate.said()


def test_one_that_nobody_takes_is_told(quotagate, store, bound):
    listening = bound(("127.0.0.1", 0))
    gate = quotagate(store + listen("mta", f"inet:127.0.0.1:{free_port()}"), sockets=[("mta.socket", listening)])
    gate.says("event=unused-socket descriptor=3 name=mta.socket")


def test_what_is_no_socket_for_us_is_refused(idle_quotagate, store, bound):
    deaf = socket.socket()
    gate = idle_quotagate(store + listen("mta", f"inet:127.0.0.1:{free_port()}"), sockets=[("mta", deaf)]).launch()
    assert gate.ends() != 0
    assert "descriptor 3, which the service manager handed down" in gate.said()
    deaf.close()


def test_who_comes_during_a_restart_waits(quotagate, store, bound):
    inet = bound(("127.0.0.1", 0))
    address = f"inet:127.0.0.1:{inet.getsockname()[1]}"
    gate = quotagate(store + listen("mta", address), sockets=[("mta", inet)])
    assert full(address)
    assert gate.stop() == 0
    with Policy(address) as early:
        gate.start()
        assert early.ask(FULL).startswith("452 ")


def test_systemd_hands_down_a_socket(idle_quotagate, store):
    """By the part of it that runs on any machine: it waits for the first client, then becomes the daemon."""
    program, port = "/usr/bin/systemd-socket-activate", free_port()
    if not os.access(program, os.X_OK):
        pytest.skip(f"{program} is not installed")
    gate = idle_quotagate(store + listen("mta", f"inet:*:{port}"))
    gate.enclosed = [program, "-l", f"127.0.0.1:{port}", "--fdname=mta", *gate.enclosed]
    gate.start()
    assert full(f"inet:127.0.0.1:{port}")
    assert "unused-socket" not in gate.said()


def test_the_service_manager_is_told(quotagate, store, folder):
    path = folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(path))
        path.chmod(0o666)
        told.settimeout(PATIENCE)
        configuration = store + listen("mta", f"inet:127.0.0.1:{free_port()}")
        gate = quotagate(configuration, environment={"NOTIFY_SOCKET": str(path)})
        assert told.recv(4096).startswith(b"READY=1\nSTATUS=")
        gate.reload(configuration)
        assert told.recv(4096).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
        assert told.recv(4096) == b"READY=1\nSTATUS=Answers questions"
        gate.reload("nonsense")
        assert told.recv(4096).startswith(b"RELOADING=1\n")
        assert b"the last reload failed" in told.recv(4096)
        gate.signal(signal.SIGTERM)
        assert told.recv(4096) == b"STOPPING=1"
