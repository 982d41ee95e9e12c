import base64
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from services.registry.domain.compute_resources import (
    BatchQueue,
    ComputeResource,
    JobManager,
    LoginPreference,
    violations,
)
from services.registry.domain.host_keys import host_key_fault
from services.registry.domain.limits import Limits


def line(key):
    form = serialization.PublicFormat.OpenSSH
    return key.public_key().public_bytes(serialization.Encoding.OpenSSH, form).decode()


def blob(*strings):
    return base64.b64encode(b"".join(len(one).to_bytes(4, "big") + one for one in strings)).decode()


ED25519 = line(ed25519.Ed25519PrivateKey.generate())
HOST = ComputeResource(
    name="cluster",
    address="127.0.0.1",
    port=22,
    host_keys=(ED25519,),
    login="ada",
    credential_id="cred-1",
    scratch="/scratch",
    job_manager=JobManager.FORK,
)


def fields(host):
    return [one.field for one in violations(host)]


@pytest.mark.parametrize(
    "key",
    [
        ed25519.Ed25519PrivateKey.generate(),
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP521R1()),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=lambda key: type(key).__name__,
)
def test_a_real_key_is_one(key):
    assert host_key_fault(line(key)) == ""


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        ("ssh-ed25519 AAA", "not base64"),
        ("ssh-ed25519 " + ED25519.split()[1][:-4], "cut short"),
        ("ssh-ed25519 " + blob(b"ssh-ed25519"), "no whole"),
        ("ssh-ed25519 " + blob(b"ssh-ed25519", b"k" * 31), "no whole"),
        ("ssh-ed25519 " + blob(b"ssh-ed25519", b"k" * 32, b"more"), "no whole"),
        ("ssh-ed25519 " + blob(), "type ''"),
        ("ssh-rsa " + ED25519.split()[1], "type 'ssh-ed25519'"),
        ("ssh-rsa " + blob(b"ssh-rsa", b"\1\0\1", b"short"), "no whole"),
        ("ecdsa-sha2-nistp256 " + blob(b"ecdsa-sha2-nistp256", b"nistp384", b"\4" + b"k" * 96), "no whole"),
        ("ecdsa-sha2-nistp256 " + blob(b"ecdsa-sha2-nistp256", b"nistp256", b"\2" + b"k" * 64), "no whole"),
        ("ecdsa-sha2-nistp256 " + blob(b"ecdsa-sha2-nistp256", b"\xff", b""), "no whole"),
    ],
    ids=range(11),
)
def test_what_is_no_key_is_told_with_the_way_out(key, fault):
    told = host_key_fault(key)
    assert fault in told
    assert "ssh-keyscan" in told


def test_a_plain_host_breaks_no_rule():
    assert fields(HOST) == []


def test_a_key_stands_once():
    assert fields(replace(HOST, host_keys=(ED25519, ED25519))) == ["host_keys[1]"]


@pytest.mark.parametrize("scratch", ["/a/../b", "/a//b", "/a/", "relative", "/a/./b", "/a\n"])
def test_scratch_is_a_plain_absolute_path(scratch):
    assert fields(replace(HOST, scratch=scratch)) == ["scratch"]


def test_fork_has_no_queues():
    assert fields(replace(HOST, batch_queues=(BatchQueue("short"),))) == ["batch_queues"]


@pytest.mark.parametrize("manager", [JobManager.SLURM, JobManager.PBS, JobManager.LSF])
def test_other_job_managers_have_queues_or_none(manager):
    queues = (BatchQueue("short", limits=Limits(wall_time_us=3600_000_000)), BatchQueue("long", default_queue=True))
    assert fields(replace(HOST, job_manager=manager, batch_queues=queues)) == []
    assert fields(replace(HOST, job_manager=manager)) == []


def test_a_host_has_one_default_queue():
    queues = tuple(BatchQueue(name, default_queue=name != "b") for name in "abcd")
    host = replace(HOST, job_manager=JobManager.SLURM, batch_queues=queues)
    assert fields(host) == ["batch_queues[2].default_queue", "batch_queues[3].default_queue"]


@pytest.mark.parametrize("wall_time_us", [-1_000_000, 500_000, 3651 * 86_400_000_000])
def test_a_wall_time_is_whole_seconds_within_bounds(wall_time_us):
    queues = (BatchQueue("short", limits=Limits(wall_time_us=wall_time_us)),)
    host = replace(HOST, job_manager=JobManager.PBS, batch_queues=queues)
    assert fields(host) == ["batch_queues[0].max_wall_time"]


def test_a_group_has_one_login_and_a_plain_scratch():
    logins = (
        LoginPreference("chemists", "chem"),
        LoginPreference("physicists", "phys", scratch="/scratch/../etc"),
        LoginPreference("chemists", "other", "cred-2", "/scratch/other"),
    )
    found = fields(replace(HOST, login_preferences=logins))
    assert found == ["login_preferences[2].group", "login_preferences[1].scratch"]
