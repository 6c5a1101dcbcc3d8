"""A way to a TCP server that counts who goes it."""
import contextlib
import socket
import threading

from faulty import Faulty


class Through(Faulty):
    """`heard(octets)` is told what clients send before it goes on."""

    def __init__(self, port, heard=lambda octets: None):
        super().__init__(self.pass_on)
        self.target, self.heard = port, heard

    def pass_on(self, connection):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.target)) as server:
            back = threading.Thread(target=copy, args=(server, connection), daemon=True)
            back.start()
            copy(connection, server, self.heard)
            back.join()


def copy(source, target, heard=lambda octets: None):
    with contextlib.suppress(OSError):
        while octets := source.recv(65536):
            heard(octets)
            target.sendall(octets)
    for one in (source, target):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
