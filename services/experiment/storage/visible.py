"""Which experiments someone may see, newest first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from services.experiment.domain.access import SharedKind, Visibility
from services.experiment.domain.filters import Filters
from services.experiment.domain.transitions import UNDER_WAY
from services.experiment.schema import experiment, experiment_tag, project, share
from services.experiment.storage.streams import Column, Condition, Principals, of_each

Keys = sa.Select[Any]
"""A select of create times and ids of experiments."""


@dataclass(frozen=True, slots=True)
class Page:
    """Up to `limit` of the experiments before `before` (create time, id); `dialect` is that of the database."""

    tenant: str
    filters: Filters
    before: tuple[int, str] | None
    limit: int
    dialect: str

    def of(self, seen: Visibility) -> Keys:
        """The keys of those that may be seen."""
        if seen.everything:
            return self._merged(self._selective() or self._by_state() or [self._stream()])
        principals = Principals(seen, self.dialect)
        projects = self._projects(seen, principals)
        if selective := self._selective(self._may_be_seen(seen, projects, principals)):
            return self._merged(selective)
        # Only the projects whose newest experiments are the newest of all can have some on this page.
        latest = self._first(self._of_projects(projects, 1)).cte("latest")
        return self._merged(
            [
                self._stream(experiment.c.owner == seen.user),
                self._of_projects(sa.select(latest.c.each).cte("projects"), self.limit),
                self._of_principals(principals),
            ]
        )

    def _selective(self, *where: Condition) -> list[Keys]:
        """The streams of those with the tag or in the states that were asked for, where few have them; else none."""
        tag = experiment_tag.c
        if self.filters.tag:
            query = sa.select(tag.create_time, tag.experiment_id).join(
                experiment, experiment.c.experiment_id == tag.experiment_id
            )
            of_tag = (tag.tenant == self.tenant, tag.tag == self.filters.tag)
            return [self._placed(query.where(*of_tag, *where, *self._filtered()))]
        return self._of_states(*where) if UNDER_WAY.issuperset(self.filters.states) else []

    def _by_state(self) -> list[Keys]:
        """The streams of the states that were asked for, where nothing else narrows the list; else none."""
        filters = self.filters
        return [] if filters.project or filters.owner or filters.application else self._of_states()

    def _of_states(self, *where: Condition) -> list[Keys]:
        return [self._stream(experiment.c.state == state, *where) for state in set(self.filters.states)]

    def _stream(self, *where: Condition, limit: int = 0) -> Keys:
        """The first of those for which `where` holds."""
        query = sa.select(experiment.c.create_time, experiment.c.experiment_id)
        return self._placed(query.where(*where, *self._filtered()), limit)

    def _of_projects(self, projects: sa.CTE, limit: int) -> Keys:
        """The first `limit` of each project, with its name before them."""
        stream = self._stream(experiment.c.project == projects.c.each, limit=limit)
        return self._of_each(projects, stream)

    def _of_principals(self, principals: Principals) -> Keys:
        """The first of those that were themselves shared with each principal."""
        query = (
            sa.select(share.c.shared_time.label("create_time"), share.c.name.label("experiment_id"))
            .join(experiment, experiment.c.experiment_id == share.c.name)
            .where(share.c.tenant == self.tenant, share.c.kind == SharedKind.EXPERIMENT)
            .where(share.c.principal == principals.rows.c.each, *self._filtered())
        )
        return self._of_each(principals.rows, self._placed(query))

    def _of_each(self, keys: sa.CTE, stream: Keys) -> Keys:
        row = experiment.alias()
        ids = stream.with_only_columns(stream.selected_columns.experiment_id)
        joined = of_each(keys, ids, row.c.experiment_id, self.dialect)
        return sa.select(keys.c.each, row.c.create_time, row.c.experiment_id).select_from(joined)

    def _projects(self, seen: Visibility, principals: Principals) -> sa.CTE:
        """The projects that may be seen, as the column `each`."""
        own = sa.select(project.c.name.label("each")).where(
            project.c.tenant == self.tenant, project.c.owner == seen.user
        )
        given = sa.select(share.c.name).where(*principals.shared(self.tenant, SharedKind.PROJECT))
        if self.filters.project:
            own = own.where(project.c.name == self.filters.project)
            given = given.where(share.c.name == self.filters.project)
        return sa.union(own, given).cte("visible")

    def _may_be_seen(self, seen: Visibility, projects: sa.CTE, principals: Principals) -> Condition:
        shared = principals.shared(self.tenant, SharedKind.EXPERIMENT)
        given = sa.select(share.c.permission).where(*shared, share.c.name == experiment.c.experiment_id)
        # Not EXISTS, for which PostgreSQL may read all that is shared with them: this is looked up row by row.
        direct = given.limit(1).scalar_subquery().is_not(None)
        of_project = experiment.c.project.in_(sa.select(projects.c.each))
        return sa.or_(experiment.c.owner == seen.user, of_project, direct)

    def _filtered(self) -> list[Condition]:
        filters, row = self.filters, experiment.c
        where = [row.tenant == self.tenant]
        if filters.states:
            # A sum, which no index knows: that of states would take the place of the one that a stream goes by.
            where.append((row.state + 0).in_(sorted(filters.states)))
        for name in ("project", "owner", "application"):
            if value := getattr(filters, name):
                where.append(row[name] == value)
        return where

    def _placed(self, query: Keys, limit: int = 0) -> Keys:
        """The first of those before the page's place."""
        if self.before is not None:
            query = query.where(sa.tuple_(*_key(query)) < sa.tuple_(*self.before))
        return self._first(query, limit)

    def _first(self, query: Keys, limit: int = 0) -> Keys:
        return query.order_by(*(each.desc() for each in _key(query))).limit(limit or self.limit)

    def _merged(self, streams: Iterable[Keys]) -> Keys:
        found = [each.subquery().c for each in streams]
        every = sa.union(*(sa.select(each.create_time, each.experiment_id) for each in found)).subquery()
        return self._first(sa.select(every.c.create_time, every.c.experiment_id))


def _key(query: Keys) -> list[Column]:
    return [query.selected_columns.create_time, query.selected_columns.experiment_id]
