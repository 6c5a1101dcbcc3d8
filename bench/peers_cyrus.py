"""Cyrus for scripts/bench peers: smmapd and imapd with mailboxes like those of bench/maildirs.

It runs from the tree that scripts/fetch-servers unpacked, in namespaces of its own (scripts/enclose), and wants root.
The mailboxes are made by IMAP, a thousand commands at a time; no message lies in them: what is used is written into the
database of quota roots while the server stands still, in Cyrus' own form and by its own tool.
"""
import os
import shutil
import socket
import subprocess
from pathlib import Path

from servers import Server, free_port

CYRUS = 64803  # user and group number; exists only inside

PROGRAMS = "/usr/lib/cyrus/bin"

IMAPD = """\
configdirectory: {folder}/state
proc_path: {folder}/state/proc
mboxname_lockpath: {folder}/state/lock
defaultpartition: default
partition-default: {folder}/spool
sievedir: {folder}/state/sieve
servername: cyrus.test
virtdomains: off
unixhierarchysep: yes
altnamespace: no
admins: cyrus
allowplaintext: yes
sasl_pwcheck_method: alwaystrue
sasl_mech_list: PLAIN LOGIN
quota_db: twoskip
search_engine: none
conversations: no
duplicatesuppression: no
"""

# As many processes as anybody may ask for at once; the rest as it comes.
SERVICES = """\
START {{
  recover cmd="{programs}/ctl_cyrusdb -C {folder}/imapd.conf -r"
}}
SERVICES {{
  imap cmd="{programs}/imapd -C {folder}/imapd.conf" listen="127.0.0.1:{port}" prefork=1
  smmap cmd="{programs}/smmapd -C {folder}/imapd.conf" listen="{folder}/smmap" prefork=0 maxchild=1000
}}
EVENTS {{
}}
"""


def write_etc(etc):
    etc.mkdir()
    user, group = f"cyrus:x:{CYRUS}:{CYRUS}::/nonexistent:/bin/false\n", f"cyrus:x:{CYRUS}:\n"
    for file, line in (("passwd", user), ("group", group)):
        etc.joinpath(file).write_text(Path("/etc", file).read_text() + line)


def make_folders(folder):
    for part in ("", "state", "state/proc", "state/lock", "state/sieve", "state/socket", "spool"):
        path = folder / part
        path.mkdir(parents=True, exist_ok=True)
        os.chown(path, CYRUS, CYRUS)


class Imap:
    """As little of a client as it takes: commands go out many at a time."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.lines = self.socket.makefile("rb")
        self.lines.readline()
        self.tell(["LOGIN cyrus x"])

    def tell(self, commands):
        for start in range(0, len(commands), 1000):
            some = commands[start:start + 1000]
            self.socket.sendall("".join(f"t {command}\r\n" for command in some).encode())
            for command in some:
                while not (line := self.lines.readline()).startswith(b"t "):
                    if not line:
                        raise SystemExit("bench: cyrus hung up")
                if not line.startswith(b"t OK"):
                    raise SystemExit(f"bench: cyrus: {command}: {line.decode()}")

    def close(self):
        self.tell(["LOGOUT"])
        self.socket.close()


class Cyrus(Server):
    """`imap` is the port of its imapd; at the unix socket `smmap` smmapd listens."""

    def __init__(self, root, tree, folder, name="cyrus"):
        self.folder = Path(folder, name)
        self.imap = free_port(socket.SOCK_STREAM)
        self.lower = [f"{root}/scripts/enclose", "--usr", str(tree), "--etc", f"{self.folder}-etc", "--here", "setpriv",
                      f"--reuid={CYRUS}", f"--regid={CYRUS}", "--clear-groups"]
        super().__init__(name, [*self.lower, f"{PROGRAMS}/master", "-C", f"{self.folder}/imapd.conf", "-M",
                                f"{self.folder}/cyrus.conf", "-p", f"{self.folder}/state/pid", "-D"], folder,
                         at=f"inet:127.0.0.1:{self.imap}")
        self.smmap = f"unix:{self.folder}/smmap"
        write_etc(Path(f"{self.folder}-etc"))
        make_folders(self.folder)
        values = {"programs": PROGRAMS, "folder": self.folder, "port": self.imap}
        for file, text in (("imapd.conf", IMAPD), ("cyrus.conf", SERVICES)):
            (self.folder / file).write_text(text.format(**values))

    def fill(self, rows):
        """Makes the mailboxes of (user, octets used, octets allowed) and starts it anew."""
        self.start()
        imap = Imap(self.imap)
        imap.tell([f"CREATE user/{user}" for user, _, _ in rows])
        imap.tell([f"SETQUOTA user/{user} (STORAGE {allowed // 1024})" for user, _, allowed in rows])
        imap.close()
        self.stop()
        self.socket_of(self.smmap).unlink(missing_ok=True)
        lines = [f"user.{user}\t%(S ({used} {allowed // 1024}) M (3))\n" for user, used, allowed in rows]
        set_all = [f"{PROGRAMS}/cyr_dbtool", "-C", f"{self.folder}/imapd.conf", f"{self.folder}/state/quotas.db", "twoskip",
                   "set"]
        subprocess.run([*self.lower, *set_all], check=True, input="".join(lines), text=True, stdout=subprocess.DEVNULL)
        return self.start()

    @staticmethod
    def socket_of(at):
        return Path(at.partition(":")[2])
