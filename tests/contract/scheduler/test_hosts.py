"""What executors tell of hosts is kept, and decides the lane of what is done there."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import sqlalchemy as sa

from services.chassis.bus.lanes import Lane
from services.chassis.bus.topics import HOST
from services.scheduler.hosts import slow_hosts
from services.scheduler.schema import metadata
from tests.contract.scheduler.test_lanes import lanes
from vahana.event.v1 import event_pb2, state_pb2

HEALTHY, SLOW, UNREACHABLE = (
    state_pb2.HOST_HEALTH_HEALTHY,
    state_pb2.HOST_HEALTH_SLOW,
    state_pb2.HOST_HEALTH_UNREACHABLE,
)
AT = "local.example.org:22"
_ids = itertools.count()


def tell(world: Any, health: int, seq: int, host: str = AT) -> None:
    changed = event_pb2.HostHealthChanged(host=host, health=state_pb2.HostHealth.ValueType(health), seq=seq)
    envelope = event_pb2.Envelope(id=f"m-{next(_ids)}", tenant="-", aggregate_id=host, source="executor")
    envelope.host_health_changed.CopyFrom(changed)
    world.publish(HOST.name, host, envelope)
    world.settle()


def slow(world: Any) -> frozenset[str]:
    with world.db.read() as tx:
        return slow_hosts(tx)


def test_hosts_that_are_slow_or_do_not_answer_are_told_apart_from_healthy_ones(world: Any) -> None:
    tell(world, SLOW, 1, "slow:22")
    tell(world, UNREACHABLE, 1, "gone:22")
    tell(world, HEALTHY, 1, "well:22")
    assert slow(world) == {"slow:22", "gone:22"}
    tell(world, HEALTHY, 2, "gone:22")
    assert slow(world) == {"slow:22"}


def test_the_highest_number_holds_however_late_it_comes(world: Any) -> None:
    tell(world, HEALTHY, 2)
    tell(world, UNREACHABLE, 1)
    assert slow(world) == frozenset()
    tell(world, SLOW, 3)
    tell(world, HEALTHY, 2)
    assert slow(world) == {AT}


def test_what_is_done_at_a_slow_host_takes_the_slow_lane_until_it_is_well(world: Any, task: Any) -> None:
    tell(world, SLOW, 1)
    world.slow_hosts = slow(world)
    world.launch("proc-1", [task("first"), task("second", depends_on=["first"])])
    assert lanes(world) == {("first", 1): [Lane.SLOW]}
    tell(world, HEALTHY, 2)
    world.slow_hosts = slow(world)
    world.work()
    assert lanes(world)["second", 1] == [Lane.FAST]


@pytest.mark.parametrize(
    "strange", [{"host": "", "seq": 1}, {"host": "h" * 301, "seq": 1}, {"seq": 0}, {"seq": 2**64 - 1}, {"health": 99}]
)
def test_what_cannot_be_told_of_a_host_is_refused(world: Any, strange: dict[str, Any]) -> None:
    given = {"host": AT, "health": SLOW, "seq": 1, **strange}
    envelope = event_pb2.Envelope(id="m", tenant="-", source="executor")
    envelope.host_health_changed.CopyFrom(event_pb2.HostHealthChanged(**given))
    world.publish(HOST.name, AT, envelope)
    with pytest.raises(ValueError, match=r"not the health of a host|not a valid Health"):
        world.handle()
    with world.db.read() as tx:
        assert not tx.execute(sa.select(metadata.tables["host_health"])).all()
