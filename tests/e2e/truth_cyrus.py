"""One real Cyrus, into which lmtpd delivers, and all the ways in which quotagate can learn what it holds: a domain, and so
mailboxes of its own, for each of them."""
from cyrus import PASSWORDS, Cyrus, done, message, quoted
from databases import secret
from policy import connect
from truth_store import Lmtp, Store

MORE = "lmtp_over_quota_perm_failure: yes\n"
RIGHTS = "lrswipkxtecda"


class ByCyrus(Store):
    """Usage is told in KiB. What lmtpd adds is not of one length, so sizes are known to within some octets."""
    rule, unit, slow = "cyrus", 1024, True
    servers = ("cyrus",)
    delivers = "Cyrus 3.6, lmtpd"

    def __init__(self, world):
        super().__init__(world)
        self.cyrus = world.server("cyrus", lambda: Cyrus(world.folder, virtdomains="userid", more=MORE))

    def mailbox(self, plan):
        return f"user/{self.address(plan)}"

    def make(self, plans):
        with self.cyrus.admin() as imap:
            for plan in plans:
                name = quoted(self.mailbox(plan))
                done(imap.create(name))
                done(imap.setacl(name, "cyrus", RIGHTS))
                done(imap.setacl(name, "anyone", "p"))
                self.fill(imap, name, plan)
                limits = [f"STORAGE {plan.limit // 1024}"] if plan.limit else []
                limits += [f"MESSAGE {plan.message_limit}"] if plan.message_limit else []
                if limits:
                    done(imap._simple_command("SETQUOTA", name, f"({' '.join(limits)})"))

    @staticmethod
    def fill(imap, name, plan):
        plan.sizes = [max(200, size) for size in plan.sizes]
        plan.usage = sum(plan.sizes)
        for size in plan.sizes:
            done(imap.append(name, None, None, message(size)))

    def count(self, plan):
        return self.cyrus.holds(self.mailbox(plan))[0]

    def stored(self, message):
        return message.octets + message.lines + self.added

    judged = stored

    def measure(self):
        message = super().measure()
        self.added -= message.lines
        self.before = self.added
        return message

    def octets(self, judged):
        return (judged - self.added) * 500 // 501

    def configuration(self):
        return f"store {self.name} {{ {self.options} }}\ndomain {self.domain} {{ store = {self.name} }}\n"

    @property
    def port(self):
        return self.cyrus.lmtp

    def transport(self):
        return f"lmtp:inet:127.0.0.1:{self.port}"

    def carrier(self):
        return Lmtp(self, self.port)


class CyrusImap(ByCyrus):
    name, type = "cyrus", "`cyrus`"
    peer = "smmapd"

    @property
    def options(self):
        password = secret(self.world.folder / "cyrus.secret", PASSWORDS["cyrus"])
        return (f'type = cyrus  uri = "imap://127.0.0.1:{self.cyrus.imap}"  login = cyrus  password_file = "{password}"'
                f'  mailbox = "user/%u"  rule = {self.rule}')

    def peer_judge(self):
        return MapJudge(self.cyrus.smmap_socket)


class CyrusStrict(CyrusImap):
    name, rule, peer = "cyrus-strict", "cyrus-strict", None

    @property
    def port(self):
        return self.cyrus.lmtp_strict


class CyrusLmtp(ByCyrus):
    """Asked without a size that counts: lmtpd takes what comes while usage is at most the limit."""
    name, type, rule, sure = "lmtp", "`lmtp`", "asked", ("one",)

    @property
    def options(self):
        return f'type = lmtp  address = "inet:127.0.0.1:{self.port}"  connections = 8'


class CyrusLmtpAlone(CyrusLmtp):
    name, type, alone, sure = "lmtp-alone", "`lmtp`, `alone`", True, ("one", "many")

    @property
    def options(self):
        return f"{super().options}  alone = true"


class CyrusLmtpStrict(CyrusLmtp):
    """It compares the declared size, and what it adds comes on top."""
    name, sure = "lmtp-strict", ("one", "many")

    @property
    def port(self):
        return self.cyrus.lmtp_strict


class CyrusMap(ByCyrus):
    """smmapd counts messages otherwise than lmtpd does: it wants room for one more. So it cannot be sure of one sender's,
    but nothing of his bounces."""
    name, type, rule, sure = "socketmap", "`socketmap`", "asked", ("safe",)

    @property
    def options(self):
        return f'type = socketmap  address = "{self.cyrus.smmap_socket}"  connections = 8'


class CyrusMapAlone(CyrusMap):
    name, type, alone, sure = "socketmap-alone", "`socketmap`, `alone`", True, ("safe", "many")

    @property
    def options(self):
        return f"{super().options}  alone = true"


class MapJudge:
    """smmapd itself, by its unix socket."""

    def __init__(self, address):
        self.address = address

    def asker(self):
        return MapAsker(self.address)


class MapAsker:
    def __init__(self, address):
        self.connection = connect(address, 60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def lets_in(self, address, _size):
        request = f"0 {address}".encode()
        self.connection.sendall(b"%d:%s," % (len(request), request))
        answer = b""
        while not answer.endswith(b","):
            answer += self.connection.recv(4096)
        word = answer.partition(b":")[2]
        assert word.startswith((b"OK ", b"TEMP Over quota", b"PERM Over quota")), answer
        return word.startswith(b"OK ")
