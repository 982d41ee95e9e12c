from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.profile.domain.groups import MOST_LEVELS, HoldsItself, Member, MemberKind, TooDeep, check_nesting


def check(edges, group, member):
    """`edges`: pairs of a group and one that it holds."""
    return check_nesting(
        group,
        member,
        lambda names: frozenset(holder for holder, held in edges if held in names),
        lambda names: frozenset(held for holder, held in edges if holder in names),
    )


def chain(prefix, length):
    names = [f"{prefix}{number}" for number in range(length)]
    return names, set(pairwise(names))


def test_a_membership_is_named_by_group_and_member():
    member = Member("staff", MemberKind.USER, "ada@example.org", 5)
    assert (member.key, member.who) == ("staff/user:ada@example.org", "user:ada@example.org")
    assert Member("all", MemberKind.GROUP, "staff").key == "all/group:staff"


@pytest.mark.parametrize("member", ["a", "b", "c"])
def test_a_group_holds_neither_itself_nor_what_holds_it(member):
    edges = {("a", "b"), ("b", "c")}
    with pytest.raises(HoldsItself):
        check(edges, "c", member)
    check(edges, "c", "d")
    check(edges, "a", "c")


@pytest.mark.parametrize("above", range(1, MOST_LEVELS))
def test_the_longest_way_through_both_counts(above):
    upper, upper_edges = chain("u", above)
    for below, fits in ((MOST_LEVELS - above, True), (MOST_LEVELS - above + 1, False)):
        lower, lower_edges = chain("l", below)
        edges = upper_edges | lower_edges
        if fits:
            check(edges, upper[-1], lower[0])
        else:
            with pytest.raises(TooDeep):
                check(edges, upper[-1], lower[0])


def test_a_short_way_beside_a_long_one_does_not_hide_it():
    names, edges = chain("g", MOST_LEVELS)
    edges.add((names[0], names[-1]))
    with pytest.raises(TooDeep):
        check(edges, names[-1], "more")
    with pytest.raises(TooDeep):
        check(edges, "more", names[0])


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("abcdefgh")), max_size=40))
def test_whatever_is_let_in_there_is_never_a_circle(wanted):
    edges = set()
    for group, member in wanted:
        try:
            check(edges, group, member)
        except HoldsItself:
            continue
        edges.add((group, member))
    reached = {name: {name} for name in "abcdefgh"}
    for _ in "abcdefgh":
        for group, member in edges:
            reached[group] |= reached[member] - {group} | ({group} if group in reached[member] else set())
    assert all(group not in reached[member] for group, member in edges)
