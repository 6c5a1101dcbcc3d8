"""Keys, tokens and passwords that are used, and are seen nowhere: not in the log at its most talkative, nor in what the
commands print, the metrics, or what /proc shows to everybody. That no core file holds them: tests/e2e/test_rights.py.
"""
import base64
import http.client
import os
import ssl
import stat

import pytest

from certificates import Certificates
from databases import secret
from datagrams import free_udp_port
from enclosure import USERS, free_port, mbox, until
from facts import Asker, Key
from faulty import Faulty

CONFIGURATION = """
control = "{run}/control.sock"
log {{ level = debug }}
rules {{ error = defer  timeout = 3s }}
listen mta {{ protocol = policy  address = "inet:127.0.0.1:{mta}" }}
listen local {{ protocol = policy  address = "unix:{run}/policy.sock" }}
listen web {{ protocol = http  address = "inet:127.0.0.1:{web}"  token_file = "{secrets}/token"
    certificate = "{certificate}"  private_key = "{private_key}" }}
listen farm {{ protocol = facts  address = "udp:127.0.0.1:{farm}"  key_file = "{secrets}/key" }}
store boxes {{ type = mbox  path = "{mail}/%n"  limit = 200k  user = vmail }}
store imap {{ type = imap  uri = "imap://127.0.0.1:{imap}"  login = admin  password_file = "{secrets}/imap"
    mailbox = "user/%n"  timeout = 500ms }}
store doveadm {{ type = dovecot  uri = "http://127.0.0.1:{doveadm}/doveadm/v1"  key_file = "{secrets}/doveadm"
    timeout = 500ms }}
store redis {{ type = redis  address = "inet:127.0.0.1:{redis}"  password_file = "{secrets}/redis"  timeout = 500ms }}
store cgi {{ type = remote  server = "http://127.0.0.1:{cgi}/quota.cgi?u=%u"  token_file = "{secrets}/cgi"
    http_timeout = 500ms }}
store peer {{ type = remote  server = "udp:127.0.0.1:{farm}"  key_file = "{secrets}/key" }}
directory ldap {{ type = ldap  uri = "ldap://127.0.0.1:{ldap}"  base = "dc=x"  bind_dn = "cn=x"  timeout = 500ms
    password_file = "{secrets}/ldap" }}
directory sql {{ type = sql  uri = "postgresql://me@127.0.0.1:{sql}/mail"  password_file = "{secrets}/sql"
    preset = postfixadmin  timeout = 500ms }}
domain example.org {{ store = boxes }}
domain imap.test {{ store = imap }}
domain doveadm.test {{ store = doveadm }}
domain redis.test {{ store = redis }}
domain cgi.test {{ store = cgi }}
domain peer.test {{ store = peer }}
domain ldap.test {{ directory = ldap  store = boxes }}
domain sql.test {{ directory = sql  store = boxes }}
"""


def imap(data):
    tag, _, command = data.partition(b" ")
    if command.startswith(b"CAPABILITY"):
        return b"* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\n" + tag + b" OK done\r\n"
    return tag + b" NO no\r\n"


def postgresql(data):
    """To an SSLRequest, no; to all else AuthenticationCleartextPassword."""
    return b"N" if data == b"\0\0\0\x08\x04\xd2\x16\x2f" else b"R\0\0\0\x08\0\0\0\x03"


# What servers say first, and what they answer to all that comes: enough to be told the secret, and no more.
SERVERS = {
    "imap": (b"* OK ready\r\n", imap),
    "doveadm": (b"", lambda _: b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"),
    "redis": (b"", lambda _: b"-ERR no\r\n"),
    "cgi": (b"", lambda _: b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"),
    "ldap": (b"", lambda _: b""),
    "sql": (b"", postgresql),
}


class Listening(Faulty):
    """Keeps what it was told."""

    def __init__(self, first, answer):
        super().__init__(self.listen)
        self.first, self.answer, self.heard = first, answer, b""

    def listen(self, connection):
        connection.sendall(self.first)
        while data := connection.recv(65536):
            self.heard += data
            connection.sendall(self.answer(data))


def forms(word):
    """As it is, and as it goes over a wire."""
    octets = word.encode()
    return {word, octets.hex(), base64.b64encode(octets).decode(), base64.b64encode(b"\0admin\0" + octets).decode()}


@pytest.fixture
def servers(started):
    made = {name: Listening(*says) for name, says in SERVERS.items()}
    started.extend(made.values())
    return made


@pytest.fixture
def secrets(folder):
    """What stands in the files, by name."""
    (folder / "secrets").mkdir()
    words = {name: f"secret-of-{name}-0123456789" for name in (*SERVERS, "token")}
    words["key"] = Key().line
    for name, word in words.items():
        secret(folder / "secrets" / name, word)
    return words


@pytest.fixture
def run(folder):
    made = folder / "run"
    made.mkdir()
    os.chown(made, USERS["quotagate"], USERS["quotagate"])
    return made


def metrics(port, token):
    web = http.client.HTTPSConnection("127.0.0.1", port, timeout=15, context=ssl._create_unverified_context())
    web.request("GET", "/metrics", headers={"Authorization": f"Bearer {token}"})
    answer = web.getresponse()
    assert answer.status == 200
    return answer.read().decode()


def shown(gate):
    """What /proc shows of the daemon and its family without a right."""
    for pid in (gate.pid(), *gate.family()):
        for name in "cmdline", "comm", "environ":
            with open(f"/proc/{pid}/{name}", "rb") as text:
                yield text.read().decode(errors="replace")


def test_secrets_are_seen_nowhere(quotagate, servers, secrets, folder, mail, run):
    mbox(mail / "joe", 1000)
    made = Certificates(folder)
    os.chown(made.key, USERS["quotagate"], USERS["quotagate"])
    ports = {"mta": free_port(), "web": free_port(), "farm": free_udp_port()}
    gate = quotagate(CONFIGURATION.format(
        run=run, mail=mail, secrets=folder / "secrets", certificate=made.certificate, private_key=made.key,
        **ports, **{name: server.port for name, server in servers.items()}))
    said = []
    with gate.policy() as mta:
        for domain in ("example.org", *(f"{name}.test" for name in SERVERS)):
            said.append(mta.ask(f"joe@{domain}", instance=domain))
            said.append(gate.check("--json", f"joe@{domain}").stdout)
    for name, server in servers.items():
        until(lambda: any(form.encode() in server.heard for form in forms(secrets[name])), f"{name} was told its secret")
    with Asker(ports["farm"], Key(secrets["key"])) as asker:
        assert asker.ask("joe@example.org")
    said.append(metrics(ports["web"], secrets["token"]))
    for command in (["status"], ["status", "--json"], ["config"], ["setup", "postfix"], ["setup", "exim"]):
        done = gate.command(*command)
        said += [done.stdout, done.stderr]
    gate.signal(1)
    gate.says("event=reloaded")
    said += [*shown(gate), gate.said()]
    words = [*secrets.values(), *made.key.read_text().splitlines()[1:-1]]
    for word in words:
        for form in forms(word):
            for text in said:
                assert form not in text


@pytest.mark.parametrize("section", [
    'store other {{ type = dovecot  uri = "http://me:{}@127.0.0.1:1" }}',
    'store other {{ type = imap  uri = "imap://me:{}@127.0.0.1:1"  login = "admin"  password_file = "/etc/passwd" }}',
    'store other {{ type = remote  url = "http://me:{}@127.0.0.1:1/" }}',
    'store other {{ type = sql  uri = "postgresql://me:{}@127.0.0.1/mail"  preset = dovecot }}',
    'store other {{ type = sql  uri = "mysql://me@127.0.0.1/mail?password={}"  preset = dovecot }}',
    'directory other {{ type = ldap  uri = "ldap://me:{}@127.0.0.1"  base = "dc=org" }}',
])
def test_a_password_in_a_uri_is_refused_and_not_repeated(quotagate, mail, run, section):
    password = "S3cr@t/wort"
    good = (f'control = "{run}/control.sock"\nlisten local {{ protocol = policy  address = "unix:{run}/policy.sock" }}\n'
            f'store boxes {{ type = mbox  path = "{mail}/%n"  user = vmail }}\n')
    gate = quotagate(good)
    gate.reload(good + section.format(password) + "\n")
    gate.says("event=reload-failed .*uri|event=reload-failed .*url")
    done = gate.command("config")
    assert done.returncode == 2 and ":4: " in done.stderr
    for said in (gate.said(), done.stdout, done.stderr):
        assert "S3cr" not in said and "wort" not in said


def test_no_socket_is_open_to_everybody(quotagate, mail, run):
    """By default; `mode` may say otherwise."""
    quotagate(f'control = "{run}/control.sock"\nlisten local {{ protocol = policy  address = "unix:{run}/policy.sock" }}\n'
              f'store boxes {{ type = mbox  path = "{mail}/%n"  user = vmail }}\n')
    for name, mode in (("control.sock", 0o600), ("policy.sock", 0o660)):
        found = os.stat(run / name)
        assert stat.S_IMODE(found.st_mode) == mode
        assert found.st_uid == USERS["quotagate"]
