"""What a field may hold: the bounds themselves are allowed, what is next to them is not."""

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from services.chassis.bounds import check_duration, check_label, check_name, check_number, check_time


@pytest.mark.parametrize("value", ["a", "a" * 5, "ä-1/x"])
def test_a_name(value):
    check_name("field", value, 5)


@pytest.mark.parametrize("value", ["", "a" * 6, "a\0", "a\nb", "\u202e"])
def test_what_is_no_name(value):
    with pytest.raises(ValueError, match="field"):
        check_name("field", value, 5)


def test_a_label_may_be_left_out():
    check_label("field", "", 5)


def test_numbers():
    check_number("field", 1, 1, 2)
    check_number("field", 2, 1, 2)
    for value in (0, 3):
        with pytest.raises(ValueError, match="field is"):
            check_number("field", value, 1, 2)


def test_times_go_from_the_year_1_to_9999():
    for good in (
        Timestamp(),
        Timestamp(seconds=-62_135_596_800),
        Timestamp(seconds=253_402_300_799, nanos=999_999_999),
    ):
        good.ToDatetime()
        check_time("field", good)
    for seconds, nanos in ((-62_135_596_801, 0), (253_402_300_800, 0), (2**62, 0), (0, -1), (0, 1_000_000_000)):
        with pytest.raises(ValueError, match="field is"):
            check_time("field", Timestamp(seconds=seconds, nanos=nanos))


def test_durations_are_not_below_zero():
    check_duration("field", Duration())
    check_duration("field", Duration(seconds=315_576_000_000))
    for seconds, nanos in ((-1, 0), (315_576_000_001, 0), (0, -1)):
        with pytest.raises(ValueError, match="field is"):
            check_duration("field", Duration(seconds=seconds, nanos=nanos))
