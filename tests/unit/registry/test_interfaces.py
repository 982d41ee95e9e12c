import pytest

from services.registry.domain.interfaces import Input, Interface, Output, violations
from services.registry.domain.values import DataType

STRING, URI = DataType.STRING, DataType.URI


def told(*parts):
    inputs = tuple(part for part in parts if isinstance(part, Input))
    outputs = tuple(part for part in parts if isinstance(part, Output))
    return {one.field: one.fault for one in violations(Interface(inputs, outputs))}


def test_a_plain_interface_breaks_no_rule():
    assert not told(
        Input("reads", URI, required=True),
        Input("mode", STRING, default_value="a", choices=("a", "b"), option="--mode="),
        Input("same", STRING),
        Output("same", URI, "out/x.sam"),
        Output("stdout", DataType.STDOUT, "stdout.txt"),
        Output("errors", DataType.STDERR, "errors.txt"),
    )


def test_names_and_files_stand_once():
    found = told(Input("a", STRING), Input("b", STRING), Input("a", URI), Output("x", URI, "f"), Output("x", URI, "f"))
    assert set(found) == {"inputs[2].name", "outputs[1].name", "outputs[1].file"}
    assert "stands already at 0" in found["inputs[2].name"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (Input("a", STRING, required=True, default_value="x"), "inputs[0].default_value"),
        (Input("a", DataType.INTEGER, default_value="x"), "inputs[0].default_value"),
        (Input("a", STRING, default_value="c", choices=("a", "b")), "inputs[0].default_value"),
        (Input("a", DataType.INTEGER, choices=("1", "x")), "inputs[0].choices[1]"),
        (Input("a", STRING, choices=("a", "a")), "inputs[0].choices[1]"),
        (Input("a", STRING, choices=("x" * 10_001,)), "inputs[0].choices[0]"),
        (Input("a", URI, default_value="file"), "inputs[0].default_value"),
        (Input("a", DataType.URI_COLLECTION, choices=("file",)), "inputs[0].choices"),
        (Input("a", STRING, option="-a\n"), "inputs[0].option"),
        (Output("a", URI, "x", option="-a\0"), "outputs[0].option"),
        (Output("a", URI, "/etc/passwd"), "outputs[0].file"),
        (Output("a", URI, "../x"), "outputs[0].file"),
        (Output("a", URI, "a/../x"), "outputs[0].file"),
        (Output("a", URI, "a\0b"), "outputs[0].file"),
        (Output("a", URI, "."), "outputs[0].file"),
        (Output("a", URI, "a/"), "outputs[0].file"),
        (Output("a", DataType.STDOUT, "logs/a"), "outputs[0].file"),
        (Output("a", DataType.STDOUT, ".."), "outputs[0].file"),
        (Output("a", DataType.STDERR, "a", on_command_line=True), "outputs[0].on_command_line"),
        (Output("stdout", URI, "x"), "outputs[0].name"),
        (Output("stderr", DataType.STDOUT, "x"), "outputs[0].name"),
    ],
)
def test_a_broken_rule_is_told_by_its_field(given, field):
    assert set(told(given)) == {field}


def test_a_job_has_one_of_each_stream():
    out, err = DataType.STDOUT, DataType.STDERR
    found = told(Output("a", out, "a"), Output("b", err, "b"), Output("c", out, "c"), Output("d", out, "d"))
    assert set(found) == {"outputs[2].type", "outputs[3].type"}
    assert "outputs[0]" in found["outputs[2].type"]


def test_a_long_value_is_not_repeated_whole():
    (fault,) = told(Input("a", DataType.INTEGER, default_value="x" * 10_000)).values()
    assert len(fault) < 200
    assert "(10000 characters)" in fault
