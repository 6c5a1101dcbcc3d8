"""A server that does what real ones do only when they are broken: one function says what happens on each connection."""
import socket
import threading

from enclosure import PATIENCE


class Faulty:
    """`behave(connection)` is called in a thread for each connection, which is closed when it returns; it may be changed
    at any time. `asked` counts connections."""

    def __init__(self, behave=None):
        self.behave = behave
        self.asked = 0
        self.over = threading.Event()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.asked += 1
            threading.Thread(target=self.serve, args=(connection, self.behave), daemon=True).start()

    def serve(self, connection, behave):
        with connection:
            connection.settimeout(PATIENCE)
            try:
                behave(connection)
            except OSError:
                pass

    def hang(self, _connection):
        self.over.wait()

    def logs(self):
        return []

    def stop(self):
        self.over.set()
        self.socket.close()
