"""Secrets put through every path are found nowhere: not in logs, databases, Kafka, files or what errors say."""

import base64
from pathlib import Path

import grpc
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.e2e.conftest import RunningMesh
from tests.e2e.probe import Probe, prepare
from tests.e2e.test_people import Person
from vahana.profile.v1 import credential_pb2, identity_pb2
from vahana_client.connection import Connection

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
    assert {"profile.db", "registry.db", "experiment.db", "profile.log", "gateway.log"} <= names
    assert any(path.suffix == ".log" and "vahana.status" in str(path.parent) for path in kept), "no Kafka segment"
    return [(path, path.read_bytes()) for path in kept]
