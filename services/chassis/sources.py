"""Entities of other services as handlers look them up: in the copy, and at the owner where the copy lacks them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from google.protobuf.message import Message

from services.chassis.changes import OWNERS, key_of
from services.chassis.copies import Peer
from services.chassis.db import Database
from services.chassis.entities import Entities
from services.chassis.errors import Unavailable
from vahana.event.v1.sync_pb2 import EntityChanged

Entity = TypeVar("Entity", bound=Message)


class EntitySource:
    """Reads through the copies. To be called with no transaction open: it may ask an owner, for two seconds at most.

    What an owner answers is kept in the copy. Where it does not answer, the copy's word counts once the copy was whole;
    before that errors.Unavailable is raised, for there is no way to know.
    """

    def __init__(
        self,
        db: Database,
        entities: Entities,
        peers: Mapping[str, Peer],
        *,
        ask_first: bool = False,
        silent: dict[str, Unavailable] | None = None,
    ) -> None:
        """`peers`: the owners, by name. `ask_first`: ask them in any case.

        `silent` keeps who did not answer, and is not asked again; without it everybody is asked again.
        """
        self._db, self._entities, self._peers, self._ask_first = db, entities, peers, ask_first
        self._silent = silent

    def once(self) -> EntitySource:
        """The same for one use: an owner that does not answer is asked no more, however much is looked up."""
        return EntitySource(self._db, self._entities, self._peers, ask_first=self._ask_first, silent={})

    def fresh(self) -> EntitySource:
        """The same for one use, as with `once`: the owner is asked before the copy is believed.

        What is made of one that is for one use belongs to the same use.
        """
        silent = {} if self._silent is None else self._silent
        return EntitySource(self._db, self._entities, self._peers, ask_first=True, silent=silent)

    def answered(self, kind: int) -> bool:
        """Whether the owner of a kind has answered so far in this one use, or was not asked."""
        return OWNERS[kind] not in (self._silent or {})

    def find(self, kind: int, tenant: str, name: str, of: type[Entity]) -> Entity | None:
        """Return an entity; None where there is none."""
        found = None if self._ask_first else self._find(kind, tenant, name, of)
        if found is None and name:
            self._ask(kind, tenant, name=name)
            found = self._find(kind, tenant, name, of)
        return found

    def children(self, kind: int, tenant: str, parent: str, of: type[Entity], *, expected: bool = True) -> list[Entity]:
        """Return the entities of a parent, the one changed last at the end.

        `expected`: that there are none is asked of the owner. While the copy was never whole, it is asked always.
        """
        with self._db.read() as tx:
            whole = self._entities.state(tx, OWNERS[kind]).snapshot_us is not None
            found = self._entities.children(tx, kind, tenant, parent, of)
        if whole and not self._ask_first and (found or not expected):
            return found
        self._ask(kind, tenant, parent=parent)
        with self._db.read() as tx:
            return self._entities.children(tx, kind, tenant, parent, of)

    def _find(self, kind: int, tenant: str, name: str, of: type[Entity]) -> Entity | None:
        with self._db.read() as tx:
            return self._entities.find(tx, kind, tenant, name, of)

    def _ask(self, kind: int, tenant: str, *, name: str = "", parent: str = "") -> None:
        owner = OWNERS[kind]
        try:
            if self._silent and owner in self._silent:
                raise self._silent[owner]
            told = self._peers[owner].find(kind, tenant, name, parent)
        except Unavailable as error:
            if self._silent is not None:
                self._silent[owner] = error
            with self._db.read() as tx:
                if self._entities.state(tx, owner).snapshot_us is None:
                    raise
            return
        self._keep(kind, tenant, name, parent, told)

    def _keep(self, kind: int, tenant: str, name: str, parent: str, told: Sequence[EntityChanged]) -> None:
        """Put what is news into the copy. What is no news, as of a name that was deleted, waits for no writer."""
        if not told:
            return
        with self._db.read() as tx:
            kept = self._entities.told(tx, kind, tenant, name=name, parent=parent, limit=len(told))
        versions = {key_of(each): each.version for each in kept}
        news = [each for each in told if each.version > versions.get(key_of(each), -1)]
        if news:
            with self._db.write() as tx:
                self._entities.apply(tx, news)
