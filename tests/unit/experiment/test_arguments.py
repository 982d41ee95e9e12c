"""The words of commands."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.experiment.domain.arguments import Bound, bind, commands, environment, texts
from services.experiment.domain.arguments import command_line as words_of
from services.experiment.domain.facts import DataType, InputDefinition, Interface, JobResources
from services.experiment.domain.placeholders import PlaceholderError, UnknownAmount
from services.experiment.domain.placeholders import render as render_word
from services.experiment.domain.spec import File, InputValue
from tests.unit.experiment.conftest import LANE_1, LANE_2


def command_line(interface, deployment, bound, resources=JobResources()):  # noqa: B008 - it is frozen
    return words_of(interface, deployment, bound, texts(interface, bound, resources))


def render(word, interface, bound):
    return render_word(word, texts(interface, bound, JobResources()))


def with_inputs(spec, *inputs):
    """The spec with more inputs."""
    return spec.__class__(**{**{name: getattr(spec, name) for name in spec.__slots__}, "inputs": spec.inputs + inputs})


def test_words_come_in_the_order_of_the_interface(interface, deployment, spec):
    words = command_line(interface, deployment, bind(interface, spec))
    assert words == (
        "bowtie2", "-x", "index", "--fast", "{literal}",
        "-U", "../inputs/reads 1.fq", "--seed=7", "-S", "out/aligned.sam",
    )  # fmt: skip


def test_every_type_on_the_command_line(interface, deployment, spec):
    lanes = InputValue("lanes", files=(File(LANE_1, "1.fq"), File(LANE_2, "2.fq")))
    full = with_inputs(spec, lanes, InputValue("seed", "-3"), InputValue("rate", "1e-3"), InputValue("local", "true"))
    words = command_line(interface, deployment, bind(interface, full))
    assert words[5:] == (
        "-U", "../inputs/reads 1.fq", "--lane=../inputs/lanes/1.fq", "--lane=../inputs/lanes/2.fq", "--seed=-3",
        "--rate", "1e-3", "--local", "-S", "out/aligned.sam",
    )  # fmt: skip


def test_a_boolean_that_is_false_is_not_there(interface, deployment, spec):
    words = command_line(interface, deployment, bind(interface, with_inputs(spec, InputValue("local", "false"))))
    assert "--local" not in words
    assert "false" not in words


def test_a_collection_in_a_placeholder_is_its_directory(interface, spec):
    lanes = InputValue("lanes", files=(File(LANE_1, "1.fq"), File(LANE_2, "2.fq")))
    bound = bind(interface, with_inputs(spec, lanes))
    assert render("{inputs.lanes}/x", interface, bound) == "../inputs/lanes/x"


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("{inputs.preset}", "fast"),
        ("a{inputs.preset}b{inputs.seed}", "afastb7"),
        ("{inputs.rate}", ""),
        ("{{inputs.preset}}", "{inputs.preset}"),
        ("{{{inputs.preset}}}", "{fast}"),
        ("{{print $1}}", "{print $1}"),
        ("", ""),
    ],
)
def test_placeholders(interface, spec, word, text):
    assert render(word, interface, bind(interface, spec)) == text


@pytest.mark.parametrize("word", ["{", "}", "{inputs.unknown}", "{input.preset}", "{inputs.preset", "{inputs. preset}"])
def test_braces_that_mean_nothing(interface, spec, word):
    with pytest.raises(PlaceholderError, match=r"holds|names"):
        render(word, interface, bind(interface, spec))


@given(st.text())
def test_a_value_is_never_read_again(value):
    interface = Interface((InputDefinition("a", DataType.STRING), InputDefinition("b", DataType.STRING)))
    bound = {"a": Bound((value,), value), "b": Bound(("b",), "b")}
    assert render("<{inputs.a}>", interface, bound) == f"<{value}>"


@given(st.text())
def test_doubled_braces_carry_any_text(text):
    interface = Interface()
    assert render(text.replace("{", "{{").replace("}", "}}"), interface, {}) == text


def test_a_threaded_program_is_told_its_cores(interface, deployment, spec):
    threaded = replace(
        deployment,
        arguments=("--threads", "{resources.cpu_count}", "{inputs.preset}-{resources.batch_queue}"),
        environment=(
            ("OMP_NUM_THREADS", "{resources.cpu_count}"),
            ("OMP_PLACES", "{0:4},{{1}}{resources.x}{inputs.preset}"),
        ),
    )
    wanted = JobResources("short", cpu_count=8)
    bound = bind(interface, spec)
    known = texts(interface, bound, wanted)
    assert command_line(interface, threaded, bound, wanted)[1:4] == ("--threads", "8", "fast-short")
    assert commands((("make", "-j{resources.cpu_count}"),), known) == (("make", "-j8"),)
    assert environment(threaded, known) == (
        ("OMP_NUM_THREADS", "8"),
        ("OMP_PLACES", "{0:4},{{1}}{resources.x}{inputs.preset}"),
    )


def test_an_amount_that_nobody_names_is_asked_for(interface, deployment, spec):
    bound = bind(interface, spec)
    known = texts(interface, bound, JobResources())
    for needy in (
        replace(deployment, arguments=("{resources.memory_mib}",)),
        replace(deployment, environment=(("M", "{resources.memory_mib}"),)),
    ):
        with pytest.raises(UnknownAmount) as caught:
            _ = words_of(interface, needy, bound, known), environment(needy, known)
        assert caught.value.field == "memory_mib"
