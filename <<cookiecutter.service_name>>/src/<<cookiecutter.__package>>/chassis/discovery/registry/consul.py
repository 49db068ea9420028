"""Consul: client of the local agent's HTTP API, and registration with it."""

from typing import Any
from urllib.parse import quote, urlsplit

from pydantic import Field, FilePath, SecretStr, ValidationInfo, field_validator
from urllib3 import BaseHTTPResponse, PoolManager, Timeout

from ...settings import ExtensionSettings
from .address import AdvertisedAddress
from .errors import Refused
from .heartbeat import TTL_SECONDS

_CALL_SECONDS = 1.0
_CONNECTIONS = 32  # kept open: one for the heartbeat, and one for each watched service


class ConsulSettings(ExtensionSettings):
    """Address and credentials of the agent, in the variables of Consul's own tools."""

    ssl: bool = Field(default=False, alias="CONSUL_HTTP_SSL")
    """`true`: an address without a scheme is called over HTTPS."""
    address: str = Field(default="", alias="CONSUL_HTTP_ADDR", validate_default=True)
    """Address of the Consul agent, with or without `http://` or `https://`. Required in
    production; in development by default `127.0.0.1:8500`."""
    token: SecretStr | None = Field(default=None, alias="CONSUL_HTTP_TOKEN")
    """ACL token: `service:write` for this service, `service:read` and `node:read` for its
    peers. Without the latter two, Consul answers as if peers had no instances."""
    ca_file: FilePath | None = Field(default=None, alias="CONSUL_CACERT")
    """Authorities that sign the agent's certificate. Default: those of the system."""

    @field_validator("address")
    @classmethod
    def _is_a_url(cls, value: str, info: ValidationInfo) -> str:
        if not value and info.data.get("environment") == "production":
            raise ValueError(
                "is missing; set the address of the Consul agent, as in http://consul:8500."
            )
        value = value or "127.0.0.1:8500"
        if "://" not in value:
            value = f"{'https' if info.data.get('ssl') else 'http'}://{value}"
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
            raise ValueError("is not an address like http://consul:8500.")
        return value.rstrip("/")


class ConsulError(Refused):
    """Consul rejects a request, or cannot answer it now."""

    remedies = {403: "check CONSUL_HTTP_TOKEN"}


class Client:
    """Client of an agent's HTTP API."""

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
        """Return the response of the agent.

        Raises:
            ConsulError: its status is not 200.
            HTTPError: there is no response.
        """
        url = f"{self.address}/v1/{path}"
        timeout = Timeout(connect=_CALL_SECONDS, read=seconds)
        response = self._pool.request(method, url, json=body, timeout=timeout)
        if response.status != 200:
            raise ConsulError(response)
        return response


class ConsulRegistrar:
    """Registers an instance of a service with a check that expires unless it is confirmed."""

    name = "Consul"

    def __init__(self, client: Client, service: str, address: AdvertisedAddress) -> None:
        self._client = client
        self._service = service
        self._address = address
        self._id = ""

    def register(self) -> None:
        """Register the instance, or confirm its check."""
        if not (self._id and self._confirms()):
            self._register()

    def deregister(self) -> None:
        """Remove the instance, if it is registered."""
        if self._id:
            self._client.call("PUT", f"agent/service/deregister/{quote(self._id)}")
            self._id = ""

    def _confirms(self) -> bool:
        try:
            self._client.call("PUT", f"agent/check/pass/service:{quote(self._id)}")
        except ConsulError:
            return False  # the agent was restarted, or the entry was removed
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
                # The minimum that Consul allows; callers see healthy instances only.
                "DeregisterCriticalServiceAfter": "1m",
            },
        }
        self._client.call("PUT", "agent/service/register?replace-existing-checks=true", entry)
