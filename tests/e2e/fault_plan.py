"""What is to fail in a running daemon: the file that the library tests/fault reads while it is preloaded there."""
import errno
import mmap
import os
import struct
from pathlib import Path

from quotagate import PROGRAM, Quotagate

LIBRARY = Path(PROGRAM).parent / "tests" / "fault" / "fault.so"

# As in tests/fault/fault.c, in its order.
CALLS = ("alloc", "accept", "read", "recv", "recvmsg", "write", "send", "sendmsg", "open", "openat2", "readdir", "stat",
         "socket", "connect", "bind", "listen", "socketpair", "pipe", "fork", "epoll_ctl", "epoll_wait", "poll", "mmap",
         "getrandom", "fcntl", "epoll_create", "library_alloc")
# The reader reads the configuration at a reload. Helpers of a section that is named `aside` have no role here.
ROLES = {"daemon": 1, "nursery": 2, "helper": 4, "reader": 8}

# What each call says on a machine that has run out of something.
USUAL = {
    "alloc": errno.ENOMEM, "accept": errno.EMFILE, "read": errno.EIO, "recv": errno.ENOMEM, "recvmsg": errno.ENOMEM,
    "write": errno.ENOSPC, "send": errno.ENOBUFS, "sendmsg": errno.ENOBUFS, "open": errno.EMFILE, "openat2": errno.EMFILE,
    "readdir": errno.EIO, "stat": errno.EIO, "socket": errno.EMFILE, "connect": errno.EAGAIN, "bind": errno.ENOMEM,
    "listen": errno.EADDRINUSE, "socketpair": errno.EMFILE, "pipe": errno.EMFILE, "fork": errno.EAGAIN,
    "epoll_ctl": errno.ENOSPC, "epoll_wait": errno.EINTR, "poll": errno.EINTR, "mmap": errno.ENOMEM,
    "getrandom": errno.ENOSYS, "fcntl": errno.EINVAL, "epoll_create": errno.EMFILE, "library_alloc": errno.ENOMEM,
}

LAYOUT = struct.Struct("=IIiIIIIiQQ")
FAULT = struct.Struct("=IIiIIII")  # its first part
SHIFT, LIMITS = 28, 32  # where they stand in it


class Plan:
    """One file, one daemon. Nothing fails until arm()."""

    def __init__(self, path):
        self.path = path
        path.write_bytes(LAYOUT.pack(*[0] * 10))
        with path.open("r+b") as file:
            self.map = mmap.mmap(file.fileno(), LAYOUT.size)

    def arm(self, role, calls, nth=1, times=1, error=None):
        """The nth of these calls fails from now on, and `times` - 1 after it. A signal is a negative error."""
        if error is None:
            error = USUAL[calls[0]]
        bits = sum(1 << CALLS.index(call) for call in calls)
        self.disarm()
        FAULT.pack_into(self.map, 0, 0, 0, error, nth, times, 0, 0)
        FAULT.pack_into(self.map, 0, ROLES[role], bits, error, nth, times, 0, 0)

    def count(self, role, calls):
        self.arm(role, calls, nth=2**32 - 1, times=0)

    def disarm(self):
        """Nothing fails any more. Returns how many calls there were and how many of them failed."""
        seen, struck = FAULT.unpack_from(self.map)[5:7]
        FAULT.pack_into(self.map, 0, *[0] * 7)
        return seen, struck

    def struck(self):
        return FAULT.unpack_from(self.map)[6]

    def set_clock(self, seconds):
        """The calendar is so many seconds ahead."""
        struct.pack_into("=i", self.map, SHIFT, seconds)

    def limit(self, files=0, memory=0):
        """The daemon's limits from its next turn on; 0: as they were."""
        struct.pack_into("=QQ", self.map, LIMITS, files, memory)


class Injected(Quotagate):
    """A daemon with the library in it, unless it is to be `plain`. `plan` says what fails."""

    def __init__(self, folder, configuration, name="quotagate", plain=False, sockets=(), before=()):
        super().__init__(folder, configuration, name, sockets=sockets)
        if not plain and not LIBRARY.is_file():
            raise AssertionError(f"{LIBRARY} is missing: run scripts/build")
        self.plan = Plan(self.folder / "plan")
        self.mark = f"FAULT_PLAN={self.plan.path}"
        self.before = [*before, "env", self.mark] + ([] if plain else [f"LD_PRELOAD={LIBRARY}"])

    def launch(self):
        """Only the daemon has the library, not the other commands. `before` is a command that becomes the rest of its line."""
        usual = self.enclosed
        self.enclosed = [*usual, *self.before]
        try:
            return super().launch()
        finally:
            self.enclosed = usual

    def processes(self):
        """{pid: name} of the daemon and all that came of it. A nursery that was renewed is nobody's child any more."""
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and self.mark.encode() in (entry / "environ").read_bytes().split(b"\0"):
                    found[int(entry.name)] = (entry / "comm").read_text().strip()
            except OSError:
                continue
        return found

    def helpers(self, of=""):
        """Of one store, or all."""
        return [pid for pid, name in self.processes().items() if name.startswith(f"qg-{of}") and name != "qg-nursery"]

    def nurseries(self):
        return [pid for pid, name in self.processes().items() if name == "qg-nursery"]

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid()}/fd"))
