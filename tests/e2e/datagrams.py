"""What asks by UDP: a socket of its own, to which the answers come back."""
import socket

from enclosure import PATIENCE, free_port


def family(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def free_udp_port(host="127.0.0.1"):
    return free_port(host, family(host), socket.SOCK_DGRAM)


class Datagrams:
    def __init__(self, port, host="127.0.0.1", source=None):
        self.socket = socket.socket(family(host), socket.SOCK_DGRAM)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect((host.strip("[]"), port))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *datagrams):
        for datagram in datagrams:
            self.socket.send(datagram)

    def receive(self, seconds=PATIENCE):
        """The next datagram, null when none comes in time."""
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(65536)
        except TimeoutError:
            return None
