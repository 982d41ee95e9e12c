"""How a service comes by the token it calls its peers with."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.chassis.errors import Unavailable
from services.chassis.rpc import client
from services.chassis.rpc.access import AccessToken, FileToken
from tests.contract import exchange
from tests.contract.conftest import IDENTITIES
from tests.contract.tokens import minted
from vahana.profile.v1 import tenant_pb2, tenant_pb2_grpc


class Clock:
    def __init__(self):
        self.ahead = 0.0

    def __call__(self):
        return time.time() + self.ahead


class Profile:
    """The stand-in, which can be taken down and brought back."""

    def __init__(self):
        self.exchange = exchange.Exchange(IDENTITIES)
        self.server, self.address = exchange.serve(self.exchange)

    @property
    def asked(self):
        return len(self.exchange.asked)

    def down(self):
        self.server.stop(0).wait()

    def up(self):
        self.server, _ = exchange.serve(self.exchange, self.address)


@pytest.fixture
def profile():
    made = Profile()
    yield made
    made.exchange.wait.set()
    made.down()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def own(tmp_path):
    (tmp_path / "own").write_text("token-executor\n")
    return tmp_path / "own"


@pytest.fixture
def token(profile, own, clock):
    channel = client.bare_channel(profile.address)
    yield AccessToken(FileToken(own), channel, clock)
    channel.close()


def test_a_token_is_kept_until_a_minute_before_its_end(token, profile, clock):
    first = token.get()
    clock.ahead = 238
    assert token.get() == first
    assert profile.asked == 1
    clock.ahead = 241
    assert token.get() != first
    assert profile.asked == 2


def test_one_exchange_for_all_who_need_it(token, profile):
    profile.exchange.wait.clear()
    with ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(token.get) for _ in range(20)]
        _until(lambda: profile.asked)
        profile.exchange.wait.set()
        assert len({each.result(10) for each in asked}) == 1
    assert profile.asked == 1


def test_while_one_replaces_it_the_others_use_what_they_have(token, profile, clock):
    first = token.get()
    clock.ahead = 250
    profile.exchange.wait.clear()
    with ThreadPoolExecutor(1) as pool:
        replacing = pool.submit(token.get)
        _until(lambda: profile.asked == 2)
        assert [token.get() for _ in range(5)] == [first] * 5
        profile.exchange.wait.set()
        assert replacing.result(10) != first


def test_without_profile_it_serves_to_its_end_and_no_longer(token, profile, clock):
    first = token.get()
    profile.down()
    clock.ahead = 290
    assert token.get() == first
    clock.ahead = 301
    with pytest.raises(Unavailable, match="profile does not answer"):
        token.get()
    profile.up()
    _until(lambda: _get(token) not in ("", first))


def test_those_who_wait_fail_together(token, profile):
    profile.down()
    began = time.monotonic()
    with ThreadPoolExecutor(10) as pool:
        outcomes = [pool.submit(token.get) for _ in range(10)]
        assert all(isinstance(each.exception(30), Unavailable) for each in outcomes)
    assert time.monotonic() - began < 10


def test_profile_does_not_know_us(token, own):
    own.write_text("token-stranger")
    with pytest.raises(Unavailable, match="refuses our token") as caught:
        token.get()
    assert "stranger" not in caught.value.message
    own.write_text("token-executor")
    assert token.get()


def test_without_a_token_of_our_own(token, own):
    own.unlink()
    with pytest.raises(Unavailable, match="no token"):
        token.get()


def test_one_that_a_peer_refuses_is_replaced(token, profile, clock):
    first = token.get()
    token.refused(first)
    assert token.get() == first, "it is so new that the peer may not know its key yet"
    clock.ahead = 2
    token.refused("another")
    assert token.get() == first
    token.refused(first)
    assert token.get() != first
    assert profile.asked == 2


def test_a_peer_is_shown_the_access_token_alone(probe, token, profile):
    with client.channel(probe.address, token, service="probe") as channel, client.translate("probe"):
        stub = tenant_pb2_grpc.TenantServiceStub(channel)
        for _ in range(3):
            answer = stub.GetTenant(tenant_pb2.GetTenantRequest(), metadata=client.call_metadata("physics"))
            assert answer.tenant.name == "physics"
    assert profile.asked == 1


def test_a_service_asks_for_its_peers_by_name(probe, monkeypatch):
    assert probe.chassis.settings.token_file.name == "probe"
    probe.chassis.settings.token_file.write_text("token-executor")
    own = probe.chassis.settings.model_copy(update={"registry_address": probe.address})
    monkeypatch.setattr(probe.chassis, "settings", own)
    stub = tenant_pb2_grpc.TenantServiceStub(probe.chassis.peer("registry"))
    answer = stub.GetTenant(tenant_pb2.GetTenantRequest(), metadata=client.call_metadata("physics"))
    assert answer.tenant.display_name.startswith("executor|")


def test_a_peer_cannot_be_called_without_one(probe, profile, token):
    profile.down()
    with (
        client.channel(probe.address, token, service="probe") as channel,
        pytest.raises(Unavailable, match="probe cannot be called"),
        client.translate("probe"),
    ):
        tenant_pb2_grpc.TenantServiceStub(channel).GetTenant(tenant_pb2.GetTenantRequest())


def test_refused_by_a_peer_the_next_call_has_another(probe, profile, own, clock):
    """As when profile was set up anew, with other keys."""
    strangers = [minted("executor", "", ["service"], aud="elsewhere"), minted("executor", "", ["service"])]
    ended = threading.Event()

    class Token(FileToken):
        def get(self):
            return strangers[0]

        def refused(self, token):
            strangers.remove(token)
            ended.set()

    with client.channel(probe.address, Token(own), service="probe") as channel:
        stub = tenant_pb2_grpc.TenantServiceStub(channel)
        with pytest.raises(Unavailable), client.translate("probe"):
            stub.GetTenant(tenant_pb2.GetTenantRequest())
        assert ended.wait(10)
        assert stub.GetTenant(tenant_pb2.GetTenantRequest(), timeout=10).tenant.name == ""


def _get(token):
    try:
        return token.get()
    except Unavailable:
        return ""


def _until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
