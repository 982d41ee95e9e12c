"""Settings every service has. They are read from the environment only: `VAHANA_` and the field's name in capitals."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DEFAULT_PORTS = {
    "gateway": 7400,
    "profile": 7401,
    "registry": 7402,
    "experiment": 7403,
    "scheduler": 7404,
    "executor": 7405,
    "eventsink": 7406,
}


def _listen(data: dict[str, Any]) -> str:
    return f"127.0.0.1:{DEFAULT_PORTS.get(data['service'], 0)}"


def _database_url(data: dict[str, Any]) -> str:
    service = data["service"]
    return f"sqlite:///{data['home'] / service / service}.db"


class Settings(BaseSettings):
    """The settings common to all services; a service with settings of its own derives from it."""

    model_config = SettingsConfigDict(env_prefix="VAHANA_", frozen=True, extra="ignore", env_ignore_empty=True)

    service: str
    """Name of the service, e.g. "registry"."""
    home: Annotated[Path, AfterValidator(Path.expanduser)] = Path("~/.vahana").expanduser()
    """Directory of everything the local mesh keeps."""
    listen: str = Field(default_factory=_listen)
    """Address to serve gRPC on, host:port."""
    database_url: str = Field(default_factory=_database_url)
    """SQLAlchemy URL; SQLite under `home` unless given."""

    kafka_bootstrap: str = "127.0.0.1:7492"
    """Kafka brokers to ask first, comma-separated."""
    kafka_group_protocol: Literal["consumer", "classic"] = "consumer"
    """"consumer" is KIP-848 (Kafka 4 and later); "classic" serves older brokers."""
    topic_prefix: str = ""
    """Put before every topic and group name, so that several meshes can share a broker."""
    commit_batch: int = Field(default=500, ge=1, le=10_000)
    """Most messages handled between two offset commits; 1 commits after every message."""

    identities_file: Path = Field(default_factory=lambda data: data["home"] / "identities.json")
    """The first administrator and the services of the mesh, with digests of their tokens. Read by profile alone."""
    jwks_file: Path = Field(default_factory=lambda data: data["home"] / "jwks.json")
    """The public keys of access tokens, written by profile; where there is none, profile is asked."""
    token_file: Path = Field(default_factory=lambda data: data["home"] / "tokens" / data["service"])
    """The token that this service exchanges at profile for those it calls others with."""
    tls_certificate_file: Path | None = None
    """This service's certificate and those that lead up to it, PEM; with it the service listens with TLS alone."""
    tls_key_file: Path | None = None
    """The certificate's private key, PEM."""
    tls_ca_file: Path | None = None
    """Certificates that those of peers and callers are checked against, PEM; with it all peers are called by TLS."""
    tls_require_client_certificate: bool = False
    """Take calls only from those who show a certificate that `tls_ca_file` vouches for."""

    profile_address: str = "127.0.0.1:7401"
    registry_address: str = "127.0.0.1:7402"
    experiment_address: str = "127.0.0.1:7403"
    scheduler_address: str = "127.0.0.1:7404"
    executor_address: str = "127.0.0.1:7405"
    eventsink_address: str = "127.0.0.1:7406"

    worker_threads: int = Field(default=16, ge=1, le=256)
    """Threads that serve unary calls."""
    calls_per_caller: int = Field(default=200, ge=1)
    """Most calls that one subject of one tenant may have under way at once, watches included."""
    watches_per_caller: int = Field(default=100, ge=1)
    """Most streams without an end of their own among them."""
    drain_seconds: float = Field(default=10.0, ge=0)
    """How long calls under way may take to end once the process is told to stop."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    max_message_bytes: int = Field(default=4 * 1024 * 1024, ge=64 * 1024)
    """Largest gRPC message sent or received."""

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        # Half of it would serve in the clear, or let in whom it should not, without a word.
        if (self.tls_certificate_file is None) != (self.tls_key_file is None):
            raise ValueError("VAHANA_TLS_CERTIFICATE_FILE and VAHANA_TLS_KEY_FILE go together")
        if self.tls_require_client_certificate and (self.tls_certificate_file is None or self.tls_ca_file is None):
            raise ValueError("client certificates need VAHANA_TLS_CA_FILE, and VAHANA_TLS_CERTIFICATE_FILE")
        return self
