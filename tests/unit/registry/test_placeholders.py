import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.domain.placeholders import PlaceholderError, placeholders, resources_named


@pytest.mark.parametrize(
    ("word", "names"),
    [
        ("", []),
        ("plain", []),
        ("{inputs.reads}", ["reads"]),
        ("-U{inputs.reads}.{inputs.seed_2}", ["reads", "seed_2"]),
        ("{inputs.a}{inputs.a}", ["a", "a"]),
        ("{{inputs.reads}}", []),
        ("{{{inputs.reads}}}", ["reads"]),
        ("awk {{print $1}}", []),
        ("}}{{", []),
    ],
)
def test_inputs_named_by_a_word(word, names):
    assert placeholders(word, "inputs") == [("inputs", name) for name in names]


def test_a_launcher_names_what_the_job_is_asked_for():
    assert placeholders("-n{resources.cpu_count}:{{x}}", "resources") == [("resources", "cpu_count")]
    with pytest.raises(PlaceholderError, match=r"write '\{resources\.NAME\}'"):
        placeholders("-n{inputs.seed}", "resources")


def test_a_word_may_name_both():
    named = placeholders("{inputs.reads}:{resources.cpu_count}:{inputs.seed}", "inputs", "resources")
    assert named == [("inputs", "reads"), ("resources", "cpu_count"), ("inputs", "seed")]


def test_a_value_names_resources_and_keeps_its_other_braces():
    value = "{0:4}:{resources.cpu_count},${HOME}{{{resources.cores}}}{inputs.x}"
    assert resources_named(value) == ["cpu_count", "cores"]


@pytest.mark.parametrize(
    ("word", "piece"),
    [
        ("{", "'{'"),
        ("}", "'}'"),
        ("{}", "'{}'"),
        ("{reads}", "'{reads}'"),
        ("{inputs.}", "'{inputs.}'"),
        ("{inputs.1st}", "'{inputs.1st}'"),
        ("{inputs.reads", "'{inputs.reads'"),
        ("{ inputs.reads }", "'{ inputs.reads }'"),
        ("{inputs.reads!r}", "'{inputs.reads!r}'"),
        ("{inputs.reads.path}", "'{inputs.reads.path}'"),
        ("{outputs.sam}", "'{outputs.sam}'"),
        ("{resources.cpu_count}", "'{resources.cpu_count}'"),
        ("${HOME}", "'{HOME}'"),
        ("{{}", "'}'"),
        ("{{{", "'{'"),
    ],
)
def test_other_braces_are_refused_with_the_way_out(word, piece):
    with pytest.raises(PlaceholderError, match="is no placeholder here: write") as told:
        placeholders(word, "inputs")
    assert piece in str(told.value)


@given(st.text())
def test_any_text_can_be_written_literally(text):
    assert placeholders(text.replace("{", "{{").replace("}", "}}"), "inputs") == []


@given(st.text(alphabet="{}inputs.a", max_size=30))
def test_a_word_is_understood_or_refused(word):
    try:
        names = placeholders(word, "inputs")
    except PlaceholderError:
        return
    assert all(f"{{{of}.{name}}}" in word for of, name in names)
