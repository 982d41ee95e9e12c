"""Which addresses are public."""

import pytest

from services.profile.domain.addresses import is_loopback, is_public, may_be_public

PUBLIC = ["93.184.215.14", "1.1.1.1", "2606:2800:21f::1", "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::1"]
PRIVATE = [
    "127.0.0.1",
    "127.255.0.1",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::1",
    "2001:db8::1",
    "fc00::1",
    "fd12::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "127.1",
    "0x7f000001",
    "2130706433",
    "0177.0.0.1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address):
    assert is_public(address)
    assert may_be_public(address)
    assert not is_loopback(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_private(address):
    assert not is_public(address)
    assert not may_be_public(address)


def test_names():
    for name in ("id.example.org", "localhost.example.org", "1.1.1.1.example.org", "0x7g", "1.2.3.4.5"):
        assert may_be_public(name)
        assert not is_public(name)
        assert not is_loopback(name)
    for name in ("localhost", "LOCALHOST.", "idp.localhost"):
        assert not may_be_public(name)
        assert is_loopback(name)


def test_loopback():
    for host in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "127.1"):
        assert is_loopback(host)
    for host in ("128.0.0.1", "0.0.0.0", "::", "10.0.0.1"):
        assert not is_loopback(host)
