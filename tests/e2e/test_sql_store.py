"""The store `sql`: a real Dovecot writes its usage into real SQL servers, quotagate reads it there, and the two agree on
which message fits. Then what happens when the server is slow, stuck, new, or does not want us."""
import json

import pytest

from databases import schema, secret
from enclosure import free_port, mbox, until

LIMIT = 1 << 20
JOE = "joe@example.org"
PRESETS = ["postfixadmin", "iredmail", "mailcow", "mailcow-replica", "modoboa", "dovecot"]

GATE = """
listen mta {{ protocol = policy  address = "inet:127.0.0.1:{port}" }}
store db {{ type = sql
    {options}
    {more} }}
{sections}
domain example.org {{ store = db  {domain} }}
cache {{ ttl_low = 1ms  ttl_mid = 1ms  ttl_high = 1ms  ttl_none = 1ms  stale = 1ms  settle = 1s }}
rules {{ error = defer  unknown = reject  timeout = 10m }}
"""

DOVECOT = """
mail_plugins = quota quota_clone
dict {{
  usage = {driver}:{folder}/dict
}}
plugin {{
  quota_clone_dict = proxy::usage
}}
service dict {{
  user = root
  unix_listener dict {{
    user = vmail
  }}
}}
"""
MAP = """
map {{
  pattern = priv/quota/{key}
  table = quota2
  username_field = username
  value_field = {column}
}}
"""
# Dovecot's INSERT is to replace a row; where the server's language lets it say so, it does. As PostfixAdmin does it.
REPLACE = """
CREATE FUNCTION put_quota2() RETURNS TRIGGER AS $$
BEGIN
    UPDATE quota2 SET bytes = NEW.bytes, messages = NEW.messages WHERE username = NEW.username;
    IF FOUND THEN RETURN NULL; END IF;
    RETURN NEW;
END $$ LANGUAGE plpgsql;
CREATE TRIGGER put BEFORE INSERT ON quota2 FOR EACH ROW EXECUTE FUNCTION put_quota2();
"""


def configuration(options, more="rule = dovecot-2.3  preset = postfixadmin", sections="", domain=""):
    return GATE.format(port=free_port(), options=options, more=more, sections=sections, domain=domain)


def found(gate, address):
    """What the store said, of check --json."""
    step = json.loads(gate.check("--json", address).stdout)[0]["steps"][0]
    return {"found": (step.get("usage"), step.get("messages", 0), step.get("limit"))}.get(step["answer"], step["answer"])


def fits(gate, address, size):
    return gate.check("--size", str(size), address).returncode == 0


# ---- the tables of each program ----

@pytest.mark.parametrize("preset", PRESETS)
def test_the_same_figures(database, preset, idle_quotagate):
    database.make("mail", schema(preset.partition("-")[0]))
    gate = idle_quotagate(configuration(database.options("mail"), f"preset = {preset}"))
    limit = 0 if preset == "dovecot" else LIMIT
    assert found(gate, JOE) == (1_000_000, 3, limit)
    assert found(gate, "both@example.org") == "did not answer"
    assert found(gate, "nobody@example.org") == "no such mailbox"
    assert found(gate, "' or '1'='1@example.org") == "no such mailbox"
    if limit:
        assert found(gate, "ann@example.org") == (5_000_000, 7, 0)
        assert found(gate, "away@example.org") == (0, 0, LIMIT)
        assert found(gate, "gone@example.org") == "no such mailbox"


# ---- Dovecot writes, quotagate reads ----

def connection(database):
    """How Dovecot comes in."""
    return {"sqlite": lambda: f"{database.path('mail')}",
            "postgresql": lambda: f"host={database.sockets} port={database.port} dbname=mail user=postgres",
            "mysql": lambda: f"host={database.socket()} dbname=mail user=root"}[database.kind]()


@pytest.fixture
def writer(database, dovecot, mail):
    """A Dovecot whose users have the limit that the tables name."""
    database.make("mail", schema("postfixadmin") + "DELETE FROM quota2;\n" +
                  (REPLACE if database.kind == "postgresql" else ""))
    driver = {"sqlite": "sqlite", "postgresql": "pgsql", "mysql": "mysql"}[database.kind]
    dict_conf = mail.parent / "dict"
    dict_conf.write_text(f"connect = {connection(database)}\n" + MAP.format(key="storage", column="bytes") +
                         MAP.format(key="messages", column="messages"))
    return dovecot(mail, quota="1M", more=DOVECOT.format(driver=driver, folder=mail.parent))


def wait_for(gate, address, messages):
    until(lambda: found(gate, address)[1] == messages, f"{messages} messages are in the table")
    return found(gate, address)


def test_the_verdict_is_that_of_the_delivery(database, writer, idle_quotagate):
    gate = idle_quotagate(configuration(database.options("mail")))
    assert found(gate, JOE) == (0, 0, LIMIT) and fits(gate, JOE, LIMIT)
    assert writer.deliver(JOE, 500_000) and writer.deliver(JOE, 400_000)
    usage, _, limit = wait_for(gate, JOE, 2)
    assert 880_000 <= usage <= 900_000 and limit == LIMIT
    room = limit - usage + limit // 10
    # Around what is left with Dovecot's grace of a tenth. It puts a few hundred octets of head in front, and stores line
    # ends of one octet: a seventieth of these messages.
    assert not fits(gate, JOE, room + 6000) and not writer.deliver(JOE, room + 6000)
    assert fits(gate, JOE, room - 1000) and writer.deliver(JOE, room - 1000)
    usage, _, _ = wait_for(gate, JOE, 3)
    assert usage > LIMIT
    assert not fits(gate, JOE, 1) and not writer.deliver(JOE, 100)
    writer.empty(JOE)
    wait_for(gate, JOE, 0)
    assert fits(gate, JOE, 1000) and writer.deliver(JOE, 1000)


def test_a_burst_is_charged(database, writer, quotagate):
    """What was let in counts before Dovecot has written it down."""
    gate = quotagate(configuration(database.options("mail")))
    with gate.policy() as mta:
        answers = [mta.ask(JOE, size=300_000, instance=str(i)) for i in range(5)]
    assert [answer[:3] for answer in answers] == ["DUN", "DUN", "DUN", "452", "452"]
    assert writer.deliver(JOE, 300_000) and writer.deliver(JOE, 300_000) and writer.deliver(JOE, 300_000)


def test_limits_of_a_directory(database, idle_quotagate):
    """The usage from one database, the limit from the directory's."""
    database.make("mail", schema("postfixadmin"))
    database.make("used", schema("dovecot"))
    directory = f"directory people {{ type = sql\n {database.options('mail')}\n preset = postfixadmin }}"
    gate = idle_quotagate(configuration(database.options("used"), "preset = dovecot", directory, "directory = people"))
    assert fits(gate, JOE, 40_000) and not fits(gate, JOE, 60_000)
    # One that the directory lists, but nothing was delivered to yet, and a message larger than its limit.
    assert "550 5.1.1 " in gate.check("bare@example.org").stdout
    gate.configuration.write_text(gate.configuration.read_text().replace("preset = dovecot", "preset = dovecot  missing = empty"))
    assert fits(gate, "bare@example.org", LIMIT) and not fits(gate, "bare@example.org", LIMIT + 1)
    assert "550 5.1.1 " in gate.check("nobody@example.org").stdout
    gate.configuration.write_text(gate.configuration.read_text().replace("directory = people", "limit = 1000100"))
    assert fits(gate, JOE, 100) and not fits(gate, JOE, 101)


def test_own_queries(database, idle_quotagate):
    database.make("own", """
        CREATE TABLE people (name VARCHAR(64) PRIMARY KEY, used BIGINT, n INTEGER, most VARCHAR(20), most_n INTEGER);
        INSERT INTO people VALUES ('joe', 1000, 5, '20', 6);
        INSERT INTO people VALUES ('nil', NULL, NULL, NULL, NULL);
        INSERT INTO people VALUES ('odd', 1, 1, 'plenty', 1);
    """)
    query = "SELECT used, n, most, most_n FROM people WHERE name = :n AND :d <> ':u' AND :u <> ''"
    gate = idle_quotagate(configuration(database.options("own"), f'limit_unit = k  query = "{query}"'))
    assert found(gate, JOE) == (1000, 5, 20480)
    assert found(gate, "nil@example.org") == (0, 0, 0)
    assert found(gate, "odd@example.org") == (1, 1, 0)
    assert "plenty" in gate.check("odd@example.org").stdout
    assert fits(gate, JOE, 19_480) and not fits(gate, JOE, 19_481)
    query = "SELECT SUM(used) * 1.0, COUNT(*) FROM people WHERE :u <> ''"
    gate.configuration.write_text(configuration(database.options("own"), f'query = "{query}"'))
    assert found(gate, JOE) == (1001, 3, 0)


def test_a_query_without_the_domain_is_asked_about_its_own_only(database, idle_quotagate):
    database.make("own", "CREATE TABLE people (name VARCHAR(64) PRIMARY KEY);\nINSERT INTO people VALUES ('joe');\n")
    gate = idle_quotagate(configuration(database.options("own"), 'query = "SELECT 7 FROM people WHERE name = :n"'))
    assert found(gate, JOE) == (7, 0, 0)
    assert "7" not in gate.check("joe@elsewhere.example").stdout


def test_addresses_beyond_ascii(database, idle_quotagate):
    database.make("own", "CREATE TABLE people (name VARCHAR(64) PRIMARY KEY);\nINSERT INTO people VALUES ('jürgen');\n")
    gate = idle_quotagate(configuration(database.options("own"), 'query = "SELECT 7 FROM people WHERE name = :n"'))
    assert found(gate, "jürgen@example.org") == (7, 0, 0)
    assert found(gate, "日本@example.org") == "no such mailbox"


# ---- what goes wrong ----

def test_words_of_the_server(database, idle_quotagate):
    database.make("own", "CREATE TABLE people (name VARCHAR(64) PRIMARY KEY);\n")
    gate = idle_quotagate(configuration(database.options("own"), 'query = "SELECT 7 FROM persons WHERE name = :n"'))
    done = gate.check(JOE)
    assert done.returncode == 3 and "did not answer" in done.stdout and "persons" in done.stdout


def test_a_wrong_password(listener, quotagate, folder):
    listener.make("mail", schema("postfixadmin"))
    gate = quotagate(configuration(listener.options("mail", secret=secret(folder / "wrong", "guess"))))
    with gate.policy() as mta:
        assert mta.ask(JOE).startswith("451 4.3.0 ")
    gate.says("password authentication failed|Access denied")
    assert "guess" not in gate.said()


def test_a_new_connection_when_the_old_one_is_gone(database, quotagate):
    database.make("mail", schema("postfixadmin"))
    gate = quotagate(configuration(database.options("mail")))
    with gate.policy() as mta:
        assert mta.ask(JOE, size=1000) == "DUNNO"
        database.restart()
        assert mta.ask(JOE, size=1000) == "DUNNO"
        assert mta.ask("ann@example.org", size=1000) == "DUNNO"
    assert "reason=error" not in gate.said()


def test_one_that_hangs_stops_nobody_else(listener, quotagate, mail):
    listener.make("mail", schema("postfixadmin"))
    mbox(mail / "ann", 100)
    gate = quotagate(configuration(
        listener.options("mail"), "preset = postfixadmin  timeout = 3s",
        f'store boxes {{ type = mbox  path = "{mail}/%n"  user = vmail }}\ndomain example.net {{ store = boxes }}'))
    with gate.policy() as mta, gate.policy() as other:
        assert mta.ask(JOE, size=1000) == "DUNNO"
        listener.freeze()
        try:
            mta.send(f"request=smtpd_access_policy\nprotocol_state=RCPT\nrecipient={JOE}\n\n".encode())
            assert other.ask("postmaster@example.net") == "DUNNO"
            assert other.ask("joe@example.net").startswith("550 5.1.1 ")
            assert mta.waits()
            assert mta.answer().startswith("451 4.3.0 ")
        finally:
            listener.thaw()
        until(lambda: mta.ask(JOE, size=1000) == "DUNNO", "it answers again")


def test_last_known_figures_serve(listener, quotagate):
    listener.make("mail", schema("postfixadmin"))
    gate = quotagate(configuration(listener.options("mail"), "preset = postfixadmin  timeout = 300ms")
                     .replace("stale = 1ms", "stale = 1h"))
    with gate.policy() as mta:
        assert mta.ask(JOE, size=1000) == "DUNNO"
        assert mta.ask(JOE, size=100_000, instance="2").startswith("452 ")
        listener.freeze()
        try:
            assert mta.ask(JOE, size=100_000, instance="3").startswith("452 ")
            assert mta.ask(JOE, size=1000, instance="4") == "DUNNO"
            assert mta.ask("ann@example.org", size=1000).startswith("451 4.3.0 ")
        finally:
            listener.thaw()


@pytest.mark.parametrize("options,complaint", [
    ("", "either `preset` or `query`"),
    ('query = "SELECT 1"', "no parameter"),
    ('query = "SELECT 1 WHERE :who = 1"', "there is no parameter :who"),
    ("preset = exchange", "preset"),
])
def test_what_the_configuration_must_say(idle_quotagate, folder, options, complaint):
    gate = idle_quotagate(configuration(f'uri = "sqlite:{folder}/db"', options))
    done = gate.command("config")
    assert done.returncode == 2 and complaint in done.stderr
