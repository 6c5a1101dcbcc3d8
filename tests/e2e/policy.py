"""Clients of quotagate's own sockets: the policy protocol, and one question on one connection as Exim asks."""
import select
import socket

from enclosure import PATIENCE


def connect(address, timeout=PATIENCE):
    """`address` as the configuration has it: unix:PATH or inet:HOST:PORT."""
    kind, _, place = address.partition(":")
    if kind == "unix":
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(timeout)
        connection.connect(place)
        return connection
    host, _, port = place.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), timeout=timeout)


def request(**attributes):
    return "".join(f"{name}={value}\n" for name, value in attributes.items()) + "\n"


def read_all(connection):
    got = b""
    while chunk := connection.recv(65536):
        got += chunk
    return got


def one_shot(address, text, timeout=PATIENCE):
    """Sends, closes its sending side and reads to the end, as Exim's readsocket does."""
    with connect(address, timeout) as connection:
        connection.sendall(text.encode() if isinstance(text, str) else text)
        connection.shutdown(socket.SHUT_WR)
        return read_all(connection).decode()


class Policy:
    """A kept connection, as Postfix has it."""

    def __init__(self, address, timeout=PATIENCE):
        self.connection = connect(address, timeout)
        self.rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.connection.close()

    def send(self, octets):
        self.connection.sendall(octets)

    def waits(self):
        """Nothing has been answered that was not read."""
        return not self.rest and not select.select([self.connection], [], [], 0)[0]

    def answer(self):
        """The next answer, without `action=`; null when the connection was closed instead."""
        while b"\n\n" not in self.rest:
            try:
                chunk = self.connection.recv(65536)
            except ConnectionError:
                return None
            if not chunk:
                return None
            self.rest += chunk
        text, _, self.rest = self.rest.partition(b"\n\n")
        assert text.startswith(b"action="), text
        return text[len(b"action="):].decode()

    def ask(self, recipient, size=0, state="RCPT", instance="1", **more):
        attributes = {"request": "smtpd_access_policy", "protocol_state": state, "sender": "sender@example.net",
                      "recipient": recipient, "size": size, "instance": instance,
                      "client_address": "192.0.2.7", **more}
        self.send(request(**attributes).encode())
        return self.answer()
