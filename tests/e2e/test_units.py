"""The units in packaging/: that systemd takes them, how exposed it thinks a service of theirs is, and that quotagate works
with what they leave it."""
import os
import re
import shutil
import socket
import subprocess

import pytest

from enclosure import TOP, USERS, mbox
from policy import Policy
from quotagate import PROGRAM
from test_rights import THREE, caps, processes

PACKAGING = TOP / "packaging"
SEVERAL, ONE = PACKAGING / "quotagate.service", PACKAGING / "one-user" / "quotagate.service"
ANALYZE = shutil.which("systemd-analyze")

pytestmark = pytest.mark.skipif(not ANALYZE, reason="systemd-analyze is not installed")


def analyze(*words):
    done = subprocess.run([ANALYZE, *words], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("unit", [SEVERAL, ONE], ids=["several users", "one user"])
def test_systemd_takes_the_units(folder, unit):
    text = unit.read_text()
    assert "/usr/local/sbin/quotagate serve" in text
    (folder / unit.name).write_text(text.replace("/usr/local/sbin/quotagate", PROGRAM))
    shutil.copy(PACKAGING / "quotagate.socket", folder)
    status, said = analyze("verify", "--man=no", str(folder / unit.name), str(folder / "quotagate.socket"))
    ours = [line for line in said.splitlines() if "quotagate" in line]
    assert status == 0 and not ours, said


@pytest.mark.parametrize("unit, most", [(SEVERAL, 20), (ONE, 10)], ids=["several users", "one user"])
def test_exposure(unit, most):
    """In tenths, as --threshold takes them."""
    status, said = analyze("security", "--offline=true", f"--threshold={most}", str(unit))
    assert status == 0, said
    assert analyze("security", "--offline=true", "--threshold=5", str(unit))[0] != 0  # it does compare


@pytest.mark.parametrize("unit", [SEVERAL, ONE], ids=["several users", "one user"])
def test_it_works_with_what_a_unit_leaves_it(idle_quotagate, folder, mail, unit):
    """As many sockets as there are in quotagate.socket, and its user, capabilities and calls."""
    mbox(mail / "full", 205_000)
    control = socket.socket(socket.AF_UNIX)
    control.bind(str(folder / "control.sock"))
    control.listen(5)
    inet = socket.create_server(("127.0.0.1", 0))
    address = "inet:127.0.0.1:%d" % inet.getsockname()[1]
    user = "" if unit == ONE else "user = vmail"
    gate = idle_quotagate(
        f'control = "{folder}/control.sock"\nlisten mta {{ protocol = policy  address = "{address}" }}\n'
        f'store boxes {{ type = mbox  path = "{mail}/%n"  limit = 200k  {user}  helpers = 2 }}\n'
        "domain example.org { store = boxes }\n", sockets=[("s", control), ("s", inet)])
    gate.enclosed += ["/usr/bin/python3", str(TOP / "tests" / "e2e" / "as_unit.py"), str(unit)]
    gate.start()
    for again in range(2):
        with Policy(address) as client:
            assert client.ask("full@example.org").startswith("452 ")
        daemon, nursery, helpers = processes(gate, 2) if not again else (gate.pid(), None, [])
        if not again:
            assert caps(nursery)["CapEff"] == (0 if unit == ONE else THREE)
            assert {caps(pid)["CapEff"] for pid in (daemon, *helpers)} == {0}
            assert all(owner == USERS["vmail"] for owner in gate.helpers().values())
            gate.reload(gate.configuration.read_text().replace("200k", "100k"))
            gate.says("event=reloaded")
    gate.says(r"event=confined seccomp=yes")
    assert not re.search("level=error|forbidden-call|crashed|cannot", gate.said())
    assert gate.stop() == 0
    control.close()
    inet.close()
    assert os.path.exists(folder / "control.sock")
