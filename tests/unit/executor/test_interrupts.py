"""The wish that work be ended: told at once, whatever the cutting off takes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import paramiko
import pytest

from services.executor.channels.interruptible import InterruptibleChannel
from services.executor.channels.ssh.session import SshSession
from services.executor.interrupts import Interrupt, Interrupted


def test_whoever_tells_does_not_wait_for_the_cuts() -> None:
    interrupt = Interrupt()
    began, let_go, made = threading.Event(), threading.Event(), threading.Event()

    def cut() -> None:
        began.set()
        let_go.wait(20)
        made.set()

    with interrupt.cutting(cut):
        interrupt.tell()
        assert interrupt.told
        assert not made.is_set()
        assert began.wait(10)
        let_go.set()
        assert made.wait(10)


def test_a_cut_that_fails_hurts_nobody_and_keeps_no_other_from_being_made() -> None:
    interrupt, made = Interrupt(), threading.Event()

    def fail() -> None:
        raise paramiko.SSHException("Key-exchange timed out waiting for key negotiation")

    with interrupt.cutting(fail), interrupt.cutting(made.set):
        interrupt.tell()
        assert made.wait(10)
        interrupt.tell()


def test_nothing_is_begun_after_it_was_told() -> None:
    interrupt = Interrupt()
    interrupt.tell()
    with pytest.raises(Interrupted), interrupt.cutting(lambda: None):
        pytest.fail("nothing is to be begun")


def test_what_is_over_is_not_cut_off() -> None:
    interrupt, over, cut = Interrupt(), threading.Event(), threading.Event()
    with interrupt.cutting(lambda: over.wait(20)):
        with interrupt.cutting(cut.set):
            interrupt.tell()
        over.set()
        for thread in [each for each in threading.enumerate() if each.name == "cut"]:
            thread.join(20)
    assert not cut.is_set()


class Stream:
    """A stream that says what becomes of it."""

    def __init__(self, at_begin: Any) -> None:
        self.at_begin, self.aborted = at_begin, threading.Event()

    @property
    def site(self) -> None:
        return None

    @contextmanager
    def open(self, script: str, arguments: object = (), **_: object) -> Iterator["Stream"]:
        self.at_begin()
        yield self

    def read_line(self) -> str:
        return "need"

    def abort(self) -> None:
        self.aborted.set()


@pytest.mark.parametrize("told", ["while it begins", "before it goes on"])
def test_who_sees_it_before_the_cut_is_made_cuts_off_too(told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", lambda self: None)
    interrupt = Interrupt()
    given = Stream(interrupt.tell if told == "while it begins" else lambda: None)

    def work() -> None:
        with InterruptibleChannel(given, interrupt).open("script") as stream:
            interrupt.tell()
            stream.read_line()

    with pytest.raises(Interrupted):
        work()
    assert given.aborted.is_set()


def test_a_session_that_cannot_be_closed_is_given_up() -> None:
    class Channel:
        def close(self) -> None:
            raise paramiko.SSHException("Key-exchange timed out waiting for key negotiation")

    SshSession(Channel()).close()  # type: ignore[arg-type]
