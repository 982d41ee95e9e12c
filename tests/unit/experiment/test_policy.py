"""What the rules say of launches."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.experiment.domain import policy
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
from services.experiment.domain.policy import Launch, effective_resources, excess, judge

FORK, SLURM = 1, 2
LEFT_OPEN = {"memory_mib", "wall_time_s"}
AMOUNTS = [each.name for each in fields(Limits)]
HOST = ComputeResource("cluster", "127.0.0.1", 22, "ada", "cred-1", "/scratch", FORK)
QUEUED = replace(HOST, queues=(BatchQueue("short", Limits(cpu_count=8, wall_time_s=60), True), BatchQueue("long")))
LAUNCH = Launch(Application("bowtie2", "2.5.0"), HOST, JobResources(), (), frozenset(), Permission.WRITE)

amounts = st.integers(0, 4)
names = st.sampled_from(["", "a", "b"])
resources = st.builds(JobResources, names, names, amounts, amounts, amounts, amounts, amounts)
limits = st.builds(Limits, amounts, amounts, amounts, amounts, amounts)
chosen = st.lists(st.sampled_from(["a", "b"]), unique=True, max_size=2).map(tuple)
grants = st.builds(ResourceGrant, st.sampled_from(["cluster", "other"]), chosen, chosen, limits)
groups = st.lists(st.sampled_from("fgh"), unique=True, min_size=1, max_size=2).map(tuple)
profiles = st.lists(st.builds(GroupResourceProfile, names, groups, st.lists(grants, max_size=3).map(tuple)), max_size=3)


def said(launch):
    """What each rule says, by name."""
    return {each.rule: each for each in judge(launch).verdicts}


def denied(launch):
    """The rules that do not allow it."""
    return {each.rule for each in judge(launch).verdicts if not each.allowed}


def launch(**changes):
    """A launch nothing is wrong with, with what differs."""
    return replace(LAUNCH, **changes)


def profile(*grants, name="gpu", groups=("lab",)):
    """What the group "lab" may use."""
    return GroupResourceProfile(name, groups, grants)


def restricted(*grants, groups=("lab",), host=QUEUED, **wanted):
    """A launch by someone of the group "lab", on a restricted host."""
    return launch(
        compute_resource=replace(host, restricted=True),
        profiles=(profile(*grants),),
        groups=frozenset(groups),
        resources=JobResources(**wanted),
    )


def test_a_plain_launch_passes_every_rule():
    judgement = judge(LAUNCH)
    assert judgement.allowed
    assert tuple(each.rule for each in judgement.verdicts) == policy.RULES
    assert all(each.reason for each in judgement.verdicts)


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        (policy.ENABLED, {"compute_resource": replace(HOST, disabled=True)}),
        (policy.ACCESS, {"compute_resource": replace(HOST, restricted=True)}),
        (policy.QUEUE_LIMITS, {"compute_resource": QUEUED, "resources": JobResources("short", cpu_count=9)}),
        (policy.JOB_MANAGER, {"compute_resource": replace(HOST, job_manager=SLURM)}),
        (policy.RETIRED, {"application": Application("bowtie2", "2.5.0", retired=True)}),
        (policy.PROJECT_WRITE, {"permission": Permission.READ}),
    ],
)
def test_each_rule_alone(rule, changes):
    assert denied(launch(**changes)) == {rule}


def test_limits_of_a_queue_name_what_is_over_them():
    over = launch(compute_resource=QUEUED, resources=JobResources("short", cpu_count=9, wall_time_s=61, gpu_count=3))
    verdict = said(over)[policy.QUEUE_LIMITS]
    assert verdict.fields == ("cpu_count", "wall_time_s")
    assert "9 CPU cores where it allows 8" in verdict.reason
    at_most = JobResources("short", cpu_count=8, wall_time_s=60)
    assert not denied(launch(compute_resource=QUEUED, resources=at_most))
    assert not denied(launch(compute_resource=QUEUED, resources=JobResources("long", cpu_count=9)))


@pytest.mark.parametrize("named", [0, 1, 8])
def test_each_node_takes_a_core_however_few_are_named(named):
    """A job that leaves its cores to the job manager gets one on each of its nodes at least."""
    wanted = JobResources("short", node_count=9, cpu_count=named)
    verdict = said(launch(compute_resource=QUEUED, resources=wanted))[policy.QUEUE_LIMITS]
    assert verdict.fields == ("cpu_count",)
    assert "9 CPU cores where it allows 8" in verdict.reason
    few = ResourceGrant("cluster", limits=Limits(cpu_count=8))
    assert denied(restricted(few, batch_queue="long", node_count=9, cpu_count=named)) == {policy.GRANT_LIMITS}
    assert not denied(launch(compute_resource=QUEUED, resources=replace(wanted, node_count=8)))


def test_a_grant_lets_its_groups_in_and_nobody_else():
    assert not denied(restricted(ResourceGrant("cluster")))
    assert denied(restricted(ResourceGrant("cluster"), groups=("others",))) == {policy.ACCESS}
    assert denied(restricted(ResourceGrant("other"))) == {policy.ACCESS}


def test_a_grant_for_some_queues():
    some = ResourceGrant("cluster", batch_queues=("long",))
    assert not denied(restricted(some, batch_queue="long"))
    for queue in ("short", ""):
        refused = restricted(some, batch_queue=queue)
        assert denied(refused) == {policy.ACCESS}
        assert "'long'" in said(refused)[policy.ACCESS].reason


def test_allocations():
    some = ResourceGrant("cluster", allocations=("bio", "chem"))
    assert judge(restricted(some)).resources.allocation == "bio"
    assert judge(restricted(some, allocation="chem")).resources.allocation == "chem"
    refused = restricted(some, allocation="art")
    assert denied(refused) == {policy.ALLOCATION}
    assert "'bio', 'chem'" in said(refused)[policy.ALLOCATION].reason


def test_one_grant_must_allow_all_of_it():
    small = ResourceGrant("cluster", allocations=("bio",), limits=Limits(cpu_count=2))
    large = ResourceGrant("cluster", allocations=("chem",))
    assert judge(restricted(small, large, cpu_count=3)).resources.allocation == "chem"
    refused = restricted(small, large, cpu_count=3, allocation="bio")
    assert denied(refused) == {policy.GRANT_LIMITS}
    assert said(refused)[policy.GRANT_LIMITS].fields == ("cpu_count",)


def test_what_a_job_leaves_open_is_bounded_by_its_grant_and_its_queue():
    hour = ResourceGrant("cluster", limits=Limits(cpu_count=4, wall_time_s=3600, memory_mib=512, gpu_count=2))
    asked = judge(restricted(hour, batch_queue="short")).resources
    assert asked == JobResources("short", wall_time_s=60, memory_mib=512)
    named = JobResources("long", wall_time_s=7, memory_mib=1)
    assert judge(restricted(hour, batch_queue="long", wall_time_s=7, memory_mib=1)).resources == named
    opened = replace(restricted(hour, batch_queue="long"), compute_resource=QUEUED)
    assert judge(opened).resources == JobResources("long")


def test_an_open_host_asks_for_no_grant_and_charges_what_one_names():
    grant = ResourceGrant("cluster", allocations=("bio",), limits=Limits(cpu_count=1))
    small = launch(profiles=(profile(grant),), groups=frozenset({"lab"}), resources=JobResources(cpu_count=1))
    assert judge(small).resources.allocation == "bio"
    large = replace(small, resources=JobResources(cpu_count=2))
    assert (judge(large).allowed, judge(large).resources.allocation) == (True, "")


@given(resources, profiles, st.frozensets(st.sampled_from("fgh")), st.booleans())
def test_a_restricted_host_is_open_to_who_has_one_whole_grant(wanted, given_profiles, of, is_restricted):
    host = replace(HOST, restricted=is_restricted)
    # A node is a CPU at least.
    takes = replace(wanted, cpu_count=max(wanted.cpu_count, wanted.node_count))
    judgement = judge(launch(compute_resource=host, resources=wanted, profiles=tuple(given_profiles), groups=of))
    whole = [
        grant
        for each in given_profiles
        if set(each.groups) & of
        for grant in each.grants
        if grant.compute_resource == "cluster"
        and (not grant.batch_queues or wanted.batch_queue in grant.batch_queues)
        and (not grant.allocations or wanted.allocation in ("", *grant.allocations))
        and all(getattr(takes, name) <= (getattr(grant.limits, name) or 99) for name in AMOUNTS)
    ]
    assert judgement.allowed == (not is_restricted or bool(whole))
    assert sum(not each.allowed for each in judgement.verdicts) <= 1
    charged = judgement.resources.allocation
    if wanted.allocation or not whole:
        assert charged == wanted.allocation
    else:
        assert charged == next(iter(whole[0].allocations), "")
    for name in AMOUNTS:
        bound = getattr(whole[0].limits, name) if is_restricted and whole and name in LEFT_OPEN else 0
        assert getattr(judgement.resources, name) == (getattr(wanted, name) or bound)
    assert judgement.resources.batch_queue == wanted.batch_queue


@given(resources, limits)
def test_what_is_over_limits(wanted, allowed):
    takes = replace(wanted, cpu_count=max(wanted.cpu_count, wanted.node_count))
    over = {name for name in AMOUNTS if getattr(allowed, name) and getattr(takes, name) > getattr(allowed, name)}
    assert set(excess(wanted, allowed)) == over


@given(resources, resources, names)
def test_effective_resources_take_the_first_that_says_something(requested, defaults, queue):
    found = effective_resources(requested, defaults, queue)
    for each in fields(JobResources):
        ways = [getattr(requested, each.name), getattr(defaults, each.name), queue if each.name == "batch_queue" else 0]
        assert getattr(found, each.name) == next((way for way in ways if way), type(ways[0])())
    assert effective_resources(found, defaults, queue) == found
