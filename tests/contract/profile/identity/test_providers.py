"""IdentityProviderService over gRPC."""

import json

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from services.profile.__main__ import wire
from tests.contract.profile.provider import public_jwk
from vahana.profile.v1.identity_provider_pb2 import (
    CreateIdentityProviderRequest,
    DeleteIdentityProviderRequest,
    GetIdentityProviderRequest,
    IdentityProvider,
    ListIdentityProvidersRequest,
    UpdateIdentityProviderRequest,
)
from vahana.profile.v1.identity_provider_pb2_grpc import IdentityProviderServiceStub

INVALID = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
NOT_FOUND = (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
NOT_ALLOWED = (grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED")
TAKEN = (grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS")


def get(stub, name="campus"):
    return stub.GetIdentityProvider(GetIdentityProviderRequest(name=name)).identity_provider


def update(stub, mask, revision=0, **fields):
    sent = IdentityProvider(**{"name": "campus", **fields})
    request = UpdateIdentityProviderRequest(identity_provider=sent, update_mask={"paths": mask}, revision=revision)
    return stub.UpdateIdentityProvider(request).identity_provider


def test_a_provider_is_stored_as_sent(trust, providers, provider):
    stored = trust(algorithms=["ES256", "PS256"], user_claim="email", disabled=True)
    assert get(providers()) == stored
    assert (stored.issuer, stored.jwks_uri, list(stored.algorithms)) == (
        provider.issuer,
        provider.uri,
        ["ES256", "PS256"],
    )
    assert (stored.user_claim, stored.provision_users, stored.disabled, stored.revision) == ("email", True, True, 1)
    assert stored.create_time.seconds > 0


BROKEN = {
    "issuer": {"issuer": "vahana"},
    "algorithms[1]": {"algorithms": ["RS256", "HS256"]},
    "algorithms[0]": {"algorithms": ["none"]},
    "name": {"name": "Two Words"},
    "audience": {"audience": ""},
    "jwks": {"jwks": "{}", "jwks_uri": ""},
}


@pytest.mark.parametrize("field", BROKEN)
def test_a_rule_that_is_broken_is_told(trust, refused, field):
    with refused(*INVALID) as told:
        trust(**BROKEN[field])
    assert set(told.fields) == {f"identity_provider.{field}"}


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "http://id.example.org/keys",
        "http://127.0.0.1.example.org/keys",
        "ftp://127.0.0.1/keys",
        "file:///etc/passwd",
        "https://",
        "https:///keys",
        "https://user:password@id.example.org/keys",
        "https://id.example.org/keys#one",
        "https://id.example.org:99999/keys",
        "https://id.example.org:0/keys",
        "https://[::1/keys",
        "//id.example.org/keys",
        "keys",
    ],
)
def test_keys_are_fetched_safely_or_not_at_all(trust, refused, uri):
    with refused(*INVALID) as told:
        trust(jwks_uri=uri)
    assert set(told.fields) == {"identity_provider.jwks_uri"}


@pytest.mark.parametrize("uri", ["https://id.example.org/keys?a=b", "http://[::1]:8080/keys", "http://localhost/keys"])
def test_these_may_be_fetched(trust, uri):
    assert trust(jwks_uri=uri).jwks_uri == uri


@pytest.mark.parametrize(
    "uri",
    [
        "https://127.0.0.1/keys",
        "https://localhost/keys",
        "https://idp.localhost./keys",
        "https://10.1.2.3/keys",
        "https://169.254.169.254/latest",
        "https://100.64.0.1/keys",
        "https://[::1]/keys",
        "https://[fe80::1]/keys",
        "https://[::ffff:192.168.0.1]/keys",
        "https://2130706433/keys",
        "https://127.1/keys",
        "http://127.0.0.1:8080/keys",
        "http://localhost/keys",
    ],
)
def test_private_addresses_are_for_meshes_set_to_allow_them(serve, refused, uri):
    stub = serve(wire).stub(IdentityProviderServiceStub, "admin")
    provider = IdentityProvider(name="campus", issuer="https://id.example.org", audience="vahana", jwks_uri=uri)
    with refused(*INVALID) as told:
        stub.CreateIdentityProvider(CreateIdentityProviderRequest(identity_provider=provider))
    assert set(told.fields) == {"identity_provider.jwks_uri"}
    assert "VAHANA_PRIVATE_IDENTITY_PROVIDERS=true" in told.fields["identity_provider.jwks_uri"]
    provider.jwks_uri = "https://id.example.org/keys"
    stub.CreateIdentityProvider(CreateIdentityProviderRequest(identity_provider=provider))
    with refused(*INVALID):
        update(stub, ["jwks_uri"], jwks_uri=uri)


def test_a_provider_that_would_be_refused_now_can_still_be_disabled(serve, trust, profile):
    uri = trust().jwks_uri
    profile.stop()
    stub = serve(wire, private_identity_providers="false").stub(IdentityProviderServiceStub, "admin")
    assert update(stub, ["disabled", "jwks_uri"], disabled=True, jwks_uri=uri).disabled


def test_keys_are_fetched_or_given_and_not_both(trust, provider, refused):
    with refused(*INVALID) as told:
        trust(jwks=provider.jwks(), jwks_uri=provider.uri)
    assert set(told.fields) == {"identity_provider.jwks_uri"}


def test_a_private_key_is_refused_and_not_repeated(trust, provider, refused):
    secret = {**public_jwk(provider.keys["k1"], "k1"), "d": "c2VjcmV0LWNhbmFyeQ"}
    with refused(*INVALID) as told:
        trust(jwks=json.dumps({"keys": [secret]}))
    assert "keys[0] holds a secret" in told.fields["identity_provider.jwks"]
    assert "canary" not in told.message + str(told.fields)
    assert secret["d"] not in told.message


def test_a_name_and_an_issuer_are_taken_once(trust, other_tenant, refused):
    trust()
    with refused(*TAKEN) as told:
        trust(audience="another")
    assert "'campus'" in told.message
    with refused(*TAKEN) as told:
        trust(name="second")
    with refused(*TAKEN) as told:
        trust("other")
    assert "https://id.example.org for vahana" in told.message
    trust("other", audience="another")


def test_a_tenant_has_a_hundred_at_most(trust, refused):
    for number in range(100):
        trust(name=f"p{number}", audience=f"{number}", request_id=f"r-{number}")
    with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED"):
        trust()
    trust(name="p99", audience="99", request_id="r-99")


def test_a_repeat_gets_the_first_answer(trust, refused):
    assert trust(request_id="r-1") == trust(request_id="r-1")
    with refused(grpc.StatusCode.ABORTED, "REQUEST_ID_REUSED"):
        trust(request_id="r-1", audience="another")


def test_an_update_changes_what_its_mask_names(trust, providers, provider):
    trust()
    changed = update(providers(), ["algorithms", "disabled"], 1, algorithms=["ES384"], disabled=True, user_claim="x")
    assert (list(changed.algorithms), changed.disabled, changed.user_claim, changed.revision) == (
        ["ES384"],
        True,
        "",
        2,
    )
    changed = update(providers(), ["jwks", "jwks_uri"], jwks=provider.jwks())
    assert (changed.jwks, changed.jwks_uri, changed.revision) == (provider.jwks(), "", 3)
    assert get(providers()) == changed


def test_an_update_that_breaks_a_rule_changes_nothing(trust, providers, provider, refused):
    stored = trust()
    for mask, fields, told_of in (
        (["issuer"], {"issuer": "https://id.example.com"}, "update_mask"),
        (["name"], {}, "update_mask"),
        (["jwks_uri"], {"jwks_uri": ""}, "identity_provider.jwks_uri"),
        (["jwks"], {"jwks": provider.jwks()}, "identity_provider.jwks_uri"),
        (["algorithms"], {"algorithms": ["HS256"]}, "identity_provider.algorithms[0]"),
        (["user_claim"], {"user_claim": "two words"}, "identity_provider.user_claim"),
    ):
        with refused(*INVALID) as told:
            update(providers(), mask, **fields)
        assert set(told.fields) == {told_of}
    with refused(*INVALID) as told:
        update(providers(), ["disabled"], name="Two Words")
    assert set(told.fields) == {"identity_provider.name"}
    with refused(grpc.StatusCode.ABORTED, "STALE_REVISION"):
        update(providers(), ["disabled"], 2)
    assert get(providers()) == stored


def test_a_list_is_paged_by_name(trust, providers):
    for name in ("c", "a", "b"):
        trust(name=name, audience=name)
    first = providers().ListIdentityProviders(ListIdentityProvidersRequest(page_size=2))
    last = providers().ListIdentityProviders(
        ListIdentityProvidersRequest(page_size=2, page_token=first.next_page_token)
    )
    assert [[one.name for one in page.identity_providers] for page in (first, last)] == [["a", "b"], ["c"]]
    assert last.next_page_token == ""


def test_a_page_of_the_longest_key_sets_fits_a_message(trust, providers):
    key = public_jwk(rsa.generate_private_key(public_exponent=65537, key_size=2048), "k1")
    longest = json.dumps({"keys": [{**key, "x5c": ["A" * 64_000]}]})
    for number in range(60):
        trust(name=f"p{number:02}", audience=f"{number}", jwks=longest)
    first = providers().ListIdentityProviders(ListIdentityProvidersRequest(page_size=1000))
    rest = providers().ListIdentityProviders(
        ListIdentityProvidersRequest(page_size=1000, page_token=first.next_page_token)
    )
    assert len(first.identity_providers) + len(rest.identity_providers) == 60


def test_a_deleted_provider_is_not_found(trust, providers, refused):
    trust()
    providers().DeleteIdentityProvider(DeleteIdentityProviderRequest(name="campus"))
    for call in (
        lambda: get(providers()),
        lambda: update(providers(), ["disabled"]),
        lambda: providers().DeleteIdentityProvider(DeleteIdentityProviderRequest(name="campus")),
    ):
        with refused(*NOT_FOUND):
            call()


def test_another_tenant_sees_nothing(trust, providers, other_tenant, refused):
    trust()
    for call in (
        lambda: get(providers("other")),
        lambda: update(providers("other"), ["disabled"]),
        lambda: providers("other").DeleteIdentityProvider(DeleteIdentityProviderRequest(name="campus")),
    ):
        with refused(*NOT_FOUND):
            call()
    assert not providers("other").ListIdentityProviders(ListIdentityProvidersRequest()).identity_providers


@pytest.mark.parametrize("who", ["user", "executor"])
def test_administrators_alone_may(trust, providers, refused, who):
    trust()
    for call in (
        lambda: trust(who, name="second"),
        lambda: get(providers(who)),
        lambda: update(providers(who), ["disabled"]),
        lambda: providers(who).ListIdentityProviders(ListIdentityProvidersRequest()),
        lambda: providers(who).DeleteIdentityProvider(DeleteIdentityProviderRequest(name="campus")),
    ):
        with refused(*NOT_ALLOWED):
            call()
