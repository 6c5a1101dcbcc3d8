"""A mail farm on hosts of its own (hosts.py): three frontends that take mail, two backends that hold the mailboxes, an LDAP
server that says who lives where, and a host of senders.

A frontend is a Postfix that hands each message to the LMTP of its recipient's backend; a backend is a Dovecot. They know
nothing of quotagate but where to ask: a frontend's SMTP ports differ in whom they ask about a recipient's quota.
The quotagates come and go with each test: frontend() and backend() give their configurations.
"""
import os
import shutil

from dovecot import Dovecot
from enclosure import USERS, owned, until
from hosts import NETWORK, Network
from postfix import Postfix
from quotagate import Quotagate
from slapd import SUFFIX, Slapd, person
from smtp import Sender, message

FRONTENDS = ("fe1", "fe2", "fe3")
DOMAINS = {"one.example": "be1", "two.example": "be2"}
BACKENDS = tuple(DOMAINS.values())
LIMIT = 1 << 20  # of every mailbox, in octets
PEOPLE = 30  # in each domain: b0, b1, ...

# SMTP ports of a frontend, by whom they ask.
GATE, STATUS, BACKEND, SCRIPT = 25, 2525, 2526, 2527

MAIN = """
virtual_mailbox_domains = one.example, two.example
virtual_mailbox_maps = ldap:/etc/postfix/people.cf
transport_maps = ldap:/etc/postfix/hosts.cf
smtpd_restriction_classes = OVER, NOUSER, status_one, status_two, backend_one, backend_two
OVER = check_recipient_access static:{452 4.2.2 Mailbox is full}
NOUSER = permit
status_one = check_policy_service inet:be1.test:12340
status_two = check_policy_service inet:be2.test:12340
backend_one = check_policy_service inet:be1.test:7356
backend_two = check_policy_service inet:be2.test:7356
"""
PEOPLE_MAP = f"""
server_host = ldap://dir.test
search_base = {SUFFIX}
query_filter = (mailLocalAddress=%s)
domain = one.example, two.example
bind = no
version = 3
"""
GATE_ASKED = "check_policy_service { inet:127.0.0.1:7356, timeout=10s, default_action=DUNNO }"
SCRIPT_ASKED = "check_policy_service inet:127.0.0.1:7400"


def chosen(name):
    """One of two restriction classes, by the recipient's domain."""
    return f"check_recipient_access inline:{{ {{one.example={name}_one}}, {{two.example={name}_two}} }}"


def asks(restriction):
    return {"smtpd_recipient_restrictions": restriction, "smtpd_end_of_data_restrictions": ""}


def address(number, domain="one.example"):
    return f"b{number}@{domain}"


def everybody():
    return [address(number, domain) for domain in DOMAINS for number in range(PEOPLE)]


def entries():
    for whom in everybody():
        name, _, domain = whom.partition("@")
        yield person(f"{name}.{domain}", "inetlocal", ["inetLocalMailRecipient"], mailLocalAddress=whom,
                     mailHost=f"{DOMAINS[domain]}.test")
    for name, more in {"homeless": {}, "nowhere": {"mailHost": "nowhere.test"}}.items():
        yield person(name, "inetlocal", ["inetLocalMailRecipient"], mailLocalAddress=f"{name}@one.example", **more)


class Farm:
    """Mail servers, up. `wrap` sees each before its start."""

    def __init__(self, folder, wrap=lambda server: server):
        self.folder = folder
        self.network = wrap(Network("dir", *FRONTENDS, *BACKENDS, "sender", "relay")).start()
        self.directory = wrap(Slapd(folder / "dir", entries(), people=0, host=self.network["dir"])).start()
        self.dovecots = {name: wrap(self.make_dovecot(name, domain)).start() for domain, name in DOMAINS.items()}
        self.postfixes = {name: wrap(self.make_postfix(name)).start() for name in FRONTENDS}

    def make_dovecot(self, name, domain):
        people = [address(number, domain) for number in range(PEOPLE)]
        return Dovecot(self.folder / name, self.folder / name / "mail", quota=f"{LIMIT}B", users=people,
                       host=self.network[name])

    def make_postfix(self, name):
        mta = Postfix(self.folder / name, restrictions=GATE_ASKED, host=self.network[name],
                      more=MAIN + f"smtpd_end_of_data_restrictions = {GATE_ASKED}\n",
                      others={STATUS: asks(chosen("status")), BACKEND: asks(chosen("backend")),
                              SCRIPT: asks(SCRIPT_ASKED)})
        etc = mta.etc / "postfix"
        etc.mkdir()
        (etc / "people.cf").write_text(PEOPLE_MAP + "result_attribute = mailLocalAddress\n")
        (etc / "hosts.cf").write_text(PEOPLE_MAP + "result_attribute = mailHost\nresult_format = lmtp:inet:%s:24\n")
        return mta

    def home(self, whom):
        name, _, domain = whom.partition("@")
        return self.folder / DOMAINS[domain] / "mail" / domain / name

    def fill(self, whom, used):
        """Makes the mailbox anew: one message of so many octets."""
        home = self.home(whom)
        shutil.rmtree(home, ignore_errors=True)
        maildir = owned(home / "Maildir", "vmail")
        for name in ("cur", "new", "tmp"):
            owned(maildir / name, "vmail")
        old = maildir / "cur" / f"1700000000.M1P1.test,S={used}:2,S"
        old.write_bytes(b"x" * used)
        (maildir / "maildirsize").write_text(f"{LIMIT}S\n{used} 1\n")
        for path in (home, old, maildir / "maildirsize"):
            os.chown(path, USERS["vmail"], USERS["vmail"])

    def delivered(self, whom):
        """How many messages came since fill()."""
        return len([*(self.home(whom) / "Maildir").glob("new/*")])

    def session(self, frontend, port=GATE):
        return Sender(port, self.network[frontend].address, whence=self.network["sender"])

    def ask(self, frontend, whom, size=None, port=GATE):
        """The reply to one RCPT TO; nothing is sent."""
        with self.session(frontend, port) as sender:
            sender.mail(size=size)
            return sender.rcpt(whom)

    def send(self, frontend, recipients, octets, port=GATE):
        """One message. Returns the recipients' replies, and the reply to the message where it was sent."""
        body = message(octets)
        with self.session(frontend, port) as sender:
            sender.mail(size=len(body))
            replies = {whom: sender.rcpt(whom) for whom in recipients}
            taken = any(reply.code == 250 for reply in replies.values())
            return replies, sender.data(body) if taken else None

    def settle(self):
        """Waits until each message has been delivered, or has bounced."""
        def on_its_way(mta):
            return [path for path in mta.queued() if "deferred" not in path.parts]
        for mta in self.postfixes.values():
            until(lambda: not on_its_way(mta), "Postfix has tried everything", 60)

    def bounces(self):
        return [line for mta in self.postfixes.values() for line in mta.bounces() if "status=bounced" in line]

    def queued(self):
        return [path for mta in self.postfixes.values() for path in mta.queued()]

    def forget(self):
        """Empties the queues and the logs."""
        for mta in self.postfixes.values():
            mta.run("postsuper", "-d", "ALL")
            mta.maillog.write_text("")


KEY = "a key of the tests, of 16 octets at least"
# Nothing is answered from memory as long as somebody can be asked.
ANEW = "cache { ttl_low = 1ms  ttl_mid = 1ms  ttl_high = 1ms  ttl_none = 1ms }\n"
TIMEOUT = 2  # of a question, in seconds
# What is added to a message on its way is said on frontends: the backend hears of sizes with it.
TIMED = f"timeout = {TIMEOUT}s  added = 1k"
FAR = 'type = remote  server = "udp:%{host}:7359"  timeout = 300ms  tries = 3  http = "http://%{host}:7360"  breaker_pause = 1s'


class Gates:
    """The quotagates of a farm. One of each name; starting it again puts another in its place."""

    def __init__(self, farm, folder, started):
        self.farm, self.folder, self.started = farm, folder, started
        self.running = {}

    def key(self, name, text=KEY):
        path = self.folder / f"{name}.key"
        path.write_text(f"{text}\n")
        path.chmod(0o600)
        os.chown(path, USERS["quotagate"], USERS["quotagate"])  # it is read again at a reload
        return path

    def start(self, name, configuration, names=None):
        """`names`: the host's /etc/hosts, if it is another."""
        if name in self.running:
            self.running[name].stop()
        gate = Quotagate(self.folder / name, configuration, name=f"quotagate{len(self.started)}",
                         host=self.farm.network[name])
        if names is not None:
            (gate.folder / "etc" / "hosts").write_text(names)
        self.started.append(gate)
        self.running[name] = gate.start()
        return gate

    def frontend(self, name, far=FAR, key=KEY, rules=TIMED, more="", names=None):
        keyed = f'key_file = "{self.key(name, key)}"' if key else ""
        return self.start(name, f'''
listen mta {{ protocol = policy  address = "inet:127.0.0.1:7356" }}
directory people {{ type = ldap  uri = "ldap://dir.test"  base = "{SUFFIX}"  schema = inetlocal }}
store far {{ {far}  {keyed} }}
domain one.example {{ directory = people  store = far }}
domain two.example {{ directory = people  store = far }}
rules {{ {rules} }}
{more}''', names)

    def backend(self, name, key=KEY, allow=NETWORK, more=""):
        host = self.farm.network[name]
        keyed = f'key_file = "{self.key(name, key)}"'
        allowed = f'allow = {{"{allow}"}}'
        return self.start(name, f'''
listen facts {{ protocol = facts  address = "udp:{host.address}:7359"  {allowed}  {keyed} }}
listen web {{ protocol = http  address = "inet:{host.address}:7360"  {allowed}  {keyed} }}
listen mta {{ protocol = policy  address = "inet:{host.address}:7356"  {allowed} }}
store vmail {{ type = maildir  path = "{self.farm.folder / name}/mail/%d/%n/Maildir"  rule = dovecot-2.3  user = vmail }}
{more}''')

    def all(self, **more):
        """On every host; `more` goes to the frontends."""
        for name in BACKENDS:
            self.backend(name)
        for name in FRONTENDS:
            self.frontend(name, **more)

    def __getitem__(self, name):
        return self.running[name]
