"""The servers that scripts/bench measures: how each is started and ended, and what its processes cost.

A server's processes are its first one, all that descend from it, and all in its session: for quotagate the daemon, the
nursery and the helpers. CPU time is theirs and that of their ended children (/proc/PID/stat, user and system).
"""
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")

QUOTAGATE = """\
control = "{folder}/{name}.control"
listen bench {{ protocol = policy  address = "unix:{folder}/{name}"  mode = "0666"  max_clients = 4096 }}
store bench {{ type = maildir  path = "{maildirs}/%d/{local}/Maildir"  helpers = 2 }}
cache {{ {cache} }}
log {{ to = {log}  level = {level} }}
"""

TTL = "ttl_low = {ttl}  ttl_mid = {ttl}  ttl_high = {ttl}  ttl_none = {ttl}"

SMMAP = """\
listen smmap {{ protocol = socketmap  style = smmapd  address = "unix:{folder}/{name}.smmap"  mode = "0666"
               max_clients = 4096 }}
"""

LISTED = """\
directory all {{ type = file  mailboxes = {{"{listed}"}}  ttl = {ttl}  ttl_none = {ttl} }}
domain example.org {{ directory = all  store = bench }}
"""

BACKEND = """\
control = "{folder}/{name}"
listen sealed {{ protocol = facts  address = "{sealed}"  key_file = "{key}"  max_clients = 4096 }}
listen open {{ protocol = facts  address = "{open}"  max_clients = 4096 }}
store bench {{ type = maildir  path = "{maildirs}/%d/%n/Maildir"  helpers = 2 }}
cache {{ ttl_low = {ttl}  ttl_mid = {ttl}  ttl_high = {ttl}  ttl_none = {ttl} }}
log {{ to = stderr  level = warning }}
"""

WEB = """\
listen web {{ protocol = http  address = "{web}"  key_file = "{key}"  max_clients = 4096 }}
"""

FRONTEND = """\
control = "{folder}/{name}.control"
listen bench {{ protocol = policy  address = "unix:{folder}/{name}"  mode = "0666"  max_clients = 4096 }}
store farm {{ type = remote  server = {{"{server}"}}  key_file = "{key}" }}
cache {{ ttl_low = {ttl}  ttl_mid = {ttl}  ttl_high = {ttl}  ttl_none = {ttl} }}
log {{ to = stderr  level = warning }}
"""

LIGHTTPD = """\
server.document-root = "{folder}/www"
server.bind = "127.0.0.1"
server.port = {port}
server.errorlog = "/dev/stderr"
server.modules = ("mod_setenv", "mod_cgi")
server.max-connections = 1000
server.max-fds = 4000
server.max-keep-alive-requests = 65535
server.max-keep-alive-idle = 600
setenv.set-environment = ("MAILDIRS" => "{maildirs}")
cgi.assign = (".cgi" => "/usr/bin/perl")
"""

DOVECOT = """\
base_dir = {folder}/{name}-run
state_dir = {folder}/{name}-state
log_path = {folder}/{name}.log
instance_name = {name}
protocols =
listen = 127.0.0.1
ssl = no
first_valid_uid = 1
mail_location = maildir:~/Maildir
mail_plugins = quota
plugin {{
  quota = maildir:User quota
  quota_rule = *:storage=1000M
  quota_status_success = DUNNO
  quota_status_nouser = DUNNO
  quota_status_overquota = "452 4.2.2 Mailbox is full"
}}
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid={owner} gid={owner} home={maildirs}/%d/%n allow_all_users=yes
}}
service anvil {{
  client_limit = 4000
}}
service auth {{
  client_limit = 4000
}}
service quota-status {{
  executable = quota-status -p postfix
  unix_listener {folder}/{name} {{
    mode = 0666
  }}
  {limits}
}}
"""

# A process for each connection, 100 of them, as its documentation has it; or what was found best for two CPUs.
DOCUMENTED = "client_limit = 1"
AT_ITS_BEST = "client_limit = 256\n  process_limit = 2\n  process_min_avail = 2"


def stat_of(pid):
    """Parent, session, and seconds of user and of system time, ended children's too; None when the process is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    user, system, children_user, children_system = (int(field) / TICK for field in fields[11:15])
    return int(fields[1]), int(fields[3]), user + children_user, system + children_system


def memory_of(pid):
    try:
        rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except PermissionError:
        rss = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / (1 << 20)
        return [rss, rss]
    fields = dict(row.split(":") for row in rows)
    return [int(fields[key].split()[0]) / 1024 for key in ("Rss", "Pss")]


class Server:
    """`at` is where it listens when it is up; without it, at the unix socket of its name."""

    def __init__(self, name, command, folder, environment=None, at=None):
        self.name, self.command, self.socket = name, command, Path(folder, name)
        self.at = at or f"unix:{self.socket}"
        self.log = Path(folder, name + ".out")
        self.environment = dict(os.environ, **(environment or {}))

    def start(self):
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=self.environment, start_new_session=True)
        end = time.monotonic() + 10
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise SystemExit(f"bench: {self.name} did not start:\n{self.log.read_text(errors='replace')}")
            time.sleep(0.02)
        return self

    def _answers(self):
        kind, _, where = self.at.partition(":")
        host, _, port = where.rpartition(":")
        with socket.socket(socket.AF_UNIX if kind == "unix" else socket.AF_INET) as probe:
            return probe.connect_ex(where if kind == "unix" else (host, int(port))) == 0

    def stop(self):
        if self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            for pid in self.processes():
                os.kill(pid, signal.SIGKILL)
            self.process.wait()

    def _stats(self):
        everyone = {int(p.name): stat_of(p.name) for p in Path("/proc").iterdir() if p.name.isdigit()}
        everyone = {pid: stat for pid, stat in everyone.items() if stat}
        ours = {pid for pid, stat in everyone.items() if stat[1] == self.process.pid or pid == self.process.pid}
        while more := {pid for pid, stat in everyone.items() if stat[0] in ours} - ours:
            ours |= more
        return {pid: everyone[pid] for pid in sorted(ours)}

    def processes(self):
        return list(self._stats())

    def cpu(self):
        """Seconds of user and of system time so far."""
        stats = self._stats().values()
        return sum(stat[2] for stat in stats), sum(stat[3] for stat in stats)

    def memory(self):
        """RSS and PSS in MiB of each process, the first one first; PSS as much as RSS where only root may know it."""
        return [memory_of(pid) for pid in sorted(self.processes(), key=lambda pid: pid != self.process.pid)]


def metrics(server):
    """What the daemon of a quotagate counts as a whole: {name: figure}."""
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(f"{server.socket}.control")
        control.sendall(b"metrics\n")
        text = b"".join(iter(lambda: control.recv(65536), b"")).decode()
    rows = (line.split() for line in text.splitlines() if line.startswith("quotagate_") and "{" not in line)
    return {name: float(figure) for name, figure in rows}


def floor(tools, folder, name, maildirs=None):
    more = ["--maildirs", str(maildirs)] if maildirs else []
    return Server(name, [f"{tools}/floor", "--at", f"unix:{folder}/{name}", *more], folder)


def quotagate(program, folder, name, maildirs, ttl, level="warning", to="stderr", environment=None, listed=None,
              cache=None, local="%n", smmap=False):
    """`listed`: a file with all addresses, which a directory looks up first. `cache`: what its section says, without the
    ttl; `local`: what stands for the local part in a Maildir's path; `smmap`: it listens at NAME.smmap, too."""
    config = Path(folder, name + ".conf")
    text = QUOTAGATE + (LISTED if listed else "") + (SMMAP if smmap else "")
    config.write_text(text.format(folder=folder, name=name, maildirs=maildirs, ttl=ttl, level=level, listed=listed,
                                  local=local, cache=cache or TTL.format(ttl=ttl),
                                  log=f'"{to}"' if to.startswith("/") else to))
    return Server(name, [program, "serve", "-c", str(config)], folder, environment)


def dovecot(root, tree, folder, name, maildirs, owner, limits=AT_ITS_BEST):
    """Dovecot's quota-status from the tree that scripts/fetch-servers unpacked; it wants root for its namespaces."""
    etc = Path(folder, name + "-etc")
    etc.mkdir()
    for file, line in (("passwd", "{0}:x:{1}:{1}::/nonexistent:/bin/false\n"), ("group", "{0}:x:{1}:\n")):
        users = "".join(line.format(user, number) for user, number in (("dovecot", 64801), ("dovenull", 64802)))
        etc.joinpath(file).write_text(Path("/etc", file).read_text() + users)
    config = Path(folder, name + ".conf")
    config.write_text(DOVECOT.format(folder=folder, name=name, maildirs=maildirs, owner=owner, limits=limits))
    return Server(name, [f"{root}/scripts/enclose", "--usr", str(tree), "--etc", str(etc), "--here",
                         "dovecot", "-F", "-c", str(config)], folder)


def forking(tools, folder, name):
    return Server(name, [f"{tools}/forking", f"unix:{folder}/{name}"], folder)


def imap_policy(root, folder, name, port):
    """It asks the imapd at this port."""
    return Server(name, ["/usr/bin/perl", f"{root}/bench/imap_policy", f"{folder}/{name}", str(port)], folder)


def free_port(kind):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def write_key(folder):
    """Of root, or of whoever runs the daemons: nobody else may read it."""
    key = Path(folder, "key")
    key.touch(mode=0o600)
    key.write_text(os.urandom(32).hex() + "\n")
    return key


def understands(program, folder, line):
    """Whether this quotagate was built with what a section needs."""
    config = Path(folder, "probe.conf")
    config.write_text(line)
    return subprocess.run([program, "config", "-c", str(config)], capture_output=True).returncode == 0


def backend(program, folder, name, maildirs, ttl, key, web):
    """Where it listens stands in `sealed`, `open` and, if it has the front http, `web`. Up is its control socket."""
    config = Path(folder, name + ".conf")
    server = Server(name, [program, "serve", "-c", str(config)], folder)
    server.sealed, server.open = (f"udp:127.0.0.1:{free_port(socket.SOCK_DGRAM)}" for _ in range(2))
    server.web = f"inet:127.0.0.1:{free_port(socket.SOCK_STREAM)}" if web else None
    config.write_text((BACKEND + (WEB if web else "")).format(
        folder=folder, name=name, maildirs=maildirs, ttl=ttl, key=key, sealed=server.sealed, open=server.open,
        web=server.web))
    return server


def frontend(program, folder, name, asked, ttl, key):
    """It asks the backend `asked` by sealed datagrams."""
    config = Path(folder, name + ".conf")
    config.write_text(FRONTEND.format(folder=folder, name=name, server=asked.sealed, ttl=ttl, key=key))
    return Server(name, [program, "serve", "-c", str(config)], folder)


def lighttpd(root, tree, folder, name, maildirs):
    """A web server with a quota.cgi, from the tree that scripts/fetch-servers unpacked; it wants no root."""
    scripts = Path(folder, "www", "cgi-bin")
    scripts.mkdir(parents=True)
    shutil.copy(root / "bench/quota.cgi", scripts)
    port = free_port(socket.SOCK_STREAM)
    config = Path(folder, name + ".conf")
    config.write_text(LIGHTTPD.format(folder=folder, port=port, maildirs=maildirs))
    libraries = {str(file.parent) for file in tree.glob("usr/lib/*/*.so*")}
    environment = {"LD_LIBRARY_PATH": ":".join(sorted(libraries))} if libraries else None
    return Server(name, [f"{tree}/usr/sbin/lighttpd", "-D", "-f", str(config), "-m", f"{tree}/usr/lib/lighttpd"],
                  folder, environment, at=f"inet:127.0.0.1:{port}")
