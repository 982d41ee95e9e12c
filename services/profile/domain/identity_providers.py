"""OpenID Connect providers that a tenant trusts, and what a provider may be."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from services.profile.domain.addresses import is_loopback, may_be_public
from services.profile.domain.users import OPERATOR
from services.profile.domain.violations import Violation

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""The signature algorithms a provider may use. None is symmetric: a public key must never verify as a shared secret."""
DEFAULT_ALGORITHMS = ("RS256",)
DEFAULT_USER_CLAIM = "preferred_username"
EMAIL_CLAIM = "email"
MOST_OF_A_TENANT = 100
OWN_ISSUER = "vahana"
"""The issuer of the mesh's own access tokens."""


@dataclass(frozen=True)
class IdentityProvider:
    """An issuer that a tenant trusts. The fields mean what the proto of the same name says."""

    name: str
    issuer: str
    audience: str
    jwks_uri: str = ""
    jwks: str = ""
    algorithms: tuple[str, ...] = ()
    user_claim: str = ""
    provision_users: bool = False
    disabled: bool = False
    create_time_us: int = 0
    revision: int = 1
    by_operator: bool = False

    def roles(self, held: frozenset[str]) -> frozenset[str]:
        """The roles that a user who holds these has in a login by it.

        An administrator of a tenant chooses the keys of its providers, and so who is let in as whom.
        """
        return held if self.by_operator else held - {OPERATOR}

    def allows(self, algorithm: str) -> bool:
        """Whether its tokens may be signed that way."""
        return algorithm in ALGORITHMS and algorithm in (self.algorithms or DEFAULT_ALGORITHMS)

    @property
    def name_claim(self) -> str:
        """The claim that names a new user."""
        return self.user_claim or DEFAULT_USER_CLAIM


@dataclass(frozen=True)
class AccountLink:
    """Which user somebody is whom a provider knows as `subject`."""

    provider: str
    subject: str
    user: str
    create_time_us: int


def violations(provider: IdentityProvider, *, private: bool) -> Iterator[Violation]:
    """Every rule that a provider breaks, what its keys are aside. `private`: these may be at private addresses."""
    if provider.issuer == OWN_ISSUER:
        yield _fault("issuer", f"'{OWN_ISSUER}' is this mesh itself: name the provider's own")
    for index, algorithm in enumerate(provider.algorithms):
        if algorithm not in ALGORITHMS:
            yield _fault(f"algorithms[{index}]", f"must be one of {', '.join(ALGORITHMS)}; it is '{algorithm}'")
    if bool(provider.jwks_uri) == bool(provider.jwks):
        yield _fault("jwks_uri", "give either this or jwks: the keys are fetched, or they are given")
    elif provider.jwks_uri:
        yield from _uri_violations(provider.jwks_uri, private)


def _uri_violations(uri: str, private: bool) -> Iterator[Violation]:
    try:
        parts = urlsplit(uri)
        usable = _usable(parts)
    except ValueError:
        usable = False
    if not usable:
        yield _fault("jwks_uri", "must be https://host/path, or http on a loopback address, with no user or fragment")
    elif not private and not may_be_public(parts.hostname or ""):
        yield _fault(
            "jwks_uri",
            "names an address that is not public: give the keys themselves in jwks, or have profile started with"
            " VAHANA_PRIVATE_IDENTITY_PROVIDERS=true",
        )


def _usable(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    return safe and bool(host) and parts.port != 0 and "@" not in parts.netloc and not parts.fragment


def _fault(field: str, text: str) -> Violation:
    return Violation(f"identity_provider.{field}", text)
