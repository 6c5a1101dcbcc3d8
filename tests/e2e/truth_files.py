"""Stores that quotagate reads itself, other than Dovecot's: Maildirs of Courier and Exim, and Exim's mboxes."""
import contextlib
import os

from appendfile import Appendfile
from enclosure import USERS
from exim import acls
from maildrop import Maildrop
from quotagate import Quotagate
from truth_store import Maildirs, Store, append, quota


def asking(world):
    """The lines for Exim's ACLs, as `quotagate setup exim` prints them."""
    listen = f'listen mta {{ protocol = policy  address = "{world.addresses["front"]}" }}\n'
    printed = Quotagate(world.folder, listen + 'store any { type = mbox  path = "/var/mail/%n" }\n', name="printed")
    return acls(printed.command("setup", "exim").stdout)


class Courier(Maildirs):
    name, rule, servers = "courier", "courier", ("maildrop",)
    delivers = "deliverquota of maildrop 2.9.3"
    columns = "{:>12} {:>12}\n"
    states = (*Maildirs.states, "low", "high")

    def __init__(self, world):
        super().__init__(world)
        self.maildrop = world.server("maildrop", lambda: Maildrop(world.folder))

    def make(self, plans):
        super().make(plans)
        self.write_table(plans)

    def transport(self):
        return "deliverquota:"

    @contextlib.contextmanager
    def carrier(self):
        carrier = self.maildrop.carrier()

        class Delivery:
            @staticmethod
            def deliver(plan, message):
                return carrier.deliver(self.maildir(plan), quota(plan), self.write(message))
        try:
            yield Delivery
        finally:
            carrier.close()


class ByExim(Store):
    """Delivery by appendfile. What Exim judges is $message_size: without the lines that the transport writes around it."""
    delivers = "Exim 4.96, appendfile"
    servers = ("exim",)
    slow = True

    def __init__(self, world):
        super().__init__(world)
        self.exim = world.server("exim", lambda: Appendfile(world.folder, world.mail, *asking(world)))

    def make(self, plans):
        super().make(plans)
        self.exim.add([(plan.name, self.domain, plan.limit, self.files(plan)) for plan in plans])

    @staticmethod
    def files(plan):
        """quota_filecount for the plan's limit of messages."""
        return plan.message_limit

    def measure(self):
        message = super().measure()
        self.before = self.exim.sizes[message.name] - message.octets
        return message

    @contextlib.contextmanager
    def carrier(self):
        carrier = self.exim.carrier()

        class Delivery:
            @staticmethod
            def deliver(plan, message):
                return carrier.deliver(self.address(plan), self.write(message), message.name)
        try:
            yield Delivery
        finally:
            carrier.close()


class EximSizefile(ByExim, Maildirs):
    name, rule, both = "sizefile", "exim", True
    states = (*Maildirs.states, "low", "high")

    def make(self, plans):
        super().make(plans)
        self.write_table(plans)


class EximScanned(ByExim, Maildirs):
    name, rule = "scanned", "exim"
    states = ("absent",)

    @staticmethod
    def files(plan):
        """Without a maildirsize Exim takes cur, new and tmp for files as well."""
        return plan.message_limit and plan.message_limit + 3

    def make(self, plans):
        super().make(plans)
        self.write_table(plans)


class EximExclusive(EximSizefile):
    name, rule = "exclusive", "exim-exclusive"


class EximMbox(ByExim):
    name, type, rule = "mbox", "`mbox`", "fits"

    def path(self, plan):
        return self.folder / plan.name

    def make(self, plans):
        for plan in plans:
            self.path(plan).touch()
            os.truncate(self.path(plan), plan.usage)
            os.chown(self.path(plan), USERS["vmail"], USERS["vmail"])
        self.exim.add([(plan.name, self.domain, plan.limit, 0) for plan in plans])
        append(self.world.folder / "limits-mbox", (f"{self.address(plan)} {plan.limit}" for plan in plans))

    def count(self, plan):
        return self.path(plan).stat().st_size

    def configuration(self):
        return (f'store mbox {{ type = mbox  path = "{self.folder}/%n"  user = vmail }}\n'
                f'directory mbox {{ type = file  mailboxes = "{self.world.folder}/limits-mbox" }}\n'
                f"domain {self.domain} {{ store = mbox  directory = mbox }}\n")
