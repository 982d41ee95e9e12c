import pytest

from services.profile.domain import scopes, tokens
from services.profile.domain.tokens import ApiToken

PLAIN = tokens.compose("tok-1", "secret")


def token(**changed):
    known = {
        "tenant": "default",
        "token_id": "tok-1",
        "name": "laptop",
        "user": "ada",
        "scopes": frozenset({"*"}),
        "digest": tokens.digest(PLAIN),
        "create_time_us": 0,
        "expire_time_us": 100,
    }
    return ApiToken(**{**known, **changed})


def test_a_token_tells_its_id():
    assert PLAIN == "vht_tok-1_secret"
    assert tokens.id_of(PLAIN) == "tok-1"


@pytest.mark.parametrize(
    "text", ["", "vht_", "vht_tok-1", "vht_tok-1_", "vht__secret", "VHT_tok-1_secret", "eyJhbGciOi"]
)
def test_what_is_no_token_has_no_id(text):
    assert tokens.id_of(text) is None


def test_a_token_is_known_by_the_whole_of_it():
    assert token().made_from(PLAIN)
    for other in ("", PLAIN[:-1], PLAIN + "x", "vht_tok-2_secret", "\udcff"):
        assert not token().made_from(other)
    assert "digest" not in repr(token())


def test_a_token_lives_until_it_expires_or_is_revoked():
    assert token().live(99)
    assert not token().live(100)
    assert not token(revoke_time_us=50).live(1)


def test_ended_tokens_are_told_the_latest_first():
    made = [
        token(token_id="tok-1", expire_time_us=1),
        token(token_id="tok-2"),
        token(token_id="tok-3", revoke_time_us=1),
    ]
    assert [one.token_id for one in tokens.ended(made, 50)] == ["tok-3", "tok-1"]


@pytest.mark.parametrize(
    ("lifetime_us", "allowed"),
    [
        (1, True),
        (tokens.LONGEST_LIFETIME_US, True),
        (tokens.LONGEST_LIFETIME_US + 1, False),
        (0, False),
        (-1, False),
    ],
)
def test_a_lifetime_has_bounds(lifetime_us, allowed):
    assert (not list(tokens.lifetime_violations(lifetime_us))) == allowed


@pytest.mark.parametrize(
    ("own", "scope", "covered"),
    [
        ({"*"}, "*", True),
        ({"*"}, "registry:write", True),
        ({"registry:write"}, "registry:write", True),
        ({"registry:write"}, "registry:read", True),
        ({"registry:read"}, "registry:write", False),
        ({"registry:read"}, "experiment:read", False),
        ({"registry:write", "profile:write"}, "*", False),
        (set(), "registry:read", False),
    ],
)
def test_a_scope_is_covered_by_what_includes_it(own, scope, covered):
    assert scopes.covers(own, scope) == covered


def test_an_unknown_scope_is_named_by_its_place():
    found = list(scopes.violations(["*", "gateway:read", "registry:write", "registry"]))
    assert [one.field for one in found] == ["scopes[1]", "scopes[3]"]
    assert "'{service}:read'" in found[0].fault
    assert "registry" in found[0].fault
