"""Exim's own mailboxes with quota: one enclosure, a domain for each way in which appendfile counts.

There are no retry rules, so what does not fit bounces at once; bounces are logged and thrown away.
"""
import re
import subprocess
import threading

from enclosure import Enclosure, free_port, owned, until

CONFIGURATION = r"""
primary_hostname = exim.test
qualify_domain = mbox.example
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/run/exim.pid
keep_environment =
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port} : {unchecked}
disable_ipv6 = true
host_lookup =
rfc1413_query_timeout = 0s
tls_advertise_hosts =
smtp_accept_max = 0
smtp_accept_max_nonmail = 1000
smtp_accept_queue_per_connection = 0
acl_smtp_rcpt = acl_rcpt
acl_smtp_data = acl_data
acl_not_smtp = accept
QUOTA = ${extract{1}{ }{${lookup{$local_part_data@$domain_data}lsearch{{folder}/quota}}}}
COUNT = ${extract{2}{ }{${lookup{$local_part_data@$domain_data}lsearch{{folder}/quota}}}}
domainlist ours = mbox.example : sizefile.example : scanned.example : exclusive.example

begin acl
acl_rcpt:
  deny domains = ! +ours
  accept condition = ${if eq{$received_port}{{unchecked}}}
{acl}
  accept
acl_data:
{data}
  accept

begin routers
away:
  driver = redirect
  domains = ! +ours
  data = :blackhole:
here:
  driver = accept
  domains = +ours
  local_parts = lsearch;{folder}/users
  transport = ${sg{$domain_data}{\N\.example\N}{}}

begin transports
mbox:
  driver = appendfile
  file = {mail}/$domain_data/$local_part_data
  quota = QUOTA
  user = vmail
sizefile:
  driver = appendfile
  directory = {mail}/$domain_data/$local_part_data/Maildir
  maildir_format
  maildir_use_size_file
  maildir_tag = ,S=$message_size
  quota_size_regex = ,S=(\d+)
  quota = QUOTA
  quota_filecount = COUNT
  user = vmail
scanned:
  driver = appendfile
  directory = {mail}/$domain_data/$local_part_data/Maildir
  maildir_format
  quota_directory = {mail}/$domain_data/$local_part_data/Maildir
  maildir_quota_directory_regex = ^(?:cur|new|\..*)$
  quota = QUOTA
  quota_filecount = COUNT
  user = vmail
exclusive:
  driver = appendfile
  directory = {mail}/$domain_data/$local_part_data/Maildir
  maildir_format
  maildir_use_size_file
  maildir_tag = ,S=$message_size
  quota_size_regex = ,S=(\d+)
  quota = QUOTA
  quota_filecount = COUNT
  quota_is_inclusive = false
  user = vmail
"""

DELIVER = 'while read -r whom file; do exim4 -odf -oi -f sender@example.net "$whom" <"$file"; echo $?; done'


class Appendfile(Enclosure):
    """`acl`, `data`: the lines of acl_smtp_rcpt and acl_smtp_data that ask about quota. Nobody is asked about what comes by the port `unchecked`."""

    def __init__(self, folder, mail, acl="", data=""):
        super().__init__("exim", folder)
        self.port, self.unchecked = free_port(), free_port()
        self.mail, self.acl, self.data = mail, acl, data
        for name in ("spool", "log", "run"):
            owned(self.folder / name, "Debian-exim")
        self.mainlog = self.folder / "log" / "mainlog"
        for name in ("users", "quota"):
            (self.folder / name).touch()
        self.lock, self.at, self.arrived, self.fate, self.sizes = threading.Lock(), 0, {}, {}, {}

    def logs(self):
        return [self.output, self.mainlog, self.folder / "log" / "paniclog"]

    def start(self):
        text = CONFIGURATION
        for name, value in {"folder": self.folder, "port": self.port, "unchecked": self.unchecked, "mail": self.mail,
                            "acl": self.acl, "data": self.data}.items():
            text = text.replace("{" + name + "}", str(value))
        (self.etc / "exim4").mkdir(exist_ok=True)
        (self.etc / "exim4" / "exim4.conf").write_text(text)
        self.launch("exim4", "-bdf", port=self.port)
        return self

    def add(self, mailboxes):
        """Makes known who has a mailbox, as (name, domain, octets, messages); 0 is no limit."""
        with self.lock, (self.folder / "users").open("a") as users, (self.folder / "quota").open("a") as quota:
            for name, domain, octets, messages in mailboxes:
                users.write(f"{name}: {name}\n")
                quota.write(f"{name}@{domain}: {octets} {messages}\n")

    def settle(self, left=0):
        """Waits until no more messages than that are on their way."""
        until(lambda: len(list((self.folder / "spool").glob("input/**/*-H"))) <= left, "Exim has delivered enough", 60)

    def read_log(self):
        """What became of each message, by the name in its Message-Id: "=>", or "**" when it did not fit; and what Exim
        takes for its size, $message_size."""
        with self.lock:
            if not self.mainlog.exists():
                return
            with self.mainlog.open(errors="replace") as log:
                log.seek(self.at)
                for line in iter(log.readline, ""):
                    if not line.endswith("\n"):
                        break
                    self.at += len(line.encode(errors="replace"))
                    self.read_line(line)

    def read_line(self, line):
        found = re.match(r"\S+ \S+ (\S+) (<=|=>|\*\*) (.*)", line)
        if not found:
            return
        number, sign, rest = found.groups()
        if sign == "<=" and (name := re.search(r" id=(\S+)", rest)):
            self.arrived[number] = name[1]
            self.sizes[name[1]] = int(re.search(r" S=(\d+)", rest)[1])
        elif sign != "<=" and number in self.arrived:
            self.fate[self.arrived.pop(number)] = sign

    def carrier(self):
        return Carrier(self)


class Carrier:
    """Delivers one message after the other, and waits until it is in the mailbox or is not."""

    def __init__(self, exim):
        self.exim = exim
        with exim.output.open("a") as output:
            self.process = subprocess.Popen([*exim.command, "--here", "sh", "-c", DELIVER], text=True, bufsize=1,
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=output)

    def deliver(self, whom, file, name):
        """`name` is that of the Message-Id. False: it did not fit."""
        self.process.stdin.write(f"{whom} {file}\n")
        status = self.process.stdout.readline().strip()
        self.exim.read_log()
        sign = self.exim.fate.pop(name, None)
        assert status == "0" and sign in ("=>", "**"), f"exim ended with {status} for {whom}: {sign}"
        return sign == "=>"

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
