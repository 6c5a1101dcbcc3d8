"""Exim for the virtual domain example.org, delivering to mboxes or to Maildirs with a maildirsize of its own.

What is undeliverable stays in the queue where bounces() sees it: nothing leaves this machine.
"""
from enclosure import Enclosure, MAILBOXES, free_port, owned, tail, until

CONFIGURATION = r"""
primary_hostname = exim.test
qualify_domain = example.org
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/run/exim.pid
keep_environment =
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
disable_ipv6 = true
host_lookup =
rfc1413_query_timeout = 0s
tls_advertise_hosts =
message_size_limit = 60M
smtp_accept_max = 0
smtp_accept_max_nonmail = 1000
smtp_accept_queue_per_connection = 0
acl_smtp_rcpt = acl_rcpt
acl_smtp_data = acl_data
acl_not_smtp = accept
timeout_frozen_after = 0s
ignore_bounce_errors_after = 1d
domainlist ours = {domains}
{main}
begin acl
acl_rcpt:
  deny domains = ! +ours
       message = relay not permitted
{acl}
  accept
acl_data:
{data}
  accept

begin routers
{routers}
away:
  driver = redirect
  domains = ! example.org
  allow_defer
  data = :defer: kept for the test to see
here:
  driver = accept
  local_parts = lsearch;/etc/exim4/mailboxes
  transport = {transport}

begin transports
mbox:
  driver = appendfile
  file = {mail}/$local_part_data
  user = vmail
maildir:
  driver = appendfile
  directory = {mail}/example.org/$local_part_data/Maildir
  maildir_format
  maildir_use_size_file
  maildir_tag = ,S=$message_size
  quota = {quota}
  user = vmail

begin retry
* * F,2h,15m
"""


def acls(printed):
    """The lines that `quotagate setup exim` prints, for acl_smtp_rcpt and for acl_smtp_data."""
    rcpt, data = "", ""
    for listener in printed.split("\n\n"):
        at_rcpt, sign, at_data = listener.partition("# The same for the ACL that acl_smtp_data names")
        rcpt += at_rcpt + "\n"
        data += sign + at_data + "\n"
    return rcpt, data


class Exim(Enclosure):
    """`acl`: the lines of acl_smtp_rcpt that ask about quota; `data`: those of acl_smtp_data. `store`: mbox or maildir, in folder `mail`.
    `routers`: those that come before all others. `domains`: whose mail is taken."""

    def __init__(self, folder, mail, acl="", data="", store="mbox", quota="0", main="", routers="", domains="example.org"):
        super().__init__("exim", folder)
        self.port = free_port()
        for name in ("spool", "log", "run"):
            owned(self.folder / name, "Debian-exim")
        self.mainlog = self.folder / "log" / "mainlog"
        etc = self.etc / "exim4"
        etc.mkdir()
        (etc / "mailboxes").write_text("".join(f"{name}: {name}\n" for name in MAILBOXES))
        self.settings = {"folder": self.folder, "port": self.port, "mail": mail, "transport": store, "quota": quota,
                         "domains": domains, "routers": routers}
        self.acl, self.data = acl, data
        self.main = main

    def logs(self):
        return [self.output, self.mainlog, self.folder / "log" / "paniclog"]

    def paste(self, lines):
        """Into the ACLs, in that of RCPT behind the check of relaying."""
        rcpt, data = acls(lines)
        self.acl += rcpt
        self.data += data

    def start(self):
        text = CONFIGURATION
        for name, value in {**self.settings, "acl": self.acl, "data": self.data, "main": self.main}.items():
            text = text.replace("{" + name + "}", str(value))
        (self.etc / "exim4" / "exim4.conf").write_text(text)
        self.launch("exim4", "-bdf", port=self.port)
        return self

    def queued(self):
        return [path for path in (self.folder / "spool").glob("input/**/*-H")]

    def settle(self):
        until(lambda: not self.queued(), "Exim has delivered everything: " + tail(self.mainlog, 1500))

    def bounces(self):
        signs = (" ** ", " <= <> ")
        return [line for line in tail(self.mainlog, 10**7).splitlines() if any(sign in line for sign in signs)]
