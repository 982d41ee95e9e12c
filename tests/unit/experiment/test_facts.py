"""What the registry knows, from its messages, and what facts say of themselves."""

from services.experiment.domain.facts import (
    BatchQueue,
    ComputeResource,
    JobResources,
    Limits,
    LoginPreference,
    Parallelism,
    ResourceGrant,
)
from services.experiment.wire import facts
from vahana.event.v1 import task_pb2
from vahana.registry.v1 import application_pb2, compute_resource_pb2, group_resource_profile_pb2

LIMITS = {
    "max_node_count": 2,
    "max_cpu_count": 64,
    "max_memory_mib": 1024,
    "max_wall_time": {"seconds": 90, "nanos": 500_000_000},
    "max_gpu_count": 1,
}
LIMITED = Limits(node_count=2, cpu_count=64, memory_mib=1024, wall_time_s=90.5, gpu_count=1)


def test_a_compute_resource():
    message = compute_resource_pb2.ComputeResource(
        name="cluster",
        address="10.0.0.1",
        port=2222,
        host_keys=["ssh-ed25519 AAAA"],
        login="ada",
        credential_id="cred-1",
        scratch="/scratch",
        job_manager=task_pb2.JOB_MANAGER_SLURM,
        batch_queues=[{"name": "short", "default_queue": True, **LIMITS}, {"name": "long"}],
        revision=7,
        login_preferences=[{"group": "chemists", "login": "chem", "credential_id": "cred-2", "scratch": "/chem"}],
        restricted=True,
        disabled=True,
    )
    assert facts.compute_resource(message) == ComputeResource(
        name="cluster",
        address="10.0.0.1",
        port=2222,
        login="ada",
        credential_id="cred-1",
        scratch="/scratch",
        job_manager=task_pb2.JOB_MANAGER_SLURM,
        host_keys=("ssh-ed25519 AAAA",),
        queues=(BatchQueue("short", LIMITED, default=True), BatchQueue("long")),
        revision=7,
        restricted=True,
        disabled=True,
        login_preferences=(LoginPreference("chemists", "chem", "cred-2", "/chem"),),
    )


def test_a_queue_by_name_or_by_default():
    short, long = BatchQueue("short"), BatchQueue("long", default=True)
    resource = ComputeResource("cluster", "10.0.0.1", 22, "ada", "cred-1", "/scratch", 2, queues=(short, long))
    assert (resource.queue("short"), resource.queue(""), resource.queue("none")) == (short, long, None)
    assert ComputeResource("cluster", "10.0.0.1", 22, "ada", "cred-1", "/scratch", 1).queue("") is None


def test_an_application_with_its_deployments_in_order():
    whole = facts.application(
        application_pb2.Application(module={"name": "a", "version": "1", "retired": True, "revision": 3}),
        [
            application_pb2.ApplicationDeployment(compute_resource="z", command_timeout={"seconds": 90}),
            application_pb2.ApplicationDeployment(
                compute_resource="b",
                revision=5,
                parallelism=task_pb2.PARALLELISM_MPI,
                launcher=["mpiexec"],
                default_resources={"batch_queue": "short", "cpu_count": 4, "wall_time": {"seconds": 60}},
            ),
        ],
    )
    assert (whole.name, whole.version, whole.retired, whole.revision, whole.interface) == ("a", "1", True, 3, None)
    first, last = whole.deployments
    assert (first.compute_resource, first.revision, first.parallelism) == ("b", 5, Parallelism.MPI)
    assert (first.launcher, first.command_timeout) == (("mpiexec",), 3600.0)
    assert first.default_resources == JobResources(batch_queue="short", cpu_count=4, wall_time_s=60.0)
    assert (last.compute_resource, last.command_timeout, last.default_resources) == ("z", 90.0, JobResources())


def test_a_group_resource_profile():
    found = facts.group_resource_profile(
        group_resource_profile_pb2.GroupResourceProfile(
            name="p",
            groups=["chemists"],
            grants=[{"compute_resource": "cluster", "batch_queues": ["short"], "allocations": ["abc"], **LIMITS}],
        )
    )
    assert (found.name, found.groups) == ("p", ("chemists",))
    assert found.grants == (ResourceGrant("cluster", ("short",), ("abc",), LIMITED),)
