"""A Redis server in an enclosure, with a password and a user of its own for quotagate."""
import os
import signal

from databases import descendants
from enclosure import Enclosure, USERS, free_port, owned, until

PASSWORD = "se cret"
CONFIGURATION = """
bind 127.0.0.1
port {port}
unixsocket {run}/socket
unixsocketperm 777
dir {run}
save ""
appendonly no
daemonize no
user default on nopass ~* &* +@all
user quotagate on >"{password}" ~* +get +select
"""


class Redis(Enclosure):
    def __init__(self, folder, more=""):
        super().__init__("redis", folder)
        self.port = free_port()
        self.run_folder = owned(self.folder / "run", "vmail")
        self.socket = self.run_folder / "socket"
        self.configuration = self.folder / "redis.conf"
        self.configuration.write_text(CONFIGURATION.format(port=self.port, run=self.run_folder, password=PASSWORD) + more)

    def start(self):
        self.launch("setpriv", f"--reuid={USERS['vmail']}", f"--regid={USERS['vmail']}", "--clear-groups",
                    "redis-server", self.configuration, port=self.port)
        until(lambda: "PONG" in self.say("PING"), "Redis answers")
        return self

    def say(self, *words, database=0):
        return self.run("redis-cli", "-p", str(self.port), "-n", str(database), *words, check=False).strip()

    def signal(self, number):
        for pid in descendants(self.process.pid):
            os.kill(pid, number)

    def freeze(self):
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)
