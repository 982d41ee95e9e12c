"""Secrets put through every path are found nowhere: not in logs, databases, Kafka, files or what errors say."""

import base64
import json
import time
from pathlib import Path

import grpc
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from jwt.algorithms import OKPAlgorithm

from tests.e2e.conftest import RunningMesh
from tests.e2e.probe import Probe, prepare
from tests.e2e.test_people import Person
from vahana.profile.v1 import credential_pb2, identity_pb2, identity_provider_pb2, tenant_pb2
from vahana_client.connection import Connection

ISSUER = "https://issuer.example.org"
# Where secrets live by design: what the local mesh's callers and profile's vault read.
KEPT = {"tokens", "master.key"}


def test_no_secret_is_found_anywhere(mesh: RunningMesh, tmp_path: Path) -> None:
    prepare(mesh, tmp_path)
    key = ed25519.Ed25519PrivateKey.generate()
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    seed = key.private_bytes(serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption())
    said: list[str] = []
    with mesh.connect() as connection:
        said += _key_put_everywhere(connection, pem.decode())
        Probe(connection, tmp_path).create().launch().wait_end()
        access = connection.identity.ExchangeToken(identity_pb2.ExchangeTokenRequest()).access_token
        jwk = json.loads(OKPAlgorithm.to_jwk(key)) | {"kid": "canary"}
        said += _provider_added(connection, jwk)
    from_outside = _outsiders_token(key)
    with Connection(mesh.record().gateway, from_outside) as connection:
        assert connection.identity.GetCaller(identity_pb2.GetCallerRequest()).caller.subject == "outsider"
        said += _told(lambda: connection.tenants.CreateTenant(tenant_pb2.CreateTenantRequest(name=from_outside)))
    person = Person(mesh, "secretive")
    person.says("experiment", "list")
    said += [person.says(*words)[1] for words in (["user", "add", person.token], ["group", "create", person.token])]
    with Connection(mesh.record().gateway, person.token + "x") as connection:
        said += _told(lambda: connection.identity.GetCaller(identity_pb2.GetCallerRequest()))
    inside = base64.b64decode("".join(pem.decode().splitlines()[1:-1]))
    needles = {
        "the imported key's PEM": b"".join(pem.splitlines()[2:4]),
        "a line of the imported key's PEM": pem.splitlines()[3],
        "the imported key's seed": seed,
        "the seed in hexadecimal": seed.hex().encode(),
        "the seed in base64": base64.b64encode(seed).rstrip(b"="),
        "the key as OpenSSH writes it": inside[-120:-20],
        "an API token's secret": person.token.rpartition("_")[2].encode(),
        "an OpenID Connect token's signature": from_outside.rpartition(".")[2].encode(),
        "the private part of a provider's key": jwk["d"].encode(),
        "an access token's signature": access.rpartition(".")[2].encode(),
        **{f"the token of {name}": mesh.token(name).encode() for name in ("admin", "executor", "eventsink")},
    }
    found = [f"{what} in {path}" for path, content in _contents(mesh) for what, it in needles.items() if it in content]
    found += [f"{what} in an answer" for what, it in needles.items() if it in "".join(said).encode()]
    assert not found, found


def _key_put_everywhere(connection: Connection, pem: str) -> list[str]:
    """Imports a key, and sends it where it does not belong; returns what was answered."""
    credentials, create = connection.credentials, credential_pb2.CreateCredentialRequest
    imported = credentials.CreateCredential(create(name="canary", private_key=pem)).credential
    broken = pem.replace("-----END", "x-----END")
    answers = [
        str(imported),
        *_told(lambda: credentials.CreateCredential(create(name="canary-2", private_key=broken))),
        *_told(lambda: credentials.CreateCredential(create(name="canary", private_key=pem))),
        *_told(lambda: credentials.CreateCredential(create(name="canary-3", private_key=pem * 50))),
    ]
    listed = credentials.ListCredentials(credential_pb2.ListCredentialsRequest(page_size=1000))
    return [*answers, str(listed)]


def _provider_added(connection: Connection, jwk: dict[str, str]) -> list[str]:
    """Has an identity provider trusted, with its private key where only the public one belongs, and then without."""
    provider = identity_provider_pb2.IdentityProvider(
        name="outside", issuer=ISSUER, audience="vahana", algorithms=["EdDSA"], provision_users=True
    )
    create = identity_provider_pb2.CreateIdentityProviderRequest
    provider.jwks = json.dumps({"keys": [jwk]})
    answers = _told(lambda: connection.identity_providers.CreateIdentityProvider(create(identity_provider=provider)))
    provider.jwks = json.dumps({"keys": [{name: value for name, value in jwk.items() if name != "d"}]})
    return [*answers, str(connection.identity_providers.CreateIdentityProvider(create(identity_provider=provider)))]


def _outsiders_token(key: ed25519.Ed25519PrivateKey) -> str:
    now = int(time.time())
    who = {"iss": ISSUER, "aud": "vahana", "sub": "1", "preferred_username": "outsider"}
    return jwt.encode(who | {"iat": now, "exp": now + 600}, key, algorithm="EdDSA", headers={"kid": "canary"})


def _told(call: object) -> list[str]:
    try:
        call()  # type: ignore[operator]
    except grpc.RpcError as error:
        return [error.details() or "", str(error.trailing_metadata())]
    raise AssertionError("the call was to be refused")


def _contents(mesh: RunningMesh) -> list[tuple[Path, bytes]]:
    """Every file of the mesh: databases and their journals, Kafka's segments, logs, blobs."""
    home = mesh.home.path
    paths = [path for path in home.rglob("*") if path.is_file() and not path.is_symlink()]
    kept = [path for path in paths if path.relative_to(home).parts[0] not in KEPT]
    names = {path.name for path in kept}
    assert {"profile.log", "gateway.log"} <= names
    if "VAHANA_PROFILE_DATABASE_URL" not in mesh.environment:
        assert {"profile.db", "registry.db", "experiment.db"} <= names
    assert any(path.suffix == ".log" and "vahana.status" in str(path.parent) for path in kept), "no Kafka segment"
    return [(path, _read(path)) for path in kept]


def _read(path: Path) -> bytes:
    """What a file holds; nothing where it is one that Kafka has renamed meanwhile."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
