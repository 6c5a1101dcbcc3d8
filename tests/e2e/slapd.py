"""OpenLDAP's slapd with three trees of mail users: inetLocalMailRecipient, qmail.schema, and one like iRedMail's.

The two latter schemas are not part of OpenLDAP; what the tests need of them is written here.
"""
import base64
import os
import shutil
import signal
from pathlib import Path

from enclosure import HERE, SERVERS, Enclosure, until

SUFFIX = "dc=example,dc=org"
READER = f"cn=reader,{SUFFIX}"
PASSWORD = "let me read"

# The numbers are those of RFC 5612, for examples. mailHost is that of OpenLDAP's misc.schema, with which qmail.schema's clashes.
# The figures are texts here, so that an entry may hold nonsense.
ATTRIBUTES = (
    "mailQuotaSize", "mailQuotaCount", "mailQuota", "mailAlternateAddress", "mailForwardingAddress", "deliveryMode",
    "accountStatus", "mailMessageStore", "shadowAddress", "enabledService", "mailStore", "sendmailMTAClassName",
    "sendmailMTAClassValue", "severalHosts", "domainName",
)
CLASSES = {
    "quotaUser": "mailQuotaSize mailQuotaCount mailStore homeDirectory severalHosts",
    "qmailUser": "mail mailAlternateAddress mailForwardingAddress mailHost deliveryMode accountStatus mailMessageStore"
                 " mailQuotaSize mailQuotaCount",
    "mailUser": "mail shadowAddress mailForwardingAddress accountStatus enabledService homeDirectory mailQuota",
    "mailAlias": "mail mailForwardingAddress accountStatus enabledService",
    "mailList": "mail accountStatus enabledService",
    "mailDomain": "domainName accountStatus",
    "sendmailMTAClass": "sendmailMTAClassName sendmailMTAClassValue",
}

CONFIGURATION = """
include {schemas}/core.schema
include {schemas}/cosine.schema
include {schemas}/inetorgperson.schema
include {schemas}/nis.schema
include {schemas}/misc.schema
include {folder}/schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/run/slapd.pid
sizelimit unlimited
{tls}
database mdb
suffix {suffix}
rootdn cn=admin,{suffix}
rootpw secret
directory {folder}/db
maxsize 67108864
dbnosync
index objectClass,mailLocalAddress,mail eq
access to attrs=userPassword by anonymous auth
access to * by dn.exact="{reader}" read {others}
"""


def schema():
    for number, name in enumerate(ATTRIBUTES):
        yield (f"attributetype ( 1.3.6.1.4.1.32473.1.{number} NAME '{name}' EQUALITY caseIgnoreMatch"
               " SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )\n")
    for number, (name, may) in enumerate(CLASSES.items()):
        yield f"objectclass ( 1.3.6.1.4.1.32473.2.{number} NAME '{name}' AUXILIARY MAY ( {' $ '.join(may.split())} ) )\n"


def ldif(entries):
    """Entries are pairs of a name and a dict of values, each a text or a list of texts."""
    for name, attributes in entries:
        yield f"dn: {name}\n"
        for key, values in attributes.items():
            for value in [values] if isinstance(values, str) else values:
                yield f"{key}:: {base64.b64encode(value.encode()).decode()}\n"
        yield "\n"


def person(name, tree, classes, **attributes):
    return f"uid={name},ou={tree},{SUFFIX}", {
        "objectClass": ["inetOrgPerson", *classes], "uid": name, "cn": name, "sn": name, **attributes}


def frame():
    """What every tree stands below, and who may read it."""
    yield SUFFIX, {"objectClass": ["dcObject", "organization", "sendmailMTAClass"], "dc": "example", "o": "Example",
                   "sendmailMTAClassName": "w", "sendmailMTAClassValue": ["example.org", "example.net"]}
    yield READER, {"objectClass": ["organizationalRole", "simpleSecurityObject"], "cn": "reader", "userPassword": PASSWORD}
    for tree in ("inetlocal", "qmail", "iredmail"):
        yield f"ou={tree},{SUFFIX}", {"objectClass": "organizationalUnit", "ou": tree}
    yield f"ou=example.org,ou=iredmail,{SUFFIX}", {
        "objectClass": ["organizationalUnit", "mailDomain"], "ou": "example.org", "domainName": "example.org",
        "accountStatus": "active"}


def crowd(people):
    """So many ordinary users in each tree."""
    for n in range(people):
        yield person(f"u{n}", "inetlocal", ["inetLocalMailRecipient", "quotaUser"], mailQuotaSize="200k",
                     mailLocalAddress=[f"u{n}@example.org", f"user.{n}@example.org"], mailHost=f"be{n % 4}.example.org")
        yield person(f"u{n}", "qmail", ["qmailUser"], mail=f"q{n}@example.org", mailQuotaSize="204800",
                     mailAlternateAddress=[f"qmail.{n}@example.org"], mailMessageStore=f"/var/qmail/{n}")
        yield person(f"u{n}", "iredmail", ["mailUser"], mail=f"i{n}@example.org", shadowAddress=f"ired.{n}@example.org",
                     accountStatus="active", enabledService=["mail", "deliver", "shadowaddress"],
                     homeDirectory=f"/var/vmail/{n}", mailQuota="204800")


def is_stopped(process):
    """All its threads stand still; a signal takes its time."""
    return all(") T " in (task / "stat").read_text() for task in (process / "task").iterdir())


class Slapd(Enclosure):
    """`entries` come on top of the frame and the crowd. With `certificates` (see certificates.py) it speaks TLS."""

    def __init__(self, folder, entries=(), people=1000, anonymous=True, certificates=None, part=".", host=HERE):
        super().__init__("slapd", Path(folder, part), host)
        self.port, self.tls_port = host.port(389), host.port(636)
        self.uri, self.tls_uri = f"ldap://{host.address}:{self.port}", f"ldaps://{host.address}:{self.tls_port}"
        (self.folder / "run").mkdir()
        (self.folder / "schema").write_text("".join(schema()))
        self.configuration = self.folder / "slapd.conf"
        self.anonymous = anonymous
        self.certificates = certificates
        self.load([*frame(), *crowd(people), *entries])

    def configure(self):
        tls = ""
        if self.certificates:
            tls = (f"TLSCACertificateFile {self.certificates.authority}\n"
                   f"TLSCertificateFile {self.certificates.certificate}\nTLSCertificateKeyFile {self.certificates.key}\n")
        self.configuration.write_text(CONFIGURATION.format(
            folder=self.folder, schemas=SERVERS / "slapd" / "etc" / "ldap" / "schema", tls=tls, suffix=SUFFIX,
            reader=READER, others="by * read" if self.anonymous else ""))

    def load(self, entries):
        """Replaces everything; the server must not run."""
        self.configure()
        database = self.folder / "db"
        shutil.rmtree(database, ignore_errors=True)
        database.mkdir()
        (self.folder / "ldif").write_text("".join(ldif(entries)))
        self.run("slapadd", "-q", "-f", self.configuration, "-l", self.folder / "ldif")

    def start(self):
        self.configure()
        uris = self.uri
        if self.certificates:
            uris += f" {self.tls_uri}"
        self.launch("slapd", "-d", "0", "-f", self.configuration, "-h", uris, port=self.port)
        return self

    def modify(self, name, attribute, *values):
        """Replaces the values of an attribute, while it runs."""
        change = f"dn: {name}\nchangetype: modify\nreplace: {attribute}\n"
        change += "".join(f"{attribute}:: {base64.b64encode(value.encode()).decode()}\n" for value in values)
        file = self.folder / "change"
        file.write_text(change)
        self.run("ldapmodify", "-x", "-H", self.uri, "-D", f"cn=admin,{SUFFIX}", "-w", "secret",
                 "-f", file)

    def signal(self, number):
        """To slapd itself, from outside of its process namespace."""
        for entry in Path("/proc").iterdir():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[0] == b"slapd" and bytes(self.configuration) in words:
                os.kill(int(entry.name), number)
                if number == signal.SIGSTOP:
                    until(lambda: is_stopped(entry), "slapd stops")

    def stop(self):
        self.signal(signal.SIGCONT)
        super().stop()
        until(lambda: not self.host.connects(self.port), "slapd is gone")
