"""What a machine does to a daemon: it runs out of descriptors, memory, disk; kills, stops, sets its clock; sends too many clients.
Each function is a row. `small` makes it short enough for every test run."""
import contextlib
import os
import re
import resource
import signal
import socket
import threading
import time

from askers import CLOSED, UNSURE, FreshPolicy, Wrong
from enclosure import until
from fault_calls import SLACK, asking, come_back, reloads, resident
from fault_table import Row, right
from fault_world import FULL as FULL_MAILBOX, HELPERS, World
from policy import connect, request


@contextlib.contextmanager
def running(row, **more):
    """A world, and the end of the row: everybody is answered, nothing has stayed behind."""
    world = World(**more).start()
    try:
        warm = Row("before it")
        for _ in range(2):
            asking(world, warm)
        warm.recover(world)
        row.wrong += warm.wrong
        before, world.level = world.gate.pid(), resident(world.gate.pid())
        descriptors = world.gate.descriptors()
        yield world
        row.recover(world)
        for asker in world.askers:
            asker.close()
        if world.gate.pid() == before:
            settle(world, row, descriptors, world.level)
    finally:
        world.stop()


def settle(world, row, descriptors, memory):
    try:
        until(lambda: world.gate.descriptors() <= descriptors, "descriptors as before", 5)
    except AssertionError:
        row.say(f"{world.gate.descriptors()} descriptors, before that {descriptors}")
    if resident(world.gate.pid()) > memory + 2 * SLACK:
        row.say(f"{resident(world.gate.pid())} KiB of memory, before that {memory}")


class Crowd:
    """Threads that ask by every front for as long as it lasts. `slowest` is the longest that an answer took."""

    pause = 0.001  # seconds

    def __init__(self, world, row, threads=3):
        self.world, self.row, self.over, self.slowest = world, row, threading.Event(), 0.0
        self.threads = [self.thread(world.make_askers()) for _ in range(threads)]

    def thread(self, askers):
        return threading.Thread(target=self.ask_on, args=(askers,), daemon=True)

    def ask_on(self, askers):
        while not self.over.is_set():
            for asker in askers:
                for mailbox in self.world.mailboxes:
                    began = time.monotonic()
                    self.row.ask(asker, mailbox)
                    self.slowest = max(self.slowest, time.monotonic() - began)
                    time.sleep(self.pause)
        for asker in askers:
            asker.close()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(30)


class Load(Crowd):
    """Each asker in a thread of its own, without a pause, and twice as many of those who keep their connection."""

    pause = 0

    def __init__(self, world, row):
        super().__init__(world, row, 0)
        kept = [asker for asker in world.make_askers() if getattr(asker, "kept", False)]
        self.threads = [self.thread([asker]) for asker in [*world.make_askers(), *kept]]


def all_answered(row, but=()):
    """Who asked was told what he asked for: nobody was put off or turned away."""
    for outcome in (UNSURE, CLOSED):
        if row.seen[outcome] and outcome not in but:
            row.say(f"{outcome}: {row.seen[outcome]}")


# ---- what the machine has no more of ----

def descriptors(small):
    row = Row("the limit of open files is reached (`RLIMIT_NOFILE`), twice as many clients come")
    with running(row) as world:
        room = 10 if small else 200
        most = world.gate.descriptors() + room
        world.gate.plan.limit(files=most)
        asking(world, row)
        clients = [FreshPolicy(world.askers[0].address) for _ in range(2 * room)]
        held = []
        for client in clients:
            with contextlib.suppress(OSError):
                held.append(connect(client.address, 5))
        answered = sum(said(one) for one in held)
        row.injected = len(held) - answered
        row.seen["right"] += answered
        row.seen[CLOSED] += row.injected
        if not row.injected:
            row.say("nobody was turned away")
        for one in held:
            one.close()
        began = time.monotonic()
        world.gate.plan.limit()
        row.recover(world, began)
    return row


def said(connection):
    """True for the right answer, false when the connection was closed without a word."""
    question = request(request="smtpd_access_policy", protocol_state="RCPT", recipient=FULL_MAILBOX, size=1).encode()
    try:
        connection.sendall(question)
        got = connection.recv(65536)
    except ConnectionError:
        return False
    if got and not re.fullmatch(rb"action=45[12] 4\.[23]\.[20] [^\n]*\n\n", got):
        raise Wrong(f"no answer: {got!r}")
    return bool(got)


def memory(small):
    row = Row("the limit of memory is reached (`RLIMIT_AS`): new clients, large requests, reloads")
    with running(row) as world:
        size = int(re.search(r"^VmSize:\s*(\d+)", status(world.gate.pid()), re.M)[1]) * 1024
        world.gate.plan.limit(memory=size)
        asking(world, row)
        held = []
        for _ in range(200 if small else 900):  # each with a request that is never finished
            with contextlib.suppress(OSError):
                one = connect(world.askers[0].address, 5)
                one.sendall(b"sender=" + b"a" * 3000)
                held.append(one)
        for _ in range(2 if small else 50):
            asking(world, row)
            before = reloads(world)
            world.turn()
            until(lambda: reloads(world) > before or world.gate.process.poll() is not None, "the reload is told of")
        row.injected = world.gate.said().count("out of memory") + row.seen[CLOSED]
        if world.gate.process.poll() is not None:
            row.say(f"the daemon ended with {world.gate.process.returncode}")
        for one in held:
            one.close()
        began = time.monotonic()
        world.gate.plan.limit()
        row.recover(world, began)
        come_back(world)
    return row


def status(pid):
    with open(f"/proc/{pid}/status") as file:
        return file.read()


def disk(small):
    row = Row("the disk of the log is full")
    mounting = ("sh", "-c", 'mount -t tmpfs -o size=32k,mode=0777 tmpfs "$0" && exec "$@"')
    world = World(more="")
    try:
        logs = world.folder / "logs"
        logs.mkdir()
        world.more = f'log {{ to = "{logs}/log" }}\n'
        world.gate.configuration.write_text(world.configuration())
        world.gate.before = [*mounting, str(logs), *world.gate.before]
        world.start()
        there = f"/proc/{world.gate.pid()}/root{logs}/log"
        for _ in range(30 if small else 300):
            asking(world, row)
        room = os.statvfs(there)
        row.injected = int(room.f_bavail == 0)
        if not row.injected:
            row.say("the disk is not full")
        os.truncate(there, 0)
        began = time.monotonic()
        row.recover(world, began)
        until(lambda: tells(there), "the log tells what it lost")
        row.note = "the log tells afterwards how many lines it lost"
    finally:
        world.stop()
    return row


def tells(log):
    """What it could not take waits in memory, and comes first."""
    with open(log, "r+", errors="replace") as file:
        text = file.read()
        file.truncate(0)
    return "log dropped=" in text


# ---- processes ----

def hung(small):
    row = Row("a helper hangs (SIGSTOP) with a question in its hands")
    with running(row) as world:
        for _ in range(1 if small else 5):
            world.gate.plan.arm("helper", ["stat"], error=-signal.SIGSTOP)
            began = time.monotonic()
            asking(world, row)
            row.injected += world.gate.plan.disarm()[1]
            row.recover(world, began)
            until(lambda: len(world.gate.helpers()) == HELPERS and not stopped(world), "the hung helper is replaced")
    return row


def stopped(world):
    return [pid for pid in world.gate.helpers() if re.search(r"^State:\s*T", status(pid), re.M)]


def nursery_stopped(small):
    row = Row("the nursery hangs (SIGSTOP), then all helpers are killed")
    with running(row) as world:
        for _ in range(1 if small else 3):
            nursery, = world.gate.nurseries()
            os.kill(nursery, signal.SIGSTOP)
            for helper in world.gate.helpers():
                os.kill(helper, signal.SIGKILL)
            asking(world, row)
            began = time.monotonic()
            os.kill(nursery, signal.SIGCONT)
            row.injected += 1
            row.recover(world, began)
    return row


def nursery_killed(small):
    row = Row("the nursery is killed: the daemon says so, ends with status 1, and its supervisor starts it anew")
    with running(row) as world:
        for _ in range(1 if small else 5):
            nursery, = world.gate.nurseries()
            with Crowd(world, row, 1):
                os.kill(nursery, signal.SIGKILL)
                began = time.monotonic()
                code = world.gate.process.wait(20)
                if code != 1 or "makes the helpers, has ended" not in world.gate.said():
                    row.say(f"it ended with {code}")
                world.gate.start()
            row.injected += 1
            row.recover(world, began)
    return row


def killed(small):
    row = Row("the daemon is killed (SIGKILL) under load, and started anew at once")
    with running(row) as world:
        for _ in range(1 if small else 10):
            with Crowd(world, row, 1):
                time.sleep(0.1)
                began = time.monotonic()
                world.gate.signal(signal.SIGKILL)
                world.gate.process.wait()
                world.gate.start()
            row.injected += 1
            row.recover(world, began)
    return row


# ---- time ----

def clock(small):
    row = Row("the calendar jumps by hours, days and years, forth and back")
    with running(row) as world, Crowd(world, row, 1) as crowd:
        for jump in (3600, -3600, 86_400, -86_400, 365 * 86_400, -365 * 86_400) * (1 if small else 10):
            world.gate.plan.set_clock(jump)
            row.injected += 1
            asking(world, row)
        world.gate.plan.set_clock(0)
        if crowd.slowest > 1 and not small:  # what is small is a test, and goes by no clock
            row.say(f"an answer took {crowd.slowest:.1f} s")
        row.note = f"slowest answer {crowd.slowest * 1000:.0f} ms"
    return row


# ---- too many ----

class Slow:
    """A client that sends one octet of a request, and later one more. When it is thrown out it comes again, two rounds later."""

    requests = {"mta": b"recipient=" + b"a" * 90, "map": b"90:map " + b"a" * 90, "milter": b"\0\0\0\x64D" + b"a" * 90,
                "web": b"GET /" + b"a" * 90}

    def __init__(self, name, port):
        self.port, self.request, self.connection = port, self.requests[name], None
        self.sent = self.rest = 0  # octets; rounds until it comes again

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def is_out(self):
        try:
            return self.connection.recv(1) == b""
        except BlockingIOError:
            return False
        except ConnectionError:
            return True

    def go_on(self):
        """True when it has been thrown out."""
        if self.connection and self.is_out():
            self.close()
            self.rest = 2
            return True
        if self.rest:
            self.rest -= 1
            return False
        if not self.connection:
            self.connection, self.sent = socket.create_connection(("127.0.0.1", self.port), timeout=15), 0
            self.connection.setblocking(False)
        with contextlib.suppress(ConnectionError):  # thrown out just now
            self.connection.send(self.request[self.sent:self.sent + 1])
            self.sent += 1
        return False


def slow_clients(small):
    count, rounds, pause = (400, 6, 0) if small else (10_000, 15, 5)
    row = Row(f"{count:,} connections, twice as many as there are places for, by policy, socketmap, milter and HTTP, for 75 s:"
              " each sends an octet of a request every 5 s, and comes again when it is thrown out")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count + 500), hard))
    slow = []
    try:
        with running(row, clients=count // 8, each="request_timeout = 10m") as world:
            slow = [Slow(name, world.ports[name]) for _ in range(count // 4) for name in Slow.requests]
            with Crowd(world, row, 2) as crowd:
                out, most = go_on_slowly(world, row, slow, rounds, pause)
            all_answered(row)
            if out < count // 2:
                row.say(f"{out} were thrown out, though there are places for {count // 2}")
            if crowd.slowest > 1 and not small:
                row.say(f"an answer took {crowd.slowest:.1f} s")
            row.note = (f"thrown out: {out}; others' slowest answer {crowd.slowest * 1000:.0f} ms;"
                        f" {most / 1024:.0f} MiB at most")
            for one in slow:
                one.close()
    finally:
        for one in slow:
            one.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return row


def go_on_slowly(world, row, slow, rounds, pause):
    """How many were thrown out, and the most memory. What malloc() keeps of the first rounds is enough for all others."""
    out = most = 0
    for number in range(rounds):
        began = time.monotonic()
        for done, one in enumerate(slow, 1):
            out += one.go_on()
            if done % 100 == 0:
                time.sleep(max(0, began + pause * done / len(slow) - time.monotonic()))
        row.injected += len(slow)
        most = max(most, resident(world.gate.pid()))
        if number < 3:
            world.level = most
    return out, most


def reloads_under_load(small):
    row = Row("reload under load: policy and socketmap by kept connections without a pause, policy, milter, HTTP and the control"
              " socket by a connection for each question, datagrams")
    with running(row) as world, Load(world, row) as load:
        for _ in range(30 if small else 100):
            before = reloads(world)
            world.turn()
            until(lambda: reloads(world) > before, "the configuration is read again")
            row.injected += 1
            time.sleep(0 if small else 0.2)  # what is asked between two of them
            if row.injected == 4:
                memory_of_nursery = nursery_memory(world)
        if "event=reload-failed" in world.gate.said():
            row.say("a reload failed")
        if (grown := nursery_memory(world) - memory_of_nursery) > 512:
            row.say(f"the nursery grew by {grown} KiB")
        row.note = f"slowest answer {load.slowest * 1000:.0f} ms"
    all_answered(row)
    return row


def nursery_memory(world):
    """Of the one that there is, when its predecessor has gone."""
    nursery, = until(lambda: len(world.gate.nurseries()) == 1 and world.gate.nurseries(), "one nursery")
    return resident(nursery)


def restarts_under_load(small):
    row = Row("restart under load, sockets handed down by the service manager: the same but for the milter, whose sessions end"
              " with the process (the MTA does what its `milter_default_action` says)")
    world = World()
    handed = {name: socket.create_server(("127.0.0.1", 0), backlog=512) for name in ("mta", "map", "web")}
    world.ports.update({name: one.getsockname()[1] for name, one in handed.items()})
    handed["line"] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    handed["line"].bind(("127.0.0.1", world.ports["line"]))
    handed["control"] = socket.socket(socket.AF_UNIX)
    handed["control"].bind(f"{world.run}/control.sock")
    handed["control"].listen(512)
    world.gate.sockets = list(handed.items())
    world.gate.configuration.write_text(world.configuration())
    made = world.make_askers
    world.make_askers = lambda: [asker for asker in made() if asker.name != "milter"]
    world.askers = world.make_askers()
    try:
        world.start()
        row.recover(world)
        with Load(world, row) as load:
            for _ in range(3 if small else 50):
                restart(world, row)
        row.note = f"slowest answer {load.slowest * 1000:.0f} ms"
        all_answered(row)
    finally:
        world.stop()
        for one in handed.values():
            one.close()
    return row


def restart(world, row):
    began = time.monotonic()
    if world.gate.stop() != 0:
        row.say("it did not end well")
    world.gate.start()
    until(lambda: right(world.askers[1], FULL_MAILBOX), "it answers")
    row.injected += 1
    row.recovered = max(row.recovered, time.monotonic() - began)


ROWS = (descriptors, memory, disk, hung, nursery_stopped, nursery_killed, killed, clock, slow_clients, reloads_under_load,
        restarts_under_load)
