"""The owners of the entities that the experiment service keeps copies of, and the executors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Generic, TypeVar

import grpc

from services.chassis.changes import PROFILE, REGISTRY
from services.chassis.copies import Peer
from services.chassis.errors import NotFound, Refusal
from services.chassis.rpc.client import call_metadata, translate
from services.chassis.rpc.snapshots import SnapshotPeer
from vahana.event.v1 import sync_pb2, task_pb2
from vahana.event.v1.explanation_pb2 import Explanation
from vahana.executor.v1 import executor_pb2, executor_pb2_grpc
from vahana.executor.v1 import explanation_pb2 as executor_explanation_pb2
from vahana.executor.v1 import explanation_pb2_grpc as executor_explanation_pb2_grpc
from vahana.profile.v1 import snapshot_pb2 as profile_pb2
from vahana.profile.v1 import snapshot_pb2_grpc as profile_pb2_grpc
from vahana.registry.v1 import snapshot_pb2 as registry_pb2
from vahana.registry.v1 import snapshot_pb2_grpc as registry_pb2_grpc
from vahana.scheduler.v1 import explanation_pb2 as scheduler_explanation_pb2
from vahana.scheduler.v1 import explanation_pb2_grpc as scheduler_explanation_pb2_grpc

EXECUTOR, SCHEDULER = "executor", "scheduler"
_SCRIPT_SECONDS = 3.0
_CHECK_SECONDS = 30.0
_EXPLAIN_SECONDS = 3.0
_CHECKS_AT_ONCE = 4
"""A check may take long, and must leave threads for all other calls."""

Answer = TypeVar("Answer")

COPIED = (
    sync_pb2.ENTITY_KIND_USER,
    sync_pb2.ENTITY_KIND_GROUP,
    sync_pb2.ENTITY_KIND_GROUP_MEMBER,
    sync_pb2.ENTITY_KIND_COMPUTE_RESOURCE,
    sync_pb2.ENTITY_KIND_APPLICATION,
    sync_pb2.ENTITY_KIND_APPLICATION_DEPLOYMENT,
    sync_pb2.ENTITY_KIND_GROUP_RESOURCE_PROFILE,
)
"""What is copied: whom things are shared with, what experiments are planned from, and who may run what where."""


def owners(profile: grpc.Channel, registry: grpc.Channel) -> dict[str, Peer]:
    """Profile and registry over their channels, by name."""
    return {
        PROFILE: SnapshotPeer(PROFILE, profile_pb2_grpc.SnapshotServiceStub(profile), profile_pb2),
        REGISTRY: SnapshotPeer(REGISTRY, registry_pb2_grpc.SnapshotServiceStub(registry), registry_pb2),
    }


@dataclass(frozen=True, slots=True)
class Told(Generic[Answer]):
    """What was answered, or why nothing was."""

    answer: Answer | None
    error: str = ""


class Executors:
    """Shows job scripts and looks at hosts. Where it does not answer, that is told and nothing raised."""

    def __init__(self, channel: grpc.Channel) -> None:
        """Ask over `channel`."""
        self._scripts = executor_pb2_grpc.ScriptServiceStub(channel)
        self._executors = executor_pb2_grpc.ExecutorServiceStub(channel)
        self._checks = BoundedSemaphore(_CHECKS_AT_ONCE)

    def job_script(self, tenant: str, request: executor_pb2.RenderJobScriptRequest) -> Told[str]:
        """The script of a job as a host would get it; no host is contacted."""
        metadata = tuple(call_metadata(tenant))
        return _told(
            lambda: self._scripts.RenderJobScript(request, timeout=_SCRIPT_SECONDS, metadata=metadata).job_script
        )

    def report(self, tenant: str, target: task_pb2.Target) -> Told[executor_pb2.ComputeResourceReport]:
        """What a host says, asked with this login."""
        request = executor_pb2.CheckComputeResourceRequest(compute_resource=target.compute_resource, target=target)
        metadata = tuple(call_metadata(tenant))
        if not self._checks.acquire(blocking=False):
            return Told(None, f"{_CHECKS_AT_ONCE} hosts are being looked at already: try again")
        try:
            return _told(
                lambda: self._executors.CheckComputeResource(request, timeout=_CHECK_SECONDS, metadata=metadata).report
            )
        finally:
            self._checks.release()


class Explainers:
    """Scheduler and executors, asked what a process waits for. Where one does not answer, that is told."""

    def __init__(self, scheduler: grpc.Channel, executor: grpc.Channel) -> None:
        """Ask over these channels."""
        self._scheduler = scheduler_explanation_pb2_grpc.ExplanationServiceStub(scheduler)
        self._executor = executor_explanation_pb2_grpc.ExplanationServiceStub(executor)

    def run(self, tenant: str, process_id: str) -> Told[Sequence[Explanation]]:
        """What the scheduler says of a process; no answer and no error where it has not taken it up."""
        request = scheduler_explanation_pb2.ExplainRunRequest(process_id=process_id)
        metadata = tuple(call_metadata(tenant))
        try:
            return _told(
                lambda: self._scheduler.ExplainRun(request, timeout=_EXPLAIN_SECONDS, metadata=metadata).explanations,
                SCHEDULER,
                expected=NotFound,
            )
        except NotFound:
            return Told(None)

    def claims(self, tenant: str, process_id: str) -> Told[Sequence[Explanation]]:
        """What the executors say of its attempts."""
        request = executor_explanation_pb2.ExplainClaimsRequest(process_id=process_id)
        metadata = tuple(call_metadata(tenant))
        return _told(
            lambda: self._executor.ExplainClaims(request, timeout=_EXPLAIN_SECONDS, metadata=metadata).explanations
        )


def _told(ask: Callable[[], Answer], who: str = EXECUTOR, expected: type[Refusal] | tuple[()] = ()) -> Told[Answer]:
    """What was answered; a refusal that is `expected` is raised."""
    try:
        with translate(who):
            return Told(ask())
    except expected:
        raise
    except Refusal as refusal:
        return Told(None, refusal.message)
    except grpc.RpcError as error:
        # What was asked for beside this is worth having without it, whatever the other's trouble is.
        return Told(None, f"{who} can't answer: {error.details()}")
