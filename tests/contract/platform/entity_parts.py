"""Two databases, of an owner and of a copy, and how entities get from one to the other."""

import sqlalchemy as sa

from services.chassis.bus.api import Received
from services.chassis.consume import Delivery
from services.chassis.copies import Export
from services.chassis.errors import Unavailable
from services.chassis.outbox import Outbox
from vahana.event.v1 import event_pb2, sync_pb2
from vahana.profile.v1 import group_pb2

GROUP, MEMBER = sync_pb2.ENTITY_KIND_GROUP, sync_pb2.ENTITY_KIND_GROUP_MEMBER
HOST = sync_pb2.ENTITY_KIND_COMPUTE_RESOURCE


def group(name, says=""):
    return group_pb2.Group(name=name, display_name=says)


def member(of, user):
    return group_pb2.GroupMember(group=of, user=user)


def envelopes(db):
    """What the owner has in its outbox."""
    with db.read() as tx:
        rows = Outbox(db.metadata).unsent(tx, 10_000)
    return [event_pb2.Envelope.FromString(row.value) for row in rows]


def deliveries(told):
    """Envelopes as a consumer gets them."""
    return [Delivery(each, Received("vahana.sync", "k", b"", (), 0, at)) for at, each in enumerate(told)]


def rows(db):
    """The table `entity`."""
    table = db.metadata.tables["entity"]
    with db.read() as tx:
        return tx.execute(sa.select(table).order_by(table.c.kind, table.c.tenant, table.c.name)).all()


class FakePeer:
    """An owner asked across no network; `away` for one that does not answer. Keeps what was asked."""

    def __init__(self, db, entities, owner="profile"):
        self._db, self._entities, self._owner = db, entities, owner
        self.away, self.asked, self.meanwhile = False, [], lambda: None

    def export(self, kinds):
        self._answer("export")
        with self._db.write() as tx:
            as_of = self._entities.advance(tx, self._owner)
        with self._db.read() as tx:
            told = self._entities.page(tx, self._owner, None, 10_000)
        self.meanwhile()
        return Export(as_of, [each for each in told if each.kind in kinds])

    def find(self, kind, tenant, name, parent):
        self._answer((kind, tenant, name, parent))
        with self._db.read() as tx:
            return self._entities.told(tx, kind, tenant, name=name, parent=parent, limit=1000)

    def _answer(self, asked):
        self.asked.append(asked)
        if self.away:
            raise Unavailable("profile does not answer")
