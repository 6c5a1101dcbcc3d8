"""demo.py postfix|exim|sendmail: the show that scripts/demo puts on. Exits 1 when it does not end as it should."""
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from enclosure import SERVERS, owned
from installation import Installation

WAYS = {"postfix": "postfix-tcp", "exim": "exim-words", "sendmail": "sendmail-milter"}
MESSAGE = "From sender@example.net Thu Jan  1 00:00:00 2026\nFrom: sender@example.net\nSubject: old mail\n\n"


def say(text):
    print(f"demo: {text}", flush=True)


def make_mailboxes(mail):
    """ok is empty, full holds 200 KiB and a little."""
    for name, octets in (("ok", 0), ("full", 200 * 1024)):
        box = mail / name
        box.write_text("" if octets == 0 else MESSAGE + "x" * 71 + "\n" + ("y" * 71 + "\n") * (octets // 72))
        shutil.chown(box, mail.stat().st_uid, mail.stat().st_gid)


def send(port):
    """One message, two recipients; returns swaks' transcript."""
    command = [SERVERS / "swaks" / "usr" / "bin" / "swaks", "--server", f"127.0.0.1:{port}", "--from",
               "sender@example.net", "--to", "ok@example.org,full@example.org", "--helo", "sender.example.net",
               "--header", "Subject: hello", "--body", "Hello there."]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout


def show(folder, mta, running):
    mail = owned(folder / "mail", "vmail")
    make_mailboxes(mail)
    say(f"starting quotagate and {mta}")

    def wrap(server):
        running.append(server)
        return server
    site = Installation(folder, WAYS[mta], "mbox", wrap=wrap)
    print("\n--- quotagate.conf\n" + site.gate.configuration.read_text())
    asks = {"postfix": "restrictions", "exim": "acl", "sendmail": "more"}[mta]
    print("--- what the MTA asks\n" + getattr(site.mta, asks).strip("\n"))
    say("sending one message to ok@example.org and full@example.org")
    transcript = send(site.port)
    print("\n--- the SMTP session\n" + transcript)
    site.mta.settle()
    explained = site.gate.check("ok@example.org", "full@example.org")
    print("--- quotagate check ok@example.org full@example.org\n" + explained.stdout + explained.stderr)
    print(f"--- bounces: {len(site.mta.bounces())}; ok's mailbox now holds {site.holds('ok')} octets\n")
    return "452 4.2.2" in transcript and site.holds("ok") > 0 and not site.mta.bounces() and explained.returncode == 1


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder, running = Path(tempfile.mkdtemp(prefix="qg")), []
    folder.chmod(0o755)
    try:
        good = show(folder, sys.argv[1], running)
    finally:
        for server in reversed(running):
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    say("full@example.org was refused before the message was sent; nobody gets a bounce" if good else "this went wrong")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
