"""Permissions and lists against a plain model of who is in what and what is shared with whom, on both databases."""

import itertools
import re

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.chassis.clock import to_timestamp
from services.chassis.db import Database
from services.chassis.entities import Entities
from services.chassis.fitting import Page
from services.chassis.rpc.auth import Identity
from services.chassis.sources import EntitySource
from services.experiment import schema
from services.experiment.domain.access import Permission, Principal, Share, Shared, SharedKind
from services.experiment.domain.filters import Filters
from services.experiment.domain.records import Experiment, Project
from services.experiment.domain.transitions import ExperimentState
from services.experiment.handlers.access import Access
from services.experiment.handlers.memberships import Memberships
from services.experiment.schema import metadata
from services.experiment.storage import experiments, projects, shares, visible
from vahana.event.v1 import sync_pb2
from vahana.profile.v1 import group_pb2

USERS, GROUPS, PROJECTS, TAGS, APPLICATIONS = ("ada", "bob", "cara"), "fgh", "pqr", "xy", ("bowtie2", "bwa")
STATES = (ExperimentState.CREATED, ExperimentState.EXECUTING, ExperimentState.COMPLETED)
GRANTED = (Permission.READ, Permission.WRITE, Permission.MANAGE_SHARING)

principals = st.sampled_from([*(f"user:{each}" for each in USERS), *(f"group:{each}" for each in GROUPS)])
memberships = st.sets(st.tuples(principals, st.sampled_from(GROUPS)), max_size=8)
experiment_rows = st.lists(
    st.fixed_dictionaries(
        {
            "project": st.sampled_from(PROJECTS),
            "owner": st.sampled_from(USERS),
            "state": st.sampled_from(STATES),
            "application": st.sampled_from(APPLICATIONS),
            "tags": st.sets(st.sampled_from(TAGS)),
            # Several at once: pages go by time and id.
            "create_time": st.integers(1, 4),
        }
    ),
    max_size=12,
)
filters = st.builds(
    Filters,
    project=st.sampled_from(["", "", *PROJECTS]),
    states=st.sets(st.sampled_from(STATES), max_size=2).map(tuple),
    owner=st.sampled_from(["", "", *USERS]),
    tag=st.sampled_from(["", "", *TAGS]),
    application=st.sampled_from(["", "", *APPLICATIONS]),
)


@st.composite
def worlds(draw):
    """Who is in what, who owns what, and what is shared with whom."""
    rows = draw(experiment_rows)
    shared = [("project", each) for each in PROJECTS] + [("experiment", index) for index in range(len(rows))]
    return {
        "members": draw(memberships),
        "owners": {each: draw(st.sampled_from(USERS)) for each in PROJECTS},
        "rows": rows,
        "shares": draw(st.dictionaries(st.tuples(st.sampled_from(shared), principals), st.sampled_from(GRANTED))),
    }


def held(world, user):
    """The model: the user and every group that can be reached."""
    known, before = {f"user:{user}"}, set()
    while known != before:
        before = set(known)
        known |= {f"group:{group}" for member, group in world["members"] if member in before}
    return known


def expected(world, user, kind, name):
    """The model: the highest permission on a project or an experiment."""
    given = [
        level for (what, who), level in world["shares"].items() if what == (kind, name) and who in held(world, user)
    ]
    if kind == "experiment":
        row = world["rows"][name]
        given.append(expected(world, user, "project", row["project"]))
        owner = row["owner"]
    else:
        owner = world["owners"][name]
    return Permission.OWNER if owner == user else max(given, default=Permission.NONE)


def fits(row, wanted):
    """The model: whether a row passes the filters."""
    return (
        wanted.project in ("", row["project"])
        and (not wanted.states or row["state"] in wanted.states)
        and wanted.owner in ("", row["owner"])
        and (not wanted.tag or wanted.tag in row["tags"])
        and wanted.application in ("", row["application"])
    )


class Stored:
    """A world as the service keeps it, in a tenant of its own."""

    def __init__(self, db, tenant, world):
        self.db, self.tenant, self.world = db, tenant, world
        entities = Entities(metadata)
        self.access = Access(entities, Memberships(EntitySource(db, entities, {})))
        self.ids = [f"exp-{tenant}-{index:02}" for index in range(len(world["rows"]))]
        with db.write() as tx:
            Entities(metadata).apply(tx, self._entities())
            for name, owner in world["owners"].items():
                projects.insert(tx, tenant, Project(name, "", owner, 1))
            for index, row in enumerate(world["rows"]):
                experiments.insert(tx, tenant, self._row(index, row), row["tags"])
            for ((kind, name), who), level in world["shares"].items():
                self._share(tx, kind, name, who, level)

    def permissions(self, user):
        """On each experiment, by index, and on each project, by name."""
        who = Identity(user, self.tenant, frozenset())
        with self.db.read() as tx:
            rows = [experiments.find(tx, self.tenant, each) for each in self.ids]
            on_rows = self.access.permissions(tx, who, rows)
            found = {index: on_rows[each] for index, each in enumerate(self.ids)}
            on_projects = self.access.project_permissions(
                tx, who, [projects.find(tx, self.tenant, each) for each in PROJECTS]
            )
        return found | on_projects

    def listed(self, user, wanted, size):
        """The indexes of the experiments of all pages, each of `size`."""
        who, before, found = Identity(user, self.tenant, frozenset()), None, []
        with self.db.read() as tx:
            seen = self.access.visibility(tx, who)
            while rows := experiments.page(tx, self.tenant, seen, wanted, before, size).items:
                found += [self.ids.index(row.experiment_id) for row in rows]
                before = (rows[-1].create_time, rows[-1].experiment_id)
        return found

    def projects(self, user, size):
        """The names of the projects of all pages, each of `size`."""
        who, after, found = Identity(user, self.tenant, frozenset()), "", []
        with self.db.read() as tx:
            seen = self.access.visibility(tx, who)
            while rows := projects.page(tx, self.tenant, seen, after, size).items:
                found += [row.name for row in rows]
                after = rows[-1].name
        return found

    def _entities(self):
        kinds = sync_pb2.ENTITY_KIND_GROUP, sync_pb2.ENTITY_KIND_GROUP_MEMBER
        for group in GROUPS:
            yield self._changed(kinds[0], group, group_pb2.Group(name=group, create_time=to_timestamp(7)))
        for member, group in self.world["members"]:
            yield self._changed(kinds[1], f"{group}/{member}", group_pb2.GroupMember(group=group), parent=member)

    def _changed(self, kind, name, message, parent=""):
        change = sync_pb2.EntityChanged(kind=kind, tenant=self.tenant, name=name, parent=parent, version=1)
        change.entity.Pack(message)
        return change

    def _share(self, tx, kind, name, who, level):
        principal = Principal(f"{who}#7" if who.startswith("group:") else who)
        if kind == "project":
            shared, time = Shared(SharedKind.PROJECT, name), 0
        else:
            shared, time = Shared(SharedKind.EXPERIMENT, self.ids[name]), self.world["rows"][name]["create_time"]
        shares.put(tx, self.tenant, Share(shared, principal, level, "ada", 1), time)

    def _row(self, index, row):
        values = {name: row[name] for name in ("project", "owner", "state", "application", "create_time")}
        rest = {"spec": b"", "reason": "", "condition_code": 0, "process_id": "", "update_time": 1, "revision": 1}
        return Experiment(experiment_id=self.ids[index], **values, **rest)


@pytest.fixture
def db(database_url):
    made = Database(database_url, metadata)
    made.create_tables()
    yield made
    made.close()


def test_permissions_and_lists_are_those_of_the_model(db):
    tenants = itertools.count()

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(worlds(), filters, st.integers(1, 5))
    def check(world, wanted, size):
        stored = Stored(db, f"t{next(tenants)}", world)
        for user in USERS:
            rows = {index: expected(world, user, "experiment", index) for index in range(len(world["rows"]))}
            folders = {name: expected(world, user, "project", name) for name in PROJECTS}
            assert stored.permissions(user) == rows | folders
            visible = [
                index for index, row in enumerate(world["rows"]) if rows[index] >= Permission.READ and fits(row, wanted)
            ]
            newest = sorted(visible, key=lambda index: (world["rows"][index]["create_time"], index), reverse=True)
            assert stored.listed(user, wanted, size) == newest
            assert stored.projects(user, size) == [name for name in PROJECTS if folders[name] >= Permission.READ]

    check()


def test_nothing_of_another_tenant(db):
    world = {
        "members": set(),
        "owners": dict.fromkeys(PROJECTS, "ada"),
        "rows": [
            {"project": "p", "owner": "ada", "state": STATES[0], "application": "bwa", "tags": {"x"}, "create_time": 1}
        ],
        "shares": {(("experiment", 0), "user:bob"): Permission.READ, (("project", "p"), "user:bob"): Permission.READ},
    }
    stored = Stored(db, "one", world)
    assert stored.listed("bob", Filters(), 5) == [0]
    stored.tenant = "two"
    for user, roles in (("ada", ()), ("bob", ()), ("root", ("admin",))):
        with db.read() as tx:
            seen = stored.access.visibility(tx, Identity(user, "two", frozenset(roles)))
            for wanted in (Filters(), Filters(tag="x"), Filters(states=(STATES[0],)), Filters(project="p")):
                assert experiments.page(tx, "two", seen, wanted, None, 5) == Page([])
            assert projects.page(tx, "two", seen, "", 5) == Page([])


@pytest.mark.parametrize("user", ["bob", "eve", "root"])
@pytest.mark.parametrize(
    "wanted", [Filters(), Filters(tag="x"), Filters(states=(STATES[1],)), Filters(project="p"), Filters(owner="ada")]
)
def test_a_page_reads_indexes_alone(many, user, wanted):
    """However many rows there are: no table is read from end to end."""
    plan = plan_of(many, user, wanted)
    assert re.search(r"SEARCH (experiment|share)|Index (Only )?Scan", plan)
    assert not re.search(r"(SCAN|Seq Scan on) (experiment|share|project)", plan), plan


@pytest.mark.parametrize(("state", "rare"), [(ExperimentState.CREATED, False), (ExperimentState.EXECUTING, True)])
def test_only_states_that_end_soon_are_gone_through_for_all(many, state, rare):
    """What is created and never launched may be most of all there is."""
    assert ("ix_experiment_state_newest" in plan_of(many, "eve", Filters(states=(state,)))) is rare
    assert "ix_experiment_state_newest" in plan_of(many, "root", Filters(states=(state,)))


def plan_of(many, user, wanted):
    """How the database finds a page."""
    with many.db.read() as tx:
        seen = many.access.visibility(tx, Identity(user, "t", frozenset({"admin"} if user == "root" else ())))
        query = visible.Page("t", wanted, (5000, "exp-x"), 51, tx.dialect.name).of(seen)
        text = str(query.compile(dialect=tx.dialect, compile_kwargs={"literal_binds": True})).replace("%", "%%")
        explain = "EXPLAIN QUERY PLAN " if tx.dialect.name == "sqlite" else "EXPLAIN "
        return "\n".join(str(row[-1]) for row in tx.exec_driver_sql(explain + text))


@pytest.fixture
def many(db):
    """Some thousand experiments, half of them shared with a group that bob is in."""
    world = {"members": {("user:bob", "g")}, "owners": dict.fromkeys(PROJECTS, "ada"), "rows": [], "shares": {}}
    stored = Stored(db, "t", world)
    keys = [{"tenant": "t", "experiment_id": f"exp-{n:05}", "create_time": n} for n in range(6000)]
    rows = [
        key
        | {"project": PROJECTS[n % 3], "owner": f"u{n % 50}", "state": STATES[n % 3], "application": "bwa"}
        | {"spec": b"x" * 500, "reason": "", "condition_code": 0, "process_id": "", "update_time": n, "revision": 1}
        for n, key in enumerate(keys)
    ]
    given = {"tenant": "t", "kind": SharedKind.EXPERIMENT, "principal": "group:g#7", "permission": 1, "granter": "ada"}
    shared = [
        given | {"name": key["experiment_id"], "shared_time": key["create_time"], "create_time": 1} for key in keys[::2]
    ]
    folder = {"tenant": "t", "description": "", "owner": "cara", "create_time": 1}
    with db.write() as tx:
        tx.execute(sa.insert(schema.project), [folder | {"name": f"p{n}"} for n in range(2000)])
        tx.execute(sa.insert(schema.experiment), rows)
        tx.execute(sa.insert(schema.share), shared)
        tx.execute(sa.insert(schema.experiment_tag), [key | {"tag": "x"} for key in keys[::7]])
        tx.execute(sa.text("ANALYZE"))
    return stored
