"""What profile tells the other services: its tenants, users, groups and memberships, as they come to be."""

from services.chassis.db import Tx
from services.chassis.entities import Entities
from services.profile import wire
from services.profile.domain.groups import Group, Member
from services.profile.domain.tenants import Tenant
from services.profile.domain.users import User
from vahana.event.v1 import sync_pb2


class Publisher:
    """Publishes changes, each in the transaction that makes it."""

    def __init__(self, entities: Entities) -> None:
        self._entities = entities

    def tenant(self, tx: Tx, tenant: Tenant) -> None:
        """A tenant is new or changed."""
        message = wire.tenant_to_message(tenant)
        self._entities.publish(tx, sync_pb2.ENTITY_KIND_TENANT, tenant.name, tenant.name, message)

    def user(self, tx: Tx, tenant: str, user: User) -> None:
        """A user is new or changed."""
        self._entities.publish(tx, sync_pb2.ENTITY_KIND_USER, tenant, user.name, wire.user_to_message(user))

    def group(self, tx: Tx, tenant: str, group: Group) -> None:
        """A group is new or changed."""
        self._entities.publish(tx, sync_pb2.ENTITY_KIND_GROUP, tenant, group.name, wire.group_to_message(group))

    def no_group(self, tx: Tx, tenant: str, name: str) -> None:
        """A group is no more."""
        self._entities.publish(tx, sync_pb2.ENTITY_KIND_GROUP, tenant, name, None)

    def had_group(self, tx: Tx, tenant: str, name: str) -> bool:
        """Whether there was a group of that name, which is no more."""
        kind = sync_pb2.ENTITY_KIND_GROUP
        return any(each.deleted for each in self._entities.told(tx, kind, tenant, name=name, parent="", limit=1))

    def member(self, tx: Tx, tenant: str, member: Member) -> None:
        """Somebody came into a group."""
        message = wire.member_to_message(member)
        self._entities.publish(tx, sync_pb2.ENTITY_KIND_GROUP_MEMBER, tenant, member.key, message, member.who)

    def no_member(self, tx: Tx, tenant: str, member: Member) -> None:
        """Somebody is no more in a group."""
        self._entities.publish(tx, sync_pb2.ENTITY_KIND_GROUP_MEMBER, tenant, member.key, None, member.who)
