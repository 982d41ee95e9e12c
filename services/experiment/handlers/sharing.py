"""Use cases of sharing: give a permission, take it back, list what was given."""

from __future__ import annotations

from collections.abc import Sequence

from services.chassis.clock import now_us
from services.chassis.db import Database, Tx
from services.chassis.errors import FieldViolation, InvalidFields, NotAllowed
from services.chassis.paging import decode_token, encode_token, foreign_token, page_limit
from services.chassis.rpc.auth import Identity
from services.experiment.domain.access import (
    Directory,
    Permission,
    Principal,
    Share,
    Shared,
    SharedKind,
    group_principal,
    user_principal,
)
from services.experiment.domain.records import Experiment, Project
from services.experiment.handlers.access import Access, Granted
from services.experiment.storage import shares
from services.experiment.wire import sharing as wire
from vahana.experiment.v1 import sharing_pb2 as pb


class Sharing:
    """Shares projects and experiments."""

    def __init__(self, db: Database, access: Access, directory: Directory) -> None:
        """`directory` knows whom something can be shared with."""
        self._db = db
        self._access = access
        self._directory = directory

    def share(self, who: Identity, request: pb.ShareEntityRequest) -> pb.ShareEntityResponse:
        """Give a permission, in place of what the grantee had."""
        return pb.ShareEntityResponse(share=wire.share(self._access.judged(who, lambda: self._give(who, request))))

    def _give(self, who: Identity, request: pb.ShareEntityRequest) -> Share:
        shared, permission = wire.shared(request.entity), Permission(request.permission)
        with self._db.read() as tx:
            # Who may not share it learns nothing about users and groups either.
            self._changeable(tx, who, shared, _named(request.grantee), permission)
        row = Share(shared, self._known(who.tenant, request.grantee), permission, who.subject, now_us())
        with self._db.write() as tx:
            granted = self._changeable(tx, who, shared, row.principal, permission, lock=True)
            shares.put(tx, who.tenant, row, _shared_time(granted.row))
        return row

    def unshare(self, who: Identity, request: pb.UnshareEntityRequest) -> pb.UnshareEntityResponse:
        """Take a permission back, also one of a group that is no more."""
        self._access.judged(who, lambda: self._take(who, wire.shared(request.entity), _named(request.grantee)))
        return pb.UnshareEntityResponse()

    def _take(self, who: Identity, shared: Shared, principal: Principal) -> None:
        with self._db.write() as tx:
            self._changeable(tx, who, shared, principal, Permission.NONE, lock=True)
            shares.remove(tx, who.tenant, shared, principal)

    def list_page(self, who: Identity, request: pb.ListSharesRequest) -> pb.ListSharesResponse:
        """A page of what was given, by grantee; of an experiment with what was given of its project."""
        return self._access.judged(who, lambda: self._page(who, request))

    def _page(self, who: Identity, request: pb.ListSharesRequest) -> pb.ListSharesResponse:
        limit = page_limit(request.page_size)
        after = _place(request.page_token)
        with self._db.read() as tx:
            granted = self._find(tx, who, wire.shared(request.entity), Permission.READ)
            rows = shares.page(tx, who.tenant, _with_inherited(granted.row), after, limit + 1)
            found = self._living(tx, who.tenant, rows[:limit])
        last = rows[limit - 1] if len(rows) > limit else None
        token = encode_token(last.principal.key, last.shared.kind) if last else ""
        return pb.ListSharesResponse(shares=[wire.share(each) for each in found], next_page_token=token)

    def _changeable(
        self, tx: Tx, who: Identity, shared: Shared, principal: Principal, permission: Permission, *, lock: bool = False
    ) -> Granted[Experiment] | Granted[Project]:
        """What is shared, where the caller may give `principal` this permission in place of what they have."""
        granted = self._find(tx, who, shared, Permission.MANAGE_SHARING, lock=lock)
        before = shares.given(tx, who.tenant, shared, principal)
        gives_up = principal == user_principal(who.subject) and permission < Permission.MANAGE_SHARING
        if Permission.MANAGE_SHARING in (before, permission) and granted.permission < Permission.OWNER and not gives_up:
            raise NotAllowed("MANAGE_SHARING is given, changed and taken by the owner alone: ask the owner")
        return granted

    def _find(
        self, tx: Tx, who: Identity, shared: Shared, at_least: Permission, *, lock: bool = False
    ) -> Granted[Experiment] | Granted[Project]:
        if shared.kind is SharedKind.PROJECT:
            return self._access.project(tx, who, shared.name, at_least, lock=lock)
        return self._access.experiment(tx, who, shared.name, at_least, lock=lock)

    def _known(self, tenant: str, grantee: pb.Grantee) -> Principal:
        if grantee.WhichOneof("grantee") == "user":
            found = self._directory.user(tenant, grantee.user)
            kind, name = "user", grantee.user
        else:
            found = self._directory.group(tenant, grantee.group)
            kind, name = "group", grantee.group
        if found is None:
            violation = FieldViolation(f"grantee.{kind}", f"there is no {kind} {name!r}: check the name")
            raise InvalidFields([violation])
        return found

    def _living(self, tx: Tx, tenant: str, rows: Sequence[Share]) -> list[Share]:
        """Those of the shares whose group is still the one that something was shared with."""
        groups = self._access.groups(tx, tenant, {each.principal.group for each in rows})
        return [each for each in rows if each.principal.user or groups.get(each.principal.group) == each.principal]


def _named(grantee: pb.Grantee) -> Principal:
    return user_principal(grantee.user) if grantee.WhichOneof("grantee") == "user" else group_principal(grantee.group)


def _shared_time(row: Experiment | Project) -> int:
    return row.create_time if isinstance(row, Experiment) else 0


def _with_inherited(row: Experiment | Project) -> list[Shared]:
    if isinstance(row, Project):
        return [Shared(SharedKind.PROJECT, row.name)]
    return [Shared(SharedKind.EXPERIMENT, row.experiment_id), Shared(SharedKind.PROJECT, row.project)]


def _place(page_token: str) -> tuple[str, int]:
    match decode_token(page_token):
        case ():
            return "", 0
        case (principal, kind) if kind in ("1", "2"):
            return principal, int(kind)
    raise foreign_token()
