"""A machine that systemd has booted, in namespaces of its own (tests/e2e/boot), with quotagate installed as the README says."""
import contextlib
import shutil
import subprocess
from pathlib import Path

from enclosure import TOP, owned, tail, until, write_etc
from hosts import enter
from quotagate import PROGRAM

SYSTEMD = Path("/lib/systemd/systemd")


class Booted:
    """`units` are files; two of one name are not for one machine."""

    def __init__(self, folder, *units):
        self.folder = Path(folder, "booted")
        write_etc(self.folder / "users")
        for name in ("passwd", "group"):
            shutil.copy(self.folder / "users" / name, self.folder)
        shutil.copy(PROGRAM, self.folder / "quotagate")
        (self.folder / "units").mkdir()
        for unit in units:
            shutil.copy(unit, self.folder / "units")
        self.mail = owned(self.folder / "mail", "vmail")
        (self.folder / "etc").mkdir()
        self.configuration = self.folder / "etc" / "quotagate.conf"
        self.output = self.folder / "output"
        self.process = None

    def logs(self):
        return [self.output]

    def start(self):
        with self.output.open("w") as output:
            self.process = subprocess.Popen([TOP / "tests" / "e2e" / "boot", self.folder], stdin=subprocess.DEVNULL,
                                            stdout=output, stderr=output)
        until(self._up, "systemd has booted", 60)
        return self

    def _first(self):
        """Its process 1, as this machine numbers it; null before there is one."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return children[0] if children else None

    def _up(self):
        if self.process.poll() is not None:
            raise AssertionError(f"systemd ended:\n{tail(self.output)}")
        return self._first() and self.run("systemctl", "is-active", "basic.target").stdout == "active\n"

    def run(self, *command):
        """A command inside."""
        return subprocess.run(["nsenter", f"--target={self._first()}", "--mount", "--uts", "--ipc", "--net", "--pid",
                               "--cgroup", "--root", "--wd", *command],
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120)

    def systemctl(self, *words):
        """What it prints; fails when it does."""
        done = self.run("systemctl", "--no-pager", *words)
        if done.returncode != 0:
            raise AssertionError(f"systemctl {' '.join(words)}: {done.stdout}{done.stderr}{self.journal()}")
        return done.stdout

    def told(self, name):
        """What systemd says of the service."""
        return self.systemctl("show", "--value", f"--property={name}", "quotagate.service").strip()

    def journal(self):
        return self.run("journalctl", "--no-pager", "--output=cat", "--unit=quotagate.service").stdout

    def seen(self, path):
        """A path inside, as it is seen from here."""
        return Path(f"/proc/{self._first()}/root{path}")

    @contextlib.contextmanager
    def inside(self):
        """Sockets that this thread makes meanwhile are this machine's."""
        with open("/proc/thread-self/ns/net") as home, open(f"/proc/{self._first()}/ns/net") as there:
            enter(there.fileno())
            try:
                yield
            finally:
                enter(home.fileno())

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None
            sweep = [TOP / "tests" / "e2e" / "boot", "--sweep", self.folder]
            until(lambda: subprocess.run(sweep, capture_output=True).returncode == 0, "its processes are gone")
