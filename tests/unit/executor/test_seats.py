"""Seats: sizes of pools, shares of hosts, turns of tenants."""

from collections import Counter

from services.executor.domain.queues import Lane, Line, Pool, Queue
from services.executor.domain.seats import Seats, Sizes, allot

TYPE = 1


def queue(tenant: str = "a", host: str = "h", lane: Lane = Lane.FAST) -> Queue:
    return Queue(TYPE, lane, tenant, host)


def tenants(allotted: Counter[Queue]) -> dict[str, int]:
    found = Counter[str]()
    for each, count in allotted.items():
        found[each.tenant] += count
    return dict(found)


def test_the_name_of_a_queue_tells_all_of_it() -> None:
    odd = queue(host="fe80::1/64:22")
    assert Queue.named(odd.name) == odd


def test_one_host_has_at_most_a_quarter_of_a_pool_and_its_own_bound_in_all_pools() -> None:
    seats = Seats(Sizes(fast=16, slow=8, host=5))
    assert [seats.take(queue()) for _ in range(5)] == [True] * 4 + [False]
    assert seats.take(queue("b", "other"))
    assert [seats.take(queue(lane=Lane.SLOW)) for _ in range(2)] == [True, False]
    seats.leave(queue())
    assert seats.take(queue(lane=Lane.SLOW))


def test_a_pool_is_full_for_all() -> None:
    seats = Seats(Sizes(fast=2, slow=2, host=9))
    assert seats.take(queue(host="h1"))
    assert seats.take(queue(host="h2"))
    assert not seats.take(queue(host="h3"))
    assert not seats.free(Pool(TYPE, Lane.FAST))
    assert seats.take(Queue(TYPE + 1, Lane.FAST, "a", "h3"))


def test_a_seat_moves_where_the_other_lane_has_one() -> None:
    seats = Seats(Sizes(fast=1, slow=1, host=9))
    assert seats.take(queue())
    assert seats.move(queue(), queue(lane=Lane.SLOW))
    assert seats.take(queue(host="h2"))
    assert not seats.move(queue(host="h2"), queue(host="h2", lane=Lane.SLOW))
    assert not seats.free(Pool(TYPE, Lane.FAST))


def test_the_tenant_with_fewest_seats_comes_first() -> None:
    seats = Seats(Sizes(fast=16, slow=1, host=99))
    for number in range(3):
        assert seats.take(queue("a", f"busy{number}"))
    lines = [Line(queue("a", f"a{n}"), n, 100) for n in range(4)] + [Line(queue("b", f"b{n}"), 50, 5) for n in range(2)]
    assert tenants(allot(seats, lines, ())) == {"a": 5, "b": 8}


def test_queues_of_a_tenant_take_turns_and_the_longest_waiting_is_first() -> None:
    seats = Seats(Sizes(fast=12, slow=1, host=99))
    for number in range(9):
        seats.take(queue("z", f"z{number}"))
    lines = [Line(queue(host="young"), 9, 5), Line(queue(host="old"), 1, 5)]
    assert allot(seats, lines, ()) == {queue(host="old"): 2, queue(host="young"): 1}


def test_no_more_are_seated_than_wait_and_none_at_barred_hosts() -> None:
    seats = Seats(Sizes(fast=64, slow=1, host=99))
    lines = [Line(queue(host="h1"), 1, 2), Line(queue(host="h2"), 1, 0), Line(queue(host="hung"), 0, 9)]
    assert allot(seats, lines, {"hung"}) == {queue(host="h1"): 2}


def test_a_host_that_has_its_share_holds_up_nobody() -> None:
    seats = Seats(Sizes(fast=8, slow=1, host=99))
    lines = [Line(queue("a", "slow"), 0, 1000), Line(queue("a", "other"), 5, 1), Line(queue("b", "slow"), 1, 1000)]
    assert allot(seats, lines, ()) == {queue("a", "slow"): 1, queue("b", "slow"): 1, queue("a", "other"): 1}
