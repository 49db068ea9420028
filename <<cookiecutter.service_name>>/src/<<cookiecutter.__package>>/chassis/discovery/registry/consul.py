"""Consul: the agent that this process is entered with, by its HTTP API."""

from typing import Any
from urllib.parse import quote, urlsplit

from pydantic import Field, FilePath, SecretStr, ValidationInfo, field_validator
from urllib3 import BaseHTTPResponse, PoolManager, Timeout

from ...settings import ExtensionSettings
from .address import AdvertisedAddress
from .errors import Refused
from .heartbeat import TTL_SECONDS

_CALL_SECONDS = 1.0
_CONNECTIONS = 32  # kept: the announcer's, and one for each service that is watched


class ConsulSettings(ExtensionSettings):
    """The agent, named as Consul's own tools name it."""

    ssl: bool = Field(default=False, alias="CONSUL_HTTP_SSL")
    address: str = Field(default="", alias="CONSUL_HTTP_ADDR", validate_default=True)
    token: SecretStr | None = Field(default=None, alias="CONSUL_HTTP_TOKEN")
    ca_file: FilePath | None = Field(default=None, alias="CONSUL_CACERT")

    @field_validator("address")
    @classmethod
    def _is_a_url(cls, value: str, info: ValidationInfo) -> str:
        if not value and info.data.get("environment") == "production":
            raise ValueError("is missing; name the Consul agent, as in http://consul:8500.")
        value = value or "127.0.0.1:8500"
        if "://" not in value:
            value = f"{'https' if info.data.get('ssl') else 'http'}://{value}"
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
            raise ValueError("is no address like http://consul:8500.")
        return value.rstrip("/")


class ConsulError(Refused):
    """Consul refuses a request, or can't answer it now."""

    remedies = {403: "look at CONSUL_HTTP_TOKEN"}


class Client:
    """The HTTP API of an agent."""

    def __init__(self, settings: ConsulSettings) -> None:
        self.address = settings.address
        token = settings.token.get_secret_value() if settings.token else None
        self._pool = PoolManager(
            maxsize=_CONNECTIONS,
            headers={"X-Consul-Token": token} if token else {},
            retries=False,
            ca_certs=settings.ca_file and str(settings.ca_file),
        )

    def call(
        self, method: str, path: str, body: Any = None, seconds: float = _CALL_SECONDS
    ) -> BaseHTTPResponse:
        """Give the answer of the agent.

        Raises:
            ConsulError: it says that something is wrong.
            HTTPError: there is no answer.
        """
        url = f"{self.address}/v1/{path}"
        timeout = Timeout(connect=_CALL_SECONDS, read=seconds)
        response = self._pool.request(method, url, json=body, timeout=timeout)
        if response.status != 200:
            raise ConsulError(response)
        return response


class ConsulRegistrar:
    """Enters one process as an instance of a service; its check passes for a while at a time."""

    name = "Consul"

    def __init__(self, client: Client, service: str, address: AdvertisedAddress) -> None:
        self._client = client
        self._service = service
        self._address = address
        self._id = ""

    def register(self) -> None:
        """Enter this process, or let its check pass for another while."""
        if not (self._id and self._confirms()):
            self._register()

    def deregister(self) -> None:
        """Take it out."""
        if self._id:
            self._client.call("PUT", f"agent/service/deregister/{quote(self._id)}")
            self._id = ""

    def _confirms(self) -> bool:
        try:
            self._client.call("PUT", f"agent/check/pass/service:{quote(self._id)}")
        except ConsulError:
            return False  # it has forgotten: it was restarted, or somebody took the entry out
        return True

    def _register(self) -> None:
        instance = self._address.seen_from(self._client.address)
        self._id = f"{self._service}-{instance.host}-{instance.port}"
        entry = {
            "ID": self._id,
            "Name": self._service,
            "Address": instance.host,
            "Port": instance.port,
            "Meta": {"scheme": instance.scheme},
            "Check": {
                "Name": "ready",
                "TTL": f"{TTL_SECONDS}s",
                "Status": "passing",
                # Consul allows nothing shorter; callers hear of healthy instances only.
                "DeregisterCriticalServiceAfter": "1m",
            },
        }
        self._client.call("PUT", "agent/service/register?replace-existing-checks=true", entry)
