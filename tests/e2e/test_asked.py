"""Stores that are asked for a verdict: a real Dovecot and a real Cyrus say whether they would take a message, and what
quotagate answers is what they do when it comes."""
import contextlib
import time

import pytest

from datagrams import free_udp_port
from enclosure import owned
from smtp import message, send

LISTEN = 'listen mta {{ protocol = policy  address = "unix:{folder}/gate.sock"  mode = 0666 }}\n' \
         'rules {{ unknown = reject  error = defer  timeout = 20s }}\n' \
         'cache {{ ttl_high = 100ms  ttl_mid = 100ms  ttl_none = 100ms }}\n' \
         'domain example.org {{ store = asked }}\n'
CHECK_QUOTA = "protocol lmtp {\n  lmtp_rcpt_check_quota = yes\n}\n"
LIMIT = 200 * 1024


@pytest.fixture
def gate(quotagate, folder):
    """gate(options of the store `asked`, further lines): a daemon with it."""
    return lambda store, more="": quotagate(LISTEN.format(folder=folder) + f"store asked {{ {store}  timeout = 15s }}\n{more}\n")


def word(answer):
    """What of an answer is the verdict."""
    return {"DUNNO": "pass"}.get(answer, answer[:9])


@contextlib.contextmanager
def asking(daemon):
    """ask(address, size): the verdict. All questions are of one transaction, so that none stands in the way of another
    about the same mailbox; and none is answered by what was known before."""
    with daemon.policy() as client:
        def ask(address, size=1000, **more):
            time.sleep(0.11)
            return word(client.ask(address, size=size, **more))
        yield ask


def used(mail, name):
    fields = (mail / "example.org" / name / "Maildir" / "maildirsize").read_text().split()[1:]
    return sum(int(octets) for octets in fields[::2])


# ---- Dovecot's LMTP ----

@pytest.mark.parametrize("tempfail", ["no", "yes"])
def test_dovecot_lmtp(dovecot, mail, gate, tempfail):
    server = dovecot(mail, more=CHECK_QUOTA + f"quota_full_tempfail = {tempfail}\n")
    for octets in (150_000, 60_000):
        assert server.deliver("full@example.org", octets)
    assert not server.deliver("full@example.org", 1000)
    with asking(gate(f'type = lmtp  address = "inet:127.0.0.1:{server.lmtp}"')) as ask:
        assert ask("full@example.org") == "452 4.2.2"
        assert ask("ok@example.org") == "pass"
        assert ask("Full+detail@example.org") == "452 4.2.2"
        assert ask("nobody@example.org") == "550 5.1.1"
        assert ask("\u00fcber@example.org") == "451 4.3.0"  # it does not offer SMTPUTF8
        server.empty("full@example.org")
        assert ask("full@example.org") == "pass"
    assert server.deliver("full@example.org", 1000)


def test_dovecot_lmtp_keeps_its_connections(dovecot, mail, gate):
    server = dovecot(mail, more=CHECK_QUOTA)
    daemon = gate(f'type = lmtp  address = "inet:127.0.0.1:{server.lmtp}"')
    with asking(daemon) as ask:
        for _ in range(5):
            assert ask("ok@example.org") == "pass"
            assert ask("nobody@example.org") == "550 5.1.1"
    said = (server.folder / "dovecot.log").read_text()
    assert said.count("Connect from") <= 4  # of which two are the tests': whether anybody listens


def test_mta_sees_what_dovecot_lmtp_says_and_nothing_bounces(dovecot, postfix, mail, gate):
    server = dovecot(mail, more=CHECK_QUOTA)
    daemon = gate(f'type = lmtp  address = "inet:127.0.0.1:{server.lmtp}"')
    mta = postfix(restrictions=f"check_policy_service {daemon.addresses()[0]}", lmtp=server.lmtp)
    for octets in (100_000, 100_000, 10_000):
        assert send(mta.port, "full@example.org", octets=octets)["full@example.org"].code == 250
        mta.settle()
        time.sleep(0.2)
    replies = send(mta.port, "full@example.org", "ok@example.org", "nobody@example.org", octets=2000)
    assert str(replies["full@example.org"]).startswith("452 4.2.2 ")
    assert replies["ok@example.org"].code == 250
    assert str(replies["nobody@example.org"]).startswith("550 5.1.1 ")
    mta.settle()
    assert mta.bounces() == []


def test_that_it_refused_is_news_without_figures(dovecot, mail, gate, folder):
    server = dovecot(mail, more=CHECK_QUOTA)
    for octets in (150_000, 60_000):
        assert server.deliver("full@example.org", octets)
    told, program = owned(folder / "told", "defang") / "told", folder / "tell"
    program.write_text(f'#!/bin/sh\necho "$@" $QUOTA_USAGE $QUOTA_LIMIT $QUOTA_MESSAGES $QUOTA_STORE >>{told}\n')
    program.chmod(0o755)
    daemon = gate(f'type = lmtp  address = "inet:127.0.0.1:{server.lmtp}"',
                  f'notify {{ command = "{program}"  user = defang }}')
    with asking(daemon) as ask:
        assert ask("ok@example.org") == "pass"
        for _ in range(2):
            assert ask("full@example.org") == "452 4.2.2"
    daemon.says("event=notify .* told=yes")
    assert told.read_text() == "full full@example.org 0 0 0 0 asked\n"


# ---- Dovecot's quota-status ----

WORDS = f"words {{ full = OVER  unknown = NOUSER }}  grace = {LIMIT // 10}"


@pytest.fixture
def status(dovecot, mail, gate):
    """A Dovecot with one mailbox that is full, and a gate that asks its quota-status."""
    server = dovecot(mail)
    for octets in (150_000, 60_000):
        assert server.deliver("full@example.org", octets)
    assert server.deliver("ok@example.org", 100_000)
    return server, gate(f'type = dovecot  address = "{server.quota_status}"  {WORDS}')


def test_quota_status(status):
    server, daemon = status
    with asking(daemon) as ask:
        assert ask("full@example.org") == "452 4.2.2"
        assert ask("full@example.org", size=0) == "452 4.2.2"
        assert ask("ok@example.org", size=20_000) == "pass"
        assert ask("OK+detail@example.org", size=0) == "pass"
        assert ask("ok@example.org", size=9_000_000) == "452 4.2.2"
        assert ask("nobody@example.org") == "550 5.1.1"


def test_quota_status_to_the_octet(status, mail):
    """Dovecot lets a message go a tenth of the limit over it."""
    server, daemon = status
    fits = LIMIT + LIMIT // 10 - used(mail, "ok")
    with asking(daemon) as ask:
        assert ask("ok@example.org", size=fits) == "pass"
        assert ask("ok@example.org", size=fits + 1) == "452 4.2.2"
        assert ask("ok@example.org", size=fits) == "pass"


def test_quota_status_by_tcp_with_defaults(dovecot, mail, gate):
    """What Dovecot says when nobody told it what to say."""
    server = dovecot(mail, more="plugin {\n  quota_status_success =\n  quota_status_nouser = REJECT Unknown user\n"
                                "  quota_status_overquota = 554 5.2.2 Quota exceeded (mailbox for user is full)\n"
                                "  quota_status_toolarge = 552 5.2.3 Larger than the mailbox\n"
                                "  quota_status_success = OK\n}\n")
    assert server.deliver("ok@example.org", 100_000)
    with asking(gate(f'type = dovecot  address = "inet:127.0.0.1:{server.quota_status_port}"')) as ask:
        assert ask("ok@example.org", size=9_000_000) == "552 5.2.3"
        assert ask("ok@example.org", size=150_000) == "452 4.2.2"
        assert ask("ok@example.org", size=20_000) == "pass"
        assert ask("nobody@example.org") == "550 5.1.1"


def test_a_burst_takes_no_more_than_dovecot_does(status, mail):
    """Forty messages at once, of which some fit: each that was let in is taken when it comes."""
    server, daemon = status
    octets = len(message(5000))
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(daemon.policy()) for _ in range(40)]
        for number, client in enumerate(clients):
            client.send(f"request=smtpd_access_policy\nprotocol_state=RCPT\nrecipient=ok@example.org\n"
                        f"sender=s@example.net\nsize={octets + 300}\ninstance=b{number}\n"
                        f"client_address=192.0.2.7\n\n".encode())
        verdicts = [word(client.answer()) for client in clients]
    room = (LIMIT - used(mail, "ok")) // (octets + 300)
    assert verdicts.count("pass") == room
    assert set(verdicts) == {"pass", "452 4.2.2"}
    for _ in range(verdicts.count("pass")):
        assert server.deliver("ok@example.org", 5000)


def test_mta_with_quota_status_behind_quotagate(status, postfix, mail):
    server, daemon = status
    mta = postfix(restrictions=f"check_policy_service {daemon.addresses()[0]}", lmtp=server.lmtp)
    replies = send(mta.port, "full@example.org", "ok@example.org", octets=2000)
    assert str(replies["full@example.org"]).startswith("452 4.2.2 ")
    assert replies["ok@example.org"].code == 250
    large = send(mta.port, "ok@example.org", octets=150_000)
    assert str(large["ok@example.org"]).startswith("452 4.2.2 ")
    mta.settle()
    assert mta.bounces() == []


# ---- Cyrus ----

@pytest.fixture
def cyrus_boxes(cyrus, folder):
    """Limits of 20 KiB: `full` is above it, `ok` well below, `near` has less than 3000 octets left."""
    server = cyrus()
    for name, octets in (("full", 22_000), ("ok", 5_000), ("near", 18_000)):
        server.make(f"user/{name}")
        assert server.append(f"user/{name}", octets)[0] == "OK"
        server.limit(f"user/{name}", storage=20)
    return server


@pytest.mark.parametrize("strict", [False, True])
def test_cyrus_lmtp(cyrus_boxes, gate, strict):
    """Also where a message must fit: then lmtpd looks at its size."""
    port = cyrus_boxes.lmtp_strict if strict else cyrus_boxes.lmtp
    with asking(gate(f'type = lmtp  address = "inet:127.0.0.1:{port}"')) as ask:
        assert ask("full@example.org") == "452 4.2.2"
        assert ask("ok@example.org", size=12_000) == "pass"
        assert ask("near@example.org", size=1000) == "pass"
        assert ask("near@example.org", size=10_000) == ("452 4.2.2" if strict else "pass")
        assert ask("nobody@example.org") == "550 5.1.1"
        assert ask("near+no.such.folder@example.org") == "pass"
        code, _ = cyrus_boxes.deliver("near@example.org", 10_000, strict=strict)
        assert code == (452 if strict else 250)
        assert ask("near@example.org", size=100) == ("pass" if strict else "452 4.2.2")


def test_cyrus_lmtp_by_its_unix_socket(cyrus_boxes, gate):
    with asking(gate(f'type = lmtp  address = "{cyrus_boxes.lmtp_socket}"  connections = 1')) as ask:
        assert ask("full@example.org") == "452 4.2.2"
        assert ask("ok@example.org") == "pass"


@pytest.mark.parametrize("way", ["unix", "tcp"])
def test_cyrus_smmapd(cyrus_boxes, gate, way):
    address = cyrus_boxes.smmap_socket if way == "unix" else f"inet:127.0.0.1:{cyrus_boxes.smmap}"
    with asking(gate(f'type = socketmap  address = "{address}"')) as ask:
        assert ask("full@example.org") == "452 4.2.2"
        assert ask("near@example.org", size=10_000) == "pass"
        assert ask("near+detail@example.org") == "pass"
        assert ask("nobody@example.org") == "550 5.1.1"
        cyrus_boxes.empty("user/full")
        assert ask("full@example.org") == "pass"
        assert cyrus_boxes.deliver("full@example.org", 5000)[0] == 250


def test_cyrus_smmapd_where_full_is_for_good(cyrus, gate):
    server = cyrus(more="lmtp_over_quota_perm_failure: 1\n")
    server.make("user/full")
    assert server.append("user/full", 3000)[0] == "OK"
    server.limit("user/full", storage=1)
    with asking(gate(f'type = socketmap  address = "{server.smmap_socket}"')) as ask:
        assert ask("full@example.org") == "452 4.2.2"


def test_cyrus_begun_anew(cyrus_boxes, gate):
    """Connections that were kept are gone, and nobody notices."""
    daemon = gate(f'type = socketmap  address = "{cyrus_boxes.smmap_socket}"')
    with asking(daemon) as ask:
        for _ in range(3):
            assert ask("full@example.org") == "452 4.2.2"
        cyrus_boxes.restart()
        assert ask("full@example.org") == "452 4.2.2"


# ---- SMTP ----

@pytest.mark.parametrize("server", ["postfix", "exim"])
def test_an_mta_is_asked_by_smtp(server, postfix, exim, gate, mail):
    if server == "postfix":
        full = "check_recipient_access inline:{{full@example.org=452 4.2.2 Mailbox is full}, " \
               "{burst@example.org=552 5.2.3 Message too large}}"
        mta = postfix(restrictions=f"{full}, reject_unlisted_recipient", mail=mail)
    else:
        acl = "deny recipients = full@example.org\n  message = 552 5.2.2 Mailbox is full\n" \
              "deny recipients = burst@example.org\n  message = 552 5.2.3 Message too large\n" \
              "deny recipients = nobody@example.org\n  message = Unknown user\n"
        mta = exim(mail, acl=acl)
    with asking(gate(f'type = lmtp  protocol = smtp  sender = "probe@example.net"  address = "inet:127.0.0.1:{mta.port}"')) as ask:
        assert ask("full@example.org") == "452 4.2.2"
        assert ask("ok@example.org") == "pass"
        assert ask("burst@example.org") == "552 5.2.3"
        assert ask("nobody@example.org") == "550 5.1.1"
    assert mta.bounces() == []


# What is not said by an enhanced code.
PLAIN_EXIM = "deny recipients = full@example.org\n  message = Mailbox quota exceeded\n" \
             "defer recipients = burst@example.org\n  message = The mailbox is over its quota\n" \
             "deny recipients = nobody@example.org\n  message = Unknown user\n"
PLAIN_POSTFIX = "check_recipient_access inline:{{full@example.org=550 Mailbox quota exceeded}, " \
                "{burst@example.org=450 over quota}}, reject_unlisted_recipient"


@pytest.mark.parametrize("server", ["postfix", "exim"])
def test_an_mta_that_says_it_in_words(server, postfix, exim, gate, mail):
    """And one that relays for nobody says nothing of a mailbox."""
    mta = postfix(restrictions=PLAIN_POSTFIX, mail=mail) if server == "postfix" else exim(mail, acl=PLAIN_EXIM)
    with asking(gate(f'type = lmtp  protocol = smtp  sender = "probe@example.net"  address = "inet:127.0.0.1:{mta.port}"',
                     "domain elsewhere.example { store = asked }")) as ask:
        assert ask("full@example.org") == "452 4.2.2"
        assert ask("burst@example.org") == "452 4.2.2"
        assert ask("ok@example.org") == "pass"
        assert ask("nobody@example.org") == "550 5.1.1"
        assert ask("joe@elsewhere.example") == "451 4.3.0"
    assert mta.bounces() == []


# ---- across machines ----

def test_a_frontend_follows_a_backend_that_asks(status, mail, idle_quotagate, folder):
    """The backend asks Dovecot, the frontend asks the backend: each message, for nothing is lent, and the verdict is Dovecot's."""
    server, _ = status
    port = free_udp_port()
    backend = idle_quotagate(
        f'listen farm {{ protocol = facts  address = "udp:127.0.0.1:{port}" }}\n'
        f'store asked {{ type = dovecot  address = "{server.quota_status}"  {WORDS} }}\n'
        'domain example.org { store = asked }\ncache { ttl_high = 100ms }\n', name="backend")
    frontend = idle_quotagate(
        LISTEN.format(folder=folder).replace("gate.sock", "front.sock") +
        f'store asked {{ type = remote  server = "udp:127.0.0.1:{port}" }}\n', name="frontend")
    backend.ready = lambda: "event=started" in backend.said()
    backend.start()
    frontend.start()
    with frontend.policy() as client:
        def ask(address, size, instance):
            return word(client.ask(address, size=size, instance=instance))
        assert ask("full@example.org", 1000, "1") == "452 4.2.2"
        assert ask("nobody@example.org", 1000, "2") == "550 5.1.1"
        room = LIMIT - used(mail, "ok")
        assert ask("ok@example.org", room + LIMIT // 10 + 1, "3") == "452 4.2.2"
        verdicts = [ask("ok@example.org", room // 4, f"m{number}") for number in range(6)]
    assert verdicts == ["pass"] * 4 + ["452 4.2.2"] * 2
