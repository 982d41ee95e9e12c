"""How signing keys follow one another."""

from services.profile.domain.credentials import SealedKey
from services.profile.domain.signing_keys import (
    NOTICE_US,
    PERIOD_US,
    SigningKey,
    end,
    expire_time,
    gone,
    next_start,
    present,
)

MINUTE = 60 * 1_000_000


def key(generation, start):
    return SigningKey(f"k{generation}", generation, b"", start, SealedKey("m", b"", b""))


def test_the_first_key_signs_at_once():
    assert next_start([], 1000) == 1000
    assert present([], 1000) is None


def test_the_next_key_is_made_a_day_before_it_signs():
    first = key(1, 0)
    assert next_start([first], PERIOD_US - NOTICE_US - 1) is None
    assert next_start([first], PERIOD_US - NOTICE_US) == PERIOD_US
    assert next_start([first, key(2, PERIOD_US)], PERIOD_US - 1) is None


def test_after_a_long_sleep_there_is_still_a_day_of_notice():
    late = 3 * PERIOD_US
    assert next_start([key(1, 0)], late) == late + NOTICE_US


def test_a_key_signs_from_its_start_until_the_next_one_does():
    keys = [key(1, 0), key(2, PERIOD_US)]
    assert present(keys, PERIOD_US - 1) == keys[0]
    assert present(keys, PERIOD_US) == keys[1]


def test_a_key_is_kept_until_its_tokens_have_ended():
    keys = [key(1, 0), key(2, PERIOD_US)]
    last = PERIOD_US + 10 * MINUTE
    assert end(keys[0], keys) == last
    assert end(keys[1], keys) is None
    assert gone(keys, last - 1) == []
    assert gone(keys, last) == [keys[0]]


def test_callers_are_told_of_the_end_of_retired_keys_alone():
    keys = [key(1, 0), key(2, PERIOD_US)]
    assert [expire_time(each, keys, PERIOD_US - 1) for each in keys] == [None, None]
    assert [expire_time(each, keys, PERIOD_US) for each in keys] == [PERIOD_US + 10 * MINUTE, None]
