"""Checks of compute resources and rendered scripts over gRPC; hosts and registry are played."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from services.chassis.errors import NotFound, Unavailable
from services.chassis.run import Chassis
from services.executor.batch.fork import ForkJobs
from services.executor.channels.api import Result, Site
from services.executor.domain.troubles import Condition, Waiting
from services.executor.resources import Resources
from services.executor.schema import metadata
from services.executor.settings import ExecutorSettings
from services.executor.throttle import Throttle
from services.executor.transport import SCRIPT_SERVICE, SERVICE, ExecutorTransport, ScriptTransport
from tests.contract.executor.support import Executor
from vahana.event.v1 import task_pb2
from vahana.executor.v1 import executor_pb2, executor_pb2_grpc

TARGET = task_pb2.Target(
    compute_resource="cluster",
    address="h",
    port=22,
    login="ada",
    host_keys=["ssh-ed25519 AAAA"],
    credential_id="cred-1",
    scratch="/scratch",
    job_manager=task_pb2.JOB_MANAGER_FORK,
)
Check, Render = executor_pb2.CheckComputeResourceRequest, executor_pb2.RenderJobScriptRequest


class Registry:
    """Knows one host, of the tenant "default"."""

    away = False
    port = 22

    def find(self, tenant: str, name: str) -> tuple[task_pb2.Target, Sequence[str]]:
        if self.away:
            raise Unavailable("registry does not answer")
        if (tenant, name) != ("default", "cluster"):
            raise NotFound("compute resource", name)
        found = task_pb2.Target.FromString(TARGET.SerializeToString())
        found.port = self.port
        return found, ["debug"]


class Logins:
    """Plays the hosts: what was logged in to, and what is answered."""

    fingerprint = "SHA256:x"

    def __init__(self) -> None:
        self.sites: list[Site] = []
        self.refuse: Exception | None = None
        self.during: Callable[[], None] = lambda: None

    @contextmanager
    def login(self, site: Site) -> Iterator["Logins"]:
        self.sites.append(site)
        self.site = site
        yield self

    def open(self) -> "Logins":
        self.during()
        if self.refuse is not None:
            raise self.refuse
        return self

    def run(self, script: str, arguments: Sequence[str] = (), **_: Any) -> Result:
        done = subprocess.run(["sh", "-c", script, "marker", *arguments], capture_output=True, check=False)
        own = [said.partition(b"\nmarker\n")[2] for said in (done.stdout, done.stderr)]
        return Result(done.returncode, *own)


@pytest.fixture
def world(serve: Any, tmp_path: Any) -> Any:
    """The two services; TARGET's scratch is made a directory of the test."""
    registry, logins = Registry(), Logins()

    def wire() -> Chassis:
        chassis = Chassis.start(ExecutorSettings(), metadata, "services.executor")
        executor = Executor(chassis.db, "executor-one")
        managers = {task_pb2.JOB_MANAGER_FORK: ForkJobs()}
        resources = Resources(registry, logins, managers, Throttle(at_once=1, a_minute=5))
        add = executor_pb2_grpc.add_ExecutorServiceServicer_to_server
        chassis.rpc.add(add, ExecutorTransport(executor.handlers, resources), SERVICE)
        add_scripts = executor_pb2_grpc.add_ScriptServiceServicer_to_server
        chassis.rpc.add(add_scripts, ScriptTransport(resources), SCRIPT_SERVICE)
        return chassis

    served = serve(wire)
    served.registry, served.logins = registry, logins
    return served


def executor_of(world: Any, who: str, tenant: str = "") -> Any:
    return world.stub(executor_pb2_grpc.ExecutorServiceStub, who, tenant)


def test_an_administrator_has_a_host_checked(world: Any) -> None:
    report = executor_of(world, "admin").CheckComputeResource(Check(compute_resource="cluster")).report
    assert report.compute_resource == "cluster"
    checks = [finding.check for finding in report.findings]
    assert checks == ["connect", "host_key", "login", "job_manager", "scratch", "clock"]
    assert report.host_key_fingerprint == "SHA256:x"
    assert report.job_manager_version.startswith("fork on Linux")
    for name in ("clock_offset", "login_latency", "command_latency", "check_time"):
        assert report.HasField(name), name
    (site,) = world.logins.sites
    assert site == Site("default", "h", 22, "ada", "cred-1", ("ssh-ed25519 AAAA",))


def test_a_host_that_cannot_be_reached_is_a_finding(world: Any) -> None:
    world.logins.refuse = Waiting(Condition.HOST_UNREACHABLE, "h:22 does not answer")
    world.logins.fingerprint = ""
    report = executor_of(world, "admin").CheckComputeResource(Check(compute_resource="cluster")).report
    assert not report.passed
    assert [(each.check, each.passed, each.detail) for each in report.findings] == [
        ("connect", False, "h:22 does not answer")
    ]
    assert not report.HasField("login_latency")


def test_the_experiment_service_checks_another_login_of_the_registered_host(world: Any) -> None:
    wanted = task_pb2.Target(address="evil", port=1, login="bob", credential_id="cred-2", scratch="/scratch/bob")
    stub = executor_of(world, "experiment", "default")
    stub.CheckComputeResource(Check(compute_resource="cluster", target=wanted))
    (site,) = world.logins.sites
    assert site == replace(Site("default", "h", 22, "bob", "cred-2", ("ssh-ed25519 AAAA",)))


@pytest.mark.parametrize("who", ["user", "scheduler", "eventsink"])
def test_others_have_nothing_checked(world: Any, refused: Any, who: str) -> None:
    with refused(grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"):
        executor_of(world, who, "" if who == "user" else "default").CheckComputeResource(
            Check(compute_resource="cluster")
        )
    assert world.logins.sites == []


def test_refused_checks(world: Any, refused: Any) -> None:
    admin = executor_of(world, "admin")
    with refused(grpc.StatusCode.NOT_FOUND, "NOT_FOUND"):
        admin.CheckComputeResource(Check(compute_resource="elsewhere"))
    with refused(grpc.StatusCode.NOT_FOUND, "NOT_FOUND"):
        executor_of(world, "other").CheckComputeResource(Check(compute_resource="cluster"))
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
        admin.CheckComputeResource(Check(compute_resource="cluster", target=TARGET))
    assert "target" in told.fields
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
        admin.CheckComputeResource(Check())
    assert "compute_resource" in told.fields
    world.registry.away = True
    with refused(grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE"):
        admin.CheckComputeResource(Check(compute_resource="cluster"))
    assert world.logins.sites == []


def test_checks_are_limited(world: Any, refused: Any) -> None:
    world.logins.refuse = Waiting(Condition.HOST_UNREACHABLE, "h:22 does not answer")
    admin = executor_of(world, "admin")
    for _ in range(5):
        admin.CheckComputeResource(Check(compute_resource="cluster"))
    with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED"):
        admin.CheckComputeResource(Check(compute_resource="cluster"))


def test_a_host_is_one_host_whether_its_port_is_named_or_not(world: Any) -> None:
    admin = executor_of(world, "admin")
    codes = []

    def check_again() -> None:
        world.registry.port, world.logins.during = 0, lambda: None
        try:
            admin.CheckComputeResource(Check(compute_resource="cluster"))
        except grpc.RpcError as error:
            codes.append(error.code())

    world.logins.during = check_again
    admin.CheckComputeResource(Check(compute_resource="cluster"))
    assert codes == [grpc.StatusCode.RESOURCE_EXHAUSTED]
    assert [site.port for site in world.logins.sites] == [22]


def test_a_key_holder_that_is_away_is_no_finding(world: Any, refused: Any) -> None:
    world.logins.refuse = Unavailable("profile does not answer")
    with refused(grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE"):
        executor_of(world, "admin").CheckComputeResource(Check(compute_resource="cluster"))


def script_request(**more: Any) -> executor_pb2.RenderJobScriptRequest:
    job = task_pb2.JobSubmission(
        command=task_pb2.Command(arguments=["bowtie2", "it's"]),
        module_loads=["bio"],
        environment=[task_pb2.EnvironmentVariable(name="THREADS", value="4")],
        resources=task_pb2.JobResources(wall_time=Duration(seconds=90)),
    )
    given = {"target": TARGET, "job_submission": job, "experiment_id": "exp-1", "task_id": "submit", **more}
    return Render(**given)


def scripts_of(world: Any, who: str) -> Any:
    return world.stub(executor_pb2_grpc.ScriptServiceStub, who, "" if who in {"admin", "user"} else "default")


def test_a_script_is_shown_as_a_host_would_get_it(world: Any) -> None:
    text = scripts_of(world, "experiment").RenderJobScript(script_request()).job_script
    assert text.startswith("#!/bin/sh\nvahana_name=x{process}-submit.a1.g1\n")
    assert "vahana_job=/scratch/exp-1/{process}/jobs/submit.a1\n" in text
    assert "export THREADS=4\n" in text
    assert "load bio\n" in text
    assert "vahana_limit=9000\n" in text
    assert """run bowtie2 'it'"'"'s'\n""" in text
    assert text.endswith("finish 'exit 0'\n")
    assert subprocess.run(["sh", "-n"], input=text.encode(), check=False).returncode == 0


@pytest.mark.parametrize(
    ("change", "field"),
    [
        *(
            ({"target": task_pb2.Target(scratch="/s", job_manager=number)}, "target.job_manager")
            for number in (task_pb2.JOB_MANAGER_SLURM, task_pb2.JOB_MANAGER_PBS, 17)
        ),
        ({"target": task_pb2.Target(scratch="s", job_manager=task_pb2.JOB_MANAGER_FORK)}, "target.scratch"),
        ({"job_submission": task_pb2.JobSubmission()}, "job_submission"),
        ({"experiment_id": "../x"}, "experiment_id"),
        ({"task_id": "a/b"}, "task_id"),
        ({"task_id": ""}, "task_id"),
    ],
)
def test_scripts_that_cannot_be(world: Any, refused: Any, change: dict[str, Any], field: str) -> None:
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
        scripts_of(world, "experiment").RenderJobScript(script_request(**change))
    assert field in told.fields
    if field == "target.job_manager":
        assert "JOB_MANAGER_FORK" in told.fields[field]


def test_a_target_without_a_job_manager_is_shown_what_it_would_run(world: Any) -> None:
    stub = scripts_of(world, "experiment")
    target = task_pb2.Target(scratch="/scratch")
    assert stub.RenderJobScript(script_request(target=target)) == stub.RenderJobScript(script_request())


@pytest.mark.parametrize("who", ["admin", "user", "scheduler"])
def test_scripts_are_shown_to_the_experiment_service_alone(world: Any, refused: Any, who: str) -> None:
    with refused(grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"):
        scripts_of(world, who).RenderJobScript(script_request())
