"""Every call that can fail fails once: the first, the second, and so on, until there are no more of them."""
import errno
import os
import re
import signal
import time

from enclosure import PATIENCE, until
from fault_plan import USUAL
from fault_table import Row, right
from fault_world import World

SIGNALS = {signal.SIGKILL: "killed", signal.SIGSTOP: "stopped"}
SLACK = 4096  # KiB of memory that may stay after all that


def resident(pid):
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"^VmRSS:\s*(\d+)", status.read(), re.M)[1])


# ---- what goes on meanwhile ----

def asking(world, row):
    """A question by every way, for full mailboxes and for those with room."""
    for asker in world.askers:
        for mailbox in world.mailboxes:
            row.ask(asker, mailbox)
            time.sleep(0.002)  # then the cache has forgotten


def reloads(world):
    """So many were told of. The log of a long row is longer than what said() returns: here each line is read once."""
    with world.gate.log.open("rb") as log:
        log.seek(world.read_so_far)
        lines = log.read().rpartition(b"\n")[0]
    world.read_so_far += len(lines)
    world.reloads += len(re.findall(b"event=reload(?:ed|-failed)", lines))
    return world.reloads


def reloading(world, row):
    """Another configuration, with other helpers, made by another nursery."""
    before = reloads(world)
    world.turn()
    until(lambda: reloads(world) > before or world.gate.process.poll() is not None, "the configuration is read again")
    asking(world, row)


def replacing(world, row):
    """The helper of the mbox file is killed, and another made. It has been asked: for one that never was there is a pause."""
    helper = until(lambda: world.gate.helpers("boxes"), "the helper is there")
    os.kill(helper[0], signal.SIGKILL)
    asking(world, row)
    until(lambda: world.gate.helpers("boxes"), "another is made")


def reconnecting(world, row):
    """The server behind the store is another one: what was kept is of no use."""
    world.backend.stop()
    world.backend.start()
    asking(world, row)


def beginning(world, row):
    """The helper is a new one, and what it asks was never asked by it before."""
    world.renew()
    asking(world, row)


def telling(world, row):
    """Somebody's mailbox is nearly full: the program is told of it, or the log says that it was not. Nothing is left waiting."""
    until(lambda: world.gate.helpers(world.helped), "the helper is there")
    before = world.ends()
    fills = world.another_mailbox()
    row.ask(world.askers[0], fills)
    world.fill(fills)
    row.ask(world.askers[0], fills)
    until(lambda: world.ends() > before, "the news has come to an end")


asking.meanwhile, reloading.meanwhile, replacing.meanwhile = "", ", during a reload", ", while a helper is replaced"
beginning.meanwhile, telling.meanwhile = ", when it is new", ""
reconnecting.meanwhile = ", after the server behind a store was started anew"


def come_back(world):
    before = reloads(world)
    world.turn_back()
    until(lambda: reloads(world) > before, "the configuration is read again")


# ---- one row ----

class Series:
    """One kind of call of one process fails, the first, the second, ... while `scenario` goes on. `quick`: only some of them."""

    def __init__(self, role, call, scenario, error=None, times=1, step=1, what=""):
        self.role, self.call, self.scenario, self.error = role, call, scenario, error
        self.times, self.what = times, what  # in a row; what else is to be said
        self.step = step  # 1: all of them

    def name(self):
        what = {"alloc": "an allocation", "library_alloc": "an allocation of libconfuse"}.get(self.call, f"`{self.call}`")
        error = USUAL[self.call] if self.error is None else self.error
        how = SIGNALS[-error] + f" at {what}" if error < 0 else f"{what} fails, {errno.errorcode[error]}"
        often = f", {self.times} in a row" if self.times > 1 else ""
        often += f", each {self.step}th of them" if self.step > 1 else ""
        return f"{self.role}: {how}{often}{self.scenario.meanwhile}{self.what}"

    def run(self, world, quick=False):
        """The row. A daemon that ended is started anew."""
        row, nth = Row(self.name()), 1
        while not quick or row.injected < self.times * (2 if self.scenario is asking else 1):
            struck = self.once(world, row, nth)
            if not struck:
                break
            row.injected += struck
            nth += 3 if quick else self.step
        if world.turns:
            come_back(world)
        if not row.injected:
            row.say("nothing was hit")
        return row

    def once(self, world, row, nth):
        gate = world.gate
        began = time.monotonic()
        gate.plan.arm(self.role, [self.call], nth, self.times, self.error)
        try:
            self.scenario(world, row)
        finally:
            _, struck = gate.plan.disarm()
        if gate.process.poll() is not None:
            row.say(f"the daemon ended with {gate.process.returncode} at number {nth}")
            gate.start()
        if struck:
            row.recover(world, began)
        return struck


def run_series(series, say=lambda row: None, quick=False, kind=World):
    """Rows for all of them, before one daemon, which has no more descriptors and memory at the end than at the beginning."""
    world, rows = kind().start(), []
    try:
        warm = Row("nothing")
        for _ in range(3):
            asking(world, warm)
            warm.recover(world)
        for one in series:
            until(world.is_manned, "all helpers are there")
            descriptors, memory, pid = world.gate.descriptors(), resident(world.gate.pid()), world.gate.pid()
            row = one.run(world, quick)
            if pid == world.gate.pid():
                check_level(world, row, descriptors, memory)
            rows.append(row)
            say(row)
    finally:
        world.stop()
    return rows


def check_level(world, row, descriptors, memory):
    """What there was before is there, and no more."""
    for asker in world.askers:
        asker.close()
    end = time.monotonic() + PATIENCE
    while world.gate.descriptors() > descriptors and time.monotonic() < end:
        time.sleep(0.02)
    if (now := world.gate.descriptors()) > descriptors:
        row.say(f"{now} descriptors, before that {descriptors}")
    if (now := resident(world.gate.pid())) > memory + SLACK:
        row.say(f"{now} KiB of memory, before that {memory}")


# ---- the beginning ----

def run_start(call, quick=False, role="daemon", step=1):
    """Each call of one kind fails while the daemon starts: it serves, or says why not and ends."""
    name = Series(role, call, asking, step=step).name()
    row, world, nth = Row(f"start: {name}"), World(), 1
    try:
        while not quick or nth < 8:
            if not start_once(world, row, role, call, nth):
                break
            nth += 5 if quick else step
    finally:
        world.stop()
    row.note = f"served: {row.injected - row.refused}; ended with a reason: {row.refused}"
    return row


def start_once(world, row, role, call, nth):
    gate = world.gate
    gate.log.write_text("")
    gate.plan.arm(role, [call], nth)
    gate.launch()
    until(lambda: gate.process.poll() is not None or right(world.askers[1], world.mailboxes[0]), "it serves or has ended")
    _, struck = gate.plan.disarm()
    row.injected += struck
    if gate.process.poll() is None:
        row.recover(world)
        for asker in world.askers:
            asker.close()
        if gate.stop() != 0:
            row.say("it did not end well")
    elif gate.process.returncode < 0 or "quotagate: " not in gate.said():
        row.say(f"it ended with {gate.process.returncode} and without a reason at number {nth}")
    elif "crashed at the start" in gate.said() and call != "alloc":  # libc's getpwnam() without memory is known to
        row.say(f"it crashed at number {nth}")
    else:
        row.refused += 1
    gate.process = None
    return struck
