"""Which certificates a process shows, and which it takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import grpc

from services.chassis.settings import Settings


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM content; without a certificate a server listens in the clear, without an authority a client calls so."""

    certificate: bytes | None = None
    key: bytes | None = None
    authority: bytes | None = None
    require_client: bool = False
    """Whether a server takes calls only from those whose certificate the authority vouches for."""

    @classmethod
    def of(cls, settings: Settings) -> Tls:
        """As the settings want it. OSError where a file cannot be read."""
        return cls(
            _content(settings.tls_certificate_file),
            _content(settings.tls_key_file),
            _content(settings.tls_ca_file),
            settings.tls_require_client_certificate,
        )

    def server(self) -> grpc.ServerCredentials | None:
        """For a server's port; None for one in the clear."""
        if self.certificate is None or self.key is None:
            return None
        pair = [(self.key, self.certificate)]
        return grpc.ssl_server_credentials(pair, self.authority, require_client_auth=self.require_client)

    def channel(self) -> grpc.ChannelCredentials | None:
        """For calls to peers, who are shown our certificate where they ask for one; None for calls in the clear."""
        if self.authority is None:
            return None
        return grpc.ssl_channel_credentials(self.authority, self.key, self.certificate)


PLAIN = Tls()
"""Everything in the clear."""


def _content(file: Path | None) -> bytes | None:
    return None if file is None else file.expanduser().read_bytes()
