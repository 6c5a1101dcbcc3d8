"""Mistakes are told, all of them, with file and line, and then nothing is started; what the commands print can be used."""
import json
import os
import re
import sqlite3

import pytest

from databases import secret
from enclosure import TOP, USERS, free_port, mbox, owned
from exim import acls
from smtp import ask, send

GOOD = """listen mta {{ protocol = policy  address = "unix:{folder}/gate.sock"  mode = 0666 }}
store boxes {{ type = mbox  path = "{mail}/%n"  limit = 200k  user = vmail }}
domain example.org {{ store = boxes }}
"""

# One mistake each. The line that holds it begins with a `!`.
MISTAKES = [
    "!nonsense = 1",
    "!listen a {\n protocol = policy\n}",
    "listen a {\n protocol = policy\n!address = \"inet:127.0.0.1\"\n}",
    "listen a {\n!protocol = pigeon\n address = \"inet:127.0.0.1:7\"\n}",
    "listen a {\n protocol = policy\n!adress = \"inet:127.0.0.1:7\"\n}",
    "listen a {\n protocol = policy\n address = \"inet:127.0.0.1:7\"\n!mode = 0999\n}",
    "listen a {\n protocol = policy\n address = \"inet:127.0.0.1:7\"\n!idle = soon\n}",
    "listen a {\n protocol = policy\n address = \"inet:127.0.0.1:7\"\n!max_clients = -1\n}",
    "listen a { protocol = policy  address = \"inet:127.0.0.1:7\" }\n\n!listen b { protocol = policy  address = \"inet:127.0.0.1:7\" }",
    "store a {\n!type = shoebox\n path = \"/x/%n\"\n}",
    "!store a {\n type = mbox\n}",
    "store a {\n type = mbox\n!path = \"relative/%n\"\n}",
    "store a {\n type = mbox\n!path = \"/x/%q\"\n}",
    "store a {\n type = mbox\n path = \"/x/%n\"\n!limit = \"12 elephants\"\n}",
    "store a {\n type = mbox\n path = \"/x/%n\"\n!user = nobody-has-this-name\n}",
    "store a {\n type = mbox\n path = \"/x/%n\"\n!helpers = 0\n}",
    "store a {\n type = maildir\n path = \"/x/%n\"\n!rule = guess\n}",
    "store a {\n type = maildir\n path = \"/x/%n\"\n!alone = true\n}",
    "store a {\n type = redis\n address = \"unix:/x\"\n!password_file = \"/nonexistent/secret\"\n}",
    "store a {\n type = dovecot\n uri = \"http://127.0.0.1:7/doveadm/v1\"\n!key_file = \"secret\"\n}",
    "domain example.net {\n!store = absent\n}",
    "rules {\n!full = \"421 4.2.2 go away\"\n}",
    "rules {\n!full = \"452 5.2.2 not the same class\"\n}",
    "rules {\n!full = \"250 2.0.0 fine\"\n}",
    "rules {\n!unknown = maybe\n}",
    "rules {\n!timeout = 0.5x\n}",
    "cache {\n!soft = lots\n}",
    "log {\n!level = loud\n}",
    "!include(\"absent.conf\")",
    "!user = nobody-has-this-name",
]


def marked(text):
    """The text without its mark, and the number of the marked line."""
    lines = text.split("\n")
    number = next(i for i, line in enumerate(lines, 1) if line.startswith("!"))
    return text.replace("!", " ", 1), number


@pytest.fixture
def good(folder, mail):
    return GOOD.format(folder=folder, mail=mail)


def complaints(gate, stderr):
    """{line: sentence} of what was said about the configuration."""
    found = re.findall(rf"^quotagate: {re.escape(str(gate.configuration))}:(\d+): (.+)$", stderr, re.M)
    return {int(line): sentence for line, sentence in found}


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda text: " ".join(text.partition("!")[2].split("\n")[0].split()))
def test_a_mistake_is_told_with_its_line(idle_quotagate, good, mistake):
    text, line = marked(mistake)
    gate = idle_quotagate(text + "\n" + good)
    done = gate.command("config")
    assert done.returncode == 2, done
    assert line in complaints(gate, done.stderr), done.stderr
    assert done.stdout == ""


def test_all_mistakes_are_told_in_one_run_and_nothing_is_started(idle_quotagate, good, folder):
    lines, expected = [], set()
    for mistake in MISTAKES:
        # Two sections of one name would be a mistake of their own, so would rules given twice.
        if "listen b" in mistake or "rules" in mistake or "include" in mistake:
            continue
        text, line = marked(mistake)
        name = f"n{len(lines)}"
        text = text.replace(" a {", f" {name} {{").replace("example.net", f"{name}.example").replace(":7\"", f":{10000 + len(lines)}\"")
        expected.add(len(lines) + line)
        lines += text.split("\n")
    gate = idle_quotagate("\n".join(lines) + "\n" + good)
    for command in ("config", "serve", "check", "setup"):
        done = gate.command(command, *({"check": ["a@example.org"], "setup": ["postfix"]}.get(command, [])))
        assert done.returncode == 2, done
        assert expected <= set(complaints(gate, done.stderr)), done.stderr
    assert not (folder / "gate.sock").exists()


@pytest.mark.parametrize("example", sorted((TOP / "examples").glob("*.conf")), ids=lambda path: path.name)
def test_the_examples_are_accepted(idle_quotagate, example):
    gate = idle_quotagate(example.read_text())
    key = gate.folder / "etc" / "quotagate" / "key"
    key.parent.mkdir()
    key.write_text("a key of the tests, of 16 octets at least\n")
    key.chmod(0o600)
    done = gate.command("config")
    assert (done.returncode, done.stderr) == (0, "")


# Every kind of section beside those of GOOD, for the defaults of each.
OTHERS = """listen map {{ protocol = socketmap  address = "inet:127.0.0.1:1" }}
listen line {{ protocol = check_quota  address = "udp:127.0.0.1:1"  words {{ pass = "0 \\"\\\\ #"  full = "+" }} }}
listen quotad {{ protocol = exim-quotad  address = "inet:[::1]:2"  roots = {{"/a b", '/c"d'}} }}
listen web {{ protocol = http  address = "inet:127.0.0.1:4"  token_file = "{tokens}"  window = 1m }}
listen milter {{ protocol = milter  address = "inet:*:3"  allow = {{}}  mailers = local }}
store vmail {{ type = maildir  path = "{mail}/%1d/%%/%n"  rule = fits  grace = 1500 }}
store fs {{ type = maildir  path = "%h/Maildir"  rule = exim  layout = fs  limit = 1G }}
directory lists {{ type = file  aliases = {{"/etc/aliases", "/etc/virtual"}}  system_users = yes }}
bypass {{ senders = {{"joe@", "@example.com"}}  recipients = {{}} }}
log {{ level = debug }}
"""


def test_config_prints_what_reads_back_to_the_same(idle_quotagate, good, mail, folder):
    tokens = folder / "tokens of us"
    tokens.write_text("a token of the tests, of 16 octets at least".replace(" ", "-"))
    tokens.chmod(0o600)
    gate = idle_quotagate(good + OTHERS.format(mail=mail, tokens=tokens))
    first = gate.command("config")
    assert (first.returncode, first.stderr) == (0, "")
    assert "full = " in first.stdout and "ttl_low" in first.stdout
    gate.configuration.write_text(first.stdout)
    second = gate.command("config")
    assert (second.returncode, second.stderr) == (0, "")
    assert second.stdout == first.stdout


# A store of each type that can be named without a rule, and the rule that is in force then.
RULES = {
    'type = maildir  path = "/x/%d/%n"': "courier", 'type = mbox  path = "/x/%n"': "fits",
    'type = lmtp  address = "unix:/x"': "asked", 'type = socketmap  address = "unix:/x"': "asked",
    'type = dovecot  address = "unix:/x"': "asked",
    'type = dovecot  uri = "http://127.0.0.1:1/doveadm/v1"  key_file = "KEY"': "dovecot-2.3",
    'type = cyrus  uri = "imap://127.0.0.1:1"  login = x  password_file = "KEY"  mailbox = "user/%u"': "cyrus",
    'type = imap  uri = "imap://127.0.0.1:1"  login = "%u"  password_file = "KEY"': "fits",
    'type = sql  uri = "sqlite:///x"  query = "SELECT 1, :u"': "fits",
    'type = redis  address = "unix:/x"  rule = dovecot-2.4': "dovecot-2.4",
}


def test_config_prints_the_rule_in_force(idle_quotagate, good, folder):
    stores = "".join(f"store s{number} {{ {options} }}\n" for number, options in enumerate(RULES))
    gate = idle_quotagate(good + stores.replace("KEY", str(secret(folder / "secret", "x"))) +
                          "domain other.example { store = s1 }\n")
    done = gate.command("config")
    assert (done.returncode, done.stderr) == (0, "")
    for number, rule in enumerate(RULES.values()):
        section = done.stdout.partition(f"store s{number} {{")[2].partition("}")[0]
        assert re.findall(r"^\trule = (.*)$", section, re.M) == [rule], section


# Who writes these figures is known, and by which rule he delivers is not the default.
DOUBTFUL = {
    **{f'type = sql  uri = "sqlite:///x"  preset = {preset}': True for preset in
       ("postfixadmin", "iredmail", "mailcow", "mailcow-replica", "modoboa", "dovecot")},
    'type = redis  address = "unix:/x"': True,
    'type = redis  address = "unix:/x"  rule = fits': False,
    'type = sql  uri = "sqlite:///x"  preset = dovecot  rule = dovecot-2.4': False,
    'type = sql  uri = "sqlite:///x"  preset = dovecot  query = "SELECT 1, :u"': False,
}
DOUBT = ("Dovecot writes these figures, but rule = fits is the default: name the rule of the program that delivers, for "
         "instance dovecot-2.3")


def test_who_leaves_dovecots_rule_to_the_default_is_told(idle_quotagate, good):
    gate = idle_quotagate(good + "".join(f"store s{number} {{ {options} }}\n" for number, options in enumerate(DOUBTFUL)))
    done = gate.command("config")
    assert done.returncode == 0
    assert done.stderr == "".join(f"quotagate: warning: store s{number}: {DOUBT}\n"
                                  for number, doubtful in enumerate(DOUBTFUL.values()) if doubtful)


def test_check_and_the_log_tell_it_too(quotagate, folder):
    database = folder / "usage"
    sqlite3.connect(database).executescript(
        "CREATE TABLE quota (username, bytes, messages); INSERT INTO quota VALUES ('joe@example.org', 1, 1);")
    database.chmod(0o644)
    gate = quotagate(f'listen mta {{ protocol = policy  address = "inet:127.0.0.1:{free_port()}" }}\n'
                     f'store db {{ type = sql  uri = "sqlite://{database}"  preset = dovecot  limit = 1M }}\n')
    gate.says(f'event=rule-in-doubt store=db note="{DOUBT}"')
    step = json.loads(gate.check("--json", "joe@example.org").stdout)[0]["steps"][-1]
    assert (step["rule"], step["warning"]) == ("fits", DOUBT)
    gate.reload(gate.configuration.read_text().replace("preset =", "rule = dovecot-2.3  preset ="))
    step = json.loads(gate.check("--json", "joe@example.org").stdout)[0]["steps"][-1]
    assert step["rule"] == "dovecot-2.3" and "warning" not in step
    assert gate.said().count("event=rule-in-doubt") == 1


def test_the_shortest_useful_file_is_enough(quotagate, folder, mail):
    port = free_port()
    quotagate(f'listen mta {{ protocol = policy  address = "inet:127.0.0.1:{port}" }}\n'
              f'store vmail {{ type = maildir  path = "{mail}/%d/%n/Maildir"  limit = 200M  user = vmail }}\n')


@pytest.mark.parametrize("words", [["frobnicate"], [], ["config", "--frobnicate"], ["setup", "mmdf"], ["check"]])
def test_usage_errors_exit_2(idle_quotagate, good, words):
    gate = idle_quotagate(good)
    done = gate.command(*words) if words else gate.command("")
    assert done.returncode == 2
    assert done.stderr.startswith("quotagate: ") or "usage" in done.stderr.lower()


def test_check_explains_and_its_exit_status_tells(idle_quotagate, good, mail):
    mbox(mail / "full", 205_000)
    mbox(mail / "ok", 1)
    gate = idle_quotagate(good)
    done = gate.check("ok@example.org")
    assert done.returncode == 0, done
    done = gate.check("--size", "1000", "ok@example.org", "full@example.org")
    assert done.returncode == 1, done
    assert "452 4.2.2" in done.stdout and "205000" in done.stdout and "ok@example.org" in done.stdout
    assert gate.check("full@example.org", "--size", "1024").returncode == 1
    assert gate.check("--size", "204799", "ok@example.org").returncode == 0
    assert gate.check("--size", "204800", "ok@example.org").returncode == 1
    assert gate.check("nobody@elsewhere.example").returncode == 0


def test_a_store_that_is_asked_about_no_address(idle_quotagate, good):
    """Whoever forgets the domain's section is told; nobody is refused, and nobody is protected either."""
    gate = idle_quotagate(good)
    assert gate.command("config").stderr == ""
    gate.configuration.write_text("".join(line for line in good.splitlines(True) if not line.startswith("domain")))
    done = gate.command("config")
    assert done.returncode == 0
    assert "warning: store boxes: it is asked about user names alone, and about no address" in done.stderr
    assert "stores asked         none: no section `domain` names one for it" in gate.check("ok@example.org").stdout


def test_setup_postfix_works_when_pasted(quotagate, postfix, folder, mail):
    mbox(mail / "full", 205_000)
    gate = quotagate(f'listen mta {{ protocol = policy  address = "inet:127.0.0.1:{free_port()}" }}\n'
                     f'store boxes {{ type = mbox  path = "{mail}/%n"  limit = 200k  user = vmail }}\n'
                     "domain example.org { store = boxes }\n")
    printed = gate.command("setup", "postfix")
    assert printed.returncode == 0, printed
    assert "default_action=DUNNO" in printed.stdout
    mta = postfix(mail=mail, more=printed.stdout)
    assert str(ask(mta.port, "full@example.org")).startswith("452 4.2.2 ")
    assert send(mta.port, "ok@example.org")["ok@example.org"].code == 250
    mta.settle()
    assert mta.bounces() == []
    gate.stop()
    assert ask(mta.port, "full@example.org").code == 250
    mta.says("Connection refused")  # it did not come to its time-out


def test_setup_exim_works_when_pasted(quotagate, exim, good, mail):
    mbox(mail / "full", 205_000)
    gate = quotagate(good)
    printed = gate.command("setup", "exim")
    assert printed.returncode == 0, printed
    assert "readsocket" in printed.stdout
    rcpt, data = acls(printed.stdout)
    mta = exim(mail, acl=rcpt, data=data)
    assert str(ask(mta.port, "full@example.org")).startswith("452 4.2.2 ")
    assert send(mta.port, "ok@example.org")["ok@example.org"].code == 250
    mta.settle()
    assert mta.bounces() == []
    gate.stop()
    assert ask(mta.port, "full@example.org").code == 250


# Owner, group and mode of a password's file, mode of its folder, which is root's; what the section says; who cannot read it.
UNREAD = {
    "root's alone": ("root", "root", 0o600, 0o755, "", "quotagate"),
    "root's alone, of a section with a user": ("root", "root", 0o600, 0o755, "user = vmail", "vmail"),
    "another's": ("vmail", "vmail", 0o640, 0o755, "", "quotagate"),
    "in a folder of root's": ("vmail", "vmail", 0o600, 0o700, "user = vmail", "vmail"),
    "his own": ("vmail", "vmail", 0o600, 0o755, "user = vmail", None),
    "his group's": ("root", "quotagate", 0o640, 0o755, "", None),
    "for one who is root": ("root", "root", 0o600, 0o700, "user = root", None),
}


@pytest.mark.parametrize("case", UNREAD.values(), ids=UNREAD.keys())
def test_a_password_that_the_helpers_cannot_read_is_told(idle_quotagate, good, folder, case):
    owner, group, mode, of_folder, section, unable = case
    numbers = {"root": 0, **USERS}
    secrets = folder / "secrets"
    secrets.mkdir(mode=of_folder)
    secret = secrets / "redis"
    secret.write_text("secret\n")
    os.chown(secret, numbers[owner], numbers[group])
    secret.chmod(mode)
    gate = idle_quotagate(good + f'store r {{ type = redis  address = "unix:{folder}/none"  password_file = "{secret}"\n'
                          f"  {section} }}\ndomain example.net {{ store = r }}\n")
    said = f"warning: store r: user {unable}, who reads the password_file, cannot read {secret}"
    for done in gate.command("config"), gate.check("x@example.org"):
        assert done.stderr.count("cannot read") == (unable is not None), done
        assert not unable or said in done.stderr
    gate.launch()
    gate.says("event=started")
    assert gate.said().count("event=unreadable") == (unable is not None)
    assert not unable or f'event=unreadable store=r option=password_file file="{secret}" user={unable} ' in gate.said()


@pytest.mark.parametrize("reader", ["vmail", "quotagate"])
def test_maildirs_are_looked_at_by_who_reads_them(idle_quotagate, folder, reader):
    """By nobody with more rights: users write what is read there."""
    boxes = owned(folder / "boxes", "vmail")
    maildir = owned(boxes / "joe", "vmail")
    (maildir / "maildirsize").write_text("1000S\n500 1\n")  # as Dovecot writes it, one line for all
    os.chown(maildir / "maildirsize", USERS["vmail"], USERS["vmail"])
    boxes.chmod(0o700)
    gate = idle_quotagate(f'store homes {{ type = maildir  path = "{boxes}/%n"  user = {reader} }}\n'
                          "domain example.org { store = homes }\n")
    done = gate.command("config")
    assert done.returncode == 0
    assert ("1 of 1 maildirsize files" in done.stderr) == (reader == "vmail"), done.stderr
