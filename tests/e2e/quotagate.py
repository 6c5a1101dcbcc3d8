"""The program under test: build/quotagate, or the one that the environment variable QUOTAGATE names."""
import os
import re
import resource
import signal
import subprocess
from pathlib import Path

from enclosure import HERE, PATIENCE, TOP, tail, until, write_etc
from policy import Policy, connect

PROGRAM = os.environ.get("QUOTAGATE", str(TOP / "build" / "quotagate"))


def usual_limit():
    """Open files as a login shell or systemd allow them; the program must ask for more by itself."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, hard), hard))


class Quotagate:
    """One daemon with its configuration. Started with a private /etc, so that it finds the users of the other servers.
    It is handed down `sockets`, pairs of a name and a socket that listens, and finds `environment`."""

    def __init__(self, folder, configuration, name="quotagate", host=HERE, sockets=(), environment=None):
        self.host = host
        self.sockets = sockets
        self.environment = environment or {}
        self.folder = Path(folder, name)
        self.folder.mkdir(parents=True)
        self.configuration = self.folder / "quotagate.conf"
        self.configuration.write_text(configuration)
        self.log = self.folder / "log"
        self.log.touch()
        self.process = None
        write_etc(self.folder / "etc", host.etc_hosts)
        self.enclosed = [*host.enter, str(TOP / "scripts" / "enclose"), "--here", "--etc", str(self.folder / "etc")]

    def logs(self):
        return [self.log]

    def addresses(self):
        return re.findall(r'address\s*=\s*"?((?:unix|inet):[^"\s]+)', self.configuration.read_text())

    def controls(self):
        found = re.findall(r'^control\s*=\s*"([^"]+)"', self.configuration.read_text(), re.M)
        return [f"unix:{path}" for path in found]

    def launch(self):
        """Starts `serve` without waiting."""
        command = [*self.enclosed, PROGRAM, "serve", "-c", str(self.configuration)]
        kept = [one.fileno() for _, one in self.sockets]
        if kept:
            named = [f"{name}={one.fileno()}" for name, one in self.sockets]
            command = ["/usr/bin/python3", str(TOP / "tests" / "e2e" / "hand_down.py"), *named, "--", *command]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=usual_limit, pass_fds=kept,
                                            env={**os.environ, **self.environment})
        return self

    def start(self):
        self.launch()
        until(self.ready, "quotagate listens")
        return self

    def ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"quotagate ended with {self.process.returncode}:\n{self.said()}")
        try:
            with self.host.inside():
                for address in self.addresses() + self.controls():
                    connect(address).close()
            return True
        except OSError:
            return False

    def said(self):
        return tail(self.log, 10**7)

    def says(self, pattern, seconds=PATIENCE):
        return until(lambda: re.search(pattern, self.said()), f"the log says {pattern!r}", seconds)

    def pid(self):
        return self.process.pid

    def signal(self, number):
        self.process.send_signal(number)

    def reload(self, configuration):
        self.configuration.write_text(configuration)
        self.signal(signal.SIGHUP)

    def ends(self):
        """Waits for its end; returns its exit status."""
        return self.process.wait(PATIENCE)

    def stop(self):
        """Ends it politely; returns its exit status."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"quotagate did not end within {PATIENCE} s")
        self.process = None
        return status

    def command(self, *arguments):
        """Another command of the program, with the same configuration."""
        return subprocess.run([*self.enclosed, PROGRAM, arguments[0], "-c", str(self.configuration), *arguments[1:]],
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)

    def check(self, *arguments):
        return self.command("check", *arguments)

    def policy(self, number=0):
        with self.host.inside():
            return Policy(self.addresses()[number])

    def family(self):
        """The processes below the daemon: the nursery and its helpers, as {pid: (parent, uid)}."""
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    status = (entry / "status").read_text()
                except OSError:
                    continue
                parent = int(re.search(r"^PPid:\s*(\d+)", status, re.M)[1])
                uid = int(re.search(r"^Uid:\s*\d+\s+(\d+)", status, re.M)[1])
                found[int(entry.name)] = (parent, uid)
        family, grown = {}, {self.pid()}
        while grown:
            grown = {pid for pid, (parent, _) in found.items() if parent in grown}
            family.update({pid: found[pid] for pid in grown})
        return family

    def helpers(self):
        """Processes below the daemon that have no children of their own, apart from the nursery."""
        family = self.family()
        nursery = {pid for pid, (parent, _) in family.items() if parent == self.pid()}
        return {pid: uid for pid, (parent, uid) in family.items() if parent in nursery}
