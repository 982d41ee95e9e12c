"""Names, times and page tokens."""

import contextlib
import string
import time

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from services.chassis import clock, ids, paging
from services.chassis.errors import InvalidFields


def test_ids_are_unique_lower_case_and_sort_by_time():
    made = []
    for _ in range(50):
        made.append(ids.new_id("exp"))
        time.sleep(0.001)
    assert len(set(made)) == 50
    assert made == sorted(made)
    assert all(set(each) <= set(string.ascii_lowercase + string.digits + "-") for each in made)
    assert all(each.startswith("exp-") and len(each) == 30 for each in made)


@given(st.integers(min_value=-62_135_596_800_000_000, max_value=253_402_300_799_999_999))
def test_times_survive_the_wire(us):
    assert clock.from_timestamp(clock.to_timestamp(us)) == us


def test_a_timestamp_finer_than_a_microsecond_is_cut():
    assert clock.from_timestamp(Timestamp(seconds=1, nanos=1999)) == 1_000_001


def test_now_is_now():
    assert abs(clock.now_us() / 1e6 - time.time()) < 1


@pytest.mark.parametrize(("asked", "given"), [(0, 50), (1, 1), (1000, 1000), (5000, 1000)])
def test_page_limit(asked, given):
    assert paging.page_limit(asked) == given


def test_a_negative_page_size_is_refused():
    with pytest.raises(InvalidFields) as refused:
        paging.page_limit(-1)
    assert [violation.field for violation in refused.value.violations] == ["page_size"]


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1))
def test_tokens_come_back_as_they_went(parts):
    assert paging.decode_token(paging.encode_token(*parts)) == tuple(parts)


def test_numbers_come_back_as_text():
    assert paging.decode_token(paging.encode_token("exp-1", 17)) == ("exp-1", "17")


def test_the_empty_token_is_the_first_page():
    assert paging.decode_token("") == ()


@given(st.text(min_size=1))
def test_garbage_is_refused_and_what_is_not_is_a_token(garbage):
    with contextlib.suppress(InvalidFields):
        parts = paging.decode_token(garbage)
        assert paging.decode_token(paging.encode_token(*parts)) == parts


@pytest.mark.parametrize(
    "garbage",
    [
        "x",
        "%%%",
        "AAAA",
        "bnVsbA",
        "e30",
        "WzFd",
        paging.encode_token("\0"),
        paging.encode_token("\ud800"),
        "é" * 5,
        "W10" * 999,
        "W1tb" * 100_000,
    ],
)
def test_garbage_is_refused_by_its_field(garbage):
    with pytest.raises(InvalidFields) as refused:
        paging.decode_token(garbage)
    assert [violation.field for violation in refused.value.violations] == ["page_token"]


def test_a_key_of_names_is_read_back_and_that_of_another_list_refused():
    assert paging.names_of("", 2) == ("", "")
    assert paging.names_of(paging.encode_token("echo", "1"), 2) == ("echo", "1")
    for foreign in (paging.encode_token("echo"), paging.encode_token("a", "b", "c"), paging.encode_token("é", "1")):
        with pytest.raises(InvalidFields, match="page_token"):
            paging.names_of(foreign, 2)


@pytest.mark.parametrize(
    ("part", "fits"), [("0", True), ("9" * 18, True), ("9" * 19, False), ("-1", False), ("", False)]
)
def test_a_number_of_a_token_fits_its_column(part, fits):
    assert paging.is_number(part) is fits
