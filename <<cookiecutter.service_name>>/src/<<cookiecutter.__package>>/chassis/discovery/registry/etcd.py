"""etcd: client of its JSON API, and registration as a key with a lease."""

import base64
import json
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, FilePath, SecretStr, ValidationInfo, field_validator
from urllib3 import BaseHTTPResponse, PoolManager, Timeout
from urllib3.exceptions import HTTPError

from ...settings import ExtensionSettings
from .address import AdvertisedAddress
from .errors import Refused
from .heartbeat import TTL_SECONDS

_CALL_SECONDS = 1.0
_CONNECTIONS = 32  # kept open: one for the heartbeat, and one for each watched service


class EtcdSettings(ExtensionSettings):
    """Addresses and credentials of the cluster."""

    endpoints: str = Field(default="", alias="ETCD_ENDPOINTS", validate_default=True)
    """URLs of the cluster's members, separated by commas. Required in production; in
    development by default `http://127.0.0.1:2379`."""
    username: str | None = Field(default=None, alias="ETCD_USERNAME")
    """User of this service, where etcd requires authentication. It has to read below
    `/services/`, and to write below `/services/<name>/`."""
    password: SecretStr = Field(default=SecretStr(""), alias="ETCD_PASSWORD")
    """Password of that user."""
    ca_file: FilePath | None = Field(default=None, alias="ETCD_CACERT")
    """Authorities that sign the members' certificates. Default: those of the system."""

    @field_validator("endpoints")
    @classmethod
    def _are_urls(cls, value: str, info: ValidationInfo) -> str:
        if not value and info.data.get("environment") == "production":
            raise ValueError("is missing; list etcd's members, as in http://etcd:2379.")
        urls = [one.strip().rstrip("/") for one in (value or "http://127.0.0.1:2379").split(",")]
        if not all(map(_is_url, urls)):
            raise ValueError("is not a list like http://etcd-1:2379,http://etcd-2:2379.")
        return ",".join(urls)


def _is_url(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0


class EtcdError(Refused):
    """etcd rejects a request, or cannot answer it now."""

    remedies = dict.fromkeys((400, 401, 403), "check ETCD_USERNAME and ETCD_PASSWORD")


class Client:
    """Client of the API; an endpoint that answers after others failed becomes the first one."""

    def __init__(self, settings: EtcdSettings) -> None:
        self.endpoints = settings.endpoints.split(",")
        password = settings.password.get_secret_value()
        self._credentials = {"name": settings.username, "password": password}
        self._token = ""
        authorities = settings.ca_file and str(settings.ca_file)
        self._pool = PoolManager(maxsize=_CONNECTIONS, retries=False, ca_certs=authorities)

    def call(self, path: str, body: Any) -> Any:
        """Return the answer of etcd.

        Raises:
            EtcdError: its status is not 200.
            HTTPError: there is no answer.
        """
        return self.open(path, body).json()

    def open(
        self, path: str, body: Any, seconds: float = _CALL_SECONDS, *, whole: bool = True
    ) -> BaseHTTPResponse:
        """Return a response; its body is a stream unless `whole`."""
        for _ in self.endpoints[1:]:
            asked = self.endpoints
            try:
                return self._authenticated(path, body, seconds, whole)
            except (HTTPError, EtcdError):
                if self.endpoints is asked:  # otherwise another thread has moved it already
                    self.endpoints = [*asked[1:], asked[0]]
        return self._authenticated(path, body, seconds, whole)

    def _authenticated(self, path: str, body: Any, seconds: float, whole: bool) -> BaseHTTPResponse:
        try:
            return self._post(path, body, seconds, whole=whole)
        except EtcdError as error:
            # There is no token yet, or it has expired.
            if not self._credentials["name"] or error.status not in {400, 401}:
                raise
        self._token = ""
        answer = self._post("auth/authenticate", self._credentials, _CALL_SECONDS, whole=True)
        self._token = answer.json()["token"]
        return self._post(path, body, seconds, whole=whole)

    def _post(self, path: str, body: Any, seconds: float, *, whole: bool) -> BaseHTTPResponse:
        response = self._pool.request(
            "POST",
            f"{self.endpoints[0]}/v3/{path}",
            json=body,
            headers={"Authorization": self._token} if self._token else {},
            timeout=Timeout(connect=_CALL_SECONDS, read=seconds),
            preload_content=whole,
        )
        if response.status != 200:
            raise EtcdError(response)
        return response


class EtcdRegistrar:
    """Registers an instance of a service as a key that expires with its lease."""

    name = "etcd"

    def __init__(self, client: Client, service: str, address: AdvertisedAddress) -> None:
        self._client = client
        self._service = service
        self._address = address
        self._lease = ""

    def register(self) -> None:
        """Register the instance, or keep its lease alive."""
        if not (self._lease and self._is_kept_alive()):
            self._register()

    def deregister(self) -> None:
        """Revoke the lease, and the key with it."""
        if self._lease:
            self._client.call("lease/revoke", {"ID": self._lease})
            self._lease = ""

    def _is_kept_alive(self) -> bool:
        answer = self._client.call("lease/keepalive", {"ID": self._lease})
        alive = int(answer["result"].get("TTL", 0)) > 0
        # A deleted key would stay missing while the lease lives.
        asked = {"ID": self._lease, "keys": True}
        return alive and "keys" in self._client.call("lease/timetolive", asked)

    def _register(self) -> None:
        lease = self._client.call("lease/grant", {"TTL": TTL_SECONDS})["ID"]
        # Towards the endpoint that has just answered: another one may be unreachable.
        instance = self._address.seen_from(self._client.endpoints[0])
        key = f"{prefix(self._service)}{self._service}-{instance.host}-{instance.port}"
        value = {"scheme": instance.scheme, "host": instance.host, "port": instance.port}
        entry = {"key": encoded(key), "value": encoded(json.dumps(value)), "lease": lease}
        self._client.call("kv/put", entry)
        self._lease = lease


def prefix(service: str) -> str:
    """Return the prefix of the keys of a service's instances."""
    return f"/services/{service}/"


def encoded(text: str) -> str:
    """Return a text as etcd's JSON encodes it."""
    return base64.b64encode(text.encode()).decode()
