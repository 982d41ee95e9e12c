"""Whether a launch may pass: what each rule says of it, from facts alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

from services.experiment.domain.access import Permission
from services.experiment.domain.facts import (
    Application,
    BatchQueue,
    ComputeResource,
    GroupResourceProfile,
    JobResources,
    Limits,
    ResourceGrant,
)

SERVED_JOB_MANAGERS = {1: "FORK"}
"""The job managers that executors can submit to, by their numbers in `vahana.event.v1`."""

ENABLED = "compute_resource.enabled"
ACCESS = "compute_resource.access"
QUEUE_LIMITS = "queue.limits"
GRANT_LIMITS = "grant.limits"
ALLOCATION = "allocation"
JOB_MANAGER = "job_manager"
RETIRED = "application.retired"
PROJECT_WRITE = "project.write"
RULES = (ENABLED, ACCESS, QUEUE_LIMITS, GRANT_LIMITS, ALLOCATION, JOB_MANAGER, RETIRED, PROJECT_WRITE)

_CHOSEN_BY_JOB_MANAGERS = ("memory_mib", "wall_time_s")
"""Amounts without a natural least: of nodes and cores a job that names none gets one, of GPUs none."""
_UNITS = {
    "node_count": "nodes",
    "cpu_count": "CPU cores",
    "memory_mib": "MiB of memory on a node",
    "wall_time_s": "seconds of wall time",
    "gpu_count": "GPUs on a node",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule says; `fields` of JobResources are those over its limits."""

    rule: str
    allowed: bool
    reason: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Launch:
    """What a launch would be.

    `resources` are the effective ones; `groups` are those of the user, direct or not; `permission` is the user's on the
    experiment, or on its project where there is no experiment yet.
    """

    application: Application
    compute_resource: ComputeResource
    resources: JobResources
    profiles: tuple[GroupResourceProfile, ...]
    groups: frozenset[str]
    permission: Permission


@dataclass(frozen=True, slots=True)
class Judgement:
    """What all rules say, and the resources with the allocation that is to be charged and the bounds of the grant."""

    verdicts: tuple[Verdict, ...]
    resources: JobResources

    @property
    def allowed(self) -> bool:
        """Whether the launch passes."""
        return all(each.allowed for each in self.verdicts)


@dataclass(frozen=True, slots=True)
class _Grant:
    profile: str
    content: ResourceGrant


def effective_resources(requested: JobResources, defaults: JobResources, default_queue: str) -> JobResources:
    """What a job asks for: what was requested, else the deployment's default, else the queue for jobs that name none.

    What is still 0 is left to the job manager.
    """
    names = [each.name for each in fields(JobResources)]
    merged = JobResources(**{name: getattr(requested, name) or getattr(defaults, name) for name in names})
    return replace(merged, batch_queue=merged.batch_queue or default_queue)


def judge(launch: Launch) -> Judgement:
    """What each rule says of a launch, in the order of RULES."""
    access, limits, allocation, resources = _granted(launch)
    verdicts = (
        _enabled(launch.compute_resource),
        access,
        _queue_limits(launch.compute_resource.queue(launch.resources.batch_queue), launch.resources),
        limits,
        allocation,
        _job_manager(launch.compute_resource),
        _retired(launch.application),
        _project_write(launch.permission),
    )
    return Judgement(verdicts, resources)


def excess(resources: JobResources, limits: Limits) -> list[str]:
    """The fields of `resources` that are over their limits."""
    names = [each.name for each in fields(Limits)]
    return [name for name in names if 0 < getattr(limits, name) < _amount(resources, name)]


def _amount(resources: JobResources, name: str) -> float:
    """How much of it the job takes at least: of CPU cores one on each node, however few it names."""
    if name == "cpu_count":
        return max(resources.cpu_count, resources.node_count)
    amount: float = getattr(resources, name)
    return amount


def _granted(launch: Launch) -> tuple[Verdict, Verdict, Verdict, JobResources]:
    """Access, limits and allocation: one grant must allow all three. Also what is to be asked for then."""
    wanted, host = launch.resources, launch.compute_resource
    grants = list(_grants(launch.profiles, launch.groups, host.name))
    of_queue = [each for each in grants if _admits(each.content.batch_queues, wanted.batch_queue)]
    of_allocation = [
        each for each in of_queue if not wanted.allocation or _admits(each.content.allocations, wanted.allocation)
    ]
    fitting = [each for each in of_allocation if not excess(wanted, each.content.limits)]
    charged = wanted.allocation or next(
        (each.content.allocations[0] for each in fitting[:1] if each.content.allocations), ""
    )
    if not host.restricted:
        open_to_all = f"all of the tenant's users may use {host.name!r}"
        return (
            Verdict(ACCESS, True, open_to_all),
            Verdict(GRANT_LIMITS, True, open_to_all),
            Verdict(ALLOCATION, True, _charges(charged)),
            replace(wanted, allocation=charged),
        )
    bounds = [each.content.limits for each in fitting[:1]]
    return (
        _access(host.name, wanted.batch_queue, grants, of_queue),
        _grant_limits(wanted, of_allocation, fitting),
        _allocation(wanted.allocation, charged, of_queue, of_allocation),
        _bounded(replace(wanted, allocation=charged), bounds, host.queue(wanted.batch_queue)),
    )


def _bounded(wanted: JobResources, bounds: Iterable[Limits], queue: BatchQueue | None) -> JobResources:
    """With the amounts that the job leaves open and the grant bounds: as much as grant and queue allow.

    Left to the job manager, they would be its own default, which may be more than was granted.
    """
    of_queue = queue.limits if queue else Limits()
    left_open: dict[str, Any] = {
        name: min(most, getattr(of_queue, name) or most)
        for limits in bounds
        for name in _CHOSEN_BY_JOB_MANAGERS
        if (most := getattr(limits, name)) and not getattr(wanted, name)
    }
    return replace(wanted, **left_open)


def _grants(profiles: Iterable[GroupResourceProfile], groups: Collection[str], host: str) -> Iterator[_Grant]:
    for profile in profiles:
        if not set(profile.groups).isdisjoint(groups):
            yield from (_Grant(profile.name, each) for each in profile.grants if each.compute_resource == host)


def _admits(named: Collection[str], wanted: str) -> bool:
    return not named or wanted in named


def _access(host: str, queue: str, grants: list[_Grant], of_queue: list[_Grant]) -> Verdict:
    if of_queue:
        return Verdict(ACCESS, True, f"the group resource profile {of_queue[0].profile!r} lets you use {host!r}")
    if grants:
        queues = sorted({name for each in grants for name in each.content.batch_queues})
        what = f"the queue {queue!r}" if queue else "jobs that name no queue"
        return Verdict(
            ACCESS, False, f"no group resource profile lets you in for {what}: you may use {_listed(queues)}"
        )
    return Verdict(
        ACCESS,
        False,
        f"{host!r} is restricted and no group resource profile lets you in: ask an administrator for access",
    )


def _allocation(wanted: str, charged: str, of_queue: list[_Grant], admitting: list[_Grant]) -> Verdict:
    if of_queue and not admitting:
        named = sorted({name for each in of_queue for name in each.content.allocations})
        return Verdict(
            ALLOCATION, False, f"you may not charge the allocation {wanted!r}: you may charge {_listed(named)}"
        )
    return Verdict(ALLOCATION, True, _charges(charged))


def _grant_limits(wanted: JobResources, admitting: list[_Grant], fitting: list[_Grant]) -> Verdict:
    if admitting and not fitting:
        nearest = min(admitting, key=lambda each: len(excess(wanted, each.content.limits)))
        where = f"the group resource profile {nearest.profile!r}"
        return _over(GRANT_LIMITS, where, wanted, nearest.content.limits)
    return Verdict(
        GRANT_LIMITS, True, "within what your group resource profiles allow" if fitting else "no grant to measure by"
    )


def _queue_limits(queue: BatchQueue | None, wanted: JobResources) -> Verdict:
    if queue is None:
        return Verdict(QUEUE_LIMITS, True, "the job goes to no queue that is known here")
    where = f"the queue {queue.name!r}"
    if excess(wanted, queue.limits):
        return _over(QUEUE_LIMITS, where, wanted, queue.limits)
    return Verdict(QUEUE_LIMITS, True, f"within the limits of {where}")


def _over(rule: str, where: str, wanted: JobResources, limits: Limits) -> Verdict:
    over = excess(wanted, limits)
    told = ", ".join(
        f"{_amount(wanted, name):g} {_UNITS[name]} where it allows {getattr(limits, name):g}" for name in over
    )
    return Verdict(rule, False, f"the job asks {where} for {told}: ask for less", tuple(over))


def _enabled(host: ComputeResource) -> Verdict:
    if host.disabled:
        return Verdict(ENABLED, False, f"{host.name!r} is disabled: choose another, or wait until it is enabled again")
    return Verdict(ENABLED, True, f"{host.name!r} is enabled")


def _job_manager(host: ComputeResource) -> Verdict:
    served = ", ".join(SERVED_JOB_MANAGERS.values())
    if host.job_manager not in SERVED_JOB_MANAGERS:
        return Verdict(
            JOB_MANAGER, False, f"the job manager of {host.name!r} can't be used yet: choose a host with {served}"
        )
    return Verdict(JOB_MANAGER, True, f"{SERVED_JOB_MANAGERS[host.job_manager]} can be used")


def _retired(application: Application) -> Verdict:
    title = f"{application.name} {application.version}"
    if application.retired:
        return Verdict(RETIRED, False, f"{title} is retired: choose another version")
    return Verdict(RETIRED, True, f"{title} is not retired")


def _project_write(permission: Permission) -> Verdict:
    told = f"you have {permission.name} on the experiment"
    if permission < Permission.WRITE:
        return Verdict(PROJECT_WRITE, False, f"{told}, and a launch needs WRITE: ask its owner, or clone it")
    return Verdict(PROJECT_WRITE, True, told)


def _charges(allocation: str) -> str:
    return f"charges {allocation!r}" if allocation else "charges what the login charges by default"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names) or "none"
