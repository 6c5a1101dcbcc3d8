"""A stretch of bad network between frontends and one backend: datagrams are delayed, come twice, or overtake one another.

It stands on a host of its own, which frontends take for the backend. Each frontend's port is a port of the relay, so that
answers find their way back.
"""
import heapq
import itertools
import random
import select
import socket
import threading
import time


class Relay:
    """`delays`(random): the delays, in seconds, of the copies of a datagram that are passed on; no delay, no copy."""

    def __init__(self, host, backend, delays, port=7359):
        self.host, self.backend, self.port = host, (backend.address, port), port
        self.delays = delays
        self.random = random.Random(1)
        self.passed = 0
        self.to_come, self.numbers = [], itertools.count()  # (when, number, socket, octets, address)
        self.frontends = {}  # address: the socket that stands for it at the backend
        self.addresses = {}  # and the other way round
        self.front = self.bound((host.address, port))
        self.stopping, self.wake = socket.socketpair()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def bound(self, address):
        with self.host.inside():
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind(address)
        return made

    def start(self):
        self.thread.start()
        return self

    def run(self):
        while True:
            wait = max(0, self.to_come[0][0] - time.monotonic()) if self.to_come else None
            ready, _, _ = select.select([self.front, self.stopping, *self.addresses], [], [], wait)
            if self.stopping in ready:
                return
            for one in ready:
                self.take(one)
            while self.to_come and self.to_come[0][0] <= time.monotonic():
                _, _, out, octets, address = heapq.heappop(self.to_come)
                out.sendto(octets, address)
                self.passed += 1

    def take(self, one):
        try:
            octets, sender = one.recvfrom(65536)
        except ConnectionRefusedError:  # the backend is not there
            return
        if one is self.front:
            if sender not in self.frontends:
                self.frontends[sender] = self.bound((self.host.address, 0))
                self.addresses[self.frontends[sender]] = sender
            out, address = self.frontends[sender], self.backend
        else:
            out, address = self.front, self.addresses[one]
        for delay in self.delays(self.random):
            heapq.heappush(self.to_come, (time.monotonic() + delay, next(self.numbers), out, octets, address))

    def stop(self):
        self.wake.send(b"x")
        self.thread.join()
        for one in (self.front, self.stopping, self.wake, *self.addresses):
            one.close()

    def logs(self):
        return []
