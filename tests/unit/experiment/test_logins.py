"""As whom processes log in."""

from dataclasses import replace

import pytest

from services.experiment.domain import logins
from services.experiment.domain.facts import LoginPreference

PREFERENCES = (
    LoginPreference("chemists", "chem", "cred-chem", "/scratch/chem"),
    LoginPreference("physicists", "phys"),
)


@pytest.mark.parametrize(
    ("groups", "login"),
    [
        ((), ("ada", "cred-1", "/scratch/ada")),
        (("biologists",), ("ada", "cred-1", "/scratch/ada")),
        (("physicists",), ("phys", "cred-1", "/scratch/ada")),
        (("physicists", "chemists"), ("chem", "cred-chem", "/scratch/chem")),
    ],
)
def test_the_first_preference_of_a_group_counts(host, groups, login):
    found = logins.for_groups(replace(host, login_preferences=PREFERENCES), frozenset(groups))
    assert (found.login, found.credential_id, found.scratch) == login
    assert (found.address, found.host_keys) == (host.address, host.host_keys)
