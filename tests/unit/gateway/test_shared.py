"""One question and one watch for all who want to know the same."""

import asyncio

import pytest

from services.gateway.shared import SharedAnswer, SharedWatch


class Source:
    """A stream of what a test says; counts how often it was opened and closed."""

    def __init__(self):
        self.opened = self.closed = 0
        self.said = asyncio.Queue()

    async def follow(self):
        self.opened += 1
        try:
            while True:
                value = await self.said.get()
                if isinstance(value, Exception):
                    raise value
                yield value
        finally:
            self.closed += 1


async def _settle():
    for _ in range(5):
        await asyncio.sleep(0)


def test_listeners_share_one_stream_and_the_last_closes_it():
    async def scenario():
        source = Source()
        watch = SharedWatch(source.follow)
        listeners = [watch.values() for _ in range(3)]
        firsts = [asyncio.ensure_future(anext(each)) for each in listeners]
        source.said.put_nowait("one")
        assert await asyncio.gather(*firsts) == ["one"] * 3
        late = watch.values()
        assert await anext(late) == "one"
        seconds = [asyncio.ensure_future(anext(each)) for each in [*listeners, late]]
        await _settle()
        source.said.put_nowait("two")
        assert await asyncio.gather(*seconds) == ["two"] * 4
        for each in [*listeners, late]:
            assert (source.opened, source.closed) == (1, 0)
            await each.aclose()
        await _settle()
        assert (source.opened, source.closed, watch.listeners) == (1, 1, 0)

    asyncio.run(scenario())


def test_what_was_told_before_is_not_told_to_who_comes_after_all_have_gone():
    async def scenario():
        source = Source()
        watch = SharedWatch(source.follow)
        for value in ("one", "two"):
            listener = watch.values()
            first = asyncio.ensure_future(anext(listener))
            source.said.put_nowait(value)
            assert await first == value
            await listener.aclose()
            await _settle()
        assert (source.opened, source.closed) == (2, 2)

    asyncio.run(scenario())


def test_a_listener_that_gives_up_while_it_waits_takes_nothing_from_the_others():
    async def scenario():
        source = Source()
        watch = SharedWatch(source.follow)
        one, other = (asyncio.create_task(anext(watch.values())) for _ in range(2))
        await _settle()
        one.cancel()
        await asyncio.wait([one])
        source.said.put_nowait("told")
        assert await other == "told"

    asyncio.run(scenario())


def test_a_defect_reaches_all_listeners():
    async def scenario():
        source = Source()
        watch = SharedWatch(source.follow)
        waiting = [asyncio.create_task(anext(watch.values())) for _ in range(2)]
        await _settle()
        source.said.put_nowait(ZeroDivisionError())
        for each in waiting:
            with pytest.raises(ZeroDivisionError):
                await each
        after = asyncio.create_task(anext(watch.values()))
        source.said.put_nowait("well again")
        assert await after == "well again"

    asyncio.run(scenario())


def test_those_who_ask_at_the_same_time_get_one_answer():
    async def scenario():
        asked, go = [], asyncio.Event()

        async def ask():
            asked.append(len(asked))
            await go.wait()
            return asked[-1]

        answer = SharedAnswer(ask)
        waiting = [asyncio.create_task(answer.get()) for _ in range(5)]
        await _settle()
        waiting[0].cancel()
        go.set()
        assert await asyncio.gather(*waiting[1:]) == [0] * 4
        assert await answer.get() == 1

    asyncio.run(scenario())
