"""Exit codes, and what a failed call says to people."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import cast

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status


class ExitCode(IntEnum):
    """What the exit codes of `vahana` mean."""

    OK = 0
    """Done."""
    FAILED = 1
    """The experiment FAILED or was CANCELED, or something else went wrong."""
    BAD_INPUT = 2
    """What was asked for is wrong: the command line, a file, a name, a value. Nothing was run."""
    UNREACHABLE = 3
    """The mesh, or a part of it, does not answer."""
    DENIED = 4
    """No valid token, or not allowed to do this."""
    INTERRUPTED = 130
    """Ended by Ctrl-C."""


EXIT_CODES = (
    "Exit codes: 0 done; 1 the experiment failed, or something else went wrong; 2 bad input, nothing was run; "
    "3 the mesh does not answer; 4 not authenticated or not allowed; 130 interrupted."
)

_CODES = {
    grpc.StatusCode.INVALID_ARGUMENT: ExitCode.BAD_INPUT,
    grpc.StatusCode.OUT_OF_RANGE: ExitCode.BAD_INPUT,
    grpc.StatusCode.NOT_FOUND: ExitCode.BAD_INPUT,
    grpc.StatusCode.ALREADY_EXISTS: ExitCode.BAD_INPUT,
    grpc.StatusCode.FAILED_PRECONDITION: ExitCode.BAD_INPUT,
    grpc.StatusCode.ABORTED: ExitCode.BAD_INPUT,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ExitCode.BAD_INPUT,
    grpc.StatusCode.UNAVAILABLE: ExitCode.UNREACHABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: ExitCode.UNREACHABLE,
    grpc.StatusCode.UNAUTHENTICATED: ExitCode.DENIED,
    grpc.StatusCode.PERMISSION_DENIED: ExitCode.DENIED,
}


class CommandError(Exception):
    """Ends the command with a message and an exit code; `faults` are pairs of a field and what is wrong with it."""

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILED, faults: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.faults = tuple(faults)

    def text(self) -> str:
        """The message as written to standard error."""
        return "\n".join([f"error: {self.message}", *(f"  {field}: {fault}" for field, fault in self.faults)])


class BadInputError(CommandError):
    """What the user gave is wrong."""

    def __init__(self, message: str, faults: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(message, ExitCode.BAD_INPUT, faults)


def explain(error: grpc.RpcError, address: str) -> CommandError:
    """Turns a failed call into what the user is told."""
    code = error.code()
    reason, faults = _details(error)
    if code == grpc.StatusCode.UNAVAILABLE and not reason:
        return CommandError(f"the mesh does not answer at {address}; `vahana up` starts one", ExitCode.UNREACHABLE)
    if code == grpc.StatusCode.DEADLINE_EXCEEDED:
        return CommandError(
            f"the mesh at {address} did not answer in time; `vahana status` shows what is wrong", ExitCode.UNREACHABLE
        )
    # The message of an error with violated fields says the same as the list of them.
    message = "refused, because of" if faults else error.details() or code.name
    if code in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN):
        message = f"the mesh met a defect of its own: {message}"
    label = f" ({reason})" if reason else ""
    return CommandError(f"{message}{label}", _CODES.get(code, ExitCode.FAILED), faults)


def _details(error: grpc.RpcError) -> tuple[str, list[tuple[str, str]]]:
    """Returns the reason and the violated fields that came with an error."""
    reason = ""
    faults: list[tuple[str, str]] = []
    # Every error a call raises is the call itself, which the stubs do not know.
    status = rpc_status.from_call(cast(grpc.Call, error))
    for detail in status.details if status else ():
        info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        if detail.Unpack(info):
            reason = info.reason
        elif detail.Unpack(bad):
            faults += [(violation.field, violation.description) for violation in bad.field_violations]
    return reason, faults
