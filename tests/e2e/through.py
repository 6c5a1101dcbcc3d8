"""A way to a TCP server that counts who goes it."""
import contextlib
import socket
import threading

from faulty import Faulty


class Through(Faulty):
    def __init__(self, port):
        super().__init__(self.pass_on)
        self.target = port

    def pass_on(self, connection):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.target)) as server:
            back = threading.Thread(target=copy, args=(server, connection), daemon=True)
            back.start()
            copy(connection, server)
            back.join()


def copy(source, target):
    with contextlib.suppress(OSError):
        while octets := source.recv(65536):
            target.sendall(octets)
    for one in (source, target):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
