"""hand_down.py NAME=DESCRIPTOR... -- COMMAND...: becomes COMMAND, which gets the descriptors as a service manager hands them
down: from 3 on, with LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES."""
import fcntl
import os
import sys

FIRST, FAR = 3, 100


def main():
    end = sys.argv.index("--")
    sockets, command = [word.rsplit("=", 1) for word in sys.argv[1:end]], sys.argv[end + 1:]
    far = [fcntl.fcntl(int(number), fcntl.F_DUPFD, FAR) for _, number in sockets]
    os.closerange(FIRST, FAR)
    for number, descriptor in enumerate(far, FIRST):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(far)),
                      LISTEN_FDNAMES=":".join(name for name, _ in sockets))
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
