import pytest

from services.registry.domain.deployments import Deployment, Variable, violations
from services.registry.domain.interfaces import Input, Interface
from services.registry.domain.values import DataType

INTERFACE = Interface((Input("reads", DataType.URI), Input("parts", DataType.URI_COLLECTION)))


def told(**parts):
    deployment = Deployment("cluster", **{"executable": "bowtie2"} | parts)
    return {one.field: one.fault for one in violations(deployment, INTERFACE)}


def test_a_plain_deployment_breaks_no_rule():
    assert not told(
        executable="/opt/my tools/bowtie2",
        arguments=("-U", "{inputs.reads}", "{inputs.parts}", "a\nb", ""),
        environment=(Variable("_A1", "{x}\n"), Variable("b", "")),
        pre_job_commands=(("mkdir", "{{x}}"),),
        command_timeout_us=30 * 86_400_000_000,
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
        ({"command_timeout_us": -1}, "command_timeout"),
        ({"command_timeout_us": 30 * 86_400_000_000 + 1}, "command_timeout"),
    ],
)
def test_a_broken_rule_is_told_by_its_field(parts, field):
    assert set(told(**parts)) == {field}


def test_an_unknown_input_is_told_with_those_there_are():
    assert "reads, parts" in told(arguments=("{inputs.read}",))["arguments[0]"]


def test_a_value_of_the_environment_is_not_repeated():
    assert "secret" not in str(told(environment=(Variable("A", "secret\0"),)))
