"""The stores `cyrus` and `imap`: a real Cyrus and a real Dovecot, with quotas that deliveries fill."""
import json
import os
import shutil
import signal
import smtplib
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest

from certificates import Certificates
from cyrus import PASSWORDS, Cyrus
from databases import descendants, secret
from dovecot import Dovecot
from enclosure import USERS, connects, free_port, until
from postfix import Postfix
from smtp import message, send
from through import Through

GATE = """
listen mta {{ protocol = policy  address = "inet:127.0.0.1:{port}" }}
store box {{ type = {type}  {options} }}
domain example.org {{ store = box }}
{others}
cache {{ ttl_low = 1ms  ttl_mid = 1ms  ttl_high = 1ms  ttl_none = 1ms  stale = 1ms  settle = {settle} }}
rules {{ error = defer  unknown = reject  timeout = 10s  {rules} }}
"""


def folder_for_all():
    made = Path(tempfile.mkdtemp(prefix="qg"))
    made.chmod(0o755)
    return made


@pytest.fixture(scope="module")
def standing():
    """A Cyrus that stands for all tests of this file, and speaks TLS."""
    folder = folder_for_all()
    server = Cyrus(folder, certificates=Certificates(folder)).start()
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def secrets(folder):
    return {user: secret(folder / f"{user}.secret", password) for user, password in PASSWORDS.items()}


@pytest.fixture
def gate(quotagate):
    """gate(type, options): a daemon that remembers nothing, so that each question goes out."""
    return lambda type, options, others="", rules="", settle="1s", **more: quotagate(
        GATE.format(port=free_port(), type=type, options=options, others=others, rules=rules, settle=settle), **more)


@pytest.fixture
def asks(gate, secrets):
    """asks(cyrus): one that asks it as the administrator."""
    def make(cyrus, options='mailbox = "user/%n"', uri=None, type="cyrus", **more):
        return gate(type, f'uri = "{uri or imap(cyrus.imap)}"  login = cyrus  password_file = "{secrets["cyrus"]}"'
                          f"  {options}", **more)
    return make


def imap(port):
    return f"imap://127.0.0.1:{port}"


def looks(daemon, address, size=1):
    """What check says of one address: the verdict, and the last step's facts."""
    answer = json.loads(daemon.check("--json", "--size", str(size), address).stdout)[0]
    step = answer["steps"][-1]
    return answer["verdict"], step


# ---- what Cyrus says ----

def test_what_cyrus_says(standing, asks):
    for name, quota in (("some", {"storage": 1000, "message": 10}), ("noquota", {}), ("a.b", {"storage": 7}),
                        ("x y", {"storage": 8}), ("tom's", {"storage": 9}), ("&AOk-", {"storage": 6})):
        standing.make(f"user/{name}", **quota)
    standing.make("user/above", storage=20)
    standing.make("user/above/Sent")
    standing.make("user/unlimited", storage=20)
    standing.limit("user/unlimited")
    standing.append("user/some", 5000)
    standing.append("user/above/Sent", 3 * 1024)
    daemon = asks(standing)

    def of(name):
        verdict, step = looks(daemon, f"{name}@example.org")
        assert step.get("source") in ("server", None)
        return verdict, step["answer"], step.get("usage"), step.get("limit"), step["note"].split("user/")[-1]
    assert of("some") == ("pass", "found", 4 * 1024 + 1023, 1000 * 1024,
                          "some: STORAGE 4 KiB of 1000 KiB: MESSAGE 1 of 10")
    assert of("noquota") == ("pass", "found", 0, 0, "noquota: it counts towards no quota")
    assert of("unlimited") == ("pass", "found", 0, 0, "unlimited: nothing is limited")
    assert of("above")[2] == 3 * 1024 + 1023
    assert of("a.b")[3] == 7 * 1024
    assert of('"x y"')[3] == 8 * 1024
    assert of("tom's")[3] == 9 * 1024
    assert of('"tom\\"s"')[:2] == ("reject", "no such mailbox")
    assert of("é")[3] == 6 * 1024
    assert of("nobody") == ("reject", "no such mailbox", None, None, "nobody: NO Mailbox does not exist")
    assert of('"above/Sent"')[:2] == ("reject", "no such mailbox")
    assert looks(daemon, "some+detail@example.org")[0] == "pass"


# What lmtpd is asked to put into a mailbox of 10 KiB, one after the other.
LOADS = [
    (4000, 4000, 100, 1500, 300, 900, 100, 5000),
    (8700, 200, 100, 100, 100, 100, 100, 100),
    (200, 12000, 200),
    (12000, 200),
    (20, 9700, 20, 20, 20),
]


@pytest.mark.parametrize("rule", ["cyrus", "cyrus-strict"])
@pytest.mark.parametrize("number", range(len(LOADS)))
def test_the_verdict_is_that_of_the_delivery(standing, asks, rule, number):
    """Nothing is let in that Cyrus refuses. What it would have taken is refused only within the last 1023 octets and, with
    the strict rule, what its own headers may need."""
    strict = rule == "cyrus-strict"
    name = f"load{number}{strict}".lower()
    standing.make(f"user/{name}", storage=10)
    daemon = asks(standing, f'mailbox = "user/%n"  rule = {rule}', rules="added = 512")
    verdicts = set()
    for octets in LOADS[number]:
        holds, _ = standing.holds(f"user/{name}")
        verdict, step = looks(daemon, f"{name}@example.org", octets)
        code, text = standing.deliver(f"{name}@example.org", octets, strict, declared=octets)
        verdicts.add(verdict)
        if verdict == "pass":
            assert code == 250, (holds, octets, text)
        elif code == 250:
            short = holds + octets + 512 + 1023 - 10 * 1024 if strict else holds + 1023 - 10 * 1024
            assert short > 0, (holds, octets, step)
    assert len(verdicts) > 1, "the load shows nothing"


@pytest.mark.parametrize("rule", ["cyrus", "cyrus-strict"])
@pytest.mark.parametrize("limit", [0, 1, 3])
def test_messages_are_counted_as_lmtpd_does(standing, asks, rule, limit):
    strict = rule == "cyrus-strict"
    name = f"count{limit}{strict}".lower()
    standing.make(f"user/{name}", message=limit)
    daemon = asks(standing, f'mailbox = "user/%n"  rule = {rule}')
    for _ in range(limit + 3):
        verdict, _ = looks(daemon, f"{name}@example.org", 500)
        code, _ = standing.deliver(f"{name}@example.org", 500, strict, declared=500)
        assert (verdict == "pass") == (code == 250)


def test_a_limit_of_nothing(standing, asks):
    """Cyrus takes one message into an empty mailbox without room; whether it is empty cannot be known."""
    standing.make("user/zero", storage=0)
    daemon = asks(standing)
    assert looks(daemon, "zero@example.org", 500)[0] == "defer"
    standing.deliver("zero@example.org", 500)
    assert standing.deliver("zero@example.org", 500)[0] == 452
    assert looks(daemon, "zero@example.org", 500)[0] == "defer"


def test_a_burst_into_the_last_octets(standing, asks):
    """Asked all at once before anything is delivered: what the ledger lets in, Cyrus takes."""
    standing.make("user/burst", storage=100)
    standing.append("user/burst", 60 * 1024)
    daemon = asks(standing, rules="added = 512")
    with daemon.policy() as mta:
        answers = [mta.ask("burst@example.org", size=9000, instance=f"m{n}") for n in range(10)]
    let_in = answers.count("DUNNO")
    assert 3 <= let_in <= 5 and all(answer == "DUNNO" or answer.startswith("452 4.2.2") for answer in answers)
    assert [standing.deliver("burst@example.org", 9000)[0] for _ in range(let_in)] == [250] * let_in


@pytest.mark.parametrize("rule", ["cyrus", "cyrus-strict"])
def test_nothing_bounces(cyrus, asks, folder, started, rule):
    """Postfix, three clients that send until there is no room, and Cyrus. That a limit of messages makes it count them lets
    the ledger know of each whether it has come."""
    server = cyrus()
    for name in ("full", "ok"):
        server.make(f"user/{name}", storage=200, message=100_000)
    daemon = asks(server, f'mailbox = "user/%n"  rule = {rule}', rules="added = 1k", settle="10s")
    mta = Postfix(folder, lmtp=server.lmtp_strict if rule == "cyrus-strict" else server.lmtp, restrictions=(
        f"check_policy_service {{ {daemon.addresses()[0]}, timeout=15s, default_action=DUNNO }}"))
    started.append(mta)
    mta.start()
    replies = []

    def client(octets):
        for _ in range(15):
            replies.append(send(mta.port, "full@example.org", "ok@example.org", octets=octets)["full@example.org"])
    clients = [threading.Thread(target=client, args=(octets,)) for octets in (3_000, 9_000, 14_000)]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    refused = [reply for reply in replies if reply.code != 250]
    assert len(replies) == 45 and refused and all(str(reply).startswith("452 4.2.2 ") for reply in refused), replies
    mta.settle()
    assert mta.bounces() == []
    assert server.holds("user/full")[1] == len(replies) - len(refused)
    server.empty("user/full")
    until(lambda: send(mta.port, "full@example.org", octets=9000)["full@example.org"].code == 250, "room is seen", 25)


# ---- who asks, and how ----

def test_only_an_administrator_is_believed(standing, gate, secrets):
    """To others Cyrus says that no mailbox exists, and `unknown = reject` would turn all mail away."""
    standing.make("user/there", storage=10)
    daemon = gate("cyrus", f'uri = "{imap(standing.imap)}"  login = proxy  password_file = "{secrets["proxy"]}"'
                           '  mailbox = "user/%n"')
    with daemon.policy() as mta:
        assert mta.ask("there@example.org").startswith("451 4.3.0 ")
    assert "proxy is no administrator of it: NO Permission denied" in looks(daemon, "there@example.org")[1]["note"]
    daemon.says("no administrator")


@pytest.mark.parametrize("type", ["cyrus", "imap"])
def test_on_behalf_of_each_user(standing, gate, secrets, started, type):
    name = f"itself-{type}"
    standing.make(f"user/{name}", storage=10)
    standing.append(f"user/{name}", 4000)
    way = Through(standing.imap)
    started.append(way)
    daemon = gate(type, f'uri = "{imap(way.port)}"  login = proxy  password_file = "{secrets["proxy"]}"  authorize = "%n"')
    verdict, step = looks(daemon, f"{name}@example.org")
    assert (verdict, step["usage"], step["limit"]) == ("pass", 3 * 1024 + 1023, 10 * 1024)
    assert looks(daemon, "ghost@example.org")[1]["answer"] == "no such mailbox"
    before = way.asked
    with daemon.policy() as mta:
        for _ in range(5):
            assert mta.ask(f"{name}@example.org", size=1) == "DUNNO"
    assert way.asked == before + 5  # a connection is of no use for the next user


def test_a_wrong_password_and_then_the_right_one(standing, asks, secrets):
    standing.make("user/pass", storage=10)
    right = secrets["cyrus"].read_text()
    secrets["cyrus"].write_text("wrong\n")
    daemon = asks(standing, 'mailbox = "user/%n"  timeout = 8s')  # Cyrus lets one wait for three seconds
    with daemon.policy() as mta:
        assert mta.ask("pass@example.org").startswith("451 4.3.0 ")
        daemon.says("NO [^\"]*authentication failure")
        secrets["cyrus"].write_text(right)
        until(lambda: mta.ask("pass@example.org") == "DUNNO", "the new password is used")


@pytest.mark.parametrize("scheme,options,want", [
    ("imaps", 'ca_file = "CA"', "pass"),
    ("imap", 'ca_file = "CA"  starttls = yes', "pass"),
    ("imaps", "", "certificate"),
    ("imap", "starttls = yes", "certificate"),
    ("imaps", "tls_verify = never", "pass"),
])
def test_tls(standing, asks, scheme, options, want):
    if "user/tls" not in str(mailboxes(standing)):
        standing.make("user/tls", storage=10)
    port = standing.imaps if scheme == "imaps" else standing.imap
    daemon = asks(standing, f'mailbox = "user/%n"  {options}'.replace("CA", str(standing.certificates.authority)),
                  uri=f"{scheme}://127.0.0.1:{port}")
    verdict, step = looks(daemon, "tls@example.org")
    assert verdict == ("pass" if want == "pass" else "defer") and (want == "pass" or want in step["note"])
    with daemon.policy() as mta:
        for _ in range(6 if want == "pass" else 0):
            time.sleep(0.01)  # what is known is too old now
            assert mta.ask("tls@example.org") == "DUNNO"


def mailboxes(cyrus):
    with cyrus.admin() as connection:
        return connection.list('""', "*")[1]


@pytest.mark.parametrize("names,days,want", [("IP:127.0.0.1", -1, "expired"), ("DNS:elsewhere.example", 2, "match")])
def test_a_bad_certificate(cyrus, folder, asks, names, days, want):
    made = Certificates(folder, names)
    made.renew(names, days)
    server = cyrus(certificates=made)
    daemon = asks(server, f'mailbox = "user/%n"  starttls = yes  ca_file = "{made.authority}"')
    with daemon.policy() as mta:
        assert mta.ask("joe@example.org").startswith("451 4.3.0 ")
    daemon.says(want)


def test_no_starttls_no_password(cyrus, asks):
    daemon = asks(cyrus(), 'mailbox = "user/%n"  starttls = yes')
    assert looks(daemon, "joe@example.org")[0] == "defer"
    assert "STARTTLS" in looks(daemon, "joe@example.org")[1]["note"]


# ---- names ----

def test_names_with_dots_between_their_parts(cyrus, asks):
    server = cyrus(hierarchy="no")
    server.make("user.joe", storage=10)
    server.make("user.joe^doe", storage=20)
    daemon = asks(server, 'mailbox = "user.%n"')
    assert looks(daemon, "joe@example.org")[1]["limit"] == 10 * 1024
    assert looks(daemon, "joe.doe@example.org")[1]["limit"] == 20 * 1024
    assert server.deliver("joe.doe@example.org", 200)[0] == 250
    assert looks(daemon, "joe.smith@example.org")[0] == "reject"


def test_names_with_domains(cyrus, asks):
    server = cyrus(virtdomains="userid")
    server.make("user/joe@example.net", storage=10)
    server.make("user/joe.doe@example.net", storage=15)
    server.make("user/joe", storage=20)
    daemon = asks(server, 'mailbox = "user/%u"')
    for address, want in (("joe@example.net", 10), ("joe.doe@example.net", 15), ("joe@example.org", 20)):
        assert looks(daemon, address)[1]["limit"] == want * 1024
        assert server.deliver(address, 200)[0] == 250
    assert looks(daemon, "joe@example.com")[1]["answer"] == "no such mailbox"  # its type is told the domain


# ---- connections ----

def test_connections_are_kept(cyrus, asks, started):
    server = cyrus()
    server.make("user/joe", storage=100)
    way = Through(server.imap)
    started.append(way)
    daemon = asks(server, uri=imap(way.port))
    with daemon.policy() as mta:
        for n in range(30):
            assert mta.ask("joe@example.org", instance=str(n)) == "DUNNO"
            assert mta.ask(f"nobody{n}@example.org", instance=str(n)).startswith("550 5.1.1")
    assert way.asked <= 2  # one a helper
    server.restart()
    with daemon.policy() as mta:
        for n in range(6):
            assert mta.ask("joe@example.org", instance=f"r{n}") == "DUNNO"
            assert mta.ask(f"somebody{n}@example.org", instance=f"r{n}").startswith("550 5.1.1")
    assert way.asked <= 4
    assert "event=lookup-failed" not in daemon.said() and "store-failed" not in daemon.said()


def freeze(server, number):
    for pid in descendants(server.process.pid):
        os.kill(pid, number)


def test_one_that_hangs_stops_nobody_else(cyrus, asks, mail):
    server = cyrus()
    server.make("user/joe", storage=100)
    daemon = asks(server, 'mailbox = "user/%n"  timeout = 3s', others=(
        f'store boxes {{ type = maildir  path = "{mail}/%d/%n/Maildir"  user = vmail  rule = dovecot-2.3 }}\n'
        "domain example.net { store = boxes }"))
    box = mail / "example.net" / "joe" / "Maildir"
    for part in ("cur", "new", "tmp"):
        (box / part).mkdir(parents=True)
    subprocess.run(["chown", "-R", f"{USERS['vmail']}:{USERS['vmail']}", mail / "example.net"], check=True)
    with daemon.policy() as mta, daemon.policy() as other:
        assert mta.ask("joe@example.org") == "DUNNO"
        freeze(server, signal.SIGSTOP)
        mta.send(b"request=smtpd_access_policy\nprotocol_state=RCPT\nrecipient=joe@example.org\n\n")
        assert other.ask("joe@example.net") == "DUNNO"
        assert mta.waits()
        assert mta.answer().startswith("451 4.3.0 ")
        freeze(server, signal.SIGCONT)
        until(lambda: mta.ask("joe@example.org") == "DUNNO", "it answers again")


def test_a_canary(cyrus, asks):
    """Somebody removed all mailboxes, or named the template wrongly: nobody is refused for that."""
    server = cyrus()
    server.make("user/canary", storage=10)
    daemon = asks(server, 'mailbox = "user/%n"  canary = "canary@example.org"')
    with daemon.policy() as mta:
        assert mta.ask("nobody@example.org").startswith("550 5.1.1")
        with server.admin() as connection:
            connection.delete("user/canary")
        until(lambda: mta.ask("nobody@example.org").startswith("451 4.3.0"), "the canary is missed")


@pytest.mark.parametrize("type,options,want", [
    ("cyrus", "", "mailbox"),
    ("cyrus", 'mailbox = "user/cyrus"', "must say who"),
    ("imap", "", "must say who"),
    ("imap", 'mailbox = "%h"', "%h"),
    ("imap", 'authorize = "%u"  starttls = yes', "starttls"),
    ("imap", 'authorize = "%u"  timeout = 1h', "timeout"),
])
def test_what_the_configuration_must_say(idle_quotagate, type, options, want):
    daemon = idle_quotagate(GATE.format(port=free_port(), type=type, others="", rules="", settle="1s", options=(
        f'uri = "imaps://127.0.0.1:1"  login = x  password_file = "/k"  {options}')))
    done = daemon.command("config")
    assert done.returncode == 2 and want in done.stderr


@pytest.mark.parametrize("uri", ["http://h", "imap://", "imap://u@h", "imap://h:0", "imap://h:x", "imap://h/INBOX",
                                 "imap://h?x", "imap://%{host}", "imap://[::1", "imap://h:99999"])
def test_a_uri_that_is_none(idle_quotagate, uri):
    daemon = idle_quotagate(GATE.format(port=free_port(), type="cyrus", others="", rules="", settle="1s", options=(
        f'uri = "{uri}"  login = x  password_file = "/k"  mailbox = "user/%n"')))
    done = daemon.command("config")
    assert done.returncode == 2 and "expected imap://HOST:PORT" in done.stderr


# ---- Dovecot ----

WITH_IMAP = """
protocols = lmtp imap
disable_plaintext_auth = no
auth_master_user_separator = *
service imap-login {{
  inet_listener imap {{
    address = 127.0.0.1
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
protocol imap {{
  mail_plugins = quota imap_quota
}}
passdb {{
  driver = passwd-file
  master = yes
  args = {{folder}}/masters
}}
"""
QUOTA = 200 * 1024


class WithImap(Dovecot):
    def __init__(self, folder, mail, more="", **others):
        self.imap = free_port()
        super().__init__(folder, mail, more=WITH_IMAP.format(port=self.imap) + more, **others)
        (self.folder / "masters").write_text("master:{PLAIN}let me in::::::\n")

    def start(self):
        super().start()
        until(lambda: connects(self.imap), "imap-login listens")
        return self

    def deliver(self, address, body):
        """True when it was taken, False when there was no room."""
        with smtplib.LMTP("127.0.0.1", self.lmtp) as client:
            try:
                client.sendmail("sender@example.net", [address], body)
                return True
            except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError) as refused:
                assert "uota" in str(refused), refused
                return False


@pytest.fixture
def dovecot_imap(folder, mail, started):
    def start(**more):
        one = WithImap(folder, mail, **more)
        started.append(one)
        return one.start()
    return start


@pytest.fixture
def asks_dovecot(gate, folder):
    def make(server, who='login = "%u*master"', rule="dovecot-2.3"):
        password = secret(folder / "master.secret", "let me in")
        return gate("imap", f'uri = "{imap(server.imap)}"  {who}  password_file = "{password}"  rule = {rule}')
    return make


def held(mail, name):
    """Octets in the mailbox, as Dovecot has written them."""
    lines = (mail / "example.org" / name / "Maildir" / "maildirsize").read_text().splitlines()[1:]
    return sum(int(line.split()[0]) for line in lines)


@pytest.mark.parametrize("who", ['login = "%u*master"', 'login = master  authorize = "%u"'])
def test_what_dovecot_says(dovecot_imap, asks_dovecot, mail, who):
    server = dovecot_imap(users=["joe@example.org", "rich@example.org"],
                          fields={"rich@example.org": "userdb_quota_rule=*:storage=0"})
    assert server.deliver("joe@example.org", message(100_000)) and server.deliver("rich@example.org", message(100_000))
    daemon = asks_dovecot(server, who)
    verdict, step = looks(daemon, "joe@example.org")
    assert (verdict, step["limit"]) == ("pass", QUOTA - 1023) and 0 <= step["usage"] - held(mail, "joe") < 1024
    assert looks(daemon, "joe@example.org", 300_000)[0] == "reject"
    verdict, step = looks(daemon, "rich@example.org", 300_000)
    assert verdict == "pass" and step["limit"] == 0
    # Dovecot does not say why it lets somebody not in, so it is not for us to say that there is no such user.
    assert looks(daemon, "nobody@example.org")[0] == "defer"


def test_figures_of_dovecot_mean_no_more_than_they_may(dovecot_imap, asks_dovecot, mail):
    """Dovecot rounds usage and limit up, whatever they are."""
    limits = {f"u{octets}": octets for octets in (50_000, 50 * 1024 - 1, 50 * 1024, 50 * 1024 + 1)}
    server = dovecot_imap(users=[f"{name}@example.org" for name in limits], fields={
        f"{name}@example.org": f"userdb_quota_rule=*:bytes={octets}" for name, octets in limits.items()})
    daemon = asks_dovecot(server)
    for number, (name, octets) in enumerate(limits.items()):
        assert server.deliver(f"{name}@example.org", message(2000 + 300 * number))
        _, step = looks(daemon, f"{name}@example.org")
        assert 0 <= octets - step["limit"] < 1024 and 0 <= step["usage"] - held(mail, name) < 1024, (name, step)


def test_roots_of_dovecot_without_a_limit(dovecot_imap, asks_dovecot):
    """It has no line QUOTA for them. Nobody but a Dovecot is believed without."""
    server = dovecot_imap(users=["joe@example.org", "rich@example.org"], fields={
        "joe@example.org": "userdb_quota_rule=*:storage=0 userdb_quota2=maildir:Second userdb_quota2_rule=*:storage=5",
        "rich@example.org": "userdb_quota_rule=*:storage=0 userdb_quota2=maildir:Second"})
    daemon = asks_dovecot(server)
    assert looks(daemon, "joe@example.org")[1]["limit"] == 4 * 1024 + 1
    assert looks(daemon, "rich@example.org", 300_000)[0] == "pass"
    daemon.reload(daemon.configuration.read_text().replace("rule = dovecot-2.3", "rule = fits"))
    verdict, step = looks(daemon, "joe@example.org")
    assert verdict == "defer" and "but no line QUOTA for a quota root that it names" in step["note"]


@pytest.mark.parametrize("size", [90_000, 97_000, 99_000, 103_000, 110_000, 118_000, 119_000, 125_000, 210_000])
def test_the_verdict_is_dovecots(dovecot_imap, asks_dovecot, size):
    """A box that is half full, and messages of all sizes around what is left, Dovecot's grace of a tenth included."""
    server = dovecot_imap(users=["joe@example.org"])
    assert server.deliver("joe@example.org", message(102_000))
    body = message(size)
    verdict, _ = looks(asks_dovecot(server), "joe@example.org", len(body) + 200)  # and what Dovecot puts on top
    assert (verdict == "pass") == server.deliver("joe@example.org", body)


def test_a_full_box_of_dovecot(dovecot_imap, asks_dovecot):
    server = dovecot_imap(users=["joe@example.org"])
    daemon = asks_dovecot(server)
    taken = 0
    for _ in range(60):
        body = message(5000)
        verdict, step = looks(daemon, "joe@example.org", len(body) + 200)
        if verdict != "pass":
            break
        assert server.deliver("joe@example.org", body), step
        taken += len(body)
    assert verdict == "defer" and taken > QUOTA - 10_000


def test_the_root_with_the_least_room_counts(dovecot_imap, asks_dovecot):
    server = dovecot_imap(users=["joe@example.org"], more=(
        "plugin {\n  quota2 = maildir:Small one:ns=\n  quota2_rule = *:storage=50k\n  quota2_rule2 = *:messages=3\n}\n"))
    server.deliver("joe@example.org", message(10_000))
    _, step = looks(asks_dovecot(server, rule="fits"), "joe@example.org")
    assert step["limit"] == 50 * 1024 and step["note"].endswith("MESSAGE 1 of 3")
