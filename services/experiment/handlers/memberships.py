"""Who is in which group, as profile has it now: asked before someone is refused by what the copies say."""

from __future__ import annotations

import time

from services.chassis.rpc.auth import SERVICE, Identity
from services.chassis.sources import EntitySource
from vahana.event.v1 import sync_pb2
from vahana.profile.v1 import group_pb2

_PATIENCE_SECONDS = 2.0
"""Somebody waits for the refusal: of who is in very many groups, those asked for by then must do."""


class Memberships:
    """Brings the copies up to date with the groups of one user."""

    def __init__(self, source: EntitySource) -> None:
        """Look them up in `source`."""
        self._source = source

    def learn(self, who: Identity) -> bool:
        """Ask profile for the groups the caller is in, directly or through another; with no transaction open.

        What it says is in the copies then. False where nothing was learned: it does not answer, or the caller is a
        service of the mesh. errors.Unavailable where it does not answer and the copies never were whole.
        """
        return SERVICE not in who.roles and self._ask(self._source.once(), who)

    @staticmethod
    def _ask(source: EntitySource, who: Identity) -> bool:
        kind, until = sync_pb2.ENTITY_KIND_GROUP_MEMBER, time.monotonic() + _PATIENCE_SECONDS
        fresh, ahead, seen = source.fresh(), [f"user:{who.subject}"], set[str]()
        learned = False
        while ahead and time.monotonic() < until:
            members = fresh.children(kind, who.tenant, ahead.pop(0), group_pb2.GroupMember)
            if not fresh.answered(kind):
                break
            learned = True
            for group in {each.group for each in members} - seen:
                seen.add(group)
                # A membership says nothing of its group, which may be as new.
                source.find(sync_pb2.ENTITY_KIND_GROUP, who.tenant, group, group_pb2.Group)
                ahead.append(f"group:{group}")
        return learned
