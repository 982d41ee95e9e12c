"""CredentialService over gRPC."""

import logging
import subprocess

import grpc
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from sqlalchemy import select

from services.profile.__main__ import wire
from services.profile.handlers.opening import open_vault
from services.profile.schema import credential as credential_table
from services.profile.schema import credential_use
from services.profile.vault.master import MasterKeyError
from vahana.profile.v1.credential_pb2 import GetCredentialRequest, ListCredentialsRequest

INVALID = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
NOT_FOUND = (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
OPENSSH = serialization.PrivateFormat.OpenSSH
PKCS8 = serialization.PrivateFormat.PKCS8
PKCS1 = serialization.PrivateFormat.TraditionalOpenSSL


def text(key, form=OPENSSH, passphrase=b""):
    hidden = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, hidden).decode()


def public(key):
    line = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return line.decode()


def test_a_pair_is_generated(credential, credentials, tmp_path):
    stored = credential()
    assert stored.credential_id.startswith("cred-")
    assert (stored.name, stored.owner) == ("key", "ada")
    assert stored.create_time.seconds > 0
    assert not stored.HasField("last_use_time")
    kind, _, comment = stored.public_key.split(" ")
    assert (kind, comment) == ("ssh-ed25519", "vahana:key")
    for asked in (stored.credential_id, "key"):
        assert credentials("admin").GetCredential(GetCredentialRequest(credential=asked)).credential == stored
    (tmp_path / "key.pub").write_text(stored.public_key)
    printed = subprocess.run(["ssh-keygen", "-lf", tmp_path / "key.pub"], capture_output=True, text=True, check=True)
    assert stored.fingerprint in printed.stdout


@pytest.mark.parametrize(
    ("key", "form"),
    [
        (ed25519.Ed25519PrivateKey.generate(), OPENSSH),
        (ed25519.Ed25519PrivateKey.generate(), PKCS8),
        (ec.generate_private_key(ec.SECP256R1()), OPENSSH),
        (ec.generate_private_key(ec.SECP384R1()), PKCS1),
        (ec.generate_private_key(ec.SECP521R1()), PKCS8),
        (rsa.generate_private_key(65537, 2048), OPENSSH),
        (rsa.generate_private_key(65537, 2048), PKCS1),
    ],
    ids=["ed25519-openssh", "ed25519-pkcs8", "p256", "p384-pem", "p521-pkcs8", "rsa-openssh", "rsa-pem"],
)
def test_a_key_is_imported(credential, key, form):
    stored = credential(private_key="\n" + text(key, form).replace("\n", "\r\n"))
    assert stored.public_key == f"{public(key)} vahana:key"


@pytest.mark.parametrize(
    ("content", "way_out"),
    [
        (text(ed25519.Ed25519PrivateKey.generate(), OPENSSH, b"hunter2"), "without one"),
        (text(ed25519.Ed25519PrivateKey.generate(), PKCS8, b"hunter2"), "without one"),
        (text(rsa.generate_private_key(65537, 2048), PKCS1, b"hunter2"), "without one"),
        (text(rsa.generate_private_key(65537, 1024), PKCS1), "2048"),
        (text(ec.generate_private_key(ec.SECP256K1()), PKCS8), "Ed25519"),
        (text(dsa.generate_private_key(1024), PKCS8), "Ed25519"),
        (public(ed25519.Ed25519PrivateKey.generate()), "whole file"),
        (text(ed25519.Ed25519PrivateKey.generate())[:200], "whole file"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----\n", "whole file"),
        ("hunter2\0", "whole file"),
    ],
    ids=[
        *("locked-openssh", "locked-pkcs8", "locked-pem", "short-rsa", "foreign-curve", "dsa"),
        *("public-half", "cut-short", "hollow", "password"),
    ],
)
def test_a_key_that_cannot_be_used_is_refused(credential, refused, content, way_out):
    with refused(*INVALID) as told:
        credential(private_key=content)
    assert set(told.fields) == {"private_key"}
    assert way_out in told.fields["private_key"]
    for line in filter(None, content.splitlines()[1:-1]):
        assert line not in told.message


def test_too_long_a_key_is_refused_without_repeating_it(credential, refused):
    with refused(*INVALID) as told:
        credential(private_key="hunter2" * 3000)
    assert set(told.fields) == {"private_key"}
    assert "hunter2" not in told.message


@pytest.mark.parametrize("name", ["", "-x", "two words", "cred-01j9"])
def test_a_malformed_name_is_refused(credential, refused, name):
    with refused(*INVALID) as told:
        credential(name)
    assert set(told.fields) == {"name"}


def test_a_taken_name_is_refused(credential, refused):
    credential()
    with refused(grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS"):
        credential()


def test_a_repeat_gets_the_first_answer_and_a_reused_id_is_refused(credential, refused):
    imported = text(ed25519.Ed25519PrivateKey.generate())
    for name, private_key, other in (("a", "", imported), ("b", imported, "")):
        first = credential(name, private_key, request_id=name)
        assert credential(name, private_key, request_id=name) == first
        with refused(grpc.StatusCode.ABORTED, "REQUEST_ID_REUSED"):
            credential(name, other, request_id=name)


def test_another_tenant_sees_nothing(credential, credentials, other_tenant, refused):
    stored = credential()
    for asked in (stored.credential_id, "key"):
        with refused(*NOT_FOUND):
            credentials("other").GetCredential(GetCredentialRequest(credential=asked))
    assert not credentials("other").ListCredentials(ListCredentialsRequest()).credentials
    assert credential(who="other").owner == "olga"


def test_a_tenant_must_exist(credential, refused):
    with refused(*NOT_FOUND) as told:
        credential(who="other")
    assert "tenant 'other'" in told.message


def test_a_list_is_paged_by_id(credential, credentials, refused):
    ids = sorted(credential(f"key-{number}").credential_id for number in range(3))
    first = credentials("user").ListCredentials(ListCredentialsRequest(page_size=2))
    last = credentials("user").ListCredentials(ListCredentialsRequest(page_size=2, page_token=first.next_page_token))
    assert [one.credential_id for page in (first, last) for one in page.credentials] == ids
    assert last.next_page_token == ""
    with refused(*INVALID) as told:
        credentials("user").ListCredentials(ListCredentialsRequest(page_token="nonsense"))
    assert set(told.fields) == {"page_token"}


def test_nobody_is_refused(credential, credentials, refused):
    stub = credentials("")
    for call in (
        lambda: credential(who=""),
        lambda: stub.GetCredential(GetCredentialRequest(credential="key")),
        lambda: stub.ListCredentials(ListCredentialsRequest()),
    ):
        with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"):
            call()


def test_creations_are_audited(profile, credential):
    generated = credential("a", who="admin")
    imported = credential("b", text(ed25519.Ed25519PrivateKey.generate()))
    with profile.chassis.db.read() as tx:
        lines = tx.execute(select(credential_use).order_by(credential_use.c.id)).all()
    assert [(line.tenant, line.credential_id, line.action, line.caller) for line in lines] == [
        ("default", generated.credential_id, "GENERATED", "admin"),
        ("default", imported.credential_id, "IMPORTED", "ada"),
    ]
    assert all(line.time_us > 0 for line in lines)


def test_a_private_key_is_in_no_file_and_no_log(profile, credential, refused, tmp_path, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    key = ed25519.Ed25519PrivateKey.generate()
    credential(private_key=text(key), request_id="r-1")
    with refused(grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS"):
        credential(private_key=text(key))
    profile.stop()
    secrets = [key.private_bytes_raw(), *(line.encode() for line in text(key).splitlines()[1:-1])]
    said = (capfd.readouterr().err + capfd.readouterr().out + caplog.text).encode()
    kept = b"".join(path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file())
    assert b"ssh-ed25519" in kept
    for secret in secrets:
        assert secret not in kept
        assert secret not in said


def test_the_master_key_is_made_once_and_kept_close(profile, serve, tmp_path):
    file = tmp_path / "home" / "master.key"
    assert file.stat().st_mode & 0o777 == 0o600
    content = file.read_bytes()
    profile.stop()
    serve(wire).stop()
    assert file.read_bytes() == content


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_master_key_open_to_others_is_refused(profile, serve, tmp_path, mode):
    profile.stop()
    (tmp_path / "home" / "master.key").chmod(mode)
    with pytest.raises(MasterKeyError, match="chmod 600"):
        serve(wire)


def test_a_lost_or_exchanged_master_key_is_told_at_start(profile, credential, tmp_path):
    credential()
    db, file = profile.chassis.db, tmp_path / "home" / "master.key"
    content = file.read_bytes()
    file.unlink()
    with pytest.raises(MasterKeyError, match=r"there is no .*master\.key"):
        open_vault(db, file)
    file.write_bytes(content[:20])
    file.chmod(0o600)
    with pytest.raises(MasterKeyError, match="restore it"):
        open_vault(db, file)
    file.write_bytes(b"A" * 43 + b"=\n")
    with pytest.raises(MasterKeyError, match="VAHANA_MASTER_KEY_LOST"):
        open_vault(db, file)
    file.write_bytes(content)
    open_vault(db, file)


def test_the_public_half_is_all_that_a_row_shows(profile, credential):
    credential()
    with profile.chassis.db.read() as tx:
        row = tx.execute(select(credential_table)).one()
    assert len(row.wrapped_data_key) == 12 + 32 + 16
    assert row.master_key_id
