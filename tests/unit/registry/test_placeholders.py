import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.domain.placeholders import PlaceholderError, input_names


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
    assert input_names(word) == names


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
        ("${HOME}", "'{HOME}'"),
        ("{{}", "'}'"),
        ("{{{", "'{'"),
    ],
)
def test_other_braces_are_refused_with_the_way_out(word, piece):
    with pytest.raises(PlaceholderError, match="is no placeholder: write") as told:
        input_names(word)
    assert piece in str(told.value)


@given(st.text())
def test_any_text_can_be_written_literally(text):
    assert input_names(text.replace("{", "{{").replace("}", "}}")) == []


@given(st.text(alphabet="{}inputs.a", max_size=30))
def test_a_word_is_understood_or_refused(word):
    try:
        names = input_names(word)
    except PlaceholderError:
        return
    assert all(f"{{inputs.{name}}}" in word for name in names)
