"""Workflows of steps that do nothing, on DBOS: `python steps.py DATABASE_URL`, in an environment with requirements.txt.

Prints one JSON object: figures by name. The shape is that of bench.flow.waves, whose sizes come as arguments, as JSON.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
from dbos import DBOS


@DBOS.step()
def step(number: int) -> int:
    """Do nothing, durably."""
    return number


@DBOS.workflow()
def workflow(steps: int) -> int:
    """So many steps, one after the other."""
    for number in range(steps):
        step(number)
    return steps


def main(url: str, shape: dict[str, Any]) -> dict[str, float]:
    """Measure, in the same order as the flows it stands beside."""
    most = max(at_once for _, at_once in shape["waves"])
    DBOS(
        config={
            "name": "bench",
            "system_database_url": url,
            "log_level": "ERROR",
            "run_admin_server": False,
            "max_executor_threads": most,
        }
    )
    DBOS.launch()
    steps = shape["steps"]
    _wave(steps, 10, 5)
    taken = sorted(_timed(lambda: workflow(steps)) * 1000 for _ in range(shape["idle"]))
    found = {"idle_p50_ms": statistics.median(taken)}
    for count, at_once in shape["waves"]:
        before = psutil.Process().cpu_times()
        seconds = _timed(lambda count=count, at_once=at_once: _wave(steps, count, at_once))
        after = psutil.Process().cpu_times()
        cpu = after.user + after.system - before.user - before.system
        found[f"steps_per_second_at_{at_once}"] = count * steps / seconds
        found[f"cpu_ms_a_step_at_{at_once}"] = cpu * 1000 / count / steps
    return found


def _wave(steps: int, count: int, at_once: int) -> None:
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(lambda _: DBOS.start_workflow(workflow, steps).get_result(), range(count)))


def _timed(call: Any) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], json.loads(sys.argv[2]))), flush=True)
    # Its threads would keep the process for a while.
    os._exit(0)
