"""The check of a whole experiment."""

from dataclasses import replace

import pytest

from services.experiment.domain.facts import DataType
from services.experiment.domain.spec import File, InputValue
from services.experiment.domain.validation import faults
from services.experiment.domain.values import value_fault
from tests.unit.experiment.conftest import LANE_1, LANE_2, READS


def fields(spec, around):
    return {each.field for each in faults(spec, around)}


def with_input(spec, name, value=None, files=()):
    """The spec with an input of that name, in the place of the one it has, or at the end."""
    new = InputValue(name, value, tuple(files))
    if spec.given(name) is None:
        return replace(spec, inputs=(*spec.inputs, new))
    return replace(spec, inputs=tuple(new if each.name == name else each for each in spec.inputs))


def test_a_sound_experiment_has_no_fault(spec, around):
    assert faults(spec, around) == []
    assert faults(replace(spec, batch_queue="long"), around) == []


def test_every_fault_is_named_at_once(spec, around):
    bad = replace(
        spec,
        batch_queue="gpu",
        inputs=(
            InputValue("reference", "lambda.fa"),
            InputValue("colour", "red"),
            InputValue("preset", "slow"),
            InputValue("seed", "seven"),
            InputValue("seed", "8"),
            InputValue("rate", files=(File("e" * 64, "rate"),)),
        ),
    )
    assert fields(bad, replace(around, project_known=False)) == {
        "spec.project",
        "spec.batch_queue",
        "spec.inputs[0].value",
        "spec.inputs[0].files",
        "spec.inputs[1].name",
        "spec.inputs[2].value",
        "spec.inputs[3].value",
        "spec.inputs[4].name",
        "spec.inputs[5].files",
        "spec.inputs[5].files[0].sha256",
        "spec.inputs.reads",
    }


def test_unknown_application_and_host_are_both_named(spec, around):
    nothing = replace(around, application=None, compute_resource=None)
    assert fields(replace(spec, batch_queue="gpu"), nothing) == {"spec.application", "spec.compute_resource"}


def test_an_application_without_an_interface(spec, around, application):
    found = faults(spec, replace(around, application=replace(application, interface=None)))
    assert [each.field for each in found] == ["spec.application"]


def test_a_host_the_application_is_not_deployed_on(spec, around, host):
    (fault,) = faults(spec, replace(around, compute_resource=replace(host, name="laptop")))
    assert fault.field == "spec.compute_resource"
    assert "it is on cluster" in fault.description


def test_a_queue_where_there_are_none(spec, around, host):
    bare = replace(around, compute_resource=replace(host, queues=()))
    (fault,) = faults(replace(spec, batch_queue="short"), bare)
    assert fault.field == "spec.batch_queue"
    assert "leave this empty" in fault.description


@pytest.mark.parametrize("count", [0, 2])
def test_a_uri_needs_exactly_one_file(spec, around, count):
    files = [File(LANE_1, f"{number}.fq") for number in range(count)]
    assert fields(with_input(spec, "reads", files=files), around) == {"spec.inputs[1].files"}


def test_a_file_nobody_uploaded(spec, around):
    (fault,) = faults(with_input(spec, "reads", files=[File("e" * 64, "reads.fq")]), around)
    assert fault.field == "spec.inputs[1].files[0].sha256"


@pytest.mark.parametrize("name", [".", "..", "x" * 201])
def test_names_no_file_can_have(spec, around, name):
    assert fields(with_input(spec, "reads", files=[File(READS, name)]), around) == {"spec.inputs[1].files[0].file_name"}


def test_one_name_for_two_files(spec, around):
    twice = with_input(spec, "reads", files=[File(READS, "lambda.fa")])
    (fault,) = faults(twice, around)
    assert fault.field == "spec.inputs[1].files[0].file_name"
    assert "spec.inputs[0].files[0]" in fault.description


def test_one_name_twice_in_a_collection(spec, around):
    lanes = with_input(spec, "lanes", files=[File(LANE_1, "1.fq"), File(LANE_2, "1.fq")])
    assert fields(lanes, around) == {"spec.inputs[3].files[1].file_name"}


def test_a_file_with_the_name_of_a_collections_directory(spec, around):
    lanes = with_input(with_input(spec, "lanes", files=[File(LANE_1, "1.fq")]), "reads", files=[File(READS, "lanes")])
    assert fields(lanes, around) == {"spec.inputs[1].files[0].file_name"}


def test_an_input_named_without_a_value(spec, around):
    assert fields(with_input(spec, "preset"), around) == {"spec.inputs[2].value"}
    assert faults(with_input(spec, "rate"), around) == []


def test_a_deployment_at_fault(spec, around, application, deployment):
    broken = replace(application, deployments=(replace(deployment, arguments=("{inputs.nothing}",)),))
    (fault,) = faults(spec, replace(around, application=broken))
    assert fault.field == "spec.application"
    assert "inputs" not in fault.field


def test_commands_no_message_can_carry(spec, around, application, deployment):
    words = ("{inputs.text}",) * 3
    interface = application.interface
    text = replace(interface.inputs[-1], name="text", choices=(), required=False)
    wide = replace(
        application,
        interface=replace(interface, inputs=(*interface.inputs, text)),
        deployments=(replace(deployment, arguments=words),),
    )
    (fault,) = faults(with_input(spec, "text", "x" * 100_000), replace(around, application=wide))
    assert fault.field == "spec.inputs"
    assert faults(with_input(spec, "text", "x" * 50_000), replace(around, application=wide)) == []


@pytest.mark.parametrize(
    ("kind", "value", "sound"),
    [
        (DataType.STRING, "any text: ünïcode 'quoted' $(x)", True),
        (DataType.STRING, "", True),
        (DataType.STRING, "two\nlines", False),
        (DataType.STRING, "nul\0", False),
        (DataType.INTEGER, "42", True),
        (DataType.INTEGER, "-9223372036854775808", True),
        (DataType.INTEGER, "9223372036854775807", True),
        (DataType.INTEGER, "9223372036854775808", False),
        (DataType.INTEGER, "1" * 5000, False),
        (DataType.INTEGER, "4_2", False),
        (DataType.INTEGER, "٤٢", False),
        (DataType.INTEGER, " 42", False),
        (DataType.INTEGER, "", False),
        (DataType.INTEGER, "4.0", False),
        (DataType.FLOAT, "1e-3", True),
        (DataType.FLOAT, "-.5", True),
        (DataType.FLOAT, "5.", True),
        (DataType.FLOAT, "nan", False),
        (DataType.FLOAT, "inf", False),
        (DataType.FLOAT, "1e999", False),
        (DataType.FLOAT, "0x10", False),
        (DataType.BOOLEAN, "true", True),
        (DataType.BOOLEAN, "false", True),
        (DataType.BOOLEAN, "True", False),
        (DataType.BOOLEAN, "1", False),
    ],
)
def test_values(kind, value, sound):
    assert (value_fault(kind, value, ()) is None) == sound


def test_choices():
    assert value_fault(DataType.STRING, "fast", ("fast", "slow")) is None
    assert "fast, slow" in str(value_fault(DataType.STRING, "medium", ("fast", "slow")))
