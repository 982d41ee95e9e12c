from services.registry.domain import groups
from services.registry.domain.compute_resources import BatchQueue, ComputeResource, JobManager
from services.registry.domain.group_resource_profiles import GroupResourceProfile, ResourceGrant, violations
from services.registry.domain.limits import Limits

CLUSTER = ComputeResource(
    name="cluster",
    address="127.0.0.1",
    port=22,
    host_keys=(),
    login="ada",
    credential_id="cred-1",
    scratch="/scratch",
    job_manager=JobManager.SLURM,
    batch_queues=(BatchQueue("short"), BatchQueue("long")),
)


def told(*grants, groups=("chemists",)):
    profile = GroupResourceProfile("chemistry", groups, grants)
    return {one.field: one.fault for one in violations(profile, {"cluster": CLUSTER})}


def test_plain_grants_break_no_rule():
    limits = Limits(2, 64, 4096, 3600_000_000, 1)
    assert not told(
        ResourceGrant("cluster", ("short",), ("project-1", "project-2"), limits),
        ResourceGrant("cluster", ("long",)),
        groups=("chemists", "physicists"),
    )


def test_every_broken_rule_is_told_by_its_field():
    found = told(
        ResourceGrant("elsewhere", ("any",)),
        ResourceGrant("cluster", ("short", "quick", "short"), ("a", "a"), Limits(wall_time_us=-1)),
        groups=("chemists", "chemists"),
    )
    assert set(found) == {
        "groups[1]",
        "grants[0].compute_resource",
        "grants[1].batch_queues[1]",
        "grants[1].batch_queues[2]",
        "grants[1].allocations[1]",
        "grants[1].max_wall_time",
    }
    assert "short, long" in found["grants[1].batch_queues[1]"]


def test_unknown_groups_are_told_where_they_stand():
    found = list(groups.violations("groups[{}]", ["ghosts", "chemists"], frozenset({"ghosts"})))
    assert [one.field for one in found] == ["groups[0]"]
