"""The scripts of the time before quotagate, in the least form: a CGI on each backend that says `OK u size quota`, and a
policy server on each frontend that asks it and compares. Nothing is remembered between two questions.
"""
import http.server
import socketserver
import threading
import urllib.parse
import urllib.request


class Quiet(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass


def used(maildir):
    return sum(path.stat().st_size for path in maildir.glob("[cn][ue][rw]/*"))


class Cgi:
    """On a backend. `figures`(address): octets used and allowed."""

    def __init__(self, host, figures, port=80):
        class Handler(Quiet):
            def do_GET(self):
                self.server.asked += 1
                query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
                octets, limit = figures(query["u"][0])
                body = f"OK {query['u'][0]} {octets} {limit}\n".encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
        with host.inside():
            self.server = http.server.ThreadingHTTPServer((host.address, port), Handler)
        self.server.asked = 0
        start(self.server)

    def asked(self):
        return self.server.asked

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def logs(self):
        return []


class Script:
    """On a frontend. `backend`(address): the host whose CGI knows it."""

    def __init__(self, host, backend, grace, port=7400):
        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                attributes = {}
                for line in self.rfile:
                    name, _, value = line.decode().strip().partition("=")
                    if name:
                        attributes[name] = value
                    elif attributes:
                        self.wfile.write(f"action={verdict(attributes)}\n\n".encode())
                        attributes = {}

        def verdict(attributes):
            whom, size = attributes["recipient"], int(attributes["size"] or 0)
            with host.inside(), urllib.request.urlopen(
                    f"http://{backend(whom).address}/cgi-bin/quota.cgi?u={whom}", timeout=10) as response:
                octets, limit = map(int, response.read().split()[2:4])
            full = octets >= limit or octets + size > limit + grace
            return "452 4.2.2 Mailbox is full" if full else "DUNNO"

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = daemon_threads = True
        with host.inside():
            self.server = Server(("127.0.0.1", port), Handler)
        start(self.server)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def logs(self):
        return []


def start(server):
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
