"""Use cases of GroupResourceProfileService."""

from dataclasses import replace

from services.chassis import masks
from services.chassis.db import Database, Tx, now_us
from services.chassis.entities import Entities
from services.chassis.errors import AlreadyExists, NotFound
from services.chassis.paging import names_of, page_limit
from services.chassis.requests import Requests
from services.chassis.rpc.auth import ADMIN, caller, require_role
from services.registry.domain import groups as group_rules
from services.registry.domain.group_resource_profiles import GroupResourceProfile, violations
from services.registry.domain.groups import Groups
from services.registry.handlers.asking import bound, following, refuse
from services.registry.handlers.publishing import first_revision
from services.registry.storage import compute_resources
from services.registry.storage import group_resource_profiles as storage
from services.registry.wire import group_resource_profiles as wire
from vahana.event.v1.sync_pb2 import ENTITY_KIND_GROUP_RESOURCE_PROFILE
from vahana.registry.v1 import group_resource_profile_pb2 as pb

_FIELD = "group_resource_profile"
_CHANGEABLE = frozenset({"description", "groups", "grants"})


class GroupResourceProfiles:
    """What may be done with group resource profiles, in the caller's tenant."""

    def __init__(self, db: Database, requests: Requests, entities: Entities, groups: Groups) -> None:
        self._db = db
        self._requests = requests
        self._entities = entities
        self._groups = groups

    def create(self, request: pb.CreateGroupResourceProfileRequest) -> pb.CreateGroupResourceProfileResponse:
        """Add a profile; for administrators."""
        require_role(ADMIN)
        bound("group resource profile", request.group_resource_profile)
        profile = wire.from_message(request.group_resource_profile)
        unknown = self._groups.missing(caller().tenant, profile.groups)
        with self._db.write() as tx:
            return self._requests.once(
                tx, request, pb.CreateGroupResourceProfileResponse, lambda: self._create(tx, profile, unknown)
            )

    def _create(
        self, tx: Tx, profile: GroupResourceProfile, unknown: frozenset[str]
    ) -> pb.CreateGroupResourceProfileResponse:
        _check(tx, profile, unknown)
        revision = first_revision(self._entities, tx, ENTITY_KIND_GROUP_RESOURCE_PROFILE, caller().tenant, profile.name)
        stored = replace(profile, create_time_us=now_us(tx), revision=revision)
        if not storage.store(tx, caller().tenant, stored):
            raise AlreadyExists("group resource profile", profile.name)
        return pb.CreateGroupResourceProfileResponse(group_resource_profile=self._published(tx, stored))

    def get(self, request: pb.GetGroupResourceProfileRequest) -> pb.GetGroupResourceProfileResponse:
        """One profile."""
        with self._db.read() as tx:
            stored = storage.find(tx, caller().tenant, request.name)
        if stored is None:
            raise NotFound("group resource profile", request.name)
        return pb.GetGroupResourceProfileResponse(group_resource_profile=wire.to_message(stored))

    def list(self, request: pb.ListGroupResourceProfilesRequest) -> pb.ListGroupResourceProfilesResponse:
        """A page of profiles, by name."""
        limit = page_limit(request.page_size)
        (after,) = names_of(request.page_token, 1)
        with self._db.read() as tx:
            page = storage.page(tx, caller().tenant, after, limit)
        listed, token = [wire.to_message(one) for one in page.items], following(page, lambda one: (one.name,))
        return pb.ListGroupResourceProfilesResponse(group_resource_profiles=listed, next_page_token=token)

    def update(self, request: pb.UpdateGroupResourceProfileRequest) -> pb.UpdateGroupResourceProfileResponse:
        """Change a profile; for administrators."""
        require_role(ADMIN)
        sent = request.group_resource_profile
        masks.check_key(sent, "name", prefix=_FIELD)
        # Only what comes with this change: a group that is gone since must not stop all others.
        named = sent.groups if "groups" in request.update_mask.paths else ()
        unknown = self._groups.missing(caller().tenant, named)
        with self._db.write() as tx:
            stored = _locked(tx, sent.name)
            masks.check_revision(stored.revision, request.revision)
            merged = _merged(stored, request)
            _check(tx, merged, unknown)
            changed = replace(merged, create_time_us=stored.create_time_us, revision=stored.revision + 1)
            storage.update(tx, caller().tenant, changed)
            return pb.UpdateGroupResourceProfileResponse(group_resource_profile=self._published(tx, changed))

    def delete(self, request: pb.DeleteGroupResourceProfileRequest) -> pb.DeleteGroupResourceProfileResponse:
        """Remove a profile; for administrators."""
        require_role(ADMIN)
        tenant = caller().tenant
        with self._db.write() as tx:
            masks.check_revision(_locked(tx, request.name).revision, request.revision)
            storage.remove(tx, tenant, request.name)
            self._entities.publish(tx, ENTITY_KIND_GROUP_RESOURCE_PROFILE, tenant, request.name, None)
        return pb.DeleteGroupResourceProfileResponse()

    def _published(self, tx: Tx, stored: GroupResourceProfile) -> pb.GroupResourceProfile:
        message = wire.to_message(stored)
        self._entities.publish(tx, ENTITY_KIND_GROUP_RESOURCE_PROFILE, caller().tenant, stored.name, message)
        return message


def _locked(tx: Tx, name: str) -> GroupResourceProfile:
    stored = storage.find(tx, caller().tenant, name, lock=True)
    if stored is None:
        raise NotFound("group resource profile", name)
    return stored


def _merged(stored: GroupResourceProfile, request: pb.UpdateGroupResourceProfileRequest) -> GroupResourceProfile:
    message = wire.to_message(stored)
    masks.merge(message, request.group_resource_profile, request.update_mask, _CHANGEABLE)
    masks.check_whole(message, prefix=_FIELD)
    bound("group resource profile", message)
    return wire.from_message(message)


def _check(tx: Tx, profile: GroupResourceProfile, unknown: frozenset[str]) -> None:
    hosts = compute_resources.named(tx, caller().tenant, {grant.compute_resource for grant in profile.grants})
    found = [*violations(profile, hosts), *group_rules.violations("groups[{}]", profile.groups, unknown)]
    refuse(_FIELD, found)
