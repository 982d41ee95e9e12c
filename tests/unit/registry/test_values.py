import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.domain.values import DataType, value_fault

GOOD = [
    ("STRING", ""),
    ("STRING", "größe {x}"),
    ("INTEGER", "0"),
    ("INTEGER", "-9223372036854775808"),
    ("INTEGER", "9223372036854775807"),
    ("INTEGER", "+7"),
    ("FLOAT", "1"),
    ("FLOAT", "-1.5e-9"),
    ("FLOAT", ".5"),
    ("FLOAT", "5."),
    ("BOOLEAN", "true"),
    ("BOOLEAN", "false"),
]
BAD = [
    ("STRING", "a\nb"),
    ("STRING", "a\0b"),
    ("INTEGER", ""),
    ("INTEGER", "1.0"),
    ("INTEGER", "9223372036854775808"),
    ("INTEGER", "-9223372036854775809"),
    ("INTEGER", "9" * 5000),
    ("INTEGER", "١"),
    ("INTEGER", "1_000"),
    ("INTEGER", "1\n"),
    ("FLOAT", ""),
    ("FLOAT", "."),
    ("FLOAT", "nan"),
    ("FLOAT", "inf"),
    ("FLOAT", "1e999"),
    ("FLOAT", "1,5"),
    ("BOOLEAN", "True"),
    ("BOOLEAN", "1"),
]


@pytest.mark.parametrize(("kind", "text"), GOOD)
def test_values(kind, text):
    assert value_fault(DataType(kind), text) == ""


@pytest.mark.parametrize(("kind", "text"), BAD)
def test_no_values(kind, text):
    assert value_fault(DataType(kind), text)


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_integer_of_64_bits_is_one(number):
    assert value_fault(DataType.INTEGER, str(number)) == ""


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_number_is_a_float(number):
    assert value_fault(DataType.FLOAT, repr(number)) == ""
