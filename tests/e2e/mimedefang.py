"""MIMEDefang with the filter in examples/: its multiplexor, its Perl workers and its milter."""
import re

from enclosure import TOP, Enclosure, free_port, owned

FILTER = TOP / "examples" / "mimedefang-filter"

# The milter starts when the multiplexor has its socket.
START = """
mimedefang-multiplexor -D -l -U defang -m 1 -x 4 -w 0 -z {spool} -s {spool}/mx.sock -F /etc/mail/mimedefang-filter &
while [ ! -S {spool}/mx.sock ]; do sleep 0.05; done
exec mimedefang -D -U defang -t -X -z {spool} -m {spool}/mx.sock -p inet:{port}@127.0.0.1
"""


class Mimedefang(Enclosure):
    """`settings`: variables of the filter, with other values."""

    def __init__(self, folder, **settings):
        super().__init__("mimedefang", folder)
        self.port = free_port()
        self.spool = owned(self.folder / "spool", "defang")
        self.spool.chmod(0o700)
        text = FILTER.read_text()
        for name, value in settings.items():
            text, found = re.subn(rf"^(our \${name}\s*= ).*?;", rf"\g<1>'{value}';", text, flags=re.M)
            assert found == 1, name
        (self.etc / "mail").mkdir()
        (self.etc / "mail" / "mimedefang-filter").write_text(text)
        (self.etc / "mail" / "mimedefang.pl.conf").write_text("1;\n")

    def start(self):
        self.launch("sh", "-c", START.format(spool=self.spool, port=self.port), port=self.port)
        return self

    def test(self):
        """What mimedefang.pl says of the filter."""
        return self.run("mimedefang.pl", "-f", "/etc/mail/mimedefang-filter", "-test")
