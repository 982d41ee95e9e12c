"""Data in common: entities that one service owns and others keep copies of.

The owner publishes an entity in the transaction that changes it: a row here, and a message in the outbox. Every change
of any of the owner's entities gets a higher version, so that copies keep the highest and messages may come late or
twice. What is no more keeps its row, so that a late message cannot bring it back.

A version is the time of its change in microseconds, or the one before plus one where the clock has not gone on: a
hybrid logical clock (Kulkarni et al. 2014). So an owner whose database was set back to a backup gives none twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa
from google.protobuf.message import Message

from services.chassis import changes, clock
from services.chassis.bus.topics import SYNC
from services.chassis.changes import OWNERS, Key, key_of, kinds_of
from services.chassis.db import Tx, inserting
from services.chassis.outbox import Outbox
from vahana.event.v1.sync_pb2 import EntityChanged

LARGEST_PAGE = 1024 * 1024
"""Bytes after which a page takes no further entity: it has to fit into a gRPC message."""
_LONGEST_KEY = 200
_AT_ONCE = 500
"""Names or parents in one query."""

Entity = TypeVar("Entity", bound=Message)


@dataclass(frozen=True, slots=True)
class OwnerState:
    """How far an owner's entities are known here.

    `snapshot_us`: when they were last read whole, None for never; `snapshot_version`: the version all of them were read
    at, which no message up to it can add to.
    """

    version: int = 0
    snapshot_us: int | None = None
    snapshot_version: int = 0


class Entities:
    """The tables `entity` and `entity_owner` of a service's metadata."""

    def __init__(self, metadata: sa.MetaData, outbox: Outbox | None = None) -> None:
        """Take the tables that add_platform_tables put into the metadata; owners give their outbox."""
        self._table = metadata.tables["entity"]
        self._owners = metadata.tables["entity_owner"]
        self._outbox = outbox
        # Looked up by several for each launch: built once.
        columns = self._table.c
        self._by_name = self._contents(columns.name)
        self._by_parent = self._contents(columns.parent).order_by(columns.version)
        self._state = sa.select(self._owners).where(self._owners.c.owner == sa.bindparam("of_owner"))

    def publish(  # noqa: PLR0917 - what an entity is known by, and its content
        self, tx: Tx, kind: int, tenant: str, name: str, message: Message | None, parent: str = ""
    ) -> None:
        """Tell of an entity as it now is; `message` None where it is no more. In the transaction of the change."""
        if self._outbox is None:
            raise RuntimeError("only the owner of entities publishes them")
        version = self.advance(tx, OWNERS[kind])
        change = EntityChanged(kind=kind, tenant=tenant, name=name, parent=parent, version=version)  # type: ignore[arg-type]
        if message is None:
            change.deleted = True
        else:
            change.entity.Pack(message, deterministic=True)
        self.apply(tx, [change])
        # Entities that share so many characters share a partition, which does no harm.
        key = f"{tenant}/{kind}/{name}"[:_LONGEST_KEY]
        self._outbox.add(tx, SYNC, key, changes.envelope(change).SerializeToString())

    def find(self, tx: Tx, kind: int, tenant: str, name: str, of: type[Entity]) -> Entity | None:
        """Return an entity, None where there is none."""
        return next(iter(self.named(tx, kind, tenant, [name], of)), None)

    def children(self, tx: Tx, kind: int, tenant: str, parent: str, of: type[Entity]) -> list[Entity]:
        """Return the entities of a parent, the one changed last at the end; those without a parent where it is ""."""
        return self._some(tx, kind, tenant, self._by_parent, [parent], of)

    def named(self, tx: Tx, kind: int, tenant: str, names: Collection[str], of: type[Entity]) -> list[Entity]:
        """Return those of the entities of these names that there are."""
        return self._some(tx, kind, tenant, self._by_name, names, of)

    def of_parents(self, tx: Tx, kind: int, tenant: str, parents: Collection[str], of: type[Entity]) -> list[Entity]:
        """Return the entities of any of these parents."""
        return self._some(tx, kind, tenant, self._by_parent, parents, of)

    def told(self, tx: Tx, kind: int, tenant: str, *, name: str, parent: str, limit: int) -> list[EntityChanged]:
        """Return the entity of that name or, where it is "", those of the parent, deleted ones too; changed last first.

        At most `limit` of them, and fewer where these make up 1 MiB.
        """
        columns = self._table.c
        wanted = columns.name == name if name else columns.parent == parent
        query = sa.select(self._table).where(columns.kind == kind, columns.tenant == tenant, wanted)
        return self._read(tx, query.order_by(columns.version.desc()).limit(limit))

    def page(self, tx: Tx, owner: str, after: Key | None, limit: int) -> list[EntityChanged]:
        """Return an owner's next entities by key, deleted ones too, within the bounds of `told`."""
        columns = self._table.c
        key = sa.tuple_(columns.kind, columns.tenant, columns.name)
        query = sa.select(self._table).where(columns.kind.in_(kinds_of(owner)))
        if after is not None:
            query = query.where(key > sa.tuple_(*after))
        return self._read(tx, query.order_by(columns.kind, columns.tenant, columns.name).limit(limit))

    def apply(self, tx: Tx, told: Iterable[EntityChanged]) -> int:
        """Keep each change whose version is higher than the one kept; return how many were.

        ValueError for one of no known kind, or whose entity is not of its kind's type.
        """
        newest: dict[Key, dict[str, Any]] = {}
        for change in told:
            row, key = changes.to_row(change), key_of(change)
            if key not in newest or newest[key]["version"] < change.version:
                newest[key] = row
        if not newest:
            return 0
        insert = inserting(self._table, tx.dialect.name)
        kept = {name: insert.excluded[name] for name in ("parent", "version", "deleted", "content")}
        upsert = insert.on_conflict_do_update(
            index_elements=list(self._table.primary_key),
            set_=kept,
            where=self._table.c.version < insert.excluded.version,
        )
        # In one order everywhere: two writers of the same entities wait for one another and never deadlock.
        rows = [newest[key] for key in sorted(newest)]
        # What it returns is counted: of several rows at once, PostgreSQL's driver does not tell how many it wrote.
        return len(tx.execute(upsert.returning(self._table.c.version), rows).all())

    def advance(self, tx: Tx, owner: str) -> int:
        """Raise the owner's version and return it: what has a lower one is committed, what comes gets a higher one."""
        version, now = self._owners.c.version, clock.now_us()
        insert = inserting(self._owners, tx.dialect.name).values(
            owner=owner, version=now, snapshot_us=None, snapshot_version=0
        )
        raised = insert.on_conflict_do_update(
            index_elements=[self._owners.c.owner], set_={"version": sa.case((version < now, now), else_=version + 1)}
        )
        # The row's lock makes versions rise in the order of commits.
        return tx.execute(raised.returning(version)).scalar_one()

    def saw(self, tx: Tx, owner: str, version: int) -> None:
        """Record that a change of that version was heard of; one lower than before changes nothing."""
        insert = inserting(self._owners, tx.dialect.name).values(
            owner=owner, version=version, snapshot_us=None, snapshot_version=0
        )
        higher = insert.on_conflict_do_update(
            index_elements=[self._owners.c.owner],
            set_={"version": insert.excluded.version},
            where=self._owners.c.version < insert.excluded.version,
        )
        tx.execute(higher)

    def state(self, tx: Tx, owner: str) -> OwnerState:
        """Return how far an owner's entities are known here; at the owner itself, its own version."""
        row = tx.execute(self._state, {"of_owner": owner}).one_or_none()
        return OwnerState(row.version, row.snapshot_us, row.snapshot_version) if row else OwnerState()

    def count(self, tx: Tx, owner: str) -> int:
        """Return how many entities of an owner there are, deleted ones aside."""
        columns = self._table.c
        query = sa.select(sa.func.count()).where(columns.kind.in_(kinds_of(owner)), columns.deleted.is_(False))
        return tx.execute(query).scalar_one()

    def replace(self, tx: Tx, owner: str, as_of: int, told: Iterable[EntityChanged]) -> None:
        """Put an owner's entities, read whole when it was at version `as_of`, in place of the copies.

        What was told of since then stays.
        """
        # The row's lock comes first here and in all who take both.
        self.saw(tx, owner, as_of)
        columns = self._table.c
        tx.execute(sa.delete(self._table).where(columns.kind.in_(kinds_of(owner)), columns.version <= as_of))
        self.apply(tx, told)
        values = {"snapshot_us": clock.now_us(), "snapshot_version": as_of}
        tx.execute(sa.update(self._owners).where(self._owners.c.owner == owner).values(values))

    @staticmethod
    def _some(  # noqa: PLR0917 - which, and by what they are known
        tx: Tx, kind: int, tenant: str, query: sa.Select[Any], keys: Collection[str], of: type[Entity]
    ) -> list[Entity]:
        ordered, found = sorted(keys), list[Entity]()
        for start in range(0, len(ordered), _AT_ONCE):
            some = {"of_kind": kind, "of_tenant": tenant, "keys": ordered[start : start + _AT_ONCE]}
            contents: Iterable[bytes] = tx.execute(query, some).scalars()
            found += [of.FromString(content) for content in contents]
        return found

    def _contents(self, column: sa.Column[str]) -> sa.Select[Any]:
        """What is there by any of some keys, to be told with the kind and the tenant."""
        columns = self._table.c
        return sa.select(columns.content).where(
            columns.kind == sa.bindparam("of_kind"),
            columns.tenant == sa.bindparam("of_tenant"),
            column.in_(sa.bindparam("keys", expanding=True)),
            columns.deleted.is_(False),
        )

    @staticmethod
    def _read(tx: Tx, query: sa.Select[Any]) -> list[EntityChanged]:
        found, size = [], 0
        with tx.execute(query) as rows:
            for row in rows:
                found.append(changes.from_row(row))
                size += len(row.content)
                if size >= LARGEST_PAGE:
                    break
        return found
