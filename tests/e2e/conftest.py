"""Fixtures. Everything a test starts is stopped at its end, and its logs are shown when it fails."""
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from cyrus import Cyrus
from databases import KINDS
from dovecot import Dovecot
from enclosure import owned, tail
from exim import Exim
from farm import Farm, Gates
from installation import Installation
from postfix import Postfix
from quotagate import PROGRAM, Quotagate


def pytest_configure(config):
    if os.geteuid() != 0:
        sys.exit("these tests start mail servers in namespaces of their own: run them as root, through scripts/test")
    if not Path(PROGRAM).is_file():
        sys.exit(f"{PROGRAM} is missing: run scripts/build")


@pytest.fixture
def folder():
    """A folder of the test's own that every user may enter, with a short name: it holds sockets."""
    made = Path(tempfile.mkdtemp(prefix="qg"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def mail(folder):
    """Where the mailboxes are. They belong to vmail."""
    return owned(folder / "mail", "vmail")


@pytest.fixture
def started(request):
    servers = request.node.servers = []
    yield servers
    for server in reversed(servers):
        server.stop()


@pytest.fixture
def quotagate(folder, started):
    """quotagate(configuration): a daemon that is up."""
    def start(configuration, **more):
        daemon = Quotagate(folder, configuration, **more)
        started.append(daemon)
        return daemon.start()
    return start


@pytest.fixture
def idle_quotagate(folder, started):
    """The same, not started yet."""
    def make(configuration, **more):
        daemon = Quotagate(folder, configuration, **more)
        started.append(daemon)
        return daemon
    return make


@pytest.fixture
def installation(folder, mail, started):
    """installation(way, store): everything up, see installation.py."""
    def wrap(server):
        started.append(server)
        return server
    return lambda way, store, **more: Installation(folder, way, store, wrap=wrap, **more)


def server(kind):
    @pytest.fixture
    def make(folder, started):
        def start(*arguments, **more):
            one = kind(folder, *arguments, **more)
            started.append(one)
            return one.start()
        return start
    return make


@pytest.fixture(scope="module")
def standing_farm():
    made, servers = Path(tempfile.mkdtemp(prefix="qg")), []
    made.chmod(0o755)

    def wrap(server):
        servers.append(server)
        return server
    try:
        farm = Farm(made, wrap)
        farm.servers = servers
        yield farm
    finally:
        for one in reversed(servers):
            one.stop()
        shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def farm(standing_farm, request):
    """The mail servers of farm.py, with empty queues. They stand for all tests of a file."""
    request.node.standing = standing_farm.servers
    standing_farm.forget()
    return standing_farm


@pytest.fixture
def gates(farm, folder, started):
    """The quotagates of the farm, see farm.py; they come and go with the test."""
    return Gates(farm, folder, started)


@pytest.fixture(scope="module")
def databases():
    """databases(kind): the one SQL server of that kind, started when it is first wanted."""
    folder = Path(tempfile.mkdtemp(prefix="qg"))
    folder.chmod(0o755)
    servers = {}

    def get(kind):
        if kind not in servers:
            servers[kind] = KINDS[kind](folder)
            servers[kind].start()
        return servers[kind]
    try:
        yield get
    finally:
        for server in servers.values():
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


class Watched:
    """Its log is shown with a test that fails, but it outlives the test."""

    def __init__(self, server):
        self.logs = server.logs

    def stop(self):
        pass


def watched(server, started):
    started.append(Watched(server))
    return server


@pytest.fixture(params=KINDS)
def database(request, databases, started):
    return watched(databases(request.param), started)


@pytest.fixture(params=[kind for kind in KINDS if kind != "sqlite"])
def listener(request, databases, started):
    """Those that one connects to."""
    return watched(databases(request.param), started)


postfix = server(Postfix)
exim = server(Exim)
cyrus = server(Cyrus)
dovecot = server(Dovecot)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed and call.when == "call":
        for one in [*getattr(item, "servers", []), *getattr(item, "standing", [])]:
            for path in one.logs():
                if text := tail(path):
                    report.sections.append((str(path), text))
