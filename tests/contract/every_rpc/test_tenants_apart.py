"""Every RPC of every service, called by another tenant's administrator and by a user nothing is shared with."""

from __future__ import annotations

import json
from typing import Any

from google.protobuf.json_format import MessageToJson

from tests.contract.every_rpc.requests import COLLEAGUE, KEPT_BACK, NOT_FOUND, OK, REQUESTS
from tests.contract.every_rpc.rpcs import Outcome, rpcs
from tests.contract.every_rpc.world import World, holder

# Numbers that go up whoever writes.
COUNTERS = {"entity_owner", "lease"}
# Lists whose rows have no owner or no tenant, and all others.
UNOWNED = {"ListSigningKeys", "ListCopies", "ListHosts", "ListParkedMessages"}
TELLING = {each.name for each in rpcs() if each.name.startswith("List")} - UNOWNED
# What strangers make themselves under a name that "default" has too.
OWN = {"seed-app"}


def test_every_rpc_is_asked():
    asked = [name for name, _, _ in REQUESTS]
    assert sorted(set(asked)) == sorted(asked)
    assert set(asked) == {each.name for each in rpcs()}


def test_another_tenant_finds_changes_and_learns_nothing(world):
    before, wrong = world.rows("default"), []
    for name, expected, content in REQUESTS:
        wrong += _unexpected(world, "other", name, content, expected)
    assert not wrong, "\n".join(wrong)
    assert _changed(before, world.rows("default")) == []


def test_services_find_nothing_in_another_tenant(world):
    """What a service may do it may do in the tenant that it names alone."""
    before, wrong = world.rows("default"), []
    for name, _, content in REQUESTS:
        if name in {"GetPublicKey", "SignSshChallenge", "GetPlan", "ReadFile"}:
            wrong += _unexpected(world, holder(name), name, content, NOT_FOUND, tenant="elsewhere")
    assert not wrong, "\n".join(wrong)
    assert _changed(before, world.rows("default")) == []


def test_nobody_sees_the_experiments_of_others_unless_shared(world):
    """The same tenant, but neither its administrator nor anyone who was given something."""
    before, wrong = world.rows("default"), []
    asked = {each.name for owner in ("experiment", "scheduler", "executor") for each in rpcs(owner) if each.public}
    for name, _, content in REQUESTS:
        if name in asked - {"CreateProject", "UploadFile"}:
            wrong += _unexpected(world, "user", name, content, COLLEAGUE.get(name, NOT_FOUND))
    assert not wrong, "\n".join(wrong)
    assert _changed(before, world.rows("default")) == []


def test_the_same_requests_find_what_they_name_for_its_owner(world):
    """Without this the tests above might pass for requests that nobody could make. It comes last: it ends things."""
    wrong = []
    for name, expected, content in REQUESTS:
        wanted = KEPT_BACK.get(name, OK)
        for outcome in world.ask(holder(name), name, content):
            if outcome.code.name != wanted:
                wrong.append(f"{name}: {outcome.code.name} instead of {wanted}: {outcome.details}")
            named = expected == NOT_FOUND or name in TELLING
            answer = bool(outcome.responses) and bool(outcome.responses[0].DESCRIPTOR.fields)
            if wanted == OK and named and answer and not world.named(_text(outcome)):
                wrong.append(f"{name} tells its owner nothing: {outcome.responses}")
    assert not wrong, "\n".join(wrong)


def _unexpected(world: World, who: str, name: str, content: Any, expected: str, tenant: str = "") -> list[str]:
    asked = world.named(json.dumps(world.filled(content)))
    wrong = []
    for outcome in world.ask(who, name, content, tenant):
        # A refusal may repeat what was asked; an answer may tell strangers of what they made themselves.
        leaks = world.named(_text(outcome)) - (asked if outcome.code.name != OK or name.startswith("Create") else OWN)
        if outcome.code.name != expected or leaks:
            wrong.append(f"{name}: {outcome.code.name} instead of {expected}, {leaks or 'no leaks'}: {outcome.details}")
    return wrong


def _text(outcome: Outcome) -> str:
    return "\n".join([outcome.details, *map(MessageToJson, outcome.responses)])


def _changed(before: dict[str, list[str]], after: dict[str, list[str]]) -> list[str]:
    """The tables in which rows are no longer as they were, or are new."""
    changed = []
    for name, rows in before.items():
        gone, new = set(rows) - set(after[name]), set(after[name]) - set(rows)
        _, table, mixed = name.split(".")
        if table not in COUNTERS and (gone or (new and not mixed)):
            changed.append(f"{name}: gone {sorted(gone)}, new {sorted(new)}"[:1000])
    return changed
