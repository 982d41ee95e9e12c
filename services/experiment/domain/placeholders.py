"""What stands in braces in a deployment: the values of inputs, and what the job is asked for.

`{inputs.NAME}` and `{resources.NAME}` are replaced, `{{` and `}}` stand for a brace. A replaced text is never read
again.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TypeAlias

from services.experiment.domain.facts import JobResources

_BRACES = re.compile(r"\{\{|\}\}|\{(inputs|resources)\.([A-Za-z][A-Za-z0-9_]*)\}|[{}]")
_RESOURCE = re.compile(r"\{resources\.([a-z_]+)\}")

Amounts: TypeAlias = "Mapping[str, str | None]"
"""The text of each resource; None where nothing says how much and the job manager can't decide it."""
Texts: TypeAlias = "Mapping[str, Amounts]"
"""The same of what may be named here: "inputs", "resources" or both."""


class PlaceholderError(ValueError):
    """A word of a deployment holds a brace that is no placeholder, or names nothing there is."""


class UnknownAmount(ValueError):  # noqa: N818 - what is not known, not what went wrong
    """The deployment names a resource of which nothing says how much; `field` is its name in JobResources."""

    def __init__(self, field: str) -> None:
        """Say who could name it."""
        super().__init__(
            "the deployment's words need it, and neither the experiment nor the deployment says how much: "
            f"set resources.{field}"
        )
        self.field = field


def amounts(resources: JobResources) -> Amounts:
    """The text of each resource. Nodes and cores are one at least."""
    return {
        "batch_queue": resources.batch_queue,
        "allocation": resources.allocation,
        "node_count": str(resources.node_count or 1),
        "cpu_count": str(resources.cpu_count or 1),
        "memory_mib": str(resources.memory_mib) if resources.memory_mib else None,
        "wall_time": str(math.ceil(resources.wall_time_s)) if resources.wall_time_s else None,
        "gpu_count": str(resources.gpu_count),
    }


def render(word: str, texts: Texts) -> str:
    """`word` with its placeholders replaced. May raise PlaceholderError and UnknownAmount."""

    def replaced(match: re.Match[str]) -> str:
        if match[0] in ("{{", "}}"):
            return match[0][0]
        names = texts.get(match[1], {})
        if match[2] not in names:
            choices = ", ".join(f"{{{of}.{name}}}" for of, known in texts.items() for name in known) or "none there is"
            raise PlaceholderError(
                f"{word!r} holds {match[0]!r}, which stands for nothing here: write a lone brace twice, or a "
                f"placeholder of {choices}"
            )
        return _known(match[2], names[match[2]])

    return _BRACES.sub(replaced, word)


def render_value(value: str, known: Amounts) -> str:
    """A variable's value with the resources it names. Every other brace stays: values are full of them.

    May raise UnknownAmount.
    """
    return _RESOURCE.sub(lambda match: _known(match[1], known[match[1]]) if match[1] in known else match[0], value)


def _known(name: str, text: str | None) -> str:
    if text is None:
        raise UnknownAmount(name)
    return text
