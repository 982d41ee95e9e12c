"""Where the services reach for clocks, threads and dice of their own, and are given the kernel's."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from unittest import mock

import structlog

from services.chassis import clock, consume, incarnations, relay
from services.executor import dispatcher, hosts, interrupts, roster, watcher, workers
from services.executor.domain import breaker
from services.experiment.handlers import intents
from tests.simulation.kernel import SECOND, Instance, Kernel
from tests.simulation.parts import Pool

_LOOK = 4.0
"""Hosts are seldom in trouble, and looking is dear; what an executor itself has seen of one wakes it all the same."""
_HANGING = 1
"""More turns seldom hang at once where each executor has so few."""


@contextmanager
def seams(kernel: Kernel, complaints: list[str]) -> Iterator[None]:
    """Have the services run by this kernel. What they log as an error, which nothing that is played here justifies, is
    put into `complaints`.
    """

    def keep(_logger: object, _method: str, event: dict[str, object]) -> str:
        complaints.append(f"logged: {event}, {sys.exc_info()[1]!r}")
        raise structlog.DropEvent

    def now() -> int:
        return kernel.now_us

    time = SimpleNamespace(monotonic=lambda: kernel.now_us / SECOND)
    cuts = SimpleNamespace(Lock=threading.Lock, Thread=_thread(kernel))
    given = [
        (clock, "now_us", now), (intents, "now_us", now),
        (consume, "time", time), (consume, "random", kernel.dice),
        (incarnations, "time", time), (relay, "time", time), (dispatcher, "time", time), (roster, "time", time),
        (watcher, "time", time), (hosts, "time", time), (hosts, "random", kernel.dice),
        (hosts, "LOOK_SECONDS", _LOOK), (breaker, "HANGING", _HANGING), (interrupts, "threading", cuts),
    ]  # fmt: skip
    before = structlog.get_config()
    structlog.configure(processors=[keep], wrapper_class=structlog.make_filtering_bound_logger(40))
    try:
        with ExitStack() as stack:
            for module, name, value in given:
                stack.enter_context(mock.patch.object(module, name, value))
            yield
    finally:
        structlog.configure(**before)


@contextmanager
def pools(kernel: Kernel, instance: Instance) -> Iterator[None]:
    """Have the pools of threads that are made in the block work as threads of an instance."""

    def pool(*_: object) -> Pool:
        return Pool(kernel, instance)

    with (
        mock.patch.object(workers, "ThreadPoolExecutor", pool),
        mock.patch.object(watcher, "ThreadPoolExecutor", pool),
        mock.patch.object(hosts, "ThreadPoolExecutor", pool),
    ):
        yield


def _thread(kernel: Kernel) -> Callable[..., SimpleNamespace]:
    """A class of threads of one turn, of the instance that starts them."""

    def make(
        target: Callable[..., None], args: tuple[object, ...] = (), name: str = "", **_: object
    ) -> SimpleNamespace:
        return SimpleNamespace(start=lambda: kernel.spawn(kernel.here(), name, lambda: target(*args)))

    return make
