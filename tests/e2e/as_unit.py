"""as_unit.py UNIT COMMAND...: becomes COMMAND with the user, the capabilities and the calls that a systemd unit leaves it.

systemd itself starts nothing where it is not the first process. What its settings come to is asked of systemd-analyze; the
filter is made by libseccomp, as systemd makes it.
"""
import ctypes
import os
import pwd
import re
import subprocess
import sys
from pathlib import Path

CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID")  # by number
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, LAST = 24, 38, 40
ALLOW, ERRNO_EPERM = 0x7FFF0000, 0x00050001


def settings(unit, name):
    return re.findall(rf"^{name}=(.*)$", Path(unit).read_text(), re.M)


def calls(words):
    """The calls that a list of names and @groups means."""
    found = set()
    for word in words:
        if not word.startswith("@"):
            found.add(word)
            continue
        listed = subprocess.run(["systemd-analyze", "syscall-filter", word], check=True, capture_output=True, text=True)
        found |= calls(line.strip() for line in listed.stdout.splitlines()[1:] if line.strip()[:1] not in ("#", ""))
    return found


def allowed(unit):
    left = set()
    for line in settings(unit, "SystemCallFilter"):
        words = line.lstrip("~").split()
        left = left - calls(words) if line.startswith("~") else left | calls(words)
    return left | calls(["@default"])


def limit_capabilities(libc, unit):
    kept = {CAPABILITIES.index(name.removeprefix("CAP_"))
            for line in settings(unit, "CapabilityBoundingSet") for name in line.split()}
    for number in range(LAST + 1):
        if number not in kept and libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0) != 0:
            sys.exit(f"as_unit: capability {number} stays")


def become(user):
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
    os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)


def filter_calls(names):
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(ERRNO_EPERM))
    for name in names:
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number != -1:
            seccomp.seccomp_rule_add(context, ALLOW, number, 0)
    if seccomp.seccomp_load(context) != 0:
        sys.exit("as_unit: no filter")


def main():
    unit, command = sys.argv[1], sys.argv[2:]
    names, libc = allowed(unit), ctypes.CDLL(None)
    limit_capabilities(libc, unit)
    for user in settings(unit, "User"):
        become(user)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        sys.exit("as_unit: no_new_privs")
    filter_calls(names)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
