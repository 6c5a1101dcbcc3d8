"""Directories in real SQL servers: the same cases over each server and the tables of each program, and what happens when
the server is slow, stuck, new, or does not want us."""
import json

import pytest

from databases import schema, secret
from enclosure import TOP, free_port, until

PRESETS = ["postfixadmin", "iredmail", "mailcow", "modoboa"]
LISTINGS = {"did not answer": "failed", "domain not known": "not_ours", "no such address": "no_address",
            "not listed here": "unlisted"}

CONFIGURATION = """
listen mta {{ protocol = policy  address = "inet:127.0.0.1:{port}" }}
control = "{folder}/control.sock"
directory db {{ type = sql
    {options}
    {more} }}
store boxes {{ type = maildir  path = "{mail}/%d/%n/Maildir"  rule = fits  user = vmail }}
domain example.org {{ directory = db  store = boxes }}
{domains}
cache {{ ttl_none = 1ms  stale = 1ms }}
rules {{ {rules} }}
"""


def configuration(folder, mail, options, more="", domains=(), rules="error = defer  timeout = 10m"):
    sections = "\n".join(f"domain {name} {{ directory = db  store = boxes }}" for name in domains)
    return CONFIGURATION.format(folder=folder, mail=mail, port=free_port(), options=options, more=more, domains=sections,
                                rules=rules)


def cases():
    for line in (TOP / "tests" / "cases" / "sql.cases").read_text().splitlines():
        line = line.split(" #")[0].strip()
        if line and not line.startswith("#"):
            address, _, want = line.rpartition(" = ")
            yield address.strip(), want.strip()


def in_short(step):
    """A step of check --json as the cases have it."""
    if step["answer"] != "listed":
        return LISTINGS[step["answer"]]
    words = []
    for target in step["targets"].split(", "):
        kind, _, rest = target.partition(" ")
        limit = dict(part.split("=", 1) for part in rest.split() if "=" in part).get("limit", "-")
        words.append(f"mailbox:{0 if limit == 'none' else limit}" if kind == "mailbox" else kind)
    return " ".join(words)


def first_steps(gate, *addresses):
    """What the directory said first of each address, and the whole answers."""
    done = gate.check("--json", *addresses)
    answers = json.loads(done.stdout)
    return {answer["address"]: in_short(answer["steps"][0]) for answer in answers}, answers, done


@pytest.mark.parametrize("preset", PRESETS)
def test_the_same_cases(database, preset, idle_quotagate, folder, mail):
    database.make("mail", schema(preset))
    # What begins with @ is asked by the gate, not by people; a bare name has no domain whose section names a directory.
    wanted = {address: want for address, want in cases() if not address.startswith("@") and "@" in address}
    domains = {address.rpartition("@")[2] for address in wanted} - {"example.org"}
    gate = idle_quotagate(configuration(folder, mail, database.options("mail"), f"preset = {preset}", domains))
    got, _, _ = first_steps(gate, *wanted)
    assert got == wanted


@pytest.fixture
def boxes(mail):
    """joe has nearly filled his mailbox, by the limit of the tables; ann has none; both has room."""
    for name, octets in (("joe", 1_048_000), ("ann", 3_000_000), ("both", 100)):
        box = mail / "example.org" / name / "Maildir"
        for part in ("cur", "new", "tmp"):
            (box / part).mkdir(parents=True)
        (box / "cur" / "1:2,S").write_bytes(b"x" * octets)


def test_the_daemon_decides_by_the_limits_of_the_tables(database, boxes, quotagate, folder, mail):
    database.make("mail", schema("postfixadmin"))
    gate = quotagate(configuration(folder, mail, database.options("mail"), "preset = postfixadmin",
                                   ["any.example", "alias.example"]))
    with gate.policy() as client:
        assert client.ask("joe@example.org", size=100) == "DUNNO"
        assert client.ask("joe@example.org", size=10_000).startswith("452 4.2.2 ")
        assert client.ask("joe+tag@example.org", size=10_000).startswith("452 4.2.2 ")
        assert client.ask("joe@example.org", size=2_000_000).startswith("552 5.2.3 ")
        assert client.ask("joe@alias.example", size=10_000).startswith("452 4.2.2 ")
        assert client.ask("whoever@any.example", size=10_000).startswith("452 4.2.2 ")
        assert client.ask("ann@example.org", size=10_000_000) == "DUNNO"
        assert client.ask("sales@example.org", size=10_000) == "DUNNO"
        assert client.ask("away@example.org", size=10_000_000) == "DUNNO"
        assert client.ask("both@example.org", size=100) == "DUNNO"
        assert client.ask("o'brien@example.org", size=10_000_000) == "DUNNO"


def test_unknown_addresses_and_forged_senders(database, boxes, quotagate, folder, mail):
    database.make("mail", schema("postfixadmin"))
    text = configuration(folder, mail, database.options("mail"), "preset = postfixadmin", rules="unknown = reject")
    text = text.replace("store = boxes }\n", "store = boxes  check_sender = true }\n")
    gate = quotagate(text)
    with gate.policy() as client:
        assert client.ask("nobody@example.org").startswith("550 5.1.1 ")
        assert client.ask("' or '1'='1@example.org").startswith("550 5.1.1 ")
        assert client.ask("joe@example.org") == "DUNNO"
        assert client.ask("joe@example.org", sender="nobody@example.org").startswith("550 5.7.1 ")
        assert client.ask("joe@example.org", sender="sales@example.org") == "DUNNO"


def test_own_queries(database, idle_quotagate, folder, mail):
    database.make("own", """
        CREATE TABLE people (name VARCHAR(64) PRIMARY KEY, size VARCHAR(20), messages INTEGER, home VARCHAR(64));
        INSERT INTO people VALUES ('joe', '20', 7, '/home/joe');
        INSERT INTO people VALUES ('odd', 'plenty', NULL, NULL);
        INSERT INTO people VALUES ('nil', NULL, NULL, NULL);
    """)
    query = "SELECT size AS quota, messages, home, 'x' AS host, 'boxes' AS store FROM people WHERE name = :local" \
            " AND :domain <> ':address' AND :address <> ''"
    gate = idle_quotagate(configuration(folder, mail, database.options("own"),
                                        f'limit_unit = k  mailbox_query = "{query}"'))
    _, answers, _ = first_steps(gate, "joe@example.org", "odd@example.org", "nil@example.org", "no@example.org")
    targets = [answer["steps"][0].get("targets") for answer in answers]
    assert targets == ["mailbox limit=20480 messages=7 store=boxes host=x home=/home/joe",
                       "mailbox store=boxes host=x", "mailbox store=boxes host=x", None]
    assert 'quota "plenty" is no limit' in answers[1]["steps"][0]["note"]


def test_addresses_beyond_ascii(database, idle_quotagate, folder, mail):
    database.make("own", "CREATE TABLE people (name VARCHAR(64) PRIMARY KEY);\nINSERT INTO people VALUES ('jürgen');\n")
    gate = idle_quotagate(configuration(folder, mail, database.options("own"),
                                        'mailbox_query = "SELECT name FROM people WHERE name = :local"'))
    got, _, _ = first_steps(gate, "jürgen@example.org", "日本@example.org")
    assert got == {"jürgen@example.org": "mailbox:-", "日本@example.org": "no_address"}


def test_words_of_the_server(database, idle_quotagate, folder, mail):
    database.make("own", "CREATE TABLE people (name VARCHAR(64) PRIMARY KEY);\n")
    gate = idle_quotagate(configuration(folder, mail, database.options("own"),
                                        'mailbox_query = "SELECT name FROM persons WHERE name = :local"'))
    got, answers, done = first_steps(gate, "joe@example.org")
    assert got == {"joe@example.org": "failed"}
    assert done.returncode == 3
    note = answers[0]["steps"][0]["note"]
    assert "mailbox_query: " in note and "persons" in note


def test_nothing_is_written(database, idle_quotagate, folder, mail):
    database.make("own", "CREATE TABLE people (name VARCHAR(64) PRIMARY KEY);\nINSERT INTO people VALUES ('joe');\n")
    if database.kind != "sqlite":
        database.execute("own", "GRANT ALL ON people TO quotagate;\n")
    gate = idle_quotagate(configuration(folder, mail, database.options("own"),
                                        'mailbox_query = "DELETE FROM people WHERE name = :local"'))
    got, answers, _ = first_steps(gate, "joe@example.org")
    assert got == {"joe@example.org": "failed"}, answers
    gate.configuration.write_text(gate.configuration.read_text().replace("DELETE", "SELECT name"))
    got, _, _ = first_steps(gate, "joe@example.org")
    assert got == {"joe@example.org": "mailbox:-"}


def test_a_new_connection_when_the_old_one_is_gone(database, boxes, quotagate, folder, mail):
    database.make("mail", schema("postfixadmin"))
    gate = quotagate(configuration(folder, mail, database.options("mail"), "preset = postfixadmin  ttl = 1ms"))
    with gate.policy() as client:
        assert client.ask("joe@example.org", size=10_000).startswith("452 ")
        database.restart()
        assert client.ask("joe@example.org", size=10_000).startswith("452 ")
        assert client.ask("joe+tag@example.org", size=10_000).startswith("452 ")
    assert "reason=error" not in gate.said()


def test_the_server_hangs_up(listener, boxes, quotagate, folder, mail):
    listener.make("mail", schema("postfixadmin"))
    gate = quotagate(configuration(folder, mail, listener.options("mail"), "preset = postfixadmin  ttl = 1ms  helpers = 1"))
    with gate.policy() as client:
        for _ in range(3):
            assert client.ask("joe@example.org", size=10_000).startswith("452 ")
            listener.hang_up()
    assert "reason=error" not in gate.said()


def test_tables_that_change(database, quotagate, folder, mail):
    """As the administration program's next version may do it, with quotagate's statements prepared."""
    change = {"sqlite": "DROP TABLE people; CREATE TABLE people (size BIGINT, name VARCHAR(64));\n"
                        "INSERT INTO people VALUES (2048, 'joe');\n",
              "postgresql": "ALTER TABLE people ALTER COLUMN size TYPE BIGINT; UPDATE people SET size = 2048;\n",
              "mysql": "ALTER TABLE people MODIFY size BIGINT; UPDATE people SET size = 2048;\n"}[database.kind]
    database.make("own", "CREATE TABLE people (name VARCHAR(64) PRIMARY KEY, size INTEGER);\n"
                         "INSERT INTO people VALUES ('joe', 1024);\n")
    gate = quotagate(configuration(folder, mail, database.options("own"), 'ttl = 1ms  helpers = 1'
                                   '  mailbox_query = "SELECT size AS quota FROM people WHERE name = :local"'))
    box = mail / "example.org" / "joe" / "Maildir"
    for part in ("cur", "new", "tmp"):
        (box / part).mkdir(parents=True)
    with gate.policy() as client:
        assert client.ask("joe@example.org", size=1500).startswith("552 ")
        database.execute("own", change)
        assert client.ask("joe@example.org", size=1500) == "DUNNO"
        assert client.ask("joe@example.org", size=3000).startswith("552 ")


def test_over_a_unix_socket(listener, idle_quotagate, folder, mail):
    listener.make("mail", schema("postfixadmin"))
    gate = idle_quotagate(configuration(folder, mail, listener.options("mail", over_socket=True), "preset = postfixadmin"))
    got, _, _ = first_steps(gate, "joe@example.org")
    assert got == {"joe@example.org": "mailbox:1048576"}


def test_a_wrong_password(listener, idle_quotagate, folder, mail):
    wrong = secret(folder / "wrong", "guess")
    gate = idle_quotagate(configuration(folder, mail, listener.options("mail", secret=wrong), "preset = postfixadmin"))
    got, answers, done = first_steps(gate, "joe@example.org")
    assert (got, done.returncode) == ({"joe@example.org": "failed"}, 3)
    note = answers[0]["steps"][0]["note"]
    assert "password authentication failed" in note or "Access denied" in note
    assert "guess" not in done.stdout + done.stderr


def test_a_password_that_all_may_read(listener, idle_quotagate, folder, mail):
    known = secret(folder / "known", "guess", 0o644)
    gate = idle_quotagate(configuration(folder, mail, listener.options("mail", secret=known), "preset = postfixadmin"))
    done = gate.check("joe@example.org")
    assert done.returncode == 2
    assert "quotagate.conf:6: " in done.stderr and "others can neither read nor write" in done.stderr


def test_a_password_in_the_uri(listener, idle_quotagate, folder, mail):
    options = listener.options("mail").replace("quotagate@", "quotagate:guess@")
    gate = idle_quotagate(configuration(folder, mail, options, "preset = postfixadmin"))
    done = gate.check("joe@example.org")
    assert done.returncode == 2
    assert "password_file" in done.stderr and "guess" not in done.stderr


@pytest.mark.parametrize("query,complaint", [
    ("SELECT 1", "no parameter"),
    ("SELECT 1 WHERE name = ':local'", "no parameter"),
    ("SELECT 1 WHERE name = :user", "there is no parameter :user"),
    ("SELECT 1 WHERE name = ? AND 1 = :local", "written as names"),
])
def test_queries_that_cannot_be(database, idle_quotagate, folder, mail, query, complaint):
    gate = idle_quotagate(configuration(folder, mail, database.options("mail"), f'mailbox_query = "{query}"'))
    done = gate.check("joe@example.org")
    assert done.returncode == 2
    assert "mailbox_query" in done.stderr and complaint in done.stderr


def test_a_server_that_is_stopped(listener, boxes, quotagate, folder, mail):
    """Its silence costs one timeout, is told, and ends with it."""
    listener.make("mail", schema("postfixadmin"))
    gate = quotagate(configuration(folder, mail, listener.options("mail"), "preset = postfixadmin  timeout = 1s  ttl = 1ms"))
    with gate.policy() as client:
        assert client.ask("joe@example.org", size=10_000).startswith("452 ")
        listener.freeze()
        try:
            assert client.ask("both@example.org", size=10_000).startswith("451 4.3.0 ")
            gate.says("no answer within 1000 ms|Lost connection to server")
        finally:
            listener.thaw()
        until(lambda: client.ask("away@example.org", size=10_000) == "DUNNO", "it answers again")
        until(lambda: client.ask("joe@example.org", size=10_000).startswith("452 "), "and says what it said")


def while_locked(gate):
    got, answers, _ = first_steps(gate, "joe@example.org")
    return answers if got == {"joe@example.org": "failed"} else None


def test_a_table_that_is_locked(listener, idle_quotagate, folder, mail):
    """The server itself ends the statement, in its own words."""
    listener.make("mail", schema("postfixadmin"))
    lock = {"postgresql": "BEGIN; LOCK TABLE mailbox IN ACCESS EXCLUSIVE MODE;\n", "mysql": "LOCK TABLES mailbox WRITE;\n"}
    gate = idle_quotagate(configuration(folder, mail, listener.options("mail"), "preset = postfixadmin  timeout = 1s"))
    with listener.holding("mail", lock[listener.kind]) as session:
        answers = until(lambda: while_locked(gate), "the table is locked")
        assert "timeout" in answers[0]["steps"][0]["note"] or "max_statement_time" in answers[0]["steps"][0]["note"]
        assert session.poll() is None
