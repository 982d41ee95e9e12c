"""Timers work when it is time or when they are woken, and never spin."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from services.chassis import timers
from services.chassis.errors import Unavailable
from services.chassis.timers import Timer

LONG = 600.0


@contextmanager
def running(timer: Timer) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=timer.run, args=(stop,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        timer.wake()
        thread.join(10)
        assert not thread.is_alive()


class Work:
    """Counts its calls, and answers from a list; the last answer stays."""

    def __init__(self, *answers: float | Exception) -> None:
        self.answers, self.calls, self.called = list(answers), 0, threading.Condition()

    def __call__(self) -> float:
        with self.called:
            answer = self.answers[min(self.calls, len(self.answers) - 1)]
            self.calls += 1
            self.called.notify_all()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def wait_for(self, calls: int) -> None:
        with self.called:
            assert self.called.wait_for(lambda: self.calls >= calls, 10)


def test_work_left_is_done_at_once_and_then_waited_for() -> None:
    work = Work(0.0, 0.0, LONG)
    with running(Timer("t", work)):
        work.wait_for(3)
    assert 3 <= work.calls <= 4


def test_a_wake_up_comes_before_its_time() -> None:
    work = Work(LONG)
    timer = Timer("t", work)
    with running(timer):
        work.wait_for(1)
        timer.wake()
        work.wait_for(2)


def test_an_outage_is_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timers, "_OUTAGE_PAUSE", 0.01)
    work = Work(Unavailable("no database"), Unavailable("no database"), LONG)
    with running(Timer("t", work)):
        work.wait_for(3)
