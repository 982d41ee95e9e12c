"""Use cases of UserService."""

from collections.abc import Collection
from dataclasses import replace

from services.chassis.db import Database, Tx, now_us
from services.chassis.errors import AlreadyExists, NotFound, WrongState
from services.chassis.masks import check_revision, merge
from services.chassis.paging import names_of, page_limit
from services.chassis.requests import Requests
from services.chassis.rpc.auth import ADMIN, OPERATOR, caller, require_role
from services.profile import wire
from services.profile.domain.users import User
from services.profile.handlers.asking import owns, page
from services.profile.handlers.operators import keep_an_operator
from services.profile.handlers.publishing import Publisher
from services.profile.storage import tenants
from services.profile.storage import users as storage
from vahana.profile.v1 import user_pb2 as pb

_PERSONAL = frozenset({"display_name", "email"})
_CHANGEABLE = _PERSONAL | {"roles", "disabled"}


class Users:
    """What may be done with users, in the caller's tenant."""

    def __init__(self, db: Database, requests: Requests, publisher: Publisher) -> None:
        self._db = db
        self._requests = requests
        self._publisher = publisher

    def create(self, request: pb.CreateUserRequest) -> pb.CreateUserResponse:
        """Add a user; for administrators, and an operator for operators."""
        require_role(ADMIN)
        user = wire.user_from_request(request)
        if OPERATOR in user.roles:
            require_role(OPERATOR)
        with self._db.write() as tx:
            return self._requests.once(tx, request, pb.CreateUserResponse, lambda: self._create(tx, user))

    def _create(self, tx: Tx, user: User) -> pb.CreateUserResponse:
        tenant = caller().tenant
        if tenants.find(tx, tenant) is None:
            raise NotFound("tenant", tenant)
        stored = replace(user, create_time_us=now_us(tx))
        if not storage.insert(tx, tenant, stored):
            raise AlreadyExists("user", user.name)
        self._publisher.user(tx, tenant, stored)
        return pb.CreateUserResponse(user=wire.user_to_message(stored))

    def get(self, request: pb.GetUserRequest) -> pb.GetUserResponse:
        """One user, or the caller."""
        name = request.name or caller().subject
        with self._db.read() as tx:
            stored = storage.find(tx, caller().tenant, name)
        if stored is None:
            raise NotFound("user", name)
        return pb.GetUserResponse(user=wire.user_to_message(stored))

    def list(self, request: pb.ListUsersRequest) -> pb.ListUsersResponse:
        """A page of users, by name."""
        limit = page_limit(request.page_size)
        (after,) = names_of(request.page_token, 1)
        with self._db.read() as tx:
            stored = storage.page(tx, caller().tenant, after, limit + 1)
        kept, token = page([wire.user_to_message(one) for one in stored], limit, lambda one: one.name)
        return pb.ListUsersResponse(users=kept, next_page_token=token)

    def update(self, request: pb.UpdateUserRequest) -> pb.UpdateUserResponse:
        """Change a user."""
        tenant, name = caller().tenant, request.name or caller().subject
        with self._db.write() as tx:
            tenants.lock(tx, tenant)
            stored = storage.find(tx, tenant, name)
            if stored is None:
                raise NotFound("user", name)
            wanted = wire.user_to_update(stored)
            merge(wanted, request, request.update_mask, _CHANGEABLE)
            changed = wire.user_from_update(stored, wanted)
            _permit(stored, changed, request.update_mask.paths)
            check_revision(stored.revision, request.revision)
            _keep_an_administrator(tx, tenant, stored, changed)
            if stored.operates and not changed.operates:
                keep_an_operator(tx, tenant, name)
            storage.replace(tx, tenant, changed)
            self._publisher.user(tx, tenant, changed)
        return pb.UpdateUserResponse(user=wire.user_to_message(changed))


def _permit(stored: User, changed: User, paths: Collection[str]) -> None:
    """Whether the caller may make this change. Raises NotAllowed."""
    if not (owns(stored.name) and _PERSONAL.issuperset(paths)):
        require_role(ADMIN)
    # Who may not make an operator may not shut one out either.
    disabling = OPERATOR in stored.roles and stored.disabled != changed.disabled
    if OPERATOR in stored.roles ^ changed.roles or disabling:
        require_role(OPERATOR)


def _keep_an_administrator(tx: Tx, tenant: str, stored: User, changed: User) -> None:
    leaving = stored.administers and not changed.administers
    if leaving and not storage.another_administers(tx, tenant, stored.name):
        raise WrongState(
            f"{stored.name!r} is the only administrator of tenant {tenant!r} who can log in: make another one first"
        )
