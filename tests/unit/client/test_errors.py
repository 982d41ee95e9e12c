"""What users are told when a call fails, and with which exit code."""

from collections.abc import Callable
from pathlib import Path

import pytest

from vahana.experiment.v1 import project_pb2
from vahana_client.cli.errors import EXIT_CODES, ExitCode


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("INVALID_ARGUMENT", ExitCode.BAD_INPUT),
        ("NOT_FOUND", ExitCode.BAD_INPUT),
        ("ALREADY_EXISTS", ExitCode.BAD_INPUT),
        ("FAILED_PRECONDITION", ExitCode.BAD_INPUT),
        ("ABORTED", ExitCode.BAD_INPUT),
        ("RESOURCE_EXHAUSTED", ExitCode.BAD_INPUT),
        ("UNAVAILABLE", ExitCode.UNREACHABLE),
        ("DEADLINE_EXCEEDED", ExitCode.UNREACHABLE),
        ("UNAUTHENTICATED", ExitCode.DENIED),
        ("PERMISSION_DENIED", ExitCode.DENIED),
        ("INTERNAL", ExitCode.FAILED),
        ("UNIMPLEMENTED", ExitCode.FAILED),
        ("DATA_LOSS", ExitCode.FAILED),
    ],
)
def test_each_status_has_an_exit_code(gateway, vahana, refuse, status, code):
    gateway.answers["ListProjects"] = refuse(status, "no")
    result = vahana("project", "list")
    assert result.code == code
    assert result.err.startswith("error: ")
    assert "Traceback" not in result.err


def test_every_violated_field_is_listed_with_its_fault(gateway, vahana, refuse):
    gateway.answers["CreateProject"] = refuse(
        "INVALID_ARGUMENT",
        "the request breaks 2 rules",
        "INVALID_FIELDS",
        {"project.name": "must not be empty; give one", "project.description": "is too long"},
    )
    result = vahana("project", "create", "x")
    assert result.code == ExitCode.BAD_INPUT
    assert result.err.splitlines() == [
        "error: refused, because of (INVALID_FIELDS)",
        "  project.name: must not be empty; give one",
        "  project.description: is too long",
    ]


def test_a_mesh_that_is_not_there(vahana, monkeypatch):
    monkeypatch.setenv("VAHANA_GATEWAY", "127.0.0.1:1")
    result = vahana("project", "list")
    assert result.code == ExitCode.UNREACHABLE
    assert "127.0.0.1:1" in result.err
    assert "vahana up" in result.err


def test_a_home_without_a_mesh(vahana, monkeypatch):
    monkeypatch.delenv("VAHANA_GATEWAY")
    result = vahana("project", "list")
    assert result.code == ExitCode.UNREACHABLE
    assert "there is no mesh in" in result.err


def test_a_service_behind_the_gateway_that_does_not_answer(gateway, vahana, refuse):
    gateway.answers["ListProjects"] = refuse("UNAVAILABLE", "experiment does not answer", "DEPENDENCY_UNAVAILABLE")
    result = vahana("project", "list")
    assert result.code == ExitCode.UNREACHABLE
    assert result.err == "error: experiment does not answer (DEPENDENCY_UNAVAILABLE)\n"


def test_no_token(vahana, monkeypatch, tmp_path: Path):
    monkeypatch.delenv("VAHANA_TOKEN")
    result = vahana("--token-file", tmp_path / "none", "project", "list")
    assert result.code == ExitCode.DENIED
    assert "--token-file" in result.err


def test_the_token_travels_with_every_call(gateway, vahana):
    gateway.answers["ListProjects"] = lambda _: project_pb2.ListProjectsResponse()
    assert vahana("project", "list").code == ExitCode.OK
    assert gateway.metadata[0]["authorization"] == "Bearer token-of-the-test"
    assert gateway.metadata[0]["x-request-id"].startswith("req-")


@pytest.mark.parametrize(
    "words",
    [["project"], ["project", "destroy"], ["project", "create"], ["project", "list", "-o", "xml"], ["frobnicate"]],
)
def test_a_wrong_command_line(vahana: Callable, words: list[str]):
    assert vahana(*words).code == ExitCode.BAD_INPUT


def test_help_tells_the_exit_codes(vahana):
    shown = " ".join(vahana("--help").out.split())
    assert all(f"{code.value} " in shown for code in ExitCode)
    assert EXIT_CODES.split(";")[0] in shown


def test_ctrl_c(gateway, vahana, monkeypatch):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("vahana_client.cli.project.emit_rows", interrupt)
    assert vahana("project", "list").code == ExitCode.INTERRUPTED
