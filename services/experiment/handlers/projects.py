"""Use cases of projects."""

from __future__ import annotations

from services.chassis.clock import now_us
from services.chassis.db import Database
from services.chassis.errors import AlreadyExists, NotFound
from services.chassis.paging import decode_token, encode_token, page_limit
from services.chassis.rpc.auth import Identity
from services.experiment.domain.records import Project
from services.experiment.handlers.answers import Answers
from services.experiment.storage import projects
from services.experiment.wire import records as wire
from vahana.experiment.v1 import project_pb2 as pb


class Projects:
    """Create, get and list projects."""

    def __init__(self, db: Database, answers: Answers) -> None:
        """Keep projects in `db`."""
        self._db = db
        self._answers = answers

    def create(self, who: Identity, request: pb.CreateProjectRequest) -> pb.CreateProjectResponse:
        """Add a project of the caller's."""
        row = Project(request.project.name, request.project.description, who.subject, now_us())
        with self._db.write() as tx:
            first = self._answers.recall(tx, who, request, pb.CreateProjectResponse)
            if first is not None:
                return first
            if not projects.insert(tx, who.tenant, row):
                raise AlreadyExists("project", row.name)
            response = pb.CreateProjectResponse(project=wire.project(row))
            self._answers.remember(tx, who, request, response)
        return response

    def get(self, who: Identity, request: pb.GetProjectRequest) -> pb.GetProjectResponse:
        """One project."""
        with self._db.read() as tx:
            row = projects.find(tx, who.tenant, request.name)
        if row is None:
            raise NotFound("project", request.name)
        return pb.GetProjectResponse(project=wire.project(row))

    def list_page(self, who: Identity, request: pb.ListProjectsRequest) -> pb.ListProjectsResponse:
        """A page of projects, by name."""
        limit = page_limit(request.page_size)
        after = next(iter(decode_token(request.page_token)), "")
        with self._db.read() as tx:
            rows = projects.page(tx, who.tenant, after, limit + 1)
        token = encode_token(rows[limit - 1].name) if len(rows) > limit else ""
        return pb.ListProjectsResponse(projects=[wire.project(row) for row in rows[:limit]], next_page_token=token)
