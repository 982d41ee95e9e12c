"""How many watches of health may be open."""

from contextlib import ExitStack

import pytest

from services.chassis.errors import LimitExceeded
from services.chassis.rpc.connections import address_of
from services.chassis.rpc.open_watches import OpenWatches

ONE, TWO, ELSEWHERE = "ipv4:10.0.0.1:4000", "ipv4:10.0.0.1:4001", "ipv4:10.0.0.2:4000"


def test_an_address_has_so_many_whatever_its_connections():
    watches = OpenWatches(3, 100)
    with ExitStack() as opened:
        for peer in (ONE, TWO, ONE):
            opened.enter_context(watches.one(peer))
        for peer in (ONE, TWO):
            with pytest.raises(LimitExceeded, match="3 watches"):
                opened.enter_context(watches.one(peer))
        for _ in range(3):
            opened.enter_context(watches.one(ELSEWHERE))
    with watches.one(ONE), watches.one(ONE), watches.one(ONE):
        pass


def test_there_is_a_bound_for_all():
    watches = OpenWatches(10, 4)
    with ExitStack() as opened:
        for peer in (ONE, ONE, ELSEWHERE, ELSEWHERE):
            opened.enter_context(watches.one(peer))
        for peer in (ONE, ELSEWHERE):
            with pytest.raises(LimitExceeded, match="4 watches"):
                opened.enter_context(watches.one(peer))


def test_each_connection_may_be_asked_about_once_all_the_same():
    watches = OpenWatches(2, 2)
    with ExitStack() as opened:
        for port in range(5):
            opened.enter_context(watches.one(f"ipv4:10.0.0.1:{port}"))
        with pytest.raises(LimitExceeded):
            opened.enter_context(watches.one("ipv4:10.0.0.1:0"))


def test_what_has_ended_is_forgotten():
    watches = OpenWatches(2, 2)
    with pytest.raises(ZeroDivisionError), watches.one(ONE), watches.one(ONE):
        raise ZeroDivisionError
    assert not watches._of_connections
    assert not watches._of_addresses


@pytest.mark.parametrize(
    ("peer", "address"),
    [(ONE, "ipv4:10.0.0.1"), ("ipv6:%5B::1%5D:4000", "ipv6:%5B::1%5D"), ("unix:/run/a:b", "unix:/run/a:b")],
)
def test_an_address_is_a_peer_without_its_port(peer, address):
    assert address_of(peer) == address
