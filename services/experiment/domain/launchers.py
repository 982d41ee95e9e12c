"""What starts a program that spreads over nodes: the words before it on the command line."""

from __future__ import annotations

from services.experiment.domain.facts import Deployment, JobResources, Parallelism
from services.experiment.domain.placeholders import amounts, render


def launcher_words(deployment: Deployment, resources: JobResources) -> tuple[str, ...]:
    """The launcher's words with the resources they name; none but for MPI.

    May raise PlaceholderError and UnknownAmount.
    """
    if deployment.parallelism is not Parallelism.MPI:
        return ()
    texts = {"resources": amounts(resources)}
    return tuple(render(word, texts) for word in deployment.launcher)
