"""Directories in a real slapd: the same questions to three trees, and what happens when the server is slow, stuck, empty,
changes its password or certificate, or another one takes over."""
import json
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from certificates import Certificates
from enclosure import free_port, owned, until
from slapd import PASSWORD, READER, SUFFIX, Slapd, crowd, frame, person

INETLOCAL = ["inetLocalMailRecipient", "quotaUser"]
LIMITS = "limit_attribute = mailQuotaSize  message_limit_attribute = mailQuotaCount"
DOMAINS = ('domain_filter = "(&(objectClass=sendmailMTAClass)(sendmailMTAClassName=w)(sendmailMTAClassValue=%d))"'
           f'  domain_base = "{SUFFIX}"')

CONFIGURATION = """
listen mta {{ protocol = policy  address = "inet:127.0.0.1:{port}" }}
directory staff {{ type = ldap  uri = {{ {uris} }}  base = "{base}"
    ttl = 1ms  ttl_none = 1ms  {options} }}
store boxes {{ type = maildir  path = "{mail}/%d/%n/Maildir"  rule = fits  user = vmail }}
domain example.org {{ directory = staff  store = boxes  check_sender = true }}
domain example.net {{ directory = staff  store = boxes }}
domain other.test {{ directory = staff  store = boxes }}
cache {{ ttl_none = 1ms  stale = 1ms }}
rules {{ unknown = reject  error = defer  timeout = 10m }}
"""


def one(name, address, **attributes):
    return person(name, "inetlocal", INETLOCAL, mailLocalAddress=address, **attributes)


def ired(name, *classes, services=("mail", "deliver", "shadowaddress"), **attributes):
    return person(name, "iredmail", classes, mail=f"{name}@example.org", accountStatus="active",
                  enabledService=list(services), **attributes)


ENTRIES = [
    one("joe", ["joe@example.org", "Joe.Doe@example.org"], mailHost="be9.example.org", mailQuotaSize="300k",
        mailQuotaCount="50"),
    one("free", "free@example.org", mailQuotaSize="unlimited"),
    one("list", "courier@example.org", mailQuotaSize="1000S,20C"),
    one("away", "away@example.org", mailRoutingAddress="joe@elsewhere.test"),
    one("moved", "moved@example.org", mailRoutingAddress="joe@example.org"),
    one("hosted", "hosted@example.org", mailRoutingAddress="box7@example.org", mailHost="be7.example.org"),
    one("self", "self@example.org", mailRoutingAddress="Self@example.org"),
    one("catch", "@example.net", mailRoutingAddress="joe@example.org"),
    one("bad-limit", "abc@example.org", mailQuotaSize="abc"),
    one("bad-host", "bad-host@example.org", mailHost="be 1/../"),
    one("two-limits", "two-limits@example.org", mailQuotaSize=["1", "2"]),
    one("hosts", "hosts@example.org", severalHosts=["a.test", "b.test"]),
    one("home", "home@example.org", homeDirectory="joe"),
    one("twin1", "twin@example.org"),
    one("twin2", "twin@example.org"),
    *[one(f"triple{n}", "triple@example.org") for n in range(3)],
    one("star", r"odd*()\name@example.org"),
    person("keep", "qmail", ["qmailUser"], mail="keep@example.org", mailForwardingAddress="away@elsewhere.test",
           mailMessageStore="/var/qmail/keep", mailQuotaSize="1000", mailQuotaCount="7", mailHost="q1.test"),
    person("only", "qmail", ["qmailUser"], mail="only@example.org", mailForwardingAddress="away@elsewhere.test",
           deliveryMode="nolocal"),
    person("stay", "qmail", ["qmailUser"], mail="stay@example.org", mailForwardingAddress="away@elsewhere.test",
           deliveryMode=["noforward", "reply"]),
    person("program", "qmail", ["qmailUser"], mail="program@example.org", deliveryMode="nolocal"),
    person("gone", "qmail", ["qmailUser"], mail="gone@example.org", accountStatus="deleted"),
    person("many", "qmail", ["qmailUser"], mail="many@example.org",
           mailForwardingAddress=[f"member{n}@elsewhere.test" for n in range(3000)]),
    ired("plain", "mailUser", homeDirectory="/var/vmail/plain", mailQuota="1048576", shadowAddress="other@example.org"),
    ired("copy", "mailUser", mailForwardingAddress=["copy@example.org", "x@elsewhere.test"], homeDirectory="/h/copy"),
    ired("pass", "mailUser", mailForwardingAddress="x@elsewhere.test"),
    ired("alias", "mailAlias", mailForwardingAddress=["plain@example.org", "x@elsewhere.test"]),
    ired("talk", "mailList"),
    ired("off", "mailUser", services=["deliver"]),
]


@pytest.fixture(scope="module")
def shared():
    """The server that most tests ask; it does not change."""
    folder = Path(tempfile.mkdtemp(prefix="qg"))
    folder.chmod(0o755)
    server = Slapd(folder, ENTRIES).start()
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def own(folder, started):
    """own(...): a server of the test's own."""
    def start(*entries, **more):
        server = Slapd(folder, entries, people=10, **more)
        started.append(server)
        return server.start()
    return start


def configuration(folder, *servers, options="", tree="", uris=None):
    mail = owned(folder / "mail", "vmail")
    for n in range(1, 10):
        (mail / "example.org" / f"u{n}" / "Maildir" / "cur").mkdir(parents=True, exist_ok=True)
    return CONFIGURATION.format(port=free_port(), mail=mail, options=options,
                                uris=", ".join(f'"{uri}"' for uri in uris or [server.uri for server in servers]),
                                base=f"ou={tree},{SUFFIX}" if tree else SUFFIX)


@pytest.fixture
def checks(folder, idle_quotagate):
    """checks(servers, addresses, ...): what `quotagate check` says of each address."""
    def check(servers, *addresses, **more):
        daemon = idle_quotagate(configuration(folder, *servers, **more))
        said = daemon.check("--json", *addresses)
        assert said.stdout, said.stderr
        return json.loads(said.stdout)
    return check


def step(answer):
    return answer["steps"][0]


def listed(answer):
    """What the directory said at first: its targets, or its answer."""
    return step(answer).get("targets") or step(answer)["answer"]


def ask(daemon, recipient, sender="s@elsewhere.test"):
    with daemon.policy() as policy:
        return policy.ask(recipient=recipient, sender=sender)


INETLOCAL_CASES = {
    "joe@example.org": "mailbox limit=307200 messages=50 host=be9.example.org",
    "joe.doe@example.org": "mailbox limit=307200 messages=50 host=be9.example.org",
    "free@example.org": "mailbox limit=none",
    "courier@example.org": "mailbox limit=1000 messages=20",
    "away@example.org": "joe@elsewhere.test",
    "moved@example.org": "joe@example.org",
    "hosted@example.org": "mailbox box7@example.org host=be7.example.org",
    "self@example.org": "mailbox",
    "u5@example.org": "mailbox limit=204800 host=be1.example.org",
    "user.998@example.org": "mailbox limit=204800 host=be2.example.org",
    "abc@example.org": "mailbox",
    "two-limits@example.org": "mailbox",
    "twin@example.org": "did not answer",
    "triple@example.org": "did not answer",
    "bad-host@example.org": "did not answer",
    "nobody@example.org": "no such address",
    "joe@other.test": "domain not known",
    r"odd*()\name@example.org": "mailbox",
    "*@example.org": "no such address",
    "u*@example.org": "no such address",
    "*)(uid=*@example.org": "no such address",
    r"\2a@example.org": "no such address",
    "jö@example.org": "no such address",
}
QMAIL_CASES = {
    "q7@example.org": "mailbox limit=204800 home=/var/qmail/7",
    "qmail.7@example.org": "mailbox q7@example.org limit=204800 home=/var/qmail/7",
    "keep@example.org": "mailbox limit=1000 messages=7 host=q1.test home=/var/qmail/keep, away@elsewhere.test",
    "only@example.org": "away@elsewhere.test",
    "stay@example.org": "mailbox",
    "program@example.org": "elsewhere",
    "gone@example.org": "no such address",
    "many@example.org": "did not answer",
}
IREDMAIL_CASES = {
    "i7@example.org": "mailbox limit=204800 home=/var/vmail/7",
    "ired.7@example.org": "mailbox i7@example.org limit=204800 home=/var/vmail/7",
    "plain@example.org": "mailbox limit=1048576 home=/var/vmail/plain",
    "other@example.org": "mailbox plain@example.org limit=1048576 home=/var/vmail/plain",
    "copy@example.org": "mailbox home=/h/copy, x@elsewhere.test",
    "pass@example.org": "x@elsewhere.test",
    "alias@example.org": "plain@example.org, x@elsewhere.test",
    "talk@example.org": "elsewhere",
    "off@example.org": "no such address",
    "joe@other.test": "domain not known",
}


@pytest.mark.parametrize("schema, cases", [
    ("inetlocal", INETLOCAL_CASES), ("qmail", QMAIL_CASES), ("iredmail", IREDMAIL_CASES)])
def test_tree(shared, checks, schema, cases):
    more = {"inetlocal": f"{DOMAINS}  {LIMITS}", "qmail": DOMAINS, "iredmail": ""}
    options = f"schema = {schema}  {more[schema]}"
    answers = checks([shared], *cases, options=options, tree=schema)
    assert {answer["address"]: listed(answer) for answer in answers} == cases


def test_notes(shared, checks):
    """What could not be used is named, with its entry."""
    options = f"schema = inetlocal  {LIMITS}"
    notes = {answer["address"]: step(answer)["note"] for answer in checks(
        [shared], "abc@example.org", "two-limits@example.org", "twin@example.org", "bad-host@example.org", options=options)}
    assert notes["abc@example.org"] == f'odd: uid=bad-limit,ou=inetlocal,{SUFFIX}, mailQuotaSize: "abc" is no limit'
    assert notes["two-limits@example.org"].endswith("mailQuotaSize: 2 values where one is expected")
    assert f"uid=twin1,ou=inetlocal,{SUFFIX}" in notes["twin@example.org"]
    assert f"uid=twin2,ou=inetlocal,{SUFFIX}" in notes["twin@example.org"]
    assert notes["bad-host@example.org"].endswith('mailHost: "be 1/../" is no host')


def test_what_is_odd_is_logged(shared, folder, quotagate):
    """Whoever reads the log knows which entry to mend; once a minute is enough."""
    daemon = quotagate(configuration(folder, shared, options=f"schema = inetlocal  {LIMITS}"))
    for address in ("abc@example.org", "u5@example.org", "two-limits@example.org"):
        ask(daemon, address)
    line = daemon.says(r"event=directory-odd directory=staff note=.*").group()
    assert f"uid=bad-limit,ou=inetlocal,{SUFFIX}, mailQuotaSize: " in line and "is no limit" in line
    assert daemon.said().count("event=directory-odd") == 1


@pytest.mark.parametrize("address, options", [
    ("home@example.org", "home_attribute = homeDirectory"),
    ("hosts@example.org", "host_attribute = severalHosts"),
    ("hosts@example.org", "mailbox_attribute = severalHosts"),
])
def test_wrong_types(shared, checks, address, options):
    answer, = checks([shared], address, options=f"schema = inetlocal  {options}")
    assert listed(answer) == "did not answer" and answer["verdict"] == "defer"
    assert options.split()[-1] in step(answer)["note"]


def test_catch_all(shared, folder, checks):
    answer, = checks([shared], "whoever@example.net", options=f"schema = inetlocal  {LIMITS}")
    assert [s.get("targets") or s.get("answer") for s in answer["steps"][:3]] == [
        "no such address", "joe@example.org", "mailbox limit=307200 messages=50 host=be9.example.org"]
    shutil.rmtree(folder / "quotagate")
    answer, = checks([shared], "whoever@example.net", options='filter = "(&(uid=%n)(objectClass=person))"')
    assert [s["note"] for s in answer["steps"]] == ["no entry", "the filter finds no catch-alls"]


def test_whole_domain(shared, quotagate, folder):
    """Refused recipients and forged senders, as the MTA sees them."""
    daemon = quotagate(configuration(folder, shared, options=f"schema = inetlocal  {DOMAINS}"))
    assert ask(daemon, "u3@example.org") == "DUNNO"
    assert ask(daemon, "nobody@example.org").startswith("550 5.1.1")
    assert ask(daemon, "joe@other.test") == "DUNNO"
    assert ask(daemon, "u3@example.org", sender="nobody@example.org").startswith("550 5.7.1")
    assert ask(daemon, "u3@example.org", sender="u4@example.org") == "DUNNO"


def test_password(own, folder, quotagate):
    """A password that is wrong or in the open is no answer, a new one needs no restart."""
    server = own(anonymous=False)
    secret = folder / "secret"
    secret.write_text(PASSWORD + "\n")
    secret.chmod(0o600)
    daemon = quotagate(configuration(
        folder, server, options=f'schema = inetlocal  bind_dn = "{READER}"  password_file = "{secret}"  user = root'))
    assert ask(daemon, "nobody@example.org").startswith("550")
    server.modify(READER, "userPassword", "new")
    server.stop()
    server.start()
    assert ask(daemon, "nobody@example.org").startswith("451")
    daemon.says("Invalid credentials")
    secret.write_text("new")
    assert ask(daemon, "nobody@example.org").startswith("550")
    secret.chmod(0o644)
    server.stop()
    server.start()
    assert ask(daemon, "nobody@example.org").startswith("451")
    daemon.says("others can neither read nor write")


def test_stopped_and_stuck(own, folder, quotagate):
    server = own()
    daemon = quotagate(configuration(folder, server, options="schema = inetlocal  timeout = 2s"))
    assert ask(daemon, "nobody@example.org").startswith("550")
    server.stop()
    assert ask(daemon, "nobody@example.org").startswith("451")
    daemon.says("Can't contact LDAP server")
    server.start()
    assert ask(daemon, "nobody@example.org").startswith("550")
    server.signal(signal.SIGSTOP)
    assert ask(daemon, "nobody@example.org").startswith("451")
    daemon.says("imed out")
    server.signal(signal.SIGCONT)
    until(lambda: ask(daemon, "nobody@example.org").startswith("550"), "it answers again")


def connections(server):
    """How many there are to it, those included that it has not seen yet."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(int(row[1].rpartition(":")[2], 16) == server.port and row[3] in ("01", "08") for row in rows)


def test_next_server(shared, own, folder, quotagate):
    """A stuck server costs its share of one question's time, and is then tried last."""
    server = own()
    daemon = quotagate(configuration(folder, server, shared, options="schema = inetlocal  timeout = 2s  helpers = 1"))
    assert ask(daemon, "u1@example.org") == "DUNNO"
    server.signal(signal.SIGSTOP)
    ask(daemon, "u1@example.org")
    before = connections(server)
    for n in range(1, 10):
        assert ask(daemon, f"u{n}@example.org") == "DUNNO"
    assert connections(server) == before


def test_emptied(own, folder, quotagate):
    """A tree that knows nobody any more: the canary says so, and nobody is refused."""
    canary = one("canary", "canary@example.org")
    server = own(canary)
    daemon = quotagate(configuration(folder, server, options='schema = inetlocal  canary = "canary@example.org"'))
    assert ask(daemon, "nobody@example.org").startswith("550")
    server.stop()
    server.load(frame())
    server.start()
    assert ask(daemon, "nobody@example.org").startswith("451")
    server.stop()
    server.load([])
    server.start()
    assert ask(daemon, "nobody@example.org").startswith("451")
    daemon.says("No such object")
    server.stop()
    server.load([*frame(), *crowd(3), canary])
    server.start()
    assert ask(daemon, "nobody@example.org").startswith("550")


@pytest.mark.parametrize("starttls", [True, False])
def test_tls(own, folder, checks, starttls):
    certificates = Certificates(folder)
    server = own(certificates=certificates)
    uris = [server.uri if starttls else server.tls_uri]
    tls = f"schema = inetlocal  starttls = {'yes' if starttls else 'no'}  timeout = 2s"
    known = f'{tls}  tls_ca_file = "{certificates.authority}"'

    def first(options):
        shutil.rmtree(folder / "quotagate", ignore_errors=True)
        answer, = checks([server], "u1@example.org", options=options, uris=uris)
        return listed(answer), step(answer)["note"]

    def renew(**more):
        server.stop()
        certificates.renew(**more)
        server.start()
    assert first(known)[0].startswith("mailbox")
    refused, note = first(tls)
    assert refused == "did not answer" and "is its certificate valid" in note
    assert first(f"{tls}  tls_verify = never")[0].startswith("mailbox")
    renew(days=-1)
    assert first(known)[0] == "did not answer"
    renew(names="DNS:elsewhere.test")
    assert first(known)[0] == "did not answer"
    renew()
    assert first(known)[0].startswith("mailbox")
    server.signal(signal.SIGSTOP)
    refused, note = first(known)
    assert refused == "did not answer" and "://127.0.0.1:" in note


@pytest.mark.parametrize("options, wrong", [
    ('filter = "mail=%u"', "expected a filter of RFC 4515 in parentheses"),
    ('filter = "(mail=joe)"', "it must use %u"),
    ('filter = "(mail=%h)"', "%h cannot be used here"),
    ('filter = "(mail=%u))(uid=*"', "expected a filter of RFC 4515 in parentheses"),
    ('domain_filter = "(dc=%u)"', "%u cannot be used here"),
    ('domain_base = "dc=x"', "`domain_base` needs `domain_filter`"),
    ('bind_dn = "cn=x"', "`bind_dn` and `password_file` go together"),
    ('tls_cert_file = "/x"', "`tls_cert_file` and `tls_key_file` go together"),
    ('host_attribute = "mail host"', "this is no name of an attribute"),
    ('schema = qmial', "did you mean qmail?"),
    ('timeout = 5', "which has no unit"),
])
def test_options(folder, idle_quotagate, options, wrong):
    said = idle_quotagate(configuration(folder, uris=["ldap://127.0.0.1"], options=options)).command("config")
    assert said.returncode == 2 and wrong in said.stderr


@pytest.mark.parametrize("uri, options, wrong", [
    ("http://127.0.0.1", "", "expected ldap://HOST:PORT"),
    ("ldap://127.0.0.1/dc=x", "", "expected ldap://HOST:PORT"),
    ("ldaps://127.0.0.1", "starttls = yes", "which is encrypted anyway"),
])
def test_uri(folder, idle_quotagate, uri, options, wrong):
    said = idle_quotagate(configuration(folder, uris=[uri], options=options)).command("config")
    assert said.returncode == 2 and wrong in said.stderr
