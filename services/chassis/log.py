"""JSON lines on stderr, one an event, with secrets blotted out."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

_SECRET_KEYS = frozenset({"token", "authorization", "private_key", "challenge", "signature", "password", "passphrase"})
_BLOT = "[redacted]"
# Their info level tells about every connection; what goes wrong there reaches us as an exception.
_CHATTY = ("alembic", "asyncio", "fabric", "grpc", "invoke", "paramiko")


def configure(service: str, level: str) -> None:
    """Send the log of this process, its libraries' included, to stderr; `level` is debug, info, warning or error."""
    number = logging.getLevelNamesMapping()[level.upper()]
    stderr: Any = _Stderr()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _named(service),
        structlog.processors.format_exc_info,
        redact,
    ]
    render = structlog.processors.JSONRenderer(default=str)
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                render,
            ],
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
        )
    )
    logging.basicConfig(handlers=[handler], level=number, force=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))


def get(name: str) -> Any:
    """A logger; `name` is the module's."""
    return structlog.get_logger(module=name)


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blot out the values of keys that hold secrets, at any depth."""
    return {key: _BLOT if key.lower() in _SECRET_KEYS else _clean(value) for key, value in event.items()}


class _Stderr:
    """Whatever stderr is at the time of writing: loggers are kept for good, and stderr may be redirected."""

    def write(self, text: str) -> None:
        sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def _clean(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _BLOT if str(key).lower() in _SECRET_KEYS else _clean(each) for key, each in value.items()}
    return [_clean(each) for each in value] if isinstance(value, list | tuple) else value


def _named(service: str) -> Any:
    def add(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["service"] = service
        return event

    return add
