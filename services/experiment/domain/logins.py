"""As whom a user's processes log in."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from services.experiment.domain.facts import ComputeResource


def for_groups(resource: ComputeResource, groups: Collection[str]) -> ComputeResource:
    """The compute resource with the login of the first preference whose group is one of `groups`, else with its own."""
    for preference in resource.login_preferences:
        if preference.group in groups:
            return replace(
                resource,
                login=preference.login,
                credential_id=preference.credential_id or resource.credential_id,
                scratch=preference.scratch or resource.scratch,
            )
    return resource
