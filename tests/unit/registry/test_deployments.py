import pytest

from services.registry.domain.compute_resources import BatchQueue, ComputeResource, JobManager
from services.registry.domain.deployments import Deployment, Parallelism, Variable, violations
from services.registry.domain.interfaces import Input, Interface
from services.registry.domain.job_resources import JobResources
from services.registry.domain.values import DataType

INTERFACE = Interface((Input("reads", DataType.URI), Input("parts", DataType.URI_COLLECTION)))
HOST = ComputeResource(
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
MPI = Parallelism.MPI


def told(**parts):
    deployment = Deployment("cluster", **{"executable": "bowtie2"} | parts)
    return {one.field: one.fault for one in violations(deployment, INTERFACE, HOST)}


def test_a_plain_deployment_breaks_no_rule():
    assert not told(
        executable="/opt/my tools/bowtie2",
        arguments=("-U", "{inputs.reads}", "{inputs.parts}", "-p{resources.cpu_count}", "a\nb", ""),
        environment=(Variable("_A1", "{x}\n"), Variable("b", ""), Variable("N", "{resources.cpu_count}")),
        pre_job_commands=(("mkdir", "{{x}}"), ("make", "-j", "{resources.cpu_count}")),
        command_timeout_us=30 * 86_400_000_000,
        parallelism=MPI,
        launcher=("mpiexec", "-n", "{resources.cpu_count}", "{resources.wall_time}{resources.node_count}"),
        default_resources=JobResources("long", "project-1", 2, 64, 4096, 3600_000_000, 1),
    )


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ({"executable": "bin/bowtie2"}, "executable"),
        ({"executable": "{inputs.reads}"}, "executable"),
        ({"arguments": ("ok", "{inputs.nothing}")}, "arguments[1]"),
        ({"arguments": ("{oops}",)}, "arguments[0]"),
        ({"arguments": ("a\0b",)}, "arguments[0]"),
        ({"arguments": ("x" * 10_001,)}, "arguments[0]"),
        ({"arguments": ("x",) * 1001}, "arguments"),
        ({"environment": (Variable("", "x"),)}, "environment[0].name"),
        ({"environment": (Variable("A=B", "x"),)}, "environment[0].name"),
        ({"environment": (Variable("1A", "x"),)}, "environment[0].name"),
        ({"environment": (Variable("A", "x"), Variable("A", "y"))}, "environment[1].name"),
        ({"environment": (Variable("A", "\0"),)}, "environment[0].value"),
        ({"pre_job_commands": (("ls",), ())}, "pre_job_commands[1].arguments"),
        ({"pre_job_commands": (("", "x"),)}, "pre_job_commands[0].arguments"),
        ({"post_job_commands": (("gzip", "{"),)}, "post_job_commands[0].arguments[1]"),
        ({"arguments": ("{resources.cores}",)}, "arguments[0]"),
        ({"post_job_commands": (("gzip", "-p{resources.}"),)}, "post_job_commands[0].arguments[1]"),
        ({"environment": (Variable("A", "{resources.cores}"),)}, "environment[0].value"),
        ({"parallelism": MPI}, "launcher"),
        ({"parallelism": MPI, "launcher": ("", "-n")}, "launcher"),
        ({"parallelism": MPI, "launcher": ("srun", "{inputs.reads}")}, "launcher[1]"),
        ({"parallelism": MPI, "launcher": ("srun", "{resources.cores}")}, "launcher[1]"),
        ({"parallelism": Parallelism.THREADED, "launcher": ("srun",)}, "launcher"),
        ({"launcher": ("srun",)}, "launcher"),
        ({"default_resources": JobResources("unknown")}, "default_resources.batch_queue"),
        ({"default_resources": JobResources(allocation="two words")}, "default_resources.allocation"),
        ({"default_resources": JobResources(node_count=1_000_001)}, "default_resources.node_count"),
        ({"default_resources": JobResources(memory_mib=2**64 - 1)}, "default_resources.memory_mib"),
        ({"default_resources": JobResources(wall_time_us=-1_000_000)}, "default_resources.wall_time"),
        ({"default_resources": JobResources(wall_time_us=1)}, "default_resources.wall_time"),
        ({"command_timeout_us": -1}, "command_timeout"),
        ({"command_timeout_us": 30 * 86_400_000_000 + 1}, "command_timeout"),
    ],
)
def test_a_broken_rule_is_told_by_its_field(parts, field):
    assert set(told(**parts)) == {field}


def test_an_unknown_input_is_told_with_those_there_are():
    assert "reads, parts" in told(arguments=("{inputs.read}",))["arguments[0]"]


def test_an_unknown_queue_is_told_with_those_there_are():
    assert "short, long" in told(default_resources=JobResources("quick"))["default_resources.batch_queue"]


def test_an_unknown_resource_is_told_with_those_there_are():
    assert "cpu_count" in told(parallelism=MPI, launcher=("srun", "{resources.cores}"))["launcher[1]"]


def test_a_value_of_the_environment_is_not_repeated():
    assert "secret" not in str(told(environment=(Variable("A", "secret\0"), Variable("B", "secret{resources.x}"))))
