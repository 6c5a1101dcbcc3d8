"""A small MTA's side of the milter protocol, and what the daemon holds for its clients."""
import re
import socket
import struct
import subprocess
from pathlib import Path

from enclosure import PATIENCE
from policy import connect, read_all

OFFER = 6, 0x1FF, 0x1FFFFF


class Milter:
    """One connection, negotiated unless `offer` is None. Replies are "c", or the text of a refusal."""

    def __init__(self, address, offer=OFFER, timeout=PATIENCE):
        self.connection = connect(address, timeout)
        self.options = None
        if offer:
            self.send("O", struct.pack(">III", *offer))
            command, data = self.receive()
            assert command == "O", command
            self.options = struct.unpack(">III", data[:12])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.connection.close()

    def send(self, command, data=b""):
        self.connection.sendall(struct.pack(">I", 1 + len(data)) + command.encode() + data)

    def strings(self, command, *strings, first=""):
        self.send(command, first.encode() + b"".join(string.encode() + b"\0" for string in strings))

    def octets(self, number):
        got = b""
        while len(got) < number:
            piece = self.connection.recv(number - len(got))
            if not piece:
                raise EOFError("quotagate closed the connection")
            got += piece
        return got

    def receive(self):
        length, = struct.unpack(">I", self.octets(4))
        packet = self.octets(length)
        return packet[:1].decode(), packet[1:]

    def reply(self):
        command, data = self.receive()
        if command == "y":
            assert data.endswith(b"\0") and data.count(b"\0") == 1, data
            return data[:-1].decode()
        assert data == b"", data
        return command

    def macros(self, command, **values):
        pairs = [part for name, value in values.items() for part in ("{" + name + "}", value)]
        self.strings("D", *pairs, first=command)

    def mail(self, sender="sender@example.net", size=None):
        self.strings("M", f"<{sender}>", *([f"SIZE={size}"] if size is not None else []))
        return self.reply()

    def rcpt(self, recipient, mailer="local"):
        self.macros("R", client_addr="192.0.2.7", rcpt_mailer=mailer, rcpt_addr=recipient)
        self.strings("R", f"<{recipient}>")
        return self.reply()

    def end(self, size=None):
        if size is not None:
            self.macros("E", msg_size=str(size))
        self.send("E")
        return self.reply()

    def abort(self):
        self.send("A")

    def quit(self):
        """Returns when quotagate has closed the connection, as it must."""
        self.send("Q")
        assert self.connection.recv(1) == b""
        self.close()


def charged(gate, address):
    """Octets that were let in and are not in the store yet; by the control socket in the test's folder."""
    with connect(f"unix:{gate.folder.parent}/control.sock") as control:
        control.sendall(f"peek {address}\n".encode())
        control.shutdown(socket.SHUT_WR)
        return int(re.search(r"\bcharge=(\d+)|(?=state=unknown)", read_all(control).decode())[1] or 0)


def acknowledged_in(port):
    """Milliseconds, smoothed, until this listener's side acknowledged what its client sent last, as the kernel of the client
    has it: 40 and more where acknowledgements are put off, which then hold back what is sent next."""
    told = subprocess.run(["ss", "-Htin", "state", "established", f"dport = :{port}"], capture_output=True, text=True,
                          check=True).stdout
    return max(float(found) for found in re.findall(r"\brtt:([0-9.]+)/", told))


def descriptors(gate):
    """Open ones, when all that came before has been dealt with; by the first listener."""
    Milter(gate.addresses()[0]).quit()
    return len(list(Path(f"/proc/{gate.pid()}/fd").iterdir()))
