"""Where figures go: a table for people, a line of JSON each for programs. Nothing else prints."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from bench.figures import Figure

RESULTS = Path(__file__).with_name("results.jsonl")

_FILE_WIDTH = 120
_TITLES = ("figure", "value", "unit", "goal", "holds", "peer", "ratio")

_console = Console(width=None if sys.stdout.isatty() else _FILE_WIDTH)
_progress = Console(stderr=True)


def progress(what: str) -> None:
    """Say what is being done now."""
    _progress.print(f"bench: {what}", style="dim")


def table(figures: Sequence[Figure]) -> None:
    """Print all figures."""
    shown = Table(*(Column(title, no_wrap=title != "peer") for title in _TITLES))
    for figure in figures:
        shown.add_row(
            figure.name,
            f"{figure.value:.3g}" if figure.value < 100 else f"{figure.value:.0f}",
            figure.unit,
            "" if figure.goal is None else str(figure.goal),
            {None: "", True: "yes", False: "[red]no[/red]"}[figure.holds],
            "" if figure.peer is None else f"{figure.peer.name}: {figure.peer.value:.3g}",
            "" if figure.ratio is None else f"{figure.ratio:.2f}",
        )
    _console.print(shown)


def append(figures: Sequence[Figure], *, seed: int, started_at: str, path: Path = RESULTS) -> None:
    """Add a line for each figure to the results kept so far."""
    with path.open("a") as file:
        for figure in figures:
            file.write(json.dumps(_record(figure) | {"seed": seed, "started_at": started_at}) + "\n")


def _record(figure: Figure) -> dict[str, object]:
    return {
        "name": figure.name,
        "value": round(figure.value, 4),
        "unit": figure.unit,
        "goal": None if figure.goal is None else figure.goal.bound,
        "holds": figure.holds,
        "peer": None if figure.peer is None else figure.peer.name,
        "peer_value": None if figure.peer is None else round(figure.peer.value, 4),
        "ratio": None if figure.ratio is None else round(figure.ratio, 4),
    }
