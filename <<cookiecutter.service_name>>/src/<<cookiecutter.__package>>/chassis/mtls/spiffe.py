"""Names of services in certificates: SPIFFE IDs, as X.509-SVIDs carry them."""

import re
from dataclasses import dataclass

from cryptography import x509

_FORM = re.compile(r"spiffe://([a-z0-9._-]{1,255})((?:/[A-Za-z0-9._-]+)+)")
_MAX_LENGTH = 2048


class NotSpiffe(ValueError):
    """The certificate identifies no service; the text says why."""


@dataclass(frozen=True, slots=True)
class SpiffeId:
    """A service in its trust domain; the path between the two says where it runs."""

    trust_domain: str
    path: str

    @property
    def service(self) -> str:
        """Return the name of the service: the last part of the path."""
        return self.path.rpartition("/")[2]

    def __str__(self) -> str:
        return f"spiffe://{self.trust_domain}{self.path}"


def read(certificate: x509.Certificate) -> SpiffeId:
    """Return the one SPIFFE ID of a service's certificate.

    Raises:
        NotSpiffe: the certificate is not that of a service.
    """
    try:
        if _is_authority(certificate):
            raise NotSpiffe("is that of an authority")
        uris = _uris(certificate)
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise NotSpiffe(str(error)) from error
    if len(uris) != 1:
        raise NotSpiffe(f"has {len(uris)} URIs instead of one SPIFFE ID")
    return parse(uris[0])


def parse(uri: str) -> SpiffeId:
    """Return the parts of a SPIFFE ID.

    Raises:
        NotSpiffe: the URI is not a SPIFFE ID, or names no service.
    """
    match = _FORM.fullmatch(uri)
    if not match or len(uri) > _MAX_LENGTH or {".", ".."} & set(match[2].split("/")):
        raise NotSpiffe("has a URI that is not the SPIFFE ID of a service")
    return SpiffeId(match[1], match[2])


def _uris(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return names.value.get_values_for_type(x509.UniformResourceIdentifier)


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        found = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return False
    return found.value.ca
