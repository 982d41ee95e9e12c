"""The script of a FORK job, run by a real sh."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.executor.batch.api import JobRequest
from services.executor.batch.script import render
from services.executor.domain.troubles import Failure

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)


def run(base: Path, request: JobRequest, shell: str = "sh") -> str:
    """Run a rendered script and return its receipt."""
    (base / request.directory).mkdir(parents=True)
    (base / "work").mkdir(exist_ok=True)
    subprocess.run([shell, "-c", render(request), "script"], check=True, cwd=base)
    return (base / request.directory / ".exit").read_text().strip()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(TEXT, max_size=5), value=TEXT)
def test_any_words_and_values_reach_the_program(
    tmp_path_factory: pytest.TempPathFactory, words: list[str], value: str
) -> None:
    base = tmp_path_factory.mktemp("it's a job")
    command = ("sh", "-c", 'printf "%s\\0" "$VALUE" "$@"', "name", *words)
    request = JobRequest(str(base), "jobs/submit.a1", "x1", (command,), environment=(("VALUE", value),))
    assert run(base, request) == "exit 0"
    said = (base / "jobs/submit.a1/stdout").read_bytes()
    assert said.split(b"\0")[:-1] == [value.encode(), *(word.encode() for word in words)]


@pytest.mark.parametrize("shell", ["dash", "bash"])
@pytest.mark.parametrize(
    ("command", "receipt"),
    [
        (("true",), "exit 0"),
        (("false",), "exit 1"),
        (("no-such-program",), "missing 127"),
        (("./no-such-program",), "missing 127"),
        (("/",), "exit 126"),
        (("sh", "-c", "exit 200"), "exit 200"),
        (("sh", "-c", "kill -9 $$"), "exit 137"),
        (("cat",), "exit 0"),
    ],
)
def test_receipts(tmp_path: Path, shell: str, command: tuple[str, ...], receipt: str) -> None:
    assert run(tmp_path, JobRequest(str(tmp_path), "jobs/a.a1", "x1", (command,)), shell) == receipt


def test_a_program_is_looked_for_on_the_path_it_is_given(tmp_path: Path) -> None:
    mine = tmp_path / "bin" / "mine"
    mine.parent.mkdir()
    mine.write_text("#!/bin/sh\necho mine\n")
    mine.chmod(0o755)
    request = JobRequest(str(tmp_path), "jobs/a.a1", "x1", (("mine",),), environment=(("PATH", f"{mine.parent}:/bin"),))
    assert run(tmp_path, request) == "exit 0"


def test_modules_are_loaded_before_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "module"
    fake.write_text('#!/bin/sh\necho "$1 $2" >> loaded\n[ "$2" != broken ]\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    request = JobRequest(str(tmp_path), "jobs/a.a1", "x1", (("true",),), modules=("bio/bowtie2", "a b"))
    assert run(tmp_path, request) == "exit 0"
    assert (tmp_path / "work" / "loaded").read_text() == "load bio/bowtie2\nload a b\n"
    broken = JobRequest(str(tmp_path), "jobs/b.a1", "x2", (("touch", "ran"),), modules=("broken",))
    assert run(tmp_path, broken) == "exit 1"
    assert not (tmp_path / "work" / "ran").exists()


@pytest.mark.parametrize("name", ["", "1A", "A B", "A=B", "A;id", "Ä", "A\n"])
def test_a_variable_needs_a_name(name: str) -> None:
    with pytest.raises(Failure, match="name of an environment variable"):
        render(JobRequest("/b", "jobs/a.a1", "x", (("true",),), environment=((name, "x"),)))


def test_a_word_with_nul_is_refused() -> None:
    with pytest.raises(Failure, match="NUL"):
        render(JobRequest("/b", "jobs/a.a1", "x", (("a\0b",),)))
