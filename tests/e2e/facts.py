"""A frontend that asks for facts, written from quotagate-facts(7) alone."""
import hashlib
import secrets
import struct
import time
from collections import namedtuple

from datagrams import Datagrams

QUESTION, EVENT, REPLY = 1, 2, 129
CHARGE, LIMIT_NAMED, END_OF_MESSAGE, FIRM, LIMIT_IS_DEFAULT = 1, 2, 4, 8, 16
CHARGED = 4
ARRIVED, ENDED, ABANDONED, WITHDRAWN = 1, 2, 3, 4
CANNOT_TELL, FOUND, NO_MAILBOX, NOT_OURS, NOTED, CLOCK = range(6)
REQUEST = struct.Struct(">2sBB4sQQQQ16sQQIBBHQII")
ANSWER = struct.Struct(">2sBB4sQQQQBBBBIIIQQQQQQIIB")
SEAL = 32

Reply = namedtuple("Reply", "key asker sequence id time state source rule flags messages message_limit charge_messages usage "
                   "limit charge age full_for loan loan_messages loan_life note octets")


def blake2b(octets, key=b""):
    return hashlib.blake2b(octets, digest_size=32, key=key).digest()


class Key:
    def __init__(self, line=None):
        self.line = line or secrets.token_hex(20)
        self.octets = blake2b(self.line.encode())
        self.name = blake2b(self.octets)[:4]

    def seal(self, unsealed):
        return unsealed + blake2b(unsealed, self.octets)


def decode(octets, keys=()):
    """The reply; its seal is looked at."""
    head = ANSWER.unpack_from(octets)
    assert head[:3] == (b"QG", 1, REPLY)
    assert len(octets) == ANSWER.size + head[-1] + SEAL
    name, seal = head[3], octets[-SEAL:]
    key = next((key for key in keys if key.name == name), None)
    assert seal == (key.seal(octets[:-SEAL])[-SEAL:] if key else bytes(SEAL)), "a wrong seal"
    assert key or name == bytes(4)
    return Reply(name, *head[4:-1], note=octets[ANSWER.size:-SEAL], octets=octets)


class Asker(Datagrams):
    """One running frontend with its socket. What is sent is counted; what comes back is checked against it."""

    def __init__(self, port, key=None, host="127.0.0.1", source=None, clock=0, name=None):
        super().__init__(port, host, source)
        self.key, self.clock = key, clock
        self.name = secrets.randbits(64) if name is None else name
        self.sequence = secrets.randbits(32)

    def message(self, kind, address=b"", transaction=bytes(16), flags=0, event=0, size=0, limit=0, message_limit=0, spent=0,
                spent_messages=0, held=0, clock=None, id=None, sequence=None):
        """One message, sealed if there is a key."""
        if sequence is None:
            self.sequence += 1
            sequence = self.sequence
        now = int((time.time() + (self.clock if clock is None else clock)) * 1000)
        text = REQUEST.pack(b"QG", 1, kind, self.key.name if self.key else bytes(4), self.name, sequence,
                            secrets.randbits(64) if id is None else id, now, transaction, size, limit, message_limit, flags,
                            event, len(address), spent, spent_messages, held) + address
        text = text.ljust(192 - SEAL, b"\0")
        return self.key.seal(text) if self.key else text + bytes(SEAL)

    def exchange(self, octets, keys=None):
        self.send(octets)
        got = self.receive()
        assert got, "no reply"
        assert len(got) <= len(octets), "a reply is never longer than what it answers"
        reply = decode(got, keys or [self.key] if self.key else [])
        assert (reply.asker, reply.sequence, reply.id) == struct.unpack_from(">QQQ", octets, 8)
        return reply

    def ask(self, address, **more):
        return self.exchange(self.message(QUESTION, address.encode(), **more))

    def charge(self, address, size, transaction, **more):
        flags = more.pop("flags", 0)
        return self.ask(address, flags=flags | CHARGE, size=size, transaction=transaction, **more)

    def tell(self, event, transaction, address="", **more):
        return self.exchange(self.message(EVENT, address.encode(), transaction=transaction, event=event, **more))
