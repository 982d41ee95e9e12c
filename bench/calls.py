"""What the gateway adds to a call."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench.figures import Figure, Goal, median
from vahana.experiment.v1 import experiment_pb2
from vahana_client.connection import Connection

ROUNDS = 6
CALLS = 300
"""In a round."""
_WARM_UP = 50


def gateway(through: Connection, direct: Connection, experiment_id: str) -> Iterator[Figure]:
    """GetExperiment through the gateway and straight from its service, in turns, so that both meet the same noise.

    The figures are those of the round in which the machine was least disturbed, told by the direct calls.
    """
    request = experiment_pb2.GetExperimentRequest(experiment_id=experiment_id)

    def one(connection: Connection) -> float:
        began = time.perf_counter()
        connection.experiments.GetExperiment(request)
        return (time.perf_counter() - began) * 1000

    def medians(count: int) -> tuple[float, float]:
        pairs = [(one(direct), one(through)) for _ in range(count)]
        return median([pair[0] for pair in pairs]), median([pair[1] for pair in pairs])

    medians(_WARM_UP)
    shorter, longer = min(medians(CALLS) for _ in range(ROUNDS))
    yield Figure("gateway_added_p50_ms", longer - shorter, "ms", Goal(1.5))
    yield Figure("gateway_ratio", longer / shorter, "", Goal(1.6))
