"""etcd: the key that tells of this process, by the JSON form of its API."""

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
_CONNECTIONS = 32  # kept: the announcer's, and one for each service that is watched


class EtcdSettings(ExtensionSettings):
    """The cluster, and who this service is there."""

    endpoints: str = Field(default="", alias="ETCD_ENDPOINTS", validate_default=True)
    username: str | None = Field(default=None, alias="ETCD_USERNAME")
    password: SecretStr = Field(default=SecretStr(""), alias="ETCD_PASSWORD")
    ca_file: FilePath | None = Field(default=None, alias="ETCD_CACERT")

    @field_validator("endpoints")
    @classmethod
    def _are_urls(cls, value: str, info: ValidationInfo) -> str:
        if not value and info.data.get("environment") == "production":
            raise ValueError("is missing; name etcd's servers, as in http://etcd:2379.")
        urls = [one.strip().rstrip("/") for one in (value or "http://127.0.0.1:2379").split(",")]
        if not all(map(_is_url, urls)):
            raise ValueError("is no list like http://etcd-1:2379,http://etcd-2:2379.")
        return ",".join(urls)


def _is_url(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0


class EtcdError(Refused):
    """etcd refuses a request, or can't answer it now."""

    remedies = dict.fromkeys((400, 401, 403), "look at ETCD_USERNAME and ETCD_PASSWORD")


class Client:
    """The API, at whichever endpoint answers; that is the first one from then on."""

    def __init__(self, settings: EtcdSettings) -> None:
        self.endpoints = settings.endpoints.split(",")
        password = settings.password.get_secret_value()
        self._credentials = {"name": settings.username, "password": password}
        self._token = ""
        authorities = settings.ca_file and str(settings.ca_file)
        self._pool = PoolManager(maxsize=_CONNECTIONS, retries=False, ca_certs=authorities)

    def call(self, path: str, body: Any) -> Any:
        """Give what etcd answers.

        Raises:
            EtcdError: it says that something is wrong.
            HTTPError: there is no answer.
        """
        return self.open(path, body).json()

    def open(
        self, path: str, body: Any, seconds: float = _CALL_SECONDS, *, whole: bool = True
    ) -> BaseHTTPResponse:
        """Give a response, without its body unless that is to be had as a whole."""
        for _ in self.endpoints[1:]:
            asked = self.endpoints
            try:
                return self._as_somebody(path, body, seconds, whole)
            except (HTTPError, EtcdError):
                if self.endpoints is asked:  # or another thread has turned to the next one
                    self.endpoints = [*asked[1:], asked[0]]
        return self._as_somebody(path, body, seconds, whole)

    def _as_somebody(self, path: str, body: Any, seconds: float, whole: bool) -> BaseHTTPResponse:
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
    """Enters one process as an instance of a service; the entry lives as long as its lease."""

    name = "etcd"

    def __init__(self, client: Client, service: str, address: AdvertisedAddress) -> None:
        self._client = client
        self._service = service
        self._address = address
        self._lease = ""

    def register(self) -> None:
        """Enter this process, or keep its lease alive."""
        if not (self._lease and self._is_kept_alive()):
            self._enter()

    def deregister(self) -> None:
        """Give the lease back: the entry goes with it."""
        if self._lease:
            self._client.call("lease/revoke", {"ID": self._lease})
            self._lease = ""

    def _is_kept_alive(self) -> bool:
        answer = self._client.call("lease/keepalive", {"ID": self._lease})
        alive = int(answer["result"].get("TTL", 0)) > 0
        # A key that somebody has deleted would be gone for as long as the lease lives.
        asked = {"ID": self._lease, "keys": True}
        return alive and "keys" in self._client.call("lease/timetolive", asked)

    def _enter(self) -> None:
        lease = self._client.call("lease/grant", {"TTL": TTL_SECONDS})["ID"]
        # Seen from the endpoint that has just answered: the way to another one may be unknown.
        instance = self._address.seen_from(self._client.endpoints[0])
        key = f"{prefix(self._service)}{self._service}-{instance.host}-{instance.port}"
        value = {"scheme": instance.scheme, "host": instance.host, "port": instance.port}
        entry = {"key": encoded(key), "value": encoded(json.dumps(value)), "lease": lease}
        self._client.call("kv/put", entry)
        self._lease = lease


def prefix(service: str) -> str:
    """Give what the keys of a service's instances begin with."""
    return f"/services/{service}/"


def encoded(text: str) -> str:
    """Give a text as etcd's JSON has it."""
    return base64.b64encode(text.encode()).decode()
