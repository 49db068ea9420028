"""Development certificates: `python -m <package>.chassis.mtls.development NAME…`.

Each service gets <name>.pem and <name>-key.pem with the SPIFFE ID spiffe://development/<name>,
valid for 30 days. The authority that signs them is generated at the first run. Services that call
each other need the same one: generate their certificates in one folder (--folder).
"""

import argparse
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

FOLDER = Path(".dev/tls")
_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


class Authority:
    """Authority that signs the certificates of services."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = _name("development")
        made = _certificate(self.name, self.key.public_key(), timedelta(days=3650))
        made = made.issuer_name(self.name).add_extension(_usage("key_cert_sign", "crl_sign"), True)
        self.certificate = made.add_extension(x509.BasicConstraints(True, 0), True).sign(
            self.key, hashes.SHA256()
        )

    @classmethod
    def kept_in(cls, folder: Path) -> "Authority":
        """Return the authority of a folder, generated if there is none."""
        authority = cls()
        if (folder / "ca-key.pem").exists():
            key = serialization.load_pem_private_key((folder / "ca-key.pem").read_bytes(), None)
            assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101 (narrows the type)
            authority.key = key
            authority.certificate = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
        else:
            write(folder / "ca.pem", authority.certificate, authority.key)
        return authority

    def pem(self) -> bytes:
        """Return the certificate that services have to trust."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, file: Path, *uris: str, lifetime: timedelta = timedelta(days=30)) -> None:
        """Write a new certificate with these URIs, and its key beside it."""
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri) for uri in uris]
        names += [x509.DNSName(file.stem), x509.DNSName("localhost")]  # for curl and browsers
        both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        made = _certificate(_name(file.stem), key.public_key(), lifetime)
        made = made.issuer_name(self.certificate.subject)
        for extension, critical in (
            (x509.SubjectAlternativeName(names), False),
            (x509.ExtendedKeyUsage(both), False),
            (_usage("digital_signature"), True),
            (x509.BasicConstraints(False, None), True),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False),
        ):
            made = made.add_extension(extension, critical)
        write(file, made.sign(self.key, hashes.SHA256()), key)


def write(file: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    """Write a certificate to a file, and its key to one beside it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f"{file.stem}-key.pem")
    beside.touch(mode=0o600)
    beside.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def main() -> None:
    """Generate a certificate for each named service."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("services", nargs="+", metavar="NAME")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    authority = Authority.kept_in(arguments.folder)
    for service in arguments.services:
        file = arguments.folder / f"{service}.pem"
        authority.issue(file, f"spiffe://development/{service}")
        key = file.with_name(f"{service}-key.pem")
        sys.stdout.write(f"TLS_CERT_FILE={file}\nTLS_KEY_FILE={key}\n")
        sys.stdout.write(f"TLS_CLIENT_CA_FILE={arguments.folder / 'ca.pem'}\n")


def _certificate(
    subject: x509.Name, key: ec.EllipticCurvePublicKey, lifetime: timedelta
) -> x509.CertificateBuilder:
    # Valid from a minute ago, since clocks differ; a negative lifetime gives an expired one.
    begins = datetime.now(UTC) - timedelta(minutes=1) + min(lifetime, timedelta())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(datetime.now(UTC) + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), False)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _usage(*used: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{name: name in used for name in _USAGES})


if __name__ == "__main__":
    main()
