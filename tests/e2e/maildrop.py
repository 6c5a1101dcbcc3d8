"""Courier's delivery into Maildirs, deliverquota, as Debian's package maildrop has it. It is a program and no server."""
import subprocess

from enclosure import Enclosure, USERS

DELIVER = 'while read -r maildir quota file; do deliverquota.maildrop "$maildir" "$quota" <"$file" >&2; echo $?; done'
OVER_QUOTA = 77


class Maildrop(Enclosure):
    def __init__(self, folder):
        super().__init__("maildrop", folder)
        self.lower = ["setpriv", f"--reuid={USERS['vmail']}", f"--regid={USERS['vmail']}", "--clear-groups"]

    def start(self):
        return self

    def carrier(self):
        return Carrier(self)


class Carrier:
    """Delivers one message after the other, without a new enclosure for each."""

    def __init__(self, maildrop):
        with maildrop.output.open("a") as output:
            self.process = subprocess.Popen([*maildrop.command, "--here", *maildrop.lower, "sh", "-c", DELIVER], text=True,
                                            bufsize=1, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=output)

    def deliver(self, maildir, quota, file):
        """Puts the message in the file into the Maildir, with a quota such as 1000S,10C. False: it is over quota."""
        self.process.stdin.write(f"{maildir} {quota} {file}\n")
        status = self.process.stdout.readline().strip()
        assert status in ("0", str(OVER_QUOTA)), f"deliverquota of {maildir} ended with {status}"
        return status == "0"

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
