"""Use cases of projects."""

from __future__ import annotations

from dataclasses import replace

from services.chassis import masks
from services.chassis.clock import now_us
from services.chassis.db import Database, Tx
from services.chassis.errors import AlreadyExists, FieldViolation, InvalidFields
from services.chassis.paging import decode_token, encode_token, foreign_token, page_limit
from services.chassis.requests import Requests
from services.chassis.rpc.auth import Identity
from services.experiment.domain.access import Directory, Permission
from services.experiment.domain.records import Project
from services.experiment.handlers.access import Access, Granted
from services.experiment.storage import projects
from services.experiment.wire import records as wire
from vahana.experiment.v1 import project_pb2 as pb

_CHANGEABLE = ("description", "owner")


class Projects:
    """Create, update, get and list projects."""

    def __init__(self, db: Database, requests: Requests, access: Access, directory: Directory) -> None:
        """`directory` knows who can own a project."""
        self._db = db
        self._requests = requests
        self._access = access
        self._directory = directory

    def create(self, who: Identity, request: pb.CreateProjectRequest) -> pb.CreateProjectResponse:
        """Add a project of the caller's."""
        row = Project(request.project.name, request.project.description, who.subject, now_us())
        with self._db.write() as tx:

            def insert() -> pb.CreateProjectResponse:
                if not projects.insert(tx, who.tenant, row):
                    raise AlreadyExists("project", row.name)
                return pb.CreateProjectResponse(project=wire.project(row, Permission.OWNER))

            return self._requests.once(tx, request, pb.CreateProjectResponse, insert)

    def get(self, who: Identity, request: pb.GetProjectRequest) -> pb.GetProjectResponse:
        """One project."""

        def find() -> Granted[Project]:
            with self._db.read() as tx:
                return self._access.project(tx, who, request.name, Permission.READ)

        granted = self._access.judged(who, find)
        return pb.GetProjectResponse(project=wire.project(granted.row, granted.permission))

    def list_page(self, who: Identity, request: pb.ListProjectsRequest) -> pb.ListProjectsResponse:
        """A page of the projects the caller may see, by name."""
        limit = page_limit(request.page_size)
        after = _place(request.page_token)
        with self._db.read() as tx:
            page = projects.page(tx, who.tenant, self._access.visibility(tx, who), after, limit)
            permissions = self._access.project_permissions(tx, who, page.items)
        token = encode_token(page.items[-1].name) if page.more else ""
        messages = [wire.project(row, permissions[row.name]) for row in page.items]
        return pb.ListProjectsResponse(projects=messages, next_page_token=token)

    def update(self, who: Identity, request: pb.UpdateProjectRequest) -> pb.UpdateProjectResponse:
        """Change what the mask names; a new owner must exist."""
        return self._access.judged(who, lambda: self._update(who, request))

    def _update(self, who: Identity, request: pb.UpdateProjectRequest) -> pb.UpdateProjectResponse:
        with self._db.read() as tx:
            self._changed(tx, who, request)
        if "owner" in request.update_mask.paths:
            self._demand_user(who.tenant, request.owner)
        with self._db.write() as tx:
            row = self._changed(tx, who, request, lock=True)
            projects.update(tx, who.tenant, row)
            permission = self._access.project_permissions(tx, who, [row])[row.name]
        return pb.UpdateProjectResponse(project=wire.project(row, permission))

    def _changed(self, tx: Tx, who: Identity, request: pb.UpdateProjectRequest, *, lock: bool = False) -> Project:
        """The project as it is to be."""
        needed = Permission.OWNER if "owner" in request.update_mask.paths else Permission.WRITE
        row = self._access.project(tx, who, request.name, needed, lock=lock).row
        masks.check_revision(row.revision, request.revision)
        wanted = pb.UpdateProjectRequest(description=row.description, owner=row.owner)
        masks.merge(wanted, request, request.update_mask, _CHANGEABLE)
        return replace(row, description=wanted.description, owner=wanted.owner, revision=row.revision + 1)

    def _demand_user(self, tenant: str, name: str) -> None:
        if self._directory.user(tenant, name) is None:
            raise InvalidFields([FieldViolation("owner", f"there is no user {name!r}: name one who exists")])


def _place(page_token: str) -> str:
    match decode_token(page_token):
        case ():
            return ""
        case (name,):
            return name
    raise foreign_token()
