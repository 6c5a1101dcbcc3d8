"""Every front before every MTA that can ask it, each put together from what `quotagate setup` prints; and all at once.

A row of WAYS is a way to connect them; its name is the test's. README.md refers to these names.
"""
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest

from dovecot import Dovecot
from enclosure import USERS, free_port, mbox, owned
from exim import Exim
from installation import EXIM_QUOTAD, WORDS
from postfix import Postfix
from quotagate import Quotagate
from sendmail import Sendmail
from smtp import ask, rcpt_at_once, send

FULL, OK, OTHER, NEW = "full@example.org", "ok@example.org", "other@example.org", "joe@example.org"

# Where an MTA finds quotagate: a port, a socket, one in a folder that Sendmail calls safe, one in a chroot of Postfix'.
TCP, UNIX, SAFE, CHROOT = "TCP", "a unix socket", "a unix socket in a safe folder", "a unix socket in the chroot"

# What the SMTP client sees.
RULES = 'rules { full = "452 4.2.2 The mailbox of %u is full" }\n'
STRAIGHT = f"452 4.2.2 The mailbox of {FULL} is full"
POSTFIX = f"452 4.2.2 <{FULL}>: Recipient address rejected: The mailbox of {FULL} is full"
OF_SETUP = f"452 4.2.2 Quota exceeded for {FULL}, try again later"  # where the protocol carries no text
TAKEN, TOO_LARGE = "250 ", "552 5.2.3 "


class Way(NamedTuple):
    mta: str
    place: str
    listen: str                # the listener's section, its address apart
    full: str                  # the reply for a full mailbox
    too_large: str             # for a message larger than the whole limit; TAKEN where the protocol has no size
    lines: str | None = None   # for the MTA; None: what `setup` prints
    unknown: str = TAKEN       # for a mailbox that is not there yet
    down: str = TAKEN          # for the full mailbox while quotagate is stopped
    maildir: bool = False      # delivered by Dovecot, over LMTP


GROUP = "  mode = 0660  group = "
TO_POSTFIX, TO_EXIM, TO_SENDMAIL = GROUP + "postfix", GROUP + "Debian-exim", GROUP + "vmail"
MORE_WORDS = "  " + WORDS.replace("too_large = OVER", "too_large = TOOLARGE")
SMMAPD = "protocol = socketmap  style = smmapd"
FORM = "protocol = check_quota  form = "

WAYS = {
    "sendmail-milter-tcp": Way("sendmail", TCP, "protocol = milter", STRAIGHT, TOO_LARGE),
    "sendmail-milter-unix": Way("sendmail", SAFE, "protocol = milter" + TO_SENDMAIL, STRAIGHT, TOO_LARGE),
    "sendmail-socketmap-tcp": Way("sendmail", TCP, "protocol = socketmap", STRAIGHT, TAKEN),
    "sendmail-socketmap-unix": Way("sendmail", SAFE, "protocol = socketmap" + TO_SENDMAIL, STRAIGHT, TAKEN),
    "sendmail-smmapd": Way("sendmail", TCP, SMMAPD, "452 4.2.2 Quota exceeded, try again later", TAKEN,
                           down="452 4.2.2 "),
    "postfix-milter-tcp": Way("postfix", TCP, "protocol = milter", STRAIGHT, TOO_LARGE),
    "postfix-milter-unix": Way("postfix", CHROOT, "protocol = milter" + TO_POSTFIX, STRAIGHT, TOO_LARGE),
    "postfix-policy-tcp": Way("postfix", TCP, "protocol = policy", POSTFIX, TOO_LARGE),
    "postfix-policy-unix": Way("postfix", CHROOT, "protocol = policy" + TO_POSTFIX, POSTFIX, TOO_LARGE),
    "postfix-socketmap-tcp": Way("postfix", TCP, "protocol = socketmap", POSTFIX, TAKEN, down="451 4.3.5 "),
    "postfix-socketmap-unix": Way("postfix", CHROOT, "protocol = socketmap" + TO_POSTFIX, POSTFIX, TAKEN,
                                  down="451 4.3.5 "),
    "postfix-smmapd": Way("postfix", TCP, SMMAPD, f"451 4.3.0 <{FULL}>: Temporary lookup failure", TAKEN,
                          unknown="550 5.1.1 ", down="451 4.3.0 ", maildir=True),
    "exim-policy-tcp": Way("exim", TCP, "protocol = policy", STRAIGHT, TOO_LARGE),
    "exim-policy-unix": Way("exim", UNIX, "protocol = policy" + TO_EXIM, STRAIGHT, TOO_LARGE),
    "exim-policy-words": Way("exim", UNIX, "protocol = policy" + TO_EXIM + MORE_WORDS, OF_SETUP, TOO_LARGE),
    "exim-quotad": Way("exim", UNIX, 'protocol = exim-quotad  roots = {"MAIL"}  user = vmail' + TO_EXIM,
                       "452 4.2.2 Mailbox of full is full, try again later", "452 4.2.2 ", lines=EXIM_QUOTAD),
    "exim-check_quota-address": Way("exim", TCP, FORM + "address", OF_SETUP, TAKEN),
    "exim-check_quota-local-domain": Way("exim", TCP, FORM + "local-domain", OF_SETUP, TAKEN),
    "exim-check_quota-colon": Way("exim", TCP, FORM + "colon", OF_SETUP, TAKEN),
    "exim-check_quota-line": Way("exim", UNIX, FORM + 'line  words { pass = "0"  full = "1" }' + TO_EXIM, OF_SETUP,
                                 TAKEN),
}


@pytest.fixture
def safe_folder():
    """No folder above it may be written to by others, or Sendmail uses no socket in it."""
    made = Path(tempfile.mkdtemp(prefix="qg", dir="/run"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def maildir(path, octets):
    """A Maildir of so many octets with the maildirsize of the program that delivers there."""
    for folder in (path.parent, path, *(path / name for name in ("cur", "new", "tmp"))):
        owned(folder, "vmail")
    mbox(path / "cur" / f"1.M1.test,S={octets}:2,", octets)
    (path / "maildirsize").write_text(f"204800S\n{octets} 1\n")
    shutil.chown(path / "maildirsize", USERS["vmail"], USERS["vmail"])


class Site:
    """quotagate, the MTA and three mailboxes: full (of 300 MiB, for the colon form has a limit of its own), ok, other."""

    def __init__(self, way, folder, safe_folder, mail, wrap):
        self.mail, self.way = mail, way
        self.place = {TCP: f"inet:127.0.0.1:{free_port()}", UNIX: f"unix:{folder}/quotagate.sock",
                      SAFE: f"unix:{safe_folder}/quotagate.sock", CHROOT: ""}[way.place]
        self.dovecot = wrap(Dovecot(folder, mail)).start() if way.maildir else None
        if way.maildir:
            store = 'store boxes { type = maildir  path = "MAIL/%d/%n/Maildir"  rule = dovecot-2.3  user = vmail }\n'
        else:
            store = 'store boxes { type = mbox  path = "MAIL/%n"  limit = 200k  user = vmail }\n'
        self.rest = store + "domain example.org { store = boxes }\n" + RULES
        self.make_mailboxes()
        self.mta = wrap(self.make_mta(folder))
        if way.place == CHROOT:
            self.place = f"unix:{self.mta.spool}/private/quotagate"
        self.gate = wrap(Quotagate(folder, self.configuration(self.place))).start()
        self.mta.paste(self.lines(folder))
        self.mta.start()

    def make_mailboxes(self):
        for address, octets in ((FULL, 205_000), (OK, 0), (OTHER, 0)):
            if self.way.maildir:
                maildir(self.box(address), octets)
            else:
                mbox(self.box(address), octets)
        if not self.way.maildir:
            with self.box(FULL).open("r+b") as file:
                file.truncate(300 << 20)

    def make_mta(self, folder):
        if self.way.mta == "postfix":
            return Postfix(folder, lmtp=self.dovecot and self.dovecot.lmtp, mail=self.mail,
                           chroot=self.way.place == CHROOT)
        return Exim(folder, self.mail) if self.way.mta == "exim" else Sendmail(folder, mail=self.mail)

    def configuration(self, place):
        text = f'listen mta {{ {self.way.listen}  address = "{place}" }}\n' + self.rest
        return text.replace("MAIL", str(self.mail))

    def lines(self, folder):
        if self.way.lines is not None:
            return (self.way.lines.replace("SOCKET", self.place.removeprefix("unix:"))
                    .replace("MAILBOX", f"{self.mail}/$local_part"))
        # A chroot is where Postfix has it, for whoever reads what is printed.
        place = "unix:/var/spool/postfix/private/quotagate" if self.way.place == CHROOT else self.place
        printed = Quotagate(folder, self.configuration(place), name="printed").command("setup", self.way.mta)
        assert printed.returncode == 0, printed
        return printed.stdout

    def box(self, address):
        name, domain = address.split("@")
        return self.mail / domain / name / "Maildir" if self.way.maildir else self.mail / name

    def holds(self, address):
        """Octets in the mailbox."""
        box = self.box(address)
        return sum(path.stat().st_size for path in [box, *box.glob("[cn][ue][rw]/*")] if path.is_file())


@pytest.mark.parametrize("name", WAYS)
def test_way(name, folder, safe_folder, mail, started):
    way = WAYS[name]

    def wrap(server):
        started.append(server)
        return server
    site = Site(way, folder, safe_folder, mail, wrap)
    held = site.holds(FULL)

    replies = send(site.mta.port, OK, FULL, NEW, OTHER, octets=10_000)
    replies = {address: str(reply) for address, reply in replies.items()}
    assert replies[FULL].startswith(way.full), replies
    assert replies[OK].startswith(TAKEN) and replies[OTHER].startswith(TAKEN), replies
    assert replies[NEW].startswith(way.unknown), replies
    assert str(ask(site.mta.port, OTHER, size=1_000_000)).startswith(way.too_large)

    site.mta.settle()
    assert site.mta.bounces() == []
    assert 9_000 < site.holds(OK) < 15_000 and 9_000 < site.holds(OTHER) < 15_000
    assert (site.holds(NEW) > 9_000) == (way.unknown == TAKEN)
    assert site.holds(FULL) == held
    site.gate.stop()
    assert str(ask(site.mta.port, FULL)).startswith(way.down)


def test_one_daemon_before_three_mtas_has_one_ledger(quotagate, folder, mail, started):
    """Twenty clients at once offer 10 MB each, by three MTAs, where 15 MB are left."""
    mbox(mail / "burst", 5 << 20)
    mbox(mail / "ok", 0)
    gate = quotagate(f'listen mta {{ protocol = policy  address = "inet:127.0.0.1:{free_port()}" }}\n'
                     f'listen milter {{ protocol = milter  address = "inet:127.0.0.1:{free_port()}" }}\n'
                     f'store boxes {{ type = mbox  path = "{mail}/%n"  limit = 20M  user = vmail }}\n'
                     "domain example.org { store = boxes }\n")
    mtas = Postfix(folder, mail=mail), Exim(folder, mail), Sendmail(folder, mail=mail)
    for mta, kind in zip(mtas, ("postfix", "exim", "sendmail")):
        printed = gate.command("setup", kind).stdout
        # For Postfix there are lines for both listeners. Whoever asks twice is charged twice.
        mta.paste(printed.partition("# listen milter")[0])
        started.append(mta)
        mta.start()
    ports = [mtas[number % 3].port for number in range(20)]
    replies = rcpt_at_once(ports, "burst@example.org", 10 << 20)
    assert sorted(reply.code for reply in replies) == [250] + [452] * 19
    for number, mta in enumerate(mtas, 1):
        assert send(mta.port, OK, octets=10_000)[OK].code == 250
        mta.settle()
        assert mta.bounces() == []
        assert (mail / "ok").stat().st_size > number * 9_000
