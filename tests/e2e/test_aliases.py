"""Aliases before real MTAs: the same table in the MTA and in quotagate's directory, and nobody gets a bounce.

The Postfix, the Exim and the Sendmail here expand the aliases themselves and deliver to those who are behind them.
"""
import base64
import time

import pytest

from enclosure import free_port, mbox, until
from exim import Exim
from policy import Policy
from postfix import Postfix
from sendmail import Sendmail
from smtp import Sender, ask, rcpt_at_once, send

FULL, OTHER, OK, JOE = "full@example.org", "other@example.org", "ok@example.org", "joe@example.org"
SMALL, VAST, PAIR = "small@example.org", "vast@example.org", "pair@example.org"
BOTH, NONE, AWAY, OUTER, ROUND = (f"{name}@example.org" for name in ("both", "none", "away", "outer", "round"))
CAUGHT, PLUS, FRESH = "whoever@any.example", "full+tag@example.org", "fresh@example.org"

ALIASES = f"""
{BOTH}	{FULL}, {OK}
{NONE}	{FULL}, {OTHER}
{AWAY}	friend@elsewhere.example
{OUTER}	inner@example.org
inner@example.org	deep@example.org
deep@example.org	{FULL}
{ROUND}	about@example.org
about@example.org	{ROUND}
{PAIR}	one@example.org, two@example.org
@any.example	{FULL}
"""
ONLY_THE_MTA = f"{FRESH}	{FULL}\n"

# Octets in the mailboxes, and the limits that the directory names; where it names none, the store's 200k hold.
HOLDS = {"full": 205_000, "other": 205_000, "ok": 0, "small": 150_000, "vast": 300_000, "one": 5 << 20, "two": 5 << 20,
         "joe": 0}
LIMITS = f"{FULL}\n{OTHER}\n{OK}\n{SMALL} 100k\n{VAST} unlimited\none@example.org 20M\ntwo@example.org 20M\n"

TEXT = "The mailbox of {} is full"
PASSED, IS_FULL = "250", "452 4.2.2"


def postfix(site, folder, mail):
    boxes = site.table("boxes", "".join(f"{name}@example.org {name}\n" for name in HOLDS))
    return Postfix(folder, mail=mail, more=f"virtual_mailbox_maps = texthash:{boxes}\n"
                   f"virtual_alias_maps = texthash:{site.of_the_mta}\nvirtual_alias_domains = any.example\n"
                   "recipient_delimiter = +\n")


EXIM_ROUTERS = r"""
aliases:
  driver = redirect
  data = ${lookup{$local_part@$domain}lsearch{TABLE}{$value}{${lookup{@$domain}lsearch{TABLE}}}}
extensions:
  driver = redirect
  domains = example.org
  local_parts = ^[^+]+\\+
  data = ${sg{$local_part}{\N\+.*\N}{}}@$domain
"""
# Whoever knows the password is somebody: so much is enough for the envelope sender.
EXIM_LOGIN = """
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if eq{$auth3}{secret}}
  server_set_id = $auth2
"""


def exim(site, folder, mail):
    mta = Exim(folder, mail, routers=EXIM_ROUTERS.replace("TABLE", str(site.of_the_mta)), main=EXIM_LOGIN,
               domains="example.org : any.example")
    (mta.etc / "exim4" / "mailboxes").write_text("".join(f"{name}: {name}\n" for name in HOLDS))
    return mta


# A mailer whose recipients are looked up in the table of aliases. Sendmail writes catch-alls into its rules.
SENDMAIL = """
RELAY_DOMAIN(`any.example')dnl
LOCAL_RULE_0
R$+ < @ any.example . >	$#aliased $@ example.org $: full < @ example.org . >
R$+ + $* < @ example.org . >	$#aliased $@ example.org $: $1 < @ example.org . >
R$+ < @ example.org . >	$#aliased $@ example.org $: $1 < @ example.org . >
MAILER_DEFINITIONS
Maliased, P=/bin/sh, F=AlsDFMn9, S=EnvFromSMTP/HdrFromSMTP, R=EnvToSMTP, T=DNS/RFC822/X-Unix, A=sh /etc/mail/deliver $u
divert(0)dnl
"""


def sendmail(site, folder, mail):
    mta = Sendmail(folder, more=SENDMAIL, mail=mail)
    named = (line.split("\t") for line in site.of_the_mta.read_text().splitlines() if "\t" in line and line[0] != "@")
    (mta.etc / "mail" / "aliases").write_text("".join(f"{name}: {targets}\n" for name, targets in named))
    return mta


MTAS = {"postfix": postfix, "exim": exim, "sendmail": sendmail}


class Site:
    """quotagate, the tables and an MTA, connected as `quotagate setup` prints it."""

    def __init__(self, kind, folder, mail, quotagate, started, rules="", directory=""):
        for name, octets in HOLDS.items():
            mbox(mail / name, octets)
        self.folder, self.mail = folder, mail
        self.aliases, self.mailboxes = self.table("virtual", ALIASES), self.table("mailboxes", LIMITS)
        self.of_the_mta = self.table("virtual-of-the-mta", ALIASES + ONLY_THE_MTA)
        self.protocol = "milter" if kind == "sendmail" else "policy"
        self.ports = free_port(), free_port()
        self.directory = directory
        self.gate = quotagate(self.configuration(rules))
        printed = self.gate.command("setup", kind).stdout
        self.mta = MTAS[kind](self, folder, mail)
        self.mta.paste(printed.partition("# listen raw")[0])
        started.append(self.mta)
        self.mta.start()
        self.port = self.mta.port

    def table(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def configuration(self, rules):
        return f"""
listen mta {{ protocol = {self.protocol}  address = "inet:127.0.0.1:{self.ports[0]}" }}
listen raw {{ protocol = policy  address = "inet:127.0.0.1:{self.ports[1]}" }}
directory people {{ type = file  aliases = "{self.aliases}"  mailboxes = "{self.mailboxes}"  domains = "example.org"
                    {self.directory} }}
store boxes {{ type = mbox  path = "{self.mail}/%n"  limit = 200k  user = vmail }}
domain example.org {{ directory = people  store = boxes  check_sender = true }}
domain any.example {{ directory = people  store = boxes }}
rules {{ full = "452 4.2.2 {TEXT.format('%u')}"  {rules} }}
"""

    def reload(self, rules):
        self.gate.reload(self.configuration(rules))
        self.gate.says("event=reloaded")

    def expect(self, **codes):
        """The replies to RCPT TO, by a name of this file in small letters."""
        wanted = {globals()[name.upper()]: code for name, code in codes.items()}
        replies = {address: str(ask(self.port, address, size=1000)) for address in wanted}
        for address, code in wanted.items():
            assert replies[address].startswith(code + " "), (address, code, replies)
            if code == IS_FULL:
                assert replies[address].endswith(TEXT.format(address)), replies

    def from_sender(self, sender, login=None):
        with Sender(self.port) as session:
            if login:
                assert session.say("AUTH PLAIN " + base64.b64encode(login).decode()).code == 235
            session.mail(sender)
            return str(session.rcpt(OK))

    def end(self):
        """All that was taken has been delivered, and nobody has got a bounce."""
        self.mta.settle()
        assert self.mta.bounces() == []


@pytest.fixture(params=MTAS)
def site(request, folder, mail, quotagate, started):
    return lambda **more: Site(request.param, folder, mail, quotagate, started, **more)


def test_whoever_is_behind_an_address(site):
    """An address is full when all behind it are; the MTA delivers what passed."""
    one = site()
    one.expect(full=IS_FULL, ok=PASSED, both=PASSED, none=IS_FULL, away=PASSED, outer=IS_FULL, caught=IS_FULL,
               plus=IS_FULL, joe=PASSED, small=IS_FULL, vast=PASSED)
    replies = send(one.port, BOTH, NONE, OUTER, VAST, octets=10_000)
    assert {address: reply.code for address, reply in replies.items()} == {BOTH: 250, NONE: 452, OUTER: 452, VAST: 250}
    one.end()
    assert 9_000 < (one.mail / "ok").stat().st_size < 15_000
    assert (one.mail / "vast").stat().st_size > HOLDS["vast"] + 9_000
    assert (one.mail / "full").stat().st_size > HOLDS["full"] + 9_000  # this MTA keeps to no quota
    assert (one.mail / "other").stat().st_size == HOLDS["other"]


def test_one_full_member_stops_mail_for_an_alias_with_any_full(site):
    one = site(rules="alias = any_full")
    one.expect(both=IS_FULL, none=IS_FULL, away=PASSED, ok=PASSED, round=PASSED)
    one.end()


def test_a_loop_has_room_and_is_told(site):
    one = site()
    one.expect(round=PASSED)
    one.gate.says(rf'event=decision verdict=pass .*recipient={ROUND} .*note="the alias leads back to itself"')
    one.end()


def test_an_unknown_address_is_refused_where_the_postmaster_says_so(site):
    one = site()
    one.expect(joe=PASSED)
    one.reload("unknown = reject")
    one.expect(joe="550 5.1.1", both=PASSED, none=IS_FULL, caught=IS_FULL, plus=IS_FULL, away=PASSED, round=PASSED)
    one.end()


# ---- senders ----

def test_senders(site):
    one = site()
    forged = one.from_sender(JOE)
    assert forged.startswith("550 5.7.1 ") and forged.endswith(f"Your From address {JOE} does not exist")
    for sender in (OK, BOTH, PLUS, "", "joe@elsewhere.example", "SRS0=ab1c=t2=elsewhere.example=joe@example.org",
                   "prvs=1234abcdef=joe@example.org", CAUGHT):
        assert one.from_sender(sender).startswith("250 "), sender
    if isinstance(one.mta, Exim):
        assert one.from_sender(JOE, login=b"\0joe\0secret").startswith("250 ")
    with Policy(one.gate.addresses()[1]) as client:
        assert client.ask(OK, sender=JOE, state="MAIL").startswith("550 5.7.1 ")
        assert client.ask(OK, sender=JOE).startswith("550 5.7.1 ")
        assert client.ask(OK, sender=JOE, sasl_username="joe") == "DUNNO"
    one.end()


# ---- many at once ----

def test_of_twenty_at_once_one_passes_an_alias(site):
    """Both mailboxes behind it have 15 MB left, and each message has 10 MB."""
    one = site()
    replies = rcpt_at_once([one.port] * 20, PAIR, 10 << 20)
    assert sorted(reply.code for reply in replies) == [250] + [452] * 19
    one.end()


# ---- files that change ----

SOON = "ttl = 1s  ttl_none = 1s"


def code(one, address):
    return str(ask(one.port, address))[:9]


def test_the_file_changes_under_the_running_daemon(site):
    one = site(directory=SOON)
    one.expect(fresh=PASSED, both=PASSED)
    one.aliases.write_text(ALIASES.replace(f"{FULL}, {OK}", f"{FULL}, {OTHER}") + ONLY_THE_MTA)
    until(lambda: code(one, FRESH) == code(one, BOTH) == IS_FULL, "the new table is in force")
    one.end()


def test_the_old_table_serves_while_the_file_is_broken(site):
    one = site(directory=SOON)
    one.expect(none=IS_FULL, fresh=PASSED)
    line = one.aliases.read_text().count("\n") + 2
    one.aliases.write_text(ALIASES + ONLY_THE_MTA + "broken\n")

    def told():
        one.expect(none=IS_FULL, both=PASSED, fresh=PASSED)
        return "event=directory-file-unread" in one.gate.said()
    until(told, "the log tells")
    one.gate.says(rf'event=directory-file-unread serving=old reason="{one.aliases}:{line}: ')
    one.aliases.write_text(ALIASES + ONLY_THE_MTA)
    until(lambda: code(one, FRESH) == IS_FULL, "the repaired table is in force")
    one.end()


def test_an_emptied_file_refuses_nobody(site):
    """Without its canary it would have all mail refused."""
    one = site(rules="unknown = reject", directory=SOON + f'  canary = "{SMALL}"  canary_absent = "nobody@example.org"')
    one.expect(joe="550 5.1.1", ok=PASSED)
    one.mailboxes.write_text("")

    def told(word):
        ask(one.port, JOE)
        return f"event=canary directory=people well={word}" in one.gate.said()
    until(lambda: told("no"), "the log tells")
    time.sleep(1.1)  # what was known before is too old now
    one.expect(ok=PASSED, vast=PASSED, other=PASSED, full=PASSED)
    one.mailboxes.write_text(LIMITS)
    until(lambda: told("yes"), "the log tells that all is well")
    until(lambda: code(one, JOE) == "550 5.1.1", "what was known before is too old")
    one.expect(joe="550 5.1.1", ok=PASSED, vast=PASSED, full=IS_FULL)
    one.end()
