"""How many unknown callers are looked at, by where they come from."""

import asyncio
import time
from types import SimpleNamespace

import pytest

from services.chassis.errors import LimitExceeded, NotAllowed, Refusal, TokenInvalid, Unavailable
from services.chassis.rpc.auth import Undecided
from services.gateway.callers import Callers
from services.gateway.exchange import Exchanges
from services.gateway.settings import GatewaySettings
from tests.unit.gateway.test_exchange import Profile, Refused

BAD, GOOD = "ipv4:10.0.0.1", "ipv4:10.0.0.2"


class SlowForSome(Profile):
    """Knows tokens that begin with "good"; the answers to all others are let go by the test."""

    async def __call__(self, token):
        if token.startswith("good"):
            return await super().__call__(token)
        self.asked.append(token)
        await self.hold.wait()
        raise Refused(TokenInvalid())

    def __init__(self):
        super().__init__()
        self.hold = asyncio.Event()


class World:
    """Callers at a gateway that has seen no token yet."""

    def __init__(self, **settings):
        self.profile = SlowForSome()
        verifier = SimpleNamespace(remembered=lambda _digest: None)
        settings = GatewaySettings(failed_rate_per_second=0.001, **settings)
        self.callers = Callers(settings, verifier, Exchanges(self.profile))

    async def call(self, token, address):
        """The identity, or the refusal."""
        try:
            try:
                return self.callers.verify(token)
            except Undecided as undecided:
                return await undecided.decide(SimpleNamespace(peer=lambda: f"{address}:{time.monotonic_ns()}"))
        except Refusal as refusal:
            return refusal

    async def begin(self, tokens, address):
        """Calls that wait for profile."""
        calls = [asyncio.create_task(self.call(token, address)) for token in tokens]
        for _ in range(5):
            await asyncio.sleep(0)
        return calls


def test_hundreds_of_bad_tokens_at_once_keep_no_good_one_out():
    async def scenario():
        world = World(failed_rate_burst=10_000)
        calls = await world.begin([f"bad-{number}" for number in range(520)], BAD)
        assert len(world.profile.asked) == 20
        assert (await world.call("good", GOOD)).subject == "ada"
        world.profile.hold.set()
        answers = await asyncio.gather(*calls)
        assert [type(each) for each in answers] == [TokenInvalid] * 20 + [LimitExceeded] * 500

    asyncio.run(scenario())


def test_those_under_way_count_as_failures():
    async def scenario():
        world = World(failed_rate_burst=5)
        calls = await world.begin([f"bad-{number % 2}" for number in range(8)], BAD)
        assert len(world.profile.asked) == 2
        assert sum(call.done() for call in calls) == 3
        world.profile.hold.set()
        answers = await asyncio.gather(*calls)
        assert [type(each) for each in answers] == [TokenInvalid] * 5 + [LimitExceeded] * 3
        assert isinstance(await world.call("good", BAD), LimitExceeded)
        assert (await world.call("good", GOOD)).subject == "ada"

    asyncio.run(scenario())


@pytest.mark.parametrize("outcome", [None, Unavailable("its database"), LimitExceeded("busy")])
def test_good_tokens_and_a_profile_away_are_no_failures(outcome):
    async def scenario():
        world = World(failed_rate_burst=2)
        world.profile.refusal = Refused(outcome) if outcome else None
        for number in range(10):
            answer = await world.call(f"good-{number}", GOOD)
            assert isinstance(answer, Unavailable) if outcome else answer.subject == "ada"

    asyncio.run(scenario())


def test_who_does_not_wait_for_the_answer_has_failed():
    async def scenario():
        world = World(failed_rate_burst=3)
        for call in await world.begin(["bad-1", "bad-2", "bad-3"], BAD):
            call.cancel()
            await asyncio.wait([call])
        assert isinstance(await world.call("bad-4", BAD), LimitExceeded)

    asyncio.run(scenario())


def test_who_is_known_to_be_disabled_has_failed_too():
    async def scenario():
        world = World(failed_rate_burst=3)
        world.profile.refusal = Refused(NotAllowed("the user is disabled"))
        answers = [await world.call("good", BAD) for _ in range(4)]
        assert [type(each) for each in answers] == [NotAllowed] * 3 + [LimitExceeded]

    asyncio.run(scenario())
