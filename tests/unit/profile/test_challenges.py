import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.profile.domain.challenges import ChallengeError, algorithm_for, parse, violations

BLOB = b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + b"k" * 32


def string(content):
    return len(content).to_bytes(4, "big") + content


def challenge(session=b"s" * 32, user=b"ada"):
    head = string(session) + b"\x32" + string(user) + string(b"ssh-connection") + string(b"publickey")
    return head + b"\1" + string(b"ssh-ed25519") + string(BLOB)


def faults(data, login="ada"):
    return list(violations(data, login=login, algorithm="ssh-ed25519", public_blob=BLOB))


@pytest.mark.parametrize("length", [20, 32, 48, 64])
def test_a_challenge_of_every_digest_is_one(length):
    assert faults(challenge(b"s" * length)) == []


@pytest.mark.parametrize("length", [0, 16, 33, 65])
def test_a_session_identifier_is_a_digest(length):
    assert "session identifier" in faults(challenge(b"s" * length))[0].fault


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(data):
    assert faults(data)


@given(st.integers(0, len(challenge()) - 1), st.integers(1, 255))
def test_a_challenge_changed_anywhere_but_in_its_session_is_refused(at, change):
    changed = bytearray(challenge())
    changed[at] ^= change
    assert bool(faults(bytes(changed))) == (not 4 <= at < 36)


def test_a_login_is_compared_as_utf8():
    assert faults(challenge(user="jörg".encode()), login="jörg") == []


def test_a_length_beyond_the_end_is_told():
    with pytest.raises(ChallengeError, match="ends within its session identifier"):
        parse(b"\xff\xff\xff\xff")


@pytest.mark.parametrize(
    ("key_type", "asked", "algorithm"),
    [
        ("ssh-ed25519", "", "ssh-ed25519"),
        ("ssh-ed25519", "ssh-ed25519", "ssh-ed25519"),
        ("ssh-ed25519", "rsa-sha2-256", ""),
        ("ecdsa-sha2-nistp256", "", "ecdsa-sha2-nistp256"),
        ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", ""),
        ("ssh-rsa", "rsa-sha2-256", "rsa-sha2-256"),
        ("ssh-rsa", "rsa-sha2-512", "rsa-sha2-512"),
        ("ssh-rsa", "ssh-rsa", ""),
        ("ssh-rsa", "", ""),
    ],
)
def test_the_algorithm_of_a_key(key_type, asked, algorithm):
    assert algorithm_for(key_type, asked) == algorithm
