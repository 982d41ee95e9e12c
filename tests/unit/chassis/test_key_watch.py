"""When profile is asked for its keys."""

import threading
import time

import pytest

from services.chassis.errors import Unavailable
from services.chassis.rpc.key_watch import KeyWatch
from services.chassis.rpc.keys import Keys
from tests.contract.tokens import KEY, publish

RAW = {"of-the-tests": KEY.public_key().public_bytes_raw()}


class Profile:
    """Notes when it was asked."""

    def __init__(self):
        self.asked = []
        self.away = False

    def __call__(self):
        self.asked.append(time.monotonic())
        if self.away:
            raise Unavailable("profile is away")
        return RAW


@pytest.fixture
def profile():
    return Profile()


@pytest.fixture
def watch(profile):
    """`watch(keys, pause)` starts one, ended with the test."""
    stop, threads = threading.Event(), []

    def start(keys, pause):
        threads.append(threading.Thread(target=KeyWatch(keys, profile, pause).run, args=(stop,)))
        threads[-1].start()

    yield start
    stop.set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def _until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_without_a_file_profile_is_asked_at_once(tmp_path, profile, watch):
    keys = Keys(tmp_path / "none.json")
    watch(keys, 0.05)
    _until(lambda: not keys.empty)
    assert keys.find("of-the-tests") is not None
    assert len(profile.asked) == 1


def test_with_one_it_is_not(tmp_path, profile, watch):
    publish(tmp_path / "jwks.json")
    keys = Keys(tmp_path / "jwks.json")
    watch(keys, 0.05)
    _until(lambda: not keys.empty)
    assert keys.find("of-the-tests") is not None
    assert profile.asked == []


def test_however_often_an_unknown_key_is_met_it_is_asked_for_once_a_pause(tmp_path, profile, watch):
    publish(tmp_path / "jwks.json")
    keys = Keys(tmp_path / "jwks.json")
    watch(keys, 0.3)

    def three_questions():
        assert keys.find("strange") is None
        return len(profile.asked) >= 3

    _until(three_questions)
    assert profile.asked[1] - profile.asked[0] >= 0.3
    assert profile.asked[2] - profile.asked[1] >= 0.3


def test_it_asks_until_profile_answers(tmp_path, profile, watch):
    profile.away = True
    keys = Keys(tmp_path / "none.json")
    watch(keys, 0.02)
    _until(lambda: len(profile.asked) >= 3)
    assert keys.empty
    profile.away = False
    _until(lambda: not keys.empty)


def test_what_was_learned_anew_is_news_only_where_it_is_other(tmp_path):
    keys = Keys(tmp_path / "none.json")
    keys.learn(RAW)
    known = keys.generation
    keys.learn(dict(RAW))
    assert keys.generation == known
    keys.learn({})
    assert keys.generation == known + 1
    assert keys.empty
    with pytest.raises(ValueError):
        keys.learn({"x": b"short"})


def test_a_file_that_comes_later_replaces_what_was_learned(tmp_path):
    keys = Keys(tmp_path / "jwks.json")
    keys.learn({"gone": RAW["of-the-tests"]})
    assert keys.find("gone") is not None
    publish(tmp_path / "jwks.json")
    assert keys.find("of-the-tests") is not None
    assert keys.find("gone") is None
