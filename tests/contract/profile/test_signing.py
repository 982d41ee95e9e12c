"""SigningService over gRPC, believed by real SSH servers."""

import base64
import getpass
import os
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

import grpc
import paramiko
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from sqlalchemy import select, update

from services.profile.schema import credential as credential_table
from services.profile.schema import credential_use
from vahana.profile.v1.credential_pb2 import (
    DeleteCredentialRequest,
    GetCredentialRequest,
    GetPublicKeyRequest,
    SignSshChallengeRequest,
)

INVALID = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
NOT_FOUND = (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
DENIED = (grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED")
SSHD = shutil.which("sshd") or "/usr/sbin/sshd"
KEYS = {
    "generated": None,
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "nistp256": ec.generate_private_key(ec.SECP256R1()),
    "nistp384": ec.generate_private_key(ec.SECP384R1()),
    "nistp521": ec.generate_private_key(ec.SECP521R1()),
    "rsa": rsa.generate_private_key(65537, 2048),
}


def text(key):
    if key is None:
        return ""
    form = serialization.PrivateFormat.OpenSSH
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


class StoredKey(paramiko.PKey):
    """A key that stays in profile: it asks for every signature."""

    def __init__(self, signing, credential_id, login):
        self.public_blob = None
        self._signing, self._credential_id, self._login = signing, credential_id, login
        line = signing.GetPublicKey(GetPublicKeyRequest(credential_id=credential_id)).public_key
        self._inner = paramiko.PKey.from_type_string(line.split()[0], base64.b64decode(line.split()[1]))

    def get_name(self):
        return self._inner.get_name()

    def asbytes(self):
        return self._inner.asbytes()

    def can_sign(self):
        return True

    @property
    def _fields(self):
        return self._inner._fields

    def sign_ssh_data(self, data, algorithm=None):
        request = SignSshChallengeRequest(
            credential_id=self._credential_id,
            login=self._login,
            challenge=data,
            algorithm=algorithm or "",
            process_id="proc-1",
            host="127.0.0.1:22",
        )
        return paramiko.Message(self._signing.SignSshChallenge(request).signature)


class _Server(paramiko.ServerInterface):
    def __init__(self, login, public_blob):
        self._login, self._blob = login, public_blob

    def get_allowed_auths(self, username):
        return "publickey"

    def check_auth_publickey(self, username, key):
        known = username == self._login and key.asbytes() == self._blob
        return paramiko.AUTH_SUCCESSFUL if known else paramiko.AUTH_FAILED


@pytest.fixture
def paramiko_login():
    """`paramiko_login(key, login, blob, algorithms)` logs in to a paramiko server with a real key exchange."""
    transports = []

    def run(key, login, public_blob, disabled=()):
        near, far = socket.socketpair()
        server, client = paramiko.Transport(far), paramiko.Transport(near)
        transports.extend((server, client))
        client.disabled_algorithms = {"pubkeys": list(disabled)}
        server.add_server_key(paramiko.ECDSAKey.generate())
        server.start_server(event=threading.Event(), server=_Server(login, public_blob))
        client.start_client(timeout=10)
        client.auth_publickey(login, key)
        return client.is_authenticated()

    yield run
    for transport in transports:
        transport.close()


def blob_of(credential):
    return base64.b64decode(credential.public_key.split()[1])


@pytest.mark.parametrize("kind", KEYS)
def test_a_stored_key_logs_in_to_a_paramiko_server(credential, signing, paramiko_login, kind):
    stored = credential(private_key=text(KEYS[kind]))
    key = StoredKey(signing("executor", "default"), stored.credential_id, "ada")
    assert paramiko_login(key, "ada", blob_of(stored))


@pytest.mark.parametrize("disabled", ["rsa-sha2-256", "rsa-sha2-512"])
def test_an_rsa_key_signs_with_either_hash(credential, signing, paramiko_login, disabled):
    stored = credential(private_key=text(KEYS["rsa"]))
    key = StoredKey(signing("executor", "default"), stored.credential_id, "ada")
    assert paramiko_login(key, "ada", blob_of(stored), [disabled])


@pytest.fixture
def sshd(tmp_path):
    """`sshd(public_key)`: the port of a private OpenSSH server that lets this key in as the present user."""
    if not shutil.which(SSHD):
        pytest.skip("no OpenSSH server here: apt-get install openssh-server")
    started = []

    def start(public_key):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "hostkey"], check=True)
        (tmp_path / "authorized_keys").write_text(public_key + "\n")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        settings = {
            "ListenAddress": "127.0.0.1",
            "Port": port,
            "HostKey": tmp_path / "hostkey",
            "PidFile": "none",
            "AuthorizedKeysFile": tmp_path / "authorized_keys",
            "PasswordAuthentication": "no",
            "KbdInteractiveAuthentication": "no",
            "UsePAM": "yes" if os.geteuid() == 0 else "no",
            "StrictModes": "no",
            "PermitRootLogin": "prohibit-password",
        }
        (tmp_path / "sshd_config").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(
                mode=0o755, exist_ok=True
            )  # where sshd drops its privileges, absent without systemd
        log = (tmp_path / "sshd.log").open("wb")
        started.append(subprocess.Popen([SSHD, "-D", "-e", "-f", tmp_path / "sshd_config"], stderr=log))
        wait_until_listening(port)
        return port

    yield start
    for process in started:
        process.terminate()
        process.wait(10)


def wait_until_listening(port):
    until = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return


@pytest.mark.parametrize("kind", KEYS)
def test_a_stored_key_logs_in_to_openssh(credential, signing, sshd, kind):
    stored = credential(private_key=text(KEYS[kind]))
    login = getpass.getuser()
    key = StoredKey(signing("executor", "default"), stored.credential_id, login)
    with paramiko.SSHClient() as client:
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        port = sshd(stored.public_key)
        client.connect("127.0.0.1", port, login, pkey=key, allow_agent=False, look_for_keys=False, timeout=10)
        _, stdout, _ = client.exec_command("echo in")
        assert stdout.read() == b"in\n"


def challenge(stored, **changes):
    """A user-authentication challenge as RFC 4252 has it, with what differs; `tail` follows it."""
    kind = stored.public_key.split()[0]
    parts = {
        "session": b"s" * 32,
        "number": b"\x32",
        "user": b"ada",
        "service": b"ssh-connection",
        "method": b"publickey",
        "signed": b"\x01",
        "algorithm": b"rsa-sha2-512" if kind == "ssh-rsa" else kind.encode(),
        "blob": blob_of(stored),
        "tail": b"",
    } | changes
    bare = ("number", "signed", "tail")
    return b"".join(part if name in bare else len(part).to_bytes(4, "big") + part for name, part in parts.items())


def sign(stub, stored, bytes_to_sign, **rest):
    request = {"credential_id": stored.credential_id, "login": "ada", "challenge": bytes_to_sign} | rest
    return stub.SignSshChallenge(SignSshChallengeRequest(**request)).signature


@pytest.mark.parametrize(
    "changes",
    [
        {"session": b"s" * 31},
        {"session": b""},
        {"number": b"\x33"},
        {"user": b"root"},
        {"service": b"ssh-userauth"},
        {"method": b"password"},
        {"method": b"publickey-hostbound-v00@openssh.com"},
        {"signed": b"\x00"},
        {"signed": b"\x02"},
        {"algorithm": b"ssh-rsa"},
        {"algorithm": b""},
        {"blob": b"another key"},
        {"tail": b"\x00"},
        {"tail": b"and a command to run"},
    ],
    ids=str,
)
def test_anything_but_the_challenge_is_refused(credential, signing, refused, changes):
    stored = credential()
    assert sign(signing("executor", "default"), stored, challenge(stored))
    with refused(*INVALID) as told:
        sign(signing("executor", "default"), stored, challenge(stored, **changes))
    assert set(told.fields) == {"challenge"}


def test_a_challenge_cut_short_is_refused_wherever_it_is_cut(credential, signing, refused):
    stored = credential()
    whole = challenge(stored)
    for length in range(32, len(whole)):
        with refused(*INVALID):
            sign(signing("executor", "default"), stored, whole[:length])


def test_a_challenge_for_another_login_is_refused(credential, signing, refused):
    stored = credential()
    with refused(*INVALID) as told:
        sign(signing("executor", "default"), stored, challenge(stored), login="root")
    assert set(told.fields) == {"challenge"}


@pytest.mark.parametrize(("kind", "algorithm"), [("ed25519", "rsa-sha2-512"), ("rsa", ""), ("rsa", "ssh-ed25519")])
def test_an_algorithm_that_does_not_fit_the_key_is_refused(credential, signing, refused, kind, algorithm):
    stored = credential(private_key=text(KEYS[kind]))
    with refused(*INVALID) as told:
        sign(signing("executor", "default"), stored, challenge(stored), algorithm=algorithm)
    assert set(told.fields) == {"algorithm"}


def test_sha1_is_refused(credential, signing, refused):
    stored = credential(private_key=text(KEYS["rsa"]))
    with refused(*INVALID) as told:
        sign(signing("executor", "default"), stored, challenge(stored, algorithm=b"ssh-rsa"), algorithm="ssh-rsa")
    assert set(told.fields) == {"algorithm"}


@pytest.mark.parametrize("who", ["admin", "user", "scheduler"])
def test_only_the_executor_may_ask(credential, signing, refused, who):
    stored = credential()
    with refused(*DENIED):
        sign(signing(who), stored, challenge(stored))
    with refused(*DENIED):
        signing(who).GetPublicKey(GetPublicKeyRequest(credential_id=stored.credential_id))


def test_the_executor_asks_in_one_tenant(credential, signing, other_tenant, refused):
    stored = credential()
    for tenant in ("other", ""):
        with refused(*NOT_FOUND):
            sign(signing("executor", tenant), stored, challenge(stored))
        with refused(*NOT_FOUND):
            signing("executor", tenant).GetPublicKey(GetPublicKeyRequest(credential_id=stored.credential_id))
    with refused(*NOT_FOUND):
        sign(signing("executor", "default"), stored, challenge(stored), credential_id="key")


def test_nobody_is_refused(credential, signing, refused):
    stored = credential()
    with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"):
        sign(signing(""), stored, challenge(stored))
    with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"):
        signing("").GetPublicKey(GetPublicKeyRequest(credential_id=stored.credential_id))


def test_each_signature_is_audited_and_no_refusal(profile, credential, credentials, signing, refused):
    stored = credential()
    executor = signing("executor", "default")
    for process in ("proc-1", "proc-2"):
        sign(executor, stored, challenge(stored), process_id=process, host="cluster.example:22")
    with refused(*INVALID):
        sign(executor, stored, challenge(stored, user=b"root"))
    with profile.chassis.db.read() as tx:
        lines = tx.execute(select(credential_use).where(credential_use.c.action == "SIGNED")).all()
    assert [(line.credential_id, line.caller, line.process_id, line.host, line.login) for line in lines] == [
        (stored.credential_id, "executor", process, "cluster.example:22", "ada") for process in ("proc-1", "proc-2")
    ]
    now = credentials("user").GetCredential(GetCredentialRequest(credential="key")).credential
    assert now.last_use_time.ToMicroseconds() == lines[-1].time_us


def test_a_sealed_key_moved_to_another_credential_does_not_open(profile, credential, signing, refused):
    one, two = credential("one"), credential("two")
    table = credential_table.c
    with profile.chassis.db.write() as tx:
        sealed = select(table.wrapped_data_key, table.ciphertext).where(table.credential_id == one.credential_id)
        moved = tx.execute(sealed).one()._asdict()
        tx.execute(update(credential_table).where(table.credential_id == two.credential_id).values(**moved))
    with refused(grpc.StatusCode.INTERNAL, "DEFECT"):
        sign(signing("executor", "default"), two, challenge(two))


def test_a_key_destroyed_meanwhile_has_signed_nothing(profile, credential, credentials, signing, refused, monkeypatch):
    stored = credential()

    def destroyed(*_):
        credentials("user").DeleteCredential(DeleteCredentialRequest(credential="key"))
        return b"a signature"

    monkeypatch.setattr("services.profile.vault.keys.sign", destroyed)
    with refused(*NOT_FOUND):
        sign(signing("executor", "default"), stored, challenge(stored))
    with profile.chassis.db.read() as tx:
        assert not tx.execute(select(credential_use).where(credential_use.c.action == "SIGNED")).all()
