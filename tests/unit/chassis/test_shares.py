"""What one caller may have under way."""

from contextlib import ExitStack

import pytest

from services.chassis.errors import LimitExceeded
from services.chassis.rpc.auth import Identity
from services.chassis.rpc.shares import Shares

ADA = Identity("ada", "default", frozenset())
OTHERS = [
    Identity("ada", "other", frozenset()),
    Identity("olga", "default", frozenset({"admin"})),
    Identity("executor", "default", frozenset({"service"})),
    None,
]


def test_a_caller_has_so_many_calls():
    shares = Shares(3, 2)
    with ExitStack() as calls:
        for _ in range(3):
            calls.enter_context(shares.one(ADA))
        with pytest.raises(LimitExceeded, match=r"'ada' has 3 calls .* \(VAHANA_CALLS_PER_CALLER\): wait"):
            calls.enter_context(shares.one(ADA))
        for each in OTHERS:
            calls.enter_context(shares.one(each))
    with shares.one(ADA):
        pass


def test_and_fewer_watches_among_them():
    shares = Shares(3, 2)
    with ExitStack() as calls:
        for _ in range(2):
            calls.enter_context(shares.one(ADA, endless=True))
        with pytest.raises(LimitExceeded, match=r"'ada' watches 2 .* \(VAHANA_WATCHES_PER_CALLER\): end"):
            calls.enter_context(shares.one(ADA, endless=True))
        calls.enter_context(shares.one(ADA))
        with pytest.raises(LimitExceeded, match="VAHANA_CALLS_PER_CALLER"):
            calls.enter_context(shares.one(ADA))


def test_the_meshs_own_services_are_not_counted():
    shares = Shares(1, 1)
    with ExitStack() as calls:
        for _ in range(5):
            calls.enter_context(shares.one(OTHERS[2], endless=True))
            calls.enter_context(shares.one(None, endless=True))


def test_who_has_nothing_under_way_is_forgotten():
    shares = Shares(2, 2)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), shares.one(ADA, endless=True), shares.one(ADA):
            raise ZeroDivisionError
    assert not shares._calls
    assert not shares._watches
