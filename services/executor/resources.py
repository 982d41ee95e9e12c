"""Use cases about compute resources: checking one, and showing the script of a job to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from services.chassis import clock
from services.chassis.errors import FieldViolation, InvalidFields, NotAllowed
from services.chassis.ids import new_id
from services.chassis.rpc.auth import ADMIN, SERVICE, Identity
from services.executor import wire
from services.executor.batch.api import JobManager
from services.executor.channels.api import Logins
from services.executor.checking import Host, check
from services.executor.domain.places import ProcessPlace, process_place, well_formed
from services.executor.domain.troubles import Failure
from services.executor.reports import report_message
from services.executor.runner import manager
from services.executor.tasks.submission import submission_request
from services.executor.throttle import Throttle
from vahana.event.v1 import event_pb2, task_pb2
from vahana.executor.v1 import executor_pb2

EXPERIMENT = "experiment"
_PROCESS = "{process}"


class Registry(Protocol):
    """Where compute resources are registered; see peers.ComputeResources."""

    def find(self, tenant: str, name: str) -> tuple[task_pb2.Target, Sequence[str]]:
        """Return where a compute resource is, and the names of its queues. errors.NotFound and errors.Unavailable."""


class Resources:
    """What may be asked about compute resources."""

    def __init__(
        self, registry: Registry, logins: Logins, managers: Mapping[int, JobManager], throttle: Throttle
    ) -> None:
        """`managers`: by task_pb2.JobManager."""
        self._registry, self._logins, self._managers, self._throttle = registry, logins, managers, throttle

    def check(
        self, who: Identity, request: executor_pb2.CheckComputeResourceRequest
    ) -> executor_pb2.CheckComputeResourceResponse:
        """Connect to a host registered in the caller's tenant, and report."""
        experiment = SERVICE in who.roles and who.subject == EXPERIMENT
        if not experiment and ADMIN not in who.roles:
            raise NotAllowed(f"this needs the role {ADMIN!r}, which {who.subject!r} does not have")
        if request.HasField("target") and not experiment:
            raise _refused("target", "is for the experiment service alone")
        target, queues = self._registry.find(who.tenant, request.compute_resource)
        if request.HasField("target"):
            _log_in_as(target, request.target)
        host = _host(who.tenant, target, queues)
        with self._throttle.turn(who.tenant, f"{host.site.address}:{host.site.port}"):
            report = check(self._logins, host)
        message = report_message(request.compute_resource, report, clock.now_us())
        return executor_pb2.CheckComputeResourceResponse(report=message)

    def render(self, request: executor_pb2.RenderJobScriptRequest) -> executor_pb2.RenderJobScriptResponse:
        """Return the script of a job, with a word for the id its process is yet to get."""
        try:
            jobs = manager(self._managers, request.target)
        except Failure as failure:
            raise _refused("target.job_manager", failure.reason) from failure
        process = new_id("proc")
        dispatch = event_pb2.TaskDispatched(process_id=process, task_id=request.task_id, attempt=1)
        place = _place(request, process)
        try:
            script = jobs.script(submission_request(place, dispatch, request.job_submission))
        except Failure as failure:
            raise _refused("job_submission", failure.reason) from failure
        return executor_pb2.RenderJobScriptResponse(job_script=script.replace(process, _PROCESS))


def _log_in_as(target: task_pb2.Target, wanted: task_pb2.Target) -> None:
    """Check the login wanted; the host stays the one that is registered, with its keys."""
    target.login = wanted.login or target.login
    target.credential_id = wanted.credential_id or target.credential_id
    target.scratch = wanted.scratch or target.scratch


def _host(tenant: str, target: task_pb2.Target, queues: Sequence[str]) -> Host:
    manager = task_pb2.JobManager.Name(target.job_manager).removeprefix("JOB_MANAGER_")
    return Host(wire.site_of(tenant, target), target.scratch, manager, tuple(queues))


def _place(request: executor_pb2.RenderJobScriptRequest, process: str) -> ProcessPlace:
    for field, given in (("experiment_id", request.experiment_id), ("task_id", request.task_id)):
        try:
            well_formed(given)
        except Failure as failure:
            raise _refused(field, failure.reason) from failure
    try:
        return process_place(request.target.scratch, request.experiment_id, process)
    except Failure as failure:
        raise _refused("target.scratch", failure.reason) from failure


def _refused(field: str, description: str) -> InvalidFields:
    return InvalidFields([FieldViolation(field, description)])
