"""Figures of the bench: what a goal means, and what is kept of a figure."""

import json
from pathlib import Path

from bench import report
from bench.figures import Figure, Goal, Peer, percentile


def test_a_percentile_is_a_value_that_was_seen() -> None:
    values = [float(value) for value in range(1, 101)]
    assert [percentile(values, percent) for percent in (1, 50, 95, 99, 100)] == [1, 50, 95, 99, 100]
    assert percentile([3.0, 1.0, 2.0], 99) == 3.0


def test_a_goal_is_kept_from_its_side() -> None:
    assert Figure("a", 10.0, "s", Goal(10)).holds is True
    assert Figure("a", 10.1, "s", Goal(10)).holds is False
    assert Figure("a", 9.9, "1/s", Goal(10, at_least=True)).holds is False
    assert Figure("a", 1.0, "s").holds is None


def test_each_figure_is_a_line_that_programs_read(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    report.append([Figure("a", 2.0, "ms", Goal(3), Peer("other", 4.0))], seed=7, started_at="then", path=file)
    report.append([Figure("b", 1.0, "s")], seed=7, started_at="then", path=file)
    first, second = map(json.loads, file.read_text().splitlines())
    assert first == {
        "name": "a", "value": 2.0, "unit": "ms", "goal": 3, "holds": True, "peer": "other", "peer_value": 4.0,
        "ratio": 0.5, "seed": 7, "started_at": "then",
    }  # fmt: skip
    assert (second["goal"], second["holds"], second["peer"], second["ratio"]) == (None, None, None, None)
