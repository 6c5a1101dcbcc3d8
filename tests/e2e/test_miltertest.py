"""miltertest, which plays the MTA, speaks with the daemon: one script a test, in the folder miltertest/."""
import os
import subprocess
from pathlib import Path

import pytest

from enclosure import SERVERS, USERS, free_port

SCRIPTS = Path(__file__).parent / "miltertest"
TREE = SERVERS / "miltertest" / "usr"


@pytest.mark.parametrize("kind", ["unix", "inet"])
@pytest.mark.parametrize("script", sorted(path.stem for path in SCRIPTS.glob("*.lua")))
def test_miltertest(script, kind, quotagate, folder, mail):
    assert TREE.is_dir(), "run scripts/fetch-servers miltertest"
    for name, octets in ("full", 205_000), ("ok", 0), ("other", 0), ("burst", 0):
        (mail / name).write_bytes(b"x" * octets)
        os.chown(mail / name, USERS["vmail"], USERS["vmail"])
    port = free_port()
    address, place = {"unix": (f"unix:{folder}/milter.sock", f"unix:{folder}/milter.sock"),
                      "inet": (f"inet:127.0.0.1:{port}", f"inet:{port}@127.0.0.1")}[kind]
    gate = quotagate(f'listen mta {{ protocol = milter  address = "{address}" }}\n'
                     f'store boxes {{ type = mbox  path = "{mail}/%n"  limit = 200k  user = vmail }}\n'
                     "domain example.org { store = boxes }\n")
    libraries = ":".join(sorted({str(path.parent) for path in TREE.rglob("*.so*")}))
    done = subprocess.run([TREE / "bin" / "miltertest", "-vv", "-D", f"socket={place}", "-s", SCRIPTS / f"{script}.lua"],
                          env={**os.environ, "LD_LIBRARY_PATH": libraries}, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "bad-request" not in gate.said()
