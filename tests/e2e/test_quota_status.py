"""quotagate in the place of Dovecot's quota-status: the same questions get the same answers, and what users of
quota-status have written into their MTA works with nothing but the socket's name changed."""
import smtplib

import pytest

from enclosure import owned
from installation import EXIM_WORDS, WORDS
from policy import Policy, one_shot, request
from smtp import message, send

LIMIT = 200 * 1024
GATE = 'listen mta {{ protocol = policy  address = "unix:{folder}/gate.sock"  mode = 0666  {words} }}\n' \
       'store boxes {{ type = maildir  path = "{mail}/%d/%n/Maildir"  rule = dovecot-2.3  user = vmail }}\n'


def deliver(server, address, octets):
    with smtplib.LMTP("127.0.0.1", server.lmtp) as client:
        client.sendmail("sender@example.net", [address], message(octets))


@pytest.fixture
def both(dovecot, quotagate, folder, mail):
    """Dovecot with one full and one half full Maildir, and quotagate over the same."""
    server = dovecot(mail)
    deliver(server, "full@example.org", 150_000)
    deliver(server, "full@example.org", 60_000)
    deliver(server, "ok@example.org", 100_000)
    return server, quotagate(GATE.format(folder=folder, mail=mail, words=WORDS))


def used(mail, name):
    fields = (mail / "example.org" / name / "Maildir" / "maildirsize").read_text().split()[1:]
    return sum(int(octets) for octets in fields[::2])


QUESTIONS = [
    ("full@example.org", "0", "OVER"),
    ("full@example.org", "1000", "OVER"),
    ("FULL@Example.ORG", "1000", "OVER"),
    ("full+detail@example.org", "1000", "OVER"),
    ("full@example.org", "abc", "OVER"),
    ("ok@example.org", "0", "OK"),
    ("ok@example.org", "20000", "OK"),
    ("Ok+Detail@example.org", "20000", "OK"),
    ("ok@example.org", "-1", "OK"),
    ("ok@example.org", "", "OK"),
    ("ok@example.org", "9000000", "OVER"),
    ("nobody@example.org", "1000", "NOUSER"),
    ("full@elsewhere.example", "1000", "NOUSER"),
]


def assert_same_answers(server, gate):
    for address in (server.quota_status, gate.addresses()[0]):
        with Policy(address) as client:
            answers = [(recipient, size, client.ask(recipient, size=size)) for recipient, size, _ in QUESTIONS]
        assert (address, answers) == (address, QUESTIONS)


def test_same_answers_as_quota_status(both):
    assert_same_answers(*both)


def test_control_directories(dovecot, quotagate, folder, mail):
    """Dovecot keeps maildirsize beside the Maildirs, in its CONTROL=; a recount still reads the Maildirs."""
    control = owned(folder / "control", "vmail")
    server = dovecot(mail, more=f"mail_location = maildir:{{mail}}/%d/%n/Maildir:CONTROL={control}/%d/%n\n")
    deliver(server, "full@example.org", 150_000)
    deliver(server, "full@example.org", 60_000)
    deliver(server, "ok@example.org", 100_000)
    sizes = control / "example.org" / "ok" / "maildirsize"
    assert sizes.exists() and not (mail / "example.org" / "ok" / "Maildir" / "maildirsize").exists()
    gate = quotagate(GATE.format(folder=folder, mail=mail, words=WORDS).replace(
        "rule =", f'control = "{control}/%d/%n"  rule ='))
    assert_same_answers(server, gate)
    assert f"{sizes}: " in gate.check("ok@example.org").stdout
    sizes.unlink()
    assert "recounted (no maildirsize)" in gate.check("ok@example.org").stdout
    assert_same_answers(server, gate)


@pytest.mark.parametrize("beyond,answer", [(1, "OVER"), (0, "OK")])
def test_same_answer_to_the_octet(both, mail, beyond, answer):
    server, gate = both
    size = LIMIT + LIMIT // 10 - used(mail, "ok") + beyond
    for address in (server.quota_status, gate.addresses()[0]):
        with Policy(address) as client:
            assert (address, client.ask("ok@example.org", size=size)) == (address, answer)


def test_the_short_request_of_exim_users(both):
    server, gate = both
    text = request(size=1000, recipient="full@example.org")
    assert one_shot(gate.addresses()[0], text) == "action=OVER\n\n"
    with Policy(server.quota_status) as client:
        client.send(text.encode())
        assert client.answer() == "OVER"


def replies(port):
    return {address: str(reply) for address, reply in
            send(port, "ok@example.org", "full@example.org", "other@example.org", octets=2000).items()}


@pytest.mark.parametrize("whose", ["quota-status", "quotagate"])
def test_postfix_users_change_the_name_of_the_socket_only(both, postfix, whose):
    server, gate = both
    address = server.quota_status if whose == "quota-status" else gate.addresses()[0]
    # The words that our fixtures agree on are no actions of access(5): here they name restriction classes.
    classes = "smtpd_restriction_classes = OVER, NOUSER\nOVER = check_recipient_access static:{452 4.2.2 Mailbox is full}\n" \
              "NOUSER = permit\n"
    mta = postfix(restrictions=f"check_policy_service {address}", lmtp=server.lmtp, more=classes)
    seen = replies(mta.port)
    assert seen["full@example.org"] == "452 4.2.2 <full@example.org>: Recipient address rejected: Mailbox is full"
    assert seen["ok@example.org"].startswith("250 ")
    assert seen["other@example.org"].startswith("250 ")
    mta.settle()
    assert mta.bounces() == []


def test_exim_users_change_the_name_of_the_socket_only(both, exim, folder, mail):
    server, gate = both
    snippet = EXIM_WORDS.replace("SOCKET", gate.addresses()[0].removeprefix("unix:"))
    mta = exim(mail, acl=snippet, store="maildir", quota="200K")
    seen = replies(mta.port)
    assert seen["full@example.org"].startswith("452 4.2.2 ")
    assert seen["ok@example.org"].startswith("250 ")
    mta.settle()
    assert mta.bounces() == []
