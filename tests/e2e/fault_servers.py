"""Daemons whose helpers ask others: databases, directories, IMAP, web servers, names, a program that is run.

Each has one such helper, which is what faults strike; where its kind needs helpers that read files beside it, these belong to a
section named `aside`, and are spared.
"""
import json
import os
import shutil
import signal
import socket
import sqlite3
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

from askers import PASS, Policy, Socketmap, Web
from databases import Mariadb, Postgresql, Sqlite, schema, secret
from datagrams import free_udp_port
from enclosure import free_port, mbox, until
from fault_world import EXPECTED, FULL, LIMIT, OK, World, maildir
from faulty import Faulty
from metrics import by_control
from quotagate import Quotagate
from redis import Redis
from slapd import SUFFIX, Slapd, person

USED = {FULL: 2 * LIMIT, OK: 1000}  # beyond what any rule allows for, and little
KIB = {address.partition("@")[0]: octets // 1024 for address, octets in USED.items()}
HELPER = "helpers = 1  helper_timeout = 2s"


class ServedWorld(World):
    """`begin()` and `end()` are the server's; `sections()` names it to the daemon, with one helper for the section `helped`."""

    mailboxes = (FULL, OK)
    helped = "far"

    def __init__(self):
        self.place = Path(tempfile.mkdtemp(prefix="qg"))
        self.place.chmod(0o755)
        self.secret = secret(self.place / "secret", "0123456789abcdef")
        self.prepare()
        super().__init__()

    def configuration(self, more=""):
        return (f'control = "{self.run}/control.sock"\n'
                + self.listen("mta", "policy") + self.listen("map", "socketmap") + self.listen("web", "http")
                + self.sections() + "rules { timeout = 1s  error = defer  unknown = reject }\n" + self.forgets + more)

    def make_askers(self):
        at = {name: f"inet:127.0.0.1:{port}" for name, port in self.ports.items()}
        return [Policy(at["mta"]), Socketmap(at["map"]), Web(at["web"])]

    def sections(self):
        return f"store far {{ {self.store()}  {HELPER} }}\ndomain example.org {{ store = far  limit = {LIMIT} }}\n"

    def prepare(self):
        """What must be known before the configuration is written."""

    def begin(self):
        self.server.start()

    def start(self):
        self.begin()
        return super().start()

    def stop(self):
        try:
            super().stop()
        finally:
            self.server.stop()
            shutil.rmtree(self.place, ignore_errors=True)

    def renew(self):
        """The helper is another one."""
        old = until(lambda: self.gate.helpers(self.helped), "the helper is there")
        os.kill(old[0], signal.SIGKILL)
        until(lambda: set(self.gate.helpers(self.helped)) - set(old), "another is made")


# ---- databases and directories ----

class SqliteWorld(ServedWorld):
    kind = Sqlite

    def prepare(self):
        self.server = self.kind(self.place)

    def begin(self):
        super().begin()
        self.server.make("mail", schema("dovecot") + "DELETE FROM quota;\n" + "".join(
            f"INSERT INTO quota VALUES ('{address}', {octets}, 1);\n" for address, octets in USED.items()))

    def store(self):
        return f"type = sql  rule = fits  preset = dovecot  {self.server.options('mail')}\n   "


class PostgresqlWorld(SqliteWorld):
    kind = Postgresql


class MariadbWorld(SqliteWorld):
    kind = Mariadb


class RedisWorld(ServedWorld):
    def prepare(self):
        self.server = Redis(self.place)

    def begin(self):
        super().begin()
        for address, octets in USED.items():
            self.server.say("SET", f"{address}/quota/storage", str(octets))

    def store(self):
        return f'type = redis  rule = fits  address = "inet:127.0.0.1:{self.server.port}"'


class LdapWorld(ServedWorld):
    """A real slapd tells the limits, and Maildirs what is in them."""

    helped = "staff"

    def prepare(self):
        self.server = Slapd(self.place, people=0, entries=[
            person(address.partition("@")[0], "inetlocal", ["inetLocalMailRecipient", "quotaUser"],
                   mailLocalAddress=address, mailQuotaSize=str(LIMIT)) for address in USED])

    def sections(self):
        return (f'directory staff {{ type = ldap  schema = inetlocal  uri = "{self.server.uri}"  base = "ou=inetlocal,{SUFFIX}"\n'
                f"    limit_attribute = mailQuotaSize  ttl = 1ms  ttl_none = 1ms  {HELPER} }}\n"
                f'store aside {{ type = maildir  path = "{self.mail}/%d/%n/Maildir"  user = vmail }}\n'
                "domain example.org { directory = staff  store = aside }\n")


# ---- servers that only say what is told here ----

class Imap(Faulty):
    """Logs everybody in, and tells quotas."""

    def __init__(self):
        super().__init__(self.speak)

    def speak(self, connection):
        connection.sendall(b"* OK ready\r\n")
        for line in connection.makefile("rb"):
            tag, _, command = line.decode().rstrip("\r\n").partition(" ")
            said = self.said_to(command)
            connection.sendall("".join(f"* {text}\r\n" for text in said).encode() + f"{tag} OK done\r\n".encode())

    def said_to(self, command):
        word, _, rest = command.partition(" ")
        if word == "CAPABILITY":
            return ["CAPABILITY IMAP4rev1 QUOTA"]
        if word != "GETQUOTAROOT":
            return []
        name = next(name for name in KIB if f"user/{name}" in rest)
        return [f"QUOTAROOT user/{name} {name}", f"QUOTA {name} (STORAGE {KIB[name]} {LIMIT // 1024})"]


class ImapWorld(ServedWorld):
    def prepare(self):
        self.server = Imap()

    def begin(self):
        pass

    def store(self):
        return (f'type = cyrus  uri = "imap://127.0.0.1:{self.server.port}"  login = admin  password_file = "{self.secret}"\n'
                '    mailbox = "user/%n"')


class Pages:
    """A web server that answers as doveadm does where it is told something, and as a quota.cgi where it is not."""

    def __init__(self):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # an answer is one segment

            def do_GET(self):
                address = unquote(self.path.partition("?u=")[2])
                self.say(f"{'OVERQUOTA' if USED[address] > LIMIT else 'OK'} {address} {USED[address]} {LIMIT}\n")

            def do_POST(self):
                asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
                name = next(name for name in KIB if name in asked)
                tag = json.loads(asked)[0][2]
                self.say(json.dumps([["doveadmResponse", [{
                    "root": "User quota", "type": "STORAGE", "value": str(KIB[name]), "limit": str(LIMIT // 1024),
                    "percent": "0"}], tag]]))

            def say(self, text):
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # helpers are killed while they listen
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def start(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class DoveadmWorld(ServedWorld):
    def prepare(self):
        self.server = Pages()

    def store(self):
        return f'type = dovecot  uri = "{self.server.url}/doveadm/v1"  key_file = "{self.secret}"'


class CgiWorld(DoveadmWorld):
    def store(self):
        return f'type = remote  server = "{self.server.url}/quota.cgi?u=%u"'


# ---- what helpers do for questions to another quotagate ----

class ErrandWorld(ServedWorld):
    """Datagrams are lost, so that helpers ask another quotagate by HTTP."""

    def prepare(self):
        mail = self.place / "mail"
        for address, octets in USED.items():
            maildir(mail, address, octets)
        self.mute = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.mute.bind(("127.0.0.1", 0))
        self.far, self.web = free_udp_port(), free_port()
        self.key = f'key_file = "{secret(self.place / "key", "a " + "5" * 64)}"'
        self.server = Quotagate(
            self.place,
            f'listen web {{ protocol = http  address = "inet:127.0.0.1:{self.web}"  {self.key} }}\n'
            f'listen farm {{ protocol = facts  address = "udp:127.0.0.1:{self.far}"  {self.key} }}\n'
            f'store boxes {{ type = maildir  path = "{mail}/%d/%n/Maildir"  user = vmail  limit = {LIMIT} }}\n'
            f"{self.forgets}", name="backend")

    def store(self):
        return (f'type = remote  server = "udp:127.0.0.1:{self.mute.getsockname()[1]}"  http = "http://127.0.0.1:{self.web}"\n'
                f"    timeout = 10ms  tries = 1  {self.key}")

    def stop(self):
        super().stop()
        self.mute.close()


class NameWorld(ErrandWorld):
    """There are a thousand hosts, any of which may be asked, and few are remembered: nearly each question wants a name looked
    up. (One alone would not do, for those who are being told of the last question's end are not forgotten.)"""

    hosts = 1000

    def sections(self):
        sqlite3.connect(self.place / "db").close()
        return (f'directory aside {{ type = sql  uri = "sqlite:{self.place}/db"  ttl = 1ms\n'
                f"""    mailbox_query = "SELECT 'h' || (abs(random()) % {self.hosts}) || '.test' AS host WHERE :address <> ''" }}\n"""
                f'store far {{ type = remote  server = "udp:%{{host}}:{self.far}"  hosts = 8  {self.key}  {HELPER} }}\n'
                "domain example.org { directory = aside  store = far }\n")

    def start(self):
        with (self.gate.folder / "etc" / "hosts").open("a") as names:
            names.writelines(f"127.0.0.1 h{number}.test\n" for number in range(self.hosts))
        return super().start()


class NotifyWorld(ServedWorld):
    """Somebody's mailbox is nearly full, and a program is run."""

    helped = "notify"
    mailboxes = (OK,)

    class Nobody:
        start = stop = lambda self: None

    def prepare(self):
        self.server, self.crowd = self.Nobody(), 0

    def sections(self):
        return (f'store aside {{ type = mbox  path = "{self.mail}/%n"  limit = {LIMIT}  user = vmail }}\n'
                "domain example.org { store = aside }\n"
                'notify { command = "/bin/true"  user = nobody  timeout = 1s }\n')

    def start(self):
        mbox(self.mail / "ok", 1000)
        return super().start()

    def ends(self):
        """How many pieces of news have come to an end, whichever."""
        seen = by_control(f"{self.run}/control.sock")
        return sum(seen(f"quotagate_notify_{what}_total") for what in ("told", "failed", "dropped"))

    def another_mailbox(self):
        self.crowd += 1
        mbox(self.mail / f"u{self.crowd}", 1000)
        address = f"u{self.crowd}@example.org"
        EXPECTED[address] = PASS
        return address

    def fill(self, address):
        """It is nearly full."""
        mbox(self.mail / address.partition("@")[0], LIMIT * 9 // 10)
