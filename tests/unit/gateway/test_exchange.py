"""What the gateway asks profile, how often, and how long it remembers."""

import asyncio
import time

import grpc
import pytest

from services.chassis.errors import LimitExceeded, NotAllowed, TokenInvalid, Unavailable
from services.chassis.rpc.access_tokens import token_digest
from services.chassis.rpc.errors import code_of, to_trailer
from services.gateway import exchange
from services.gateway.exchange import Exchanges
from vahana.profile.v1 import identity_pb2

PLACE = "ipv4:10.0.0.1"


class Refused(grpc.RpcError):
    def __init__(self, refusal=None):
        super().__init__()
        self._refusal = refusal

    def code(self):
        return code_of(self._refusal) if self._refusal else grpc.StatusCode.UNAVAILABLE

    def trailing_metadata(self):
        return (to_trailer(self._refusal),) if self._refusal else ()


class Profile:
    """Answers when it is let, and counts."""

    def __init__(self):
        self.asked = []
        self.refusal = None
        self.seconds = 300.0
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self, token):
        self.asked.append(token)
        await self.go.wait()
        if self.refusal is not None:
            raise self.refusal
        caller = identity_pb2.Caller(subject="ada", tenant="default", roles=["admin"], scopes=["*"], token_id="t")
        answer = identity_pb2.ExchangeTokenResponse(access_token=f"access-{len(self.asked)}", caller=caller)
        answer.expire_time.FromNanoseconds(int((time.time() + self.seconds) * 1e9))
        return answer


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def profile():
    return Profile()


@pytest.fixture
def exchanges(profile, clock):
    return Exchanges(profile, clock)


def _known(exchanges, token="raw"):
    return exchanges.known(token_digest(token))


def test_an_outcome_is_used_for_a_minute(exchanges, profile, clock):
    async def scenario():
        entry = await exchanges.exchange("raw", PLACE)
        assert (entry.access_token, entry.identity.subject, entry.identity.token_id) == ("access-1", "ada", "t")
        assert 290 < entry.identity.end - time.time() <= 300
        clock.now += 59.9
        assert _known(exchanges) is entry
        clock.now += 0.1
        assert _known(exchanges) is None
        assert (await exchanges.exchange("raw", PLACE)).access_token == "access-2"

    asyncio.run(scenario())


def test_never_beyond_the_access_tokens_end(exchanges, profile, clock):
    profile.seconds = 10.0
    asyncio.run(exchanges.exchange("raw", PLACE))
    clock.now += 9
    assert _known(exchanges) is not None
    clock.now += 1.1
    assert _known(exchanges) is None


def test_one_question_for_all_who_wait(exchanges, profile):
    async def scenario():
        profile.go.clear()
        waiting = [asyncio.create_task(exchanges.exchange("raw", PLACE)) for _ in range(50)]
        other = asyncio.create_task(exchanges.exchange("other", PLACE))
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
        profile.go.set()
        answers = await asyncio.gather(*waiting[1:], other)
        assert len({id(answer) for answer in answers[:-1]}) == 1
        assert sorted(profile.asked) == ["other", "raw"]

    asyncio.run(scenario())


def test_all_who_waited_may_go(exchanges, profile):
    async def scenario():
        profile.go.clear()
        profile.refusal = Refused()
        waiting = asyncio.create_task(exchanges.exchange("raw", PLACE))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        profile.go.set()
        while exchanges._under_way:
            await asyncio.sleep(0)

    asyncio.run(scenario())


@pytest.mark.parametrize("refusal", [TokenInvalid(), NotAllowed("the user is disabled")])
def test_a_refusal_is_repeated_for_five_seconds(exchanges, profile, clock, refusal):
    profile.refusal = Refused(refusal)

    async def scenario():
        for _ in range(3):
            with pytest.raises(type(refusal), match=refusal.message):
                await exchanges.exchange("raw", PLACE)
            assert len(profile.asked) == 1
        clock.now += 5
        with pytest.raises(type(refusal)):
            await exchanges.exchange("raw", PLACE)
        assert len(profile.asked) == 2

    asyncio.run(scenario())


@pytest.mark.parametrize("refusal", [None, Unavailable("its database"), LimitExceeded("busy")])
def test_profile_away_is_told_and_not_remembered(exchanges, profile, refusal):
    profile.refusal = Refused(refusal)

    async def scenario():
        with pytest.raises(Unavailable, match="profile does not answer"):
            await exchanges.exchange("raw", PLACE)
        profile.refusal = None
        assert (await exchanges.exchange("raw", PLACE)).access_token == "access-2"

    asyncio.run(scenario())


def test_what_is_known_outlives_profile(exchanges, profile, clock):
    async def scenario():
        await exchanges.exchange("raw", PLACE)
        profile.refusal = Refused()
        clock.now += 30
        assert _known(exchanges) is not None

    asyncio.run(scenario())


def test_questions_at_once_are_bounded(exchanges, profile, monkeypatch):
    monkeypatch.setattr(exchange, "_AT_ONCE", 2)

    async def scenario():
        profile.go.clear()
        waiting = [asyncio.create_task(exchanges.exchange(f"raw-{number}", PLACE)) for number in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(LimitExceeded):
            await exchanges.exchange("raw-3", PLACE)
        profile.go.set()
        await asyncio.gather(*waiting)
        await exchanges.exchange("raw-3", PLACE)

    asyncio.run(scenario())


def test_an_address_has_a_few_of_them_at_once(exchanges, profile, monkeypatch):
    monkeypatch.setattr(exchange, "_AT_ONCE_EACH", 2)

    async def scenario():
        profile.go.clear()
        waiting = [asyncio.create_task(exchanges.exchange(f"raw-{number}", PLACE)) for number in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(LimitExceeded):
            await exchanges.exchange("raw-3", PLACE)
        waiting += [
            asyncio.create_task(exchanges.exchange("raw-0", PLACE)),
            asyncio.create_task(exchanges.exchange("raw-3", "ipv4:10.0.0.2")),
        ]
        await asyncio.sleep(0)
        profile.go.set()
        await asyncio.gather(*waiting)
        await exchanges.exchange("raw-4", PLACE)
        assert not exchanges._under_way_for

    asyncio.run(scenario())


def test_no_token_is_kept_in_the_clear(exchanges, profile):
    asyncio.run(exchanges.exchange("raw-and-secret", PLACE))
    profile.refusal = Refused(TokenInvalid())
    with pytest.raises(TokenInvalid):
        asyncio.run(exchanges.exchange("wrong-and-secret", PLACE))
    kept = [*exchanges._entries._kept, *exchanges._refusals._kept]
    assert len(kept) == 2
    assert all(isinstance(key, bytes) and len(key) == 32 for key in kept)
