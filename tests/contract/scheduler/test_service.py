"""The scheduler as its own service over gRPC, and its tables as its migrations make them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from services.chassis.db import Database
from services.chassis.errors import NotAllowed, NotFound, Refusal, Unavailable
from services.chassis.migrate import downgrade, upgrade
from services.chassis.paging import encode_token
from services.chassis.rpc.access import FileToken
from services.chassis.rpc.auth import caller, require_service
from services.chassis.rpc.client import channel
from services.chassis.run import Chassis
from services.chassis.settings import Settings
from services.scheduler import __main__ as main
from services.scheduler import storage
from services.scheduler.domain.model import Launch
from services.scheduler.peers import PlanPeer
from services.scheduler.plans import Plan, new_run, new_tasks, plan_nodes
from services.scheduler.schema import metadata
from services.scheduler.transport import SERVICE, SchedulerService
from tests.contract.tokens import minted
from vahana.event.v1 import state_pb2, task_pb2
from vahana.experiment.v1 import process_pb2, process_pb2_grpc
from vahana.scheduler.v1 import scheduler_pb2, scheduler_pb2_grpc

Stub = scheduler_pb2_grpc.SchedulerServiceStub
Get, List = scheduler_pb2.GetRunRequest, scheduler_pb2.ListRunsRequest


@pytest.fixture
def served(serve: Any, world: Any) -> Any:
    """The handlers of a played world behind a real server."""

    def wire() -> Chassis:
        chassis = Chassis.start(Settings(service="scheduler"), None, "")
        register = scheduler_pb2_grpc.add_SchedulerServiceServicer_to_server
        chassis.rpc.add(register, SchedulerService(world.handlers), SERVICE)
        return chassis

    return serve(wire)


def test_an_operator_sees_a_run(served: Any, world: Any, plan: Any) -> None:
    world.launch("proc-1", plan)
    failure = {"task_state": state_pb2.TASK_STATE_FAILED, "reason": "host went away", "retryable": True}
    world.work({"stage-in-a": [failure]})
    told = served.stub(Stub, "admin").GetRun(Get(process_id="proc-1"))
    assert told.run.experiment_id == "exp-of-proc-1"
    assert told.run.state == state_pb2.PROCESS_STATE_EXECUTING
    assert told.run.phase == state_pb2.PROCESS_PHASE_INPUT_DATA_STAGING
    assert told.run.reason.startswith("stage-in-a: attempt 1 of 3 failed: host went away; next attempt at ")
    assert told.run.update_time.ToMicroseconds() >= told.run.create_time.ToMicroseconds() > 0
    assert [task.task_id for task in told.tasks] == [task.task_id for task in plan]
    waiting = told.tasks[1]
    assert (waiting.attempt, waiting.state) == (2, state_pb2.TASK_STATE_SCHEDULED)
    assert waiting.HasField("next_attempt_at")
    assert told.tasks[3].attempt == 0


def test_open_runs_are_listed_in_pages_the_oldest_first(served: Any, world: Any, plan: Any) -> None:
    for number in range(5):
        world.launch(f"proc-{number}", plan)
        world.settle()
    world.launch("proc-x", plan[:1])
    world.settle()
    stub, listed, token, pages = served.stub(Stub, "admin"), [], "", 0
    while pages == 0 or token:
        page = stub.ListRuns(List(page_size=2, page_token=token))
        listed += [run.process_id for run in page.runs]
        token, pages = page.next_page_token, pages + 1
    assert (listed, pages) == ([f"proc-{number}" for number in range(5)] + ["proc-x"], 3)
    world.work()
    assert not stub.ListRuns(List()).runs


def test_a_tenant_sees_its_own_runs_alone(served: Any, world: Any, plan: Any, refused: Any) -> None:
    world.launch("proc-1", plan)
    world.settle()
    stub = served.stub(Stub, "other")
    assert not stub.ListRuns(List()).runs
    with refused(grpc.StatusCode.NOT_FOUND, "NOT_FOUND"):
        stub.GetRun(Get(process_id="proc-1"))


@pytest.mark.parametrize(
    ("who", "code", "reason"),
    [
        ("", grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"),
        ("user", grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"),
        ("executor", grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"),
    ],
)
def test_others_are_refused(served: Any, refused: Any, who: str, code: grpc.StatusCode, reason: str) -> None:
    stub = served.stub(Stub, who)
    with refused(code, reason):
        stub.GetRun(Get(process_id="proc-1"))
    with refused(code, reason):
        stub.ListRuns(List())


def test_bad_requests_name_the_field(served: Any, refused: Any) -> None:
    stub = served.stub(Stub, "admin")
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
        stub.GetRun(Get())
    assert "process_id" in told.fields
    for token in ("nonsense", "WyJ4Il0", encode_token("9" * 19, "proc-1")):
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
            stub.ListRuns(List(page_token=token))
        assert "page_token" in told.fields


def test_the_service_is_wired(serve: Any) -> None:
    assert not serve(main.wire).stub(Stub, "admin").ListRuns(List()).runs


class _Experiment(process_pb2_grpc.ProcessServiceServicer):
    """Plays the experiment service; `refusal` is raised where set."""

    refusal: Refusal | None = None

    def GetPlan(self, request: process_pb2.GetPlanRequest, context: grpc.ServicerContext) -> Iterator[Any]:
        require_service("scheduler")
        if self.refusal is not None:
            raise self.refusal
        assert caller().tenant == "default"
        target = task_pb2.Target(scratch=f"/scratch-of-{request.process_id}")
        yield process_pb2.GetPlanResponse(header=process_pb2.PlanHeader(target=target))
        for number in range(0, 1200, 500):
            names = [f"t{each}" for each in range(number, min(number + 500, 1200))]
            yield process_pb2.GetPlanResponse(tasks=[task_pb2.PlannedTask(task_id=name) for name in names])


@pytest.fixture
def peer(serve: Any, tmp_path: Path) -> Iterator[tuple[PlanPeer, _Experiment, Any]]:
    experiment = _Experiment()

    def wire() -> Chassis:
        chassis = Chassis.start(Settings(service="experiment"), None, "")
        register = process_pb2_grpc.add_ProcessServiceServicer_to_server
        chassis.rpc.add(register, experiment, "vahana.experiment.v1.ProcessService")
        return chassis

    served = serve(wire)
    token = tmp_path / "token"
    token.write_text(minted("scheduler", "", ["service"]))
    with channel(served.address, FileToken(token), service="experiment") as opened:
        yield PlanPeer(opened), experiment, served


def _launch(process_id: str) -> Launch:
    return Launch("msg", "default", "exp", process_id, "", 0)


def test_plans_come_whole_and_in_the_order_asked_for(peer: Any) -> None:
    plans = peer[0].fetch([_launch("proc-1"), _launch("proc-2")])
    assert [plan.target.scratch for plan in plans] == ["/scratch-of-proc-1", "/scratch-of-proc-2"]
    for plan in plans:
        assert [task.task_id for task in plan.tasks] == [f"t{number}" for number in range(1200)]


def test_an_experiment_service_that_is_away_is_unavailable(peer: Any) -> None:
    plans, experiment, served = peer
    experiment.refusal = NotFound("process", "proc-1")
    with pytest.raises(NotFound):
        plans.fetch([_launch("proc-1")])
    for refusal in (Unavailable("database locked"), NotAllowed("not you")):
        experiment.refusal = refusal
        with pytest.raises(Unavailable):
            plans.fetch([_launch("proc-1")])
    served.stop()
    with pytest.raises(Unavailable):
        plans.fetch([_launch("proc-1")])


def test_migrations_make_the_tables_the_code_expects_and_take_them_away(database_url: str) -> None:
    upgrade(database_url, "services.scheduler")
    database = Database(database_url, metadata)
    with database.read() as tx:
        assert compare_metadata(MigrationContext.configure(tx), metadata) == []
    database.close()
    downgrade(database_url, "services.scheduler")
    upgrade(database_url, "services.scheduler")


def test_runs_come_through_the_migration_and_back(database_url: str) -> None:
    upgrade(database_url, "services.scheduler")
    database = Database(database_url, metadata)
    launch = Launch("msg", "default", "exp", "proc-1", "", 1)
    target = task_pb2.Target(compute_resource="big", address="Login.Example.ORG")
    plan = Plan(target, [task_pb2.PlannedTask(task_id="t", type=1, trigger_rule=1)])
    with database.write() as tx:
        run = new_run(launch, plan, 5)
        storage.insert_runs(tx, [run], new_tasks(run, plan, plan_nodes(plan)))
    with database.read() as tx:
        before = storage.get_run(tx, "default", "proc-1"), storage.list_tasks(tx, "default", "proc-1")
    assert before[0] is not None
    assert (before[0].compute_resource, before[0].address) == ("big", "login.example.org")
    downgrade(database_url, "services.scheduler", "0001")
    upgrade(database_url, "services.scheduler")
    with database.read() as tx:
        assert (storage.get_run(tx, "default", "proc-1"), storage.list_tasks(tx, "default", "proc-1")) == before
        assert compare_metadata(MigrationContext.configure(tx), metadata) == []
    database.close()
