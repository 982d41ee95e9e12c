"""No message makes any RPC fail by a defect, and none ends a process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.contract.every_rpc.messages import Messages
from tests.contract.every_rpc.rpcs import SERVICES, Outcome, Rpc, rpcs
from tests.contract.every_rpc.world import World, holder

SEED = 20_261
MESSAGES = 200
POSTGRES_MESSAGES = 40
WATCHED = 10
DEFECTS = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}
# Refused before it came to what the RPC is about.
TURNED_AWAY = {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.PERMISSION_DENIED}
STRANGERS = ("user", "other", "admin", "executor")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("owner", SERVICES)
def test_no_message_is_a_defect(world, owner, capfd):
    fuzz(world, owner, MESSAGES)
    assert "failed by a defect" not in capfd.readouterr().err


@pytest.mark.timeout(300)
@pytest.mark.parametrize("owner", SERVICES)
def test_no_message_is_a_defect_on_postgresql(postgres_world, owner, capfd):
    fuzz(postgres_world, owner, POSTGRES_MESSAGES)
    assert "failed by a defect" not in capfd.readouterr().err


def fuzz(world: World, owner: str, count: int) -> None:
    """Send `count` messages to each RPC of a service."""
    messages = Messages(SEED)
    for answer in world.answers:
        messages.learn(answer)
    defects, shut = [], []
    for rpc in _creations_first(rpcs(owner)):
        seen: Counter[grpc.StatusCode] = Counter()
        for who, requests, outcome in _calls(world, rpc, messages, count):
            seen[outcome.code] += 1
            for response in outcome.responses:
                messages.learn(response)
            if outcome.code in DEFECTS:
                defects.append(f"{rpc.path} by {who}: {outcome.details}: {requests}"[:1500])
        if seen.keys() <= TURNED_AWAY:
            shut.append(f"{rpc.path}: {seen}")
    assert not defects, f"{len(defects)} defects, the first: " + "\n".join(defects[:3])
    assert not shut, "no message came through to:\n" + "\n".join(shut)
    with grpc.insecure_channel(world.mesh[owner].address) as channel:
        health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    assert health.status == health_pb2.HealthCheckResponse.SERVING


def _calls(world: World, rpc: Rpc, messages: Messages, count: int) -> Iterator[tuple[str, Any, Outcome]]:
    whos = [holder(rpc.name), STRANGERS[0], holder(rpc.name), STRANGERS[1], holder(rpc.name), *STRANGERS[2:]]
    callers = {who: world.caller(rpc.owner, who) for who in whos}
    sound = world.sound(rpc)
    for number in range(count):
        who = whos[number % len(whos)]
        if rpc.watches and number > WATCHED:
            who = "other"  # a stranger's watch ends at once
        requests = _requests(rpc, messages, sound, number)
        yield who, requests, callers[who].call(rpc, requests)


def _requests(rpc: Rpc, messages: Messages, sound: list[Any], number: int) -> list[Any]:
    match number % 10:
        case 0 | 1 | 2 | 3:
            return [messages.spoil(each) for each in sound]
        case 4:
            return [*sound[:-1], messages.garble(sound[-1])]
    parts = 1 + number % 3 if rpc.method.client_streaming else 1
    return [messages.make(rpc.request) for _ in range(parts)]


def _creations_first(found: list[Rpc]) -> list[Rpc]:
    """Things are made before they are asked for, and deleted at the end."""
    order = ("Create", "Add", "Upload", "Launch", "Get", "List")
    rank = {name: number for number, name in enumerate(order)}
    last = {"Delete": 99, "Remove": 98, "Revoke": 97, "Update": 90}

    def key(rpc: Rpc) -> int:
        ranks = [value for verb, value in (rank | last).items() if rpc.name.startswith(verb)]
        return ranks[0] if ranks else 50

    return sorted(found, key=key)
