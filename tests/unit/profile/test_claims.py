"""The claims that make a login."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.profile.domain.claims import audiences, end_s, fault, issuer

NOW = 1_800_000_000
GOOD = {"iss": "https://id.example.org", "aud": "vahana", "sub": "248289", "iat": NOW - 10, "exp": NOW + 600}


def told(**changes):
    claims = {name: value for name, value in {**GOOD, **changes}.items() if value is not ...}
    return fault(claims, issued_by="https://id.example.org", audience="vahana", now_s=NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"aud": ["other", "vahana"]},
        {"exp": NOW + 0.5},
        {"iat": NOW + 30},
        {"nbf": NOW + 30},
        {"nbf": NOW - 5.5},
    ],
)
def test_a_good_login(changes):
    assert told(**changes) == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://id.example.org/"},
        {"iss": ...},
        {"iss": ["https://id.example.org"]},
        {"aud": "Vahana"},
        {"aud": ["other"]},
        {"aud": []},
        {"aud": {"vahana": 1}},
        {"aud": ...},
        {"sub": ""},
        {"sub": ...},
        {"sub": 7},
        {"sub": "a\0b"},
        {"sub": "\ud800"},
        {"sub": "s" * 256},
        {"exp": NOW},
        {"exp": ...},
        {"exp": None},
        {"exp": True},
        {"exp": str(NOW + 600)},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"exp": 10**400},
        {"iat": ...},
        {"iat": NOW + 31},
        {"iat": -1},
        {"nbf": NOW + 31},
        {"nbf": None},
        {"nbf": "soon"},
    ],
)
def test_no_login(changes):
    assert told(**changes)


@given(
    st.dictionaries(
        st.sampled_from([*GOOD, "nbf"]), st.none() | st.floats() | st.text() | st.integers() | st.lists(st.text())
    )
)
def test_any_claims_get_an_answer(claims):
    assert fault(claims, issued_by="i", audience="a", now_s=NOW) or (claims["iss"], claims["exp"] > NOW) == ("i", True)


def test_what_cannot_be_looked_up_is_left_out():
    assert audiences({"aud": ["a", 1, "b\0", "c"]}) == ["a", "c"]
    assert issuer({"iss": "\ud800"}) == ""
    assert end_s({"exp": 12.9}) == 12
