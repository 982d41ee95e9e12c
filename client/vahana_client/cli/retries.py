"""The YAML form of retry policies: task types, each with its bounds; times in seconds.

retries:
  data-staging-in: {max_attempts: 5, total_budget: 3600}
  job-submission:
    by_condition:
      - {condition_codes: [HOST_UNREACHABLE], max_attempts: 3}
"""

from __future__ import annotations

from typing import Any

from google.protobuf.json_format import ParseDict, ParseError

from vahana.event.v1 import state_pb2, task_pb2
from vahana.experiment.v1 import experiment_pb2 as pb

_TIMES = ("initial_backoff", "max_backoff", "blocked_budget", "total_budget")


def task_retries(data: object, faults: list[tuple[str, str]]) -> list[pb.TaskRetry]:
    """Reads the mapping; what cannot be read goes to `faults`."""
    if not isinstance(data, dict):
        faults.append(("retries", "must be a mapping of task types to their bounds"))
        return []
    return [found for name, bounds in data.items() if (found := _retry(str(name), bounds, faults)) is not None]


def _retry(name: str, bounds: object, faults: list[tuple[str, str]]) -> pb.TaskRetry | None:
    kind = f"TASK_TYPE_{name.upper().replace('-', '_')}"
    if kind not in state_pb2.TaskType.keys():  # noqa: SIM118
        types = (each.removeprefix("TASK_TYPE_").lower().replace("_", "-") for each in state_pb2.TaskType.keys()[1:])
        faults.append((f"retries.{name}", f"is no type of task; there are {', '.join(types)}"))
        return None
    try:
        policy = ParseDict(_shaped(bounds), task_pb2.RetryPolicy())
    except (ParseError, ValueError, TypeError) as error:
        faults.append((f"retries.{name}", str(error).splitlines()[0].split(" Available Fields")[0]))
        return None
    return pb.TaskRetry(task_type=state_pb2.TaskType.Value(kind), retry=policy)


def _shaped(bounds: object) -> dict[str, Any]:
    """As protobuf's JSON has it: times with their unit, condition codes by their whole names."""
    if not isinstance(bounds, dict):
        raise ParseError("must be a mapping of bounds")
    shaped = {name: f"{value}s" if name in _TIMES and _number(value) else value for name, value in bounds.items()}
    if "by_condition" in shaped:
        shaped["by_condition"] = [_shaped(each) for each in shaped["by_condition"]]
    if "condition_codes" in shaped:
        shaped["condition_codes"] = [f"CONDITION_CODE_{each}" for each in shaped["condition_codes"]]
    return shaped


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
