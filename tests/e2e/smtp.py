"""The SMTP sender: what it says line by line, and the replies it sees."""
import smtplib
import threading
from typing import NamedTuple

from enclosure import HERE


class Reply(NamedTuple):
    code: int
    text: str

    def __str__(self):
        return f"{self.code} {self.text}"


def message(octets=1000, subject="test"):
    head = f"From: <sender@example.net>\r\nSubject: {subject}\r\n\r\n"
    line = "x" * 70 + "\r\n"
    return (head + line * max(1, (octets - len(head)) // len(line))).encode()


class Sender:
    """A session. Used as a context, it ends with it. `whence`: the host that connects to `address`."""

    def __init__(self, port, address="127.0.0.1", whence=HERE):
        with whence.inside():
            self.smtp = smtplib.SMTP(address, port, local_hostname="sender.test", timeout=60)
        self.say("EHLO sender.test")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.smtp.close()

    def say(self, line):
        self.smtp.putcmd(line)
        code, text = self.smtp.getreply()
        return Reply(code, text.decode())

    def mail(self, sender="sender@example.net", size=None):
        reply = self.say(f"MAIL FROM:<{sender}>" + (f" SIZE={size}" if size is not None else ""))
        assert reply.code == 250, reply

    def rcpt(self, address):
        return self.say(f"RCPT TO:<{address}>")

    def data(self, body=None):
        reply = self.say("DATA")
        assert reply.code == 354, reply
        self.smtp.send((body or message()) + b".\r\n")
        code, text = self.smtp.getreply()
        return Reply(code, text.decode())

    def reset(self):
        assert self.say("RSET").code == 250


def send(port, *recipients, octets=1000, size=None):
    """One message with SIZE= told (its own, unless `size` says another). Returns the recipients' replies, by address,
    and delivers it to those that were taken."""
    body = message(octets)
    with Sender(port) as sender:
        sender.mail(size=size or len(body))
        replies = {address: sender.rcpt(address) for address in recipients}
        if any(reply.code == 250 for reply in replies.values()):
            end = sender.data(body)
            assert end.code == 250, end
        return replies


def ask(port, address, size=None):
    """The reply to one RCPT TO; nothing is sent."""
    with Sender(port) as sender:
        sender.mail(size=size)
        return sender.rcpt(address)


def rcpt_at_once(ports, address, size):
    """One client a port offers a message of this size, all at the same moment. Returns the replies to RCPT TO."""
    together, answered = threading.Barrier(len(ports)), threading.Barrier(len(ports))
    replies = []

    def client(port):
        with Sender(port) as sender:
            sender.mail(size=size)
            together.wait(60)
            replies.append(sender.rcpt(address))
            answered.wait(60)  # nobody gives up before all have their answer
    threads = [threading.Thread(target=client, args=(port,)) for port in ports]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return replies
