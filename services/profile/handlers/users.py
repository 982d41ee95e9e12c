"""Use cases of UserService."""

from dataclasses import replace

from services.chassis.db import Database, Tx, now_us
from services.chassis.errors import AlreadyExists, NotFound
from services.chassis.paging import page_limit
from services.chassis.requests import Requests
from services.chassis.rpc.auth import ADMIN, caller, require_role
from services.profile import wire
from services.profile.domain.users import User
from services.profile.handlers.asking import once, page, position
from services.profile.storage import tenants
from services.profile.storage import users as storage
from vahana.profile.v1 import user_pb2 as pb


class Users:
    """What may be done with users, in the caller's tenant."""

    def __init__(self, db: Database, requests: Requests) -> None:
        self._db = db
        self._requests = requests

    def create(self, request: pb.CreateUserRequest) -> pb.CreateUserResponse:
        """Add a user; for administrators."""
        require_role(ADMIN)
        user = wire.user_from_request(request)
        with self._db.write() as tx:
            return once(self._requests, tx, request, pb.CreateUserResponse, lambda: self._create(tx, user))

    def _create(self, tx: Tx, user: User) -> pb.CreateUserResponse:
        tenant = caller().tenant
        if tenants.find(tx, tenant) is None:
            raise NotFound("tenant", tenant)
        stored = replace(user, create_time_us=now_us(tx))
        if not storage.insert(tx, tenant, stored):
            raise AlreadyExists("user", user.name)
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
        after = position(request.page_token)
        with self._db.read() as tx:
            stored = storage.page(tx, caller().tenant, after, limit + 1)
        kept, token = page([wire.user_to_message(one) for one in stored], limit, lambda one: one.name)
        return pb.ListUsersResponse(users=kept, next_page_token=token)
