"""Several machines in one: each host is a network namespace, and all hang on one bridge, which has a namespace of its own.

Nothing of it is seen on the machine's own network. A server is started on a host by the words Host.enter before its command;
the tests' own sockets are made there by Host.inside(). Faults are those of real networks: a link that is cut, and packets
that go to a card that is not there.
"""
import contextlib
import ctypes
import ipaddress
import itertools
import os
import re
import signal
import socket
import subprocess
import threading
from pathlib import Path

NAMESPACES = Path("/run/netns")
NETWORK = ipaddress.ip_network("10.77.0.0/24")
NOBODY = "02:00:00:00:00:99"  # the address of no card here

numbers = itertools.count()
libc = ctypes.CDLL(None, use_errno=True)


def ip(*words):
    done = subprocess.run(["ip", *map(str, words)], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise AssertionError(f"ip {' '.join(map(str, words))}: {done.stderr}")
    return done.stdout


def enter(descriptor):
    """Moves the calling thread into a network namespace."""
    if libc.setns(descriptor, 0x40000000) != 0:  # CLONE_NEWNET
        raise OSError(ctypes.get_errno(), "setns")


def remove_left_overs():
    """Of runs that were killed: their hosts, and the servers on them."""
    for path in NAMESPACES.glob("qg*-*-*"):
        owner = re.match(r"qg(\d+)-", path.name)
        if owner and not Path("/proc", owner[1]).exists():
            inside = subprocess.run(["ip", "netns", "pids", path.name], capture_output=True, text=True).stdout
            for process in inside.split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(process), signal.SIGKILL)
            subprocess.run(["ip", "netns", "delete", path.name], capture_output=True)


class Host:
    """Made by Network. It has all its ports to itself."""

    def __init__(self, network, name, address):
        self.network = network
        self.name = name
        self.address = str(address)
        self.namespace = network.namespace(name)
        self.enter = ["nsenter", f"--net={NAMESPACES / self.namespace}"]

    @property
    def etc_hosts(self):
        return self.network.etc_hosts()

    @staticmethod
    def port(usual):
        return usual

    def connect_it(self):
        """Creates the namespace and plugs it into the bridge."""
        switch = self.network.switch
        ip("netns", "add", self.namespace)
        ip("-n", self.namespace, "link", "set", "lo", "up")
        ip("-n", switch, "link", "add", self.name, "type", "veth", "peer", "name", "e0", "netns", self.namespace)
        ip("-n", switch, "link", "set", self.name, "master", "br0", "up")
        ip("-n", self.namespace, "address", "add", f"{self.address}/{NETWORK.prefixlen}", "dev", "e0")
        ip("-n", self.namespace, "link", "set", "e0", "up")

    @contextlib.contextmanager
    def inside(self):
        """Sockets that this thread makes meanwhile are the host's."""
        with open("/proc/thread-self/ns/net") as home, open(NAMESPACES / self.namespace) as there:
            enter(there.fileno())
            try:
                yield
            finally:
                enter(home.fileno())

    def connects(self, port):
        try:
            with self.inside():
                socket.create_connection((self.address, port), timeout=5).close()
            return True
        except OSError:
            return False

    def datagrams(self):
        """How many datagrams were delivered to sockets here so far."""
        with self.inside(), open("/proc/thread-self/net/snmp") as counters:
            names, values = (line.split() for line in counters if line.startswith("Udp:"))
        return int(values[names.index("InDatagrams")])

    @contextlib.contextmanager
    def cut(self):
        """Its cable is out."""
        ip("-n", self.network.switch, "link", "set", self.name, "down")
        try:
            yield
        finally:
            ip("-n", self.network.switch, "link", "set", self.name, "up")

    @contextlib.contextmanager
    def unheard(self, *hosts):
        """What these hosts send to it is lost, and nobody tells them."""
        for host in hosts:
            ip("-n", host.namespace, "neigh", "replace", self.address, "lladdr", NOBODY, "dev", "e0", "nud", "permanent")
        try:
            yield
        finally:
            for host in hosts:
                ip("-n", host.namespace, "neigh", "delete", self.address, "dev", "e0")


class Network:
    """Hosts of these names, 10.77.0.1 the first; each is known to the others as NAME.test."""

    def __init__(self, *names):
        self.prefix = f"qg{os.getpid()}-{next(numbers)}-"
        self.switch = self.namespace("switch")
        self.hosts = {name: Host(self, name, address) for name, address in zip(names, NETWORK.hosts())}

    def __getitem__(self, name):
        return self.hosts[name]

    def namespace(self, name):
        return self.prefix + name

    def etc_hosts(self, **others):
        """With a host's name in place of another's, its address stands where the other's should."""
        return "".join(f"{self.hosts[others.get(name, name)].address} {name}.test\n" for name in self.hosts)

    def start(self):
        remove_left_overs()
        try:
            ip("netns", "add", self.switch)
            ip("-n", self.switch, "link", "add", "br0", "type", "bridge")
            ip("-n", self.switch, "link", "set", "br0", "up")
            for host in self.hosts.values():
                host.connect_it()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self):
        for namespace in (*(host.namespace for host in self.hosts.values()), self.switch):
            if (NAMESPACES / namespace).exists():
                ip("netns", "delete", namespace)

    def logs(self):
        return []


def all_at_once(function, arguments):
    """function(argument) in one thread each, all let go at the same moment; the results, in the order of the arguments."""
    arguments = list(arguments)
    results, gate = [None] * len(arguments), threading.Barrier(len(arguments))

    def run(number):
        try:
            gate.wait(60)
            results[number] = function(arguments[number])
        except BaseException as error:
            results[number] = error
    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(arguments))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results
