"""An authority of the test's own and a certificate signed by it, made by openssl in the test's folder."""
import subprocess


class Certificates:
    """`certificate` and `key` are a server's; renew() makes another certificate for the key."""

    def __init__(self, folder, names="IP:127.0.0.1"):
        self.folder = folder / "certificates"
        self.folder.mkdir()
        self.authority, self.certificate = self.folder / "authority.pem", self.folder / "certificate.pem"
        self.key = self.folder / "key.pem"
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "authority.key", "-out",
                     "authority.pem", "-subj", "/CN=Test authority", "-days", "2")
        self.openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "request.pem", "-subj",
                     "/CN=server")
        self.renew(names)

    def openssl(self, *command):
        subprocess.run(["openssl", *command], cwd=self.folder, check=True, capture_output=True)

    def renew(self, names="IP:127.0.0.1", days=2):
        """For other names; with negative days it has expired."""
        (self.folder / "names").write_text(f"subjectAltName={names}\n")
        self.openssl("x509", "-req", "-in", "request.pem", "-CA", "authority.pem", "-CAkey", "authority.key",
                     "-set_serial", "7", "-days", str(days), "-extfile", "names", "-out", "certificate.pem")
