"""What the gateway adds to a call."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench.figures import Figure, Goal, median
from vahana.experiment.v1 import experiment_pb2
from vahana_client.connection import Connection

CALLS = 600
_WARM_UP = 50


def gateway(through: Connection, direct: Connection, experiment_id: str) -> Iterator[Figure]:
    """GetExperiment through the gateway and straight from its service, in turns, so that both meet the same noise."""
    request = experiment_pb2.GetExperimentRequest(experiment_id=experiment_id)

    def one(connection: Connection) -> float:
        began = time.perf_counter()
        connection.experiments.GetExperiment(request)
        return (time.perf_counter() - began) * 1000

    pairs = [(one(through), one(direct)) for _ in range(_WARM_UP + CALLS)][_WARM_UP:]
    longer, shorter = median([pair[0] for pair in pairs]), median([pair[1] for pair in pairs])
    yield Figure("gateway_added_p50_ms", longer - shorter, "ms", Goal(1.5))
    yield Figure("gateway_ratio", longer / shorter, "", Goal(1.6))
