"""One real Dovecot, which delivers by LMTP into Maildirs, and all the ways in which quotagate can learn what it holds: a
domain for each of them."""
from databases import Sqlite, schema, secret
from dovecot import Dovecot
from enclosure import connects, free_port, until
from redis import PASSWORD, Redis
from truth import LINE, Message
from truth_store import PROBE, Lmtp, Maildirs, PolicyJudge, append

CONFIGURATION = """
protocols = lmtp imap
disable_plaintext_auth = no
auth_master_user_separator = *
doveadm_api_key = key
mail_plugins = quota quota_clone
dict {{
  usage = sqlite:{database}.conf
}}
passdb {{
  driver = passwd-file
  master = yes
  args = {{folder}}/masters
}}
protocol imap {{
  mail_plugins = quota imap_quota
}}
protocol lmtp {{
  lmtp_rcpt_check_quota = yes
}}
service imap-login {{
  inet_listener imap {{
    address = 127.0.0.1
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service doveadm {{
  inet_listener http {{
    address = 127.0.0.1
    port = {http}
  }}
}}
service dict {{
  user = root
  unix_listener dict {{
    user = vmail
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""
MAP = """
map {{
  pattern = priv/quota/{key}
  table = quota
  username_field = username
  value_field = {column}
}}
"""


class Writer(Dovecot):
    """Answers IMAP and doveadm's HTTP as well, and writes the usage of users that have the field quota_clone_dict."""

    def __init__(self, folder, mail, database):
        self.imap, self.http = free_port(), free_port()
        super().__init__(folder, mail, quota="0", users=["nobody"], more=CONFIGURATION.format(
            imap=self.imap, http=self.http, database=database))
        (self.folder / "masters").write_text("master:{PLAIN}let me in::::::\n")

    def start(self):
        super().start()
        until(lambda: connects(self.imap) and connects(self.http), "imap-login and doveadm listen")
        return self


class ByDovecot(Maildirs):
    """Dovecot in front of its Maildirs; a tenth of the limit is the last message's to take."""
    rule = "dovecot-2.3"
    servers = ("dovecot",)
    delivers = "Dovecot 2.3.19, LMTP"
    options = ""  # of the store
    field = ""  # of each user
    limited = True  # the table names the limits

    def __init__(self, world):
        super().__init__(world)
        database = world.folder / "sqlite" / "usage"
        self.sqlite = world.server("sqlite", lambda: Sqlite(world.folder))
        self.dovecot = world.server("dovecot", lambda: Writer(world.folder, world.mail, database))
        self.database = database

    @staticmethod
    def grace(limit):
        return limit + limit // 10

    def make(self, plans):
        super().make(plans)
        self.write_table(plans, lambda plan: self.limited)
        append(self.dovecot.folder / "users", (
            f"{self.address(plan)}:{{PLAIN}}x::::::userdb_quota_rule=*:bytes={plan.limit}:messages={plan.message_limit}"
            f" {self.field}" for plan in plans))

    def configuration(self):
        return (f"store {self.name} {{ {self.options} }}\n"
                f'directory {self.name} {{ type = file  mailboxes = "{self.table()}" }}\n'
                f"domain {self.domain} {{ store = {self.name}  directory = {self.name} }}\n")

    def measure(self):
        """It judges the message as it comes, where line ends are two octets, in what it adds as well."""
        message = super().measure()
        stored, = (self.maildir(PROBE) / "new").iterdir()
        self.before = self.added + stored.read_text().count("\n") - message.lines
        return message

    def judged(self, message):
        return message.octets + message.lines + self.before

    def octets(self, judged):
        judged -= self.before
        return judged - Message(judged - judged // (LINE + 1)).lines

    def transport(self):
        return f"lmtp:inet:127.0.0.1:{self.dovecot.lmtp}"

    def carrier(self):
        return Lmtp(self, self.dovecot.lmtp)


class DovecotMaildirs(ByDovecot):
    """Its Maildirs, read by quotagate: limits stand in the maildirsize."""
    name, peer = "dovecot", "quota-status"
    states = (*Maildirs.states, "low", "high")

    def make(self, plans):
        self.limited = False
        super().make([plan for plan in plans if plan.state != "absent"])
        self.limited = True
        super().make([plan for plan in plans if plan.state == "absent"])

    def configuration(self):
        return Maildirs.configuration(self)

    def peer_judge(self):
        return PolicyJudge(self.dovecot.quota_status, "OK")


class Doveadm(ByDovecot):
    """Usage and limit come rounded up to KiB; each may be a KiB from what quotagate takes it for."""
    name, type, unit, limited = "doveadm", "`dovecot`, `uri`", 2048, False

    @property
    def options(self):
        key = secret(self.world.folder / "doveadm.key", "key")
        return f'type = dovecot  uri = "http://127.0.0.1:{self.dovecot.http}/doveadm/v1"  key_file = "{key}"'


class Imap(ByDovecot):
    """Its figures are rounded likewise."""
    name, type, unit, limited = "imap", "`imap`", 2048, False

    @property
    def options(self):
        password = secret(self.world.folder / "master.secret", "let me in")
        return (f'type = imap  uri = "imap://127.0.0.1:{self.dovecot.imap}"  login = "%u*master"'
                f'  password_file = "{password}"  rule = dovecot-2.3  helpers = 4')


class QuotaStatus(ByDovecot):
    """`grace` is a tenth of the largest limit there is."""
    name, type, rule, limited = "quota-status", "`dovecot`, `address`", "asked", False

    @property
    def options(self):
        return f'type = dovecot  address = "{self.dovecot.quota_status}"  connections = 8  grace = 30k'


class DovecotLmtp(ByDovecot):
    name, type, rule, limited, sure = "lmtp-dovecot", "`lmtp`", "asked", False, ()

    @property
    def options(self):
        return f'type = lmtp  address = "inet:127.0.0.1:{self.dovecot.lmtp}"  connections = 8'


class Sql(ByDovecot):
    """What the plugin quota_clone writes into a table; here into that of SQLite."""
    name, type = "sql", "`sql`"
    field = "userdb_quota_clone_dict=proxy::usage"

    def __init__(self, world):
        super().__init__(world)
        self.sqlite.make("usage", schema("dovecot"))
        self.database.with_suffix(".conf").write_text(
            f"connect = {self.database}\n" + MAP.format(key="storage", column="bytes") +
            MAP.format(key="messages", column="messages"))

    def make(self, plans):
        super().make(plans)
        self.sqlite.execute("usage", "BEGIN;" + "".join(
            f"INSERT INTO quota VALUES ('{self.address(plan)}', {plan.usage}, {plan.messages});" for plan in plans) +
            "COMMIT;")

    @property
    def options(self):
        return (f'type = sql  uri = "sqlite://{self.database}"  preset = dovecot  missing = empty'
                "  rule = dovecot-2.3")


class RedisKeys(ByDovecot):
    """What the same plugin writes into Redis."""
    name, type = "redis", "`redis`"
    servers = ("dovecot", "redis")

    def __init__(self, world):
        self.redis = world.server("redis", lambda: Redis(world.folder))
        super().__init__(world)
        self.field = f"userdb_quota_clone_dict=redis:host=127.0.0.1:port={self.redis.port}"

    def make(self, plans):
        super().make(plans)
        words = [word for plan in plans for what, figure in (("storage", plan.usage), ("messages", plan.messages))
                 for word in (f"{self.address(plan)}/quota/{what}", str(figure))]
        assert not words or self.redis.say("MSET", *words) == "OK"

    @property
    def options(self):
        password = secret(self.world.folder / "redis.secret", PASSWORD)
        return (f'type = redis  address = "inet:127.0.0.1:{self.redis.port}"  login = quotagate'
                f'  password_file = "{password}"  missing = empty  rule = dovecot-2.3')
