"""SQL servers with the tables of mail administration programs: SQLite, PostgreSQL and MariaDB, behind one face.

The servers run as users without rights, in enclosures; quotagate comes in as a user who may only read, with a password.
"""
import contextlib
import os
import signal
import sqlite3
import subprocess
from pathlib import Path

from enclosure import USERS, Enclosure, connects, free_port, owned, until

SCHEMAS = Path(__file__).with_name("sql")
PASSWORD = "se'cret \\word"


def schema(name):
    return (SCHEMAS / f"{name}.sql").read_text()


def quoted(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def secret(path, text, mode=0o600):
    """A file with a password, for the helpers to read."""
    path.write_text(text + "\n")
    path.chmod(mode)
    os.chown(path, USERS["quotagate"], USERS["quotagate"])
    return path


def descendants(pid):
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found, grown = set(), {pid}
    while grown:
        grown = {child for child, parent in parents.items() if parent in grown}
        found |= grown
    return found


class Sqlite:
    """Databases are files that one may replace."""
    kind = "sqlite"

    def __init__(self, folder):
        self.folder = folder / "sqlite"
        self.folder.mkdir()

    def start(self):
        return self

    def stop(self):
        pass

    def logs(self):
        return []

    def path(self, name):
        return self.folder / name

    def execute(self, name, text):
        connection = sqlite3.connect(self.path(name))
        connection.executescript(text)
        connection.close()

    def make(self, name, text):
        self.path(name).unlink(missing_ok=True)
        self.execute(name, text)

    def options(self, name, **_):
        return f'uri = "sqlite:{self.path(name)}"'

    def restart(self):
        """What comes nearest: each file is replaced by a copy."""
        for path in list(self.folder.iterdir()):
            copy = path.with_suffix(".new")
            copy.write_bytes(path.read_bytes())
            copy.rename(path)


class Server(Enclosure):
    """One that listens. Subclasses say how it is made, started and talked to."""

    def __init__(self, name, user, scheme, folder):
        super().__init__(name, folder)
        self.scheme = scheme
        self.port = free_port()
        self.data = owned(self.folder / "data", user)
        self.sockets = owned(self.folder / "run", user)
        self.lower = ["setpriv", f"--reuid={USERS[user]}", f"--regid={USERS[user]}", "--clear-groups"]
        self.secret = secret(self.folder / "secret", PASSWORD)
        self.script = self.folder / "script"
        self.data.chmod(0o700)

    def start(self):
        self.create()
        self.begin()
        self.prepare()
        return self

    def options(self, name, over_socket=False, user="quotagate", secret=None):
        host, more = ("", f"?socket={self.socket()}") if over_socket else ("127.0.0.1", "")
        port = f":{self.port}" if not over_socket or self.kind == "postgresql" else ""
        return (f'uri = "{self.scheme}://{user}@{host}{port}/{name}{more}"\n'
                f'    password_file = "{secret or self.secret}"')

    @contextlib.contextmanager
    def holding(self, name, text):
        """A session that has said this, and stays until the body is over."""
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        with subprocess.Popen([*self.command, *self.client(name, pipe)], stdin=subprocess.DEVNULL) as session:
            with open(os.open(pipe, os.O_RDWR), "w") as script:
                script.write(text)
                script.flush()
                yield session
        pipe.unlink()

    def processes(self):
        return descendants(self.process.pid)

    def signal(self, number):
        for pid in self.processes():
            os.kill(pid, number)

    def freeze(self):
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)

    def restart(self):
        self.stop()
        until(lambda: not connects(self.port), "nobody listens any more")
        self.begin()


class Postgresql(Server):
    kind = "postgresql"
    programs = "/usr/lib/postgresql/15/bin"

    def __init__(self, folder):
        super().__init__("postgresql", "postgres", "postgresql", folder)

    def socket(self):
        return self.sockets

    def create(self):
        self.run(*self.lower, f"{self.programs}/initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "--no-locale",
                 "-E", "UTF8", "--no-sync")
        (self.data / "pg_hba.conf").write_text("local all postgres trust\nlocal all all scram-sha-256\n"
                                               "host all all 127.0.0.1/32 scram-sha-256\n")

    def begin(self):
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        self.launch(*self.lower, f"{self.programs}/postgres", "-D", self.data, "-p", str(self.port), "-k", self.sockets,
                    "-h", "127.0.0.1", "-F", port=self.port)
        # It listens before it has recovered.
        ready = [f"{self.programs}/pg_isready", "-q", "-h", self.sockets, "-p", str(self.port)]
        until(lambda: subprocess.run([*self.command, *ready]).returncode == 0, "PostgreSQL takes questions")

    def client(self, name, script):
        return (f"{self.programs}/psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", self.sockets, "-p", str(self.port),
                "-U", "postgres", "-d", name, "-f", script)

    def execute(self, name, text):
        self.script.write_text(text)
        self.run(*self.client(name, self.script))

    def prepare(self):
        self.execute("postgres", "SET standard_conforming_strings = on;\n"
                     f"CREATE ROLE quotagate LOGIN PASSWORD E{quoted(PASSWORD)};\n")

    def hang_up(self):
        """Ends all connections of quotagate."""
        self.execute("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'quotagate';\n")

    def make(self, name, text):
        self.execute("postgres", f"DROP DATABASE IF EXISTS {name} WITH (FORCE);\n")
        self.execute("postgres", f"CREATE DATABASE {name};\n")
        self.execute(name, f"{text}\nGRANT SELECT ON ALL TABLES IN SCHEMA public TO quotagate;\n")


class Mariadb(Server):
    kind = "mysql"

    def __init__(self, folder):
        super().__init__("mariadb", "mysql", "mysql", folder)

    def socket(self):
        return self.sockets / "socket"

    def create(self):
        self.run(*self.lower, "mariadb-install-db", "--no-defaults", f"--datadir={self.data}", "--skip-test-db",
                 "--auth-root-authentication-method=normal", "--skip-name-resolve")

    def begin(self):
        self.launch(*self.lower, "mariadbd", "--no-defaults", f"--datadir={self.data}", f"--socket={self.socket()}",
                    f"--port={self.port}", "--bind-address=127.0.0.1", "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=2",
                    "--innodb-buffer-pool-size=16M", f"--pid-file={self.sockets}/pid", port=self.port)

    def client(self, name, script):
        return "mariadb", "--no-defaults", f"--socket={self.socket()}", "-u", "root", "-e", f"source {script}", name

    def execute(self, name, text):
        self.script.write_text(text)
        self.run(*self.client(name, self.script))

    def prepare(self):
        self.execute("mysql", f"CREATE USER quotagate IDENTIFIED BY {quoted(PASSWORD)};\n")

    def hang_up(self):
        """Ends all connections of quotagate."""
        self.execute("mysql", "KILL USER quotagate;\n")

    def make(self, name, text):
        self.execute("mysql", f"DROP DATABASE IF EXISTS {name};\n"
                              f"CREATE DATABASE {name} CHARACTER SET utf8mb4;\nGRANT SELECT ON {name}.* TO quotagate;\n")
        self.execute(name, text)


KINDS = {"sqlite": Sqlite, "postgresql": Postgresql, "mariadb": Mariadb}
