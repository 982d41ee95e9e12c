"""What names a host: it can't be taken off meanwhile, and the queues named stay."""

from services.chassis.db import Tx
from services.chassis.errors import WrongState
from services.registry.domain.compute_resources import ComputeResource
from services.registry.domain.text import listed
from services.registry.storage import deployments, group_resource_profiles


def refuse_while_named(tx: Tx, tenant: str, compute_resource: str) -> None:
    """Raise WrongState where something names the host."""
    applications = [f"{one.name} {one.version}" for one in deployments.placed(tx, tenant, compute_resource)]
    profiles = [one.profile for one in group_resource_profiles.naming(tx, tenant, compute_resource)]
    if told := _told(applications, profiles):
        raise WrongState(f"compute resource {compute_resource!r} is named by {told}: take it out there first")


def keep_named_queues(tx: Tx, tenant: str, before: ComputeResource, after: ComputeResource) -> None:
    """Raise WrongState where a change takes a queue away that something names."""
    gone = set(before.queue_names) - set(after.queue_names)
    if not gone:
        return
    placed = deployments.placed(tx, tenant, before.name)
    naming = group_resource_profiles.naming(tx, tenant, before.name)
    applications = [f"{one.name} {one.version}" for one in placed if one.batch_queue in gone]
    profiles = [one.profile for one in naming if gone.intersection(one.batch_queues)]
    if told := _told(applications, profiles):
        queues = listed(sorted(gone))
        raise WrongState(f"queues go ({queues}) that are named by {told}: take them out there first, or keep them")


def _told(applications: list[str], profiles: list[str]) -> str:
    told = []
    if applications:
        told.append(f"deployments of {listed(applications)}")
    if profiles:
        told.append(f"group resource profiles {listed(list(dict.fromkeys(profiles)))}")
    return " and by ".join(told)
