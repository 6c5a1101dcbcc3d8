"""Dovecot for the virtual domain example.org: LMTP into Maildirs whose maildirsize it keeps, and its own quota-status."""
import smtplib

from enclosure import HERE, Enclosure, MAILBOXES, USERS, owned
from smtp import message

CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = lmtp
listen = {address}
ssl = no
mail_location = maildir:{mail}/%d/%n/Maildir
mail_plugins = quota
mail_uid = {uid}
mail_gid = {uid}
first_valid_uid = 500
plugin {{
  quota = maildir:User quota
  quota_rule = *:storage={quota}
  quota_status_success = OK
  quota_status_nouser = NOUSER
  quota_status_overquota = OVER
}}
protocol lmtp {{
  postmaster_address = postmaster@example.org
}}
passdb {{
  driver = passwd-file
  args = {folder}/users
}}
userdb {{
  driver = passwd-file
  args = {folder}/users
  override_fields = uid={uid} gid={uid} home={mail}/%d/%n
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
service quota-status {{
  executable = quota-status -p postfix
  unix_listener {folder}/quota-status {{
    mode = 0666
  }}
  inet_listener {{
    port = {quota_status}
  }}
  client_limit = 1
}}
"""


class Dovecot(Enclosure):
    """`more` is configuration that stands behind the above, where {folder} and {mail} are known; `fields` are further
    fields of the users' lines, by address."""

    def __init__(self, folder, mail, quota="200k", users=None, host=HERE, more="", fields=None):
        super().__init__("dovecot", folder, host)
        self.lmtp, self.quota_status_port = host.port(24), host.port(12340)
        users = users or [f"{name}@example.org" for name in MAILBOXES]
        owned(mail, "vmail")
        self.quota_status = f"unix:{self.folder}/quota-status"
        (self.folder / "users").write_text("".join(
            f"{user}:{{PLAIN}}x::::::{(fields or {}).get(user, '')}\n" for user in users))
        (self.etc / "dovecot").mkdir()
        (self.etc / "dovecot" / "dovecot.conf").write_text(CONFIGURATION.format(
            folder=self.folder, mail=mail, uid=USERS["vmail"], quota=quota, lmtp=self.lmtp,
            quota_status=self.quota_status_port, address=host.address) +
            more.replace("{folder}", str(self.folder)).replace("{mail}", str(mail)))

    def logs(self):
        return [self.output, self.folder / "dovecot.log"]

    def start(self):
        self.launch("dovecot", "-F", port=self.lmtp)
        return self

    def deliver(self, address, octets):
        """True when it was taken, False when there was no room."""
        with smtplib.LMTP("127.0.0.1", self.lmtp) as client:
            try:
                client.sendmail("sender@example.net", [address], message(octets))
                return True
            except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError) as refused:
                assert "uota" in str(refused), refused
                return False

    def empty(self, address):
        """The user deletes all mail."""
        self.run("doveadm", "expunge", "-u", address, "mailbox", "INBOX", "all")
