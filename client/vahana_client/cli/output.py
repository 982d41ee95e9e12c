"""What commands print: tables for people, JSON and YAML for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC
from enum import StrEnum
from typing import Annotated, Any

import typer
import yaml
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from rich.table import Table
from rich.text import Text

_UNFOLDED = 1000
_VISIBLE = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"}
_JSON_ESCAPES = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}
"""The control characters that JSON leaves as they are."""


class Format(StrEnum):
    """The forms of output."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


Output = Annotated[Format, typer.Option("--output", "-o", help="The form of the output.", show_choices=True)]

Columns = Mapping[str, Callable[[Any], object]]
"""Titles of columns, and what stands in them for a row."""


def out() -> Console:
    """The console for results; made anew for each use, so that it follows a redirected stream."""
    return _console(stderr=False)


def err() -> Console:
    """The console for progress and errors."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    # A file or pipe is not folded to the width of some screen.
    width = None if stream.isatty() else _UNFOLDED
    return Console(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=True, width=width)


def visible(text: object) -> str:
    """Returns a text in which control characters stand as \\xNN: what a program says must not steer a terminal."""
    return str(text).translate(_VISIBLE)


def plain(message: Message) -> dict[str, Any]:
    """Returns a message as plain data, with the field names and enum values of the contracts."""
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)


def emit_rows(form: Format, rows: Iterable[Message], columns: Columns, empty: str) -> None:
    """Prints a list; `empty` is what a table without rows says."""
    if form is not Format.TABLE:
        emit_data(form, [plain(row) for row in rows])
        return
    listed = list(rows)
    if listed:
        show(table(columns, listed))
    else:
        out().print(empty)


def emit_one(form: Format, message: Message, facts: Sequence[tuple[str, object]]) -> None:
    """Prints one thing; `facts` are the lines of its table."""
    if form is not Format.TABLE:
        emit_data(form, plain(message))
        return
    emit_facts(facts)


def emit_facts(facts: Sequence[tuple[str, object]]) -> None:
    """Prints names and values in two columns, leaving out empty values."""
    grid = Table.grid(padding=(0, 2))
    for name, value in facts:
        if value not in ("", None):
            grid.add_row(Text(name, style="bold"), Text(visible(value)))
    show(grid)


def emit_data(form: Format, data: object) -> None:
    """Prints plain data as JSON or YAML."""
    if form is Format.JSON:
        typer.echo(json.dumps(data, indent=2, ensure_ascii=False).translate(_JSON_ESCAPES))
    else:
        typer.echo(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), nl=False)


def show(grid: Table) -> None:
    """Prints a table; into a file or pipe without the blanks that fill its last column."""
    console = out()
    if console.is_terminal:
        console.print(grid)
        return
    with console.capture() as captured:
        console.print(grid)
    for line in captured.get().splitlines():
        console.print(line.rstrip())


def table(columns: Columns, rows: Iterable[Any]) -> Table:
    """Builds a table."""
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for title in columns:
        grid.add_column(title, overflow="fold")
    for row in rows:
        grid.add_row(*(Text(visible(cell(row))) for cell in columns.values()))
    return grid


def short(enum: Any, value: int) -> str:
    """Returns an enum value's name without the enum's own prefix; "" for the unset one."""
    names: list[str] = enum.keys()
    prefix = names[0].removesuffix("UNSPECIFIED")
    name: str = enum.Name(value) if value in enum.values() else str(value)
    return "" if value == 0 else name.removeprefix(prefix)


def moment(time: Timestamp) -> str:
    """Returns a time to the second in the user's zone; "" where unset."""
    if not time.seconds:
        return ""
    return time.ToDatetime().replace(tzinfo=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
