"""Quoting, against a real sh."""

import secrets
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.executor import scripts
from services.executor.channels.shell import LARGEST_WORD, command_line, join, quote

WORDS = st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40), max_size=8)
PRINT = 'for each in "$@"; do printf \'%s\\0\' "$each"; done'


@settings(max_examples=150, deadline=None)
@given(WORDS)
def test_words_reach_a_script_byte_for_byte(words: list[str]) -> None:
    line = command_line(PRINT, "marker", words)
    # As sshd does it: the line is one word for the login's shell.
    said = subprocess.run(["/bin/sh", "-c", line], capture_output=True, check=True)
    assert said.stdout.split(b"\0")[:-1] == [word.encode() for word in words]


@settings(max_examples=100, deadline=None)
@given(WORDS.filter(bool))
def test_joined_words_are_one_command_of_a_script(words: list[str]) -> None:
    script = f"printf '%s\\0' {join(words)}\n"
    said = subprocess.run(["/bin/sh"], input=script.encode(), capture_output=True, check=True)
    assert said.stdout.split(b"\0")[:-1] == [word.encode() for word in words]


def test_what_cannot_be_quoted_is_refused() -> None:
    with pytest.raises(ValueError, match="NUL"):
        quote("a\0b")
    with pytest.raises(ValueError, match="over the limit"):
        command_line("", "", ["x" * LARGEST_WORD])


@pytest.mark.parametrize("shell", ["dash", "bash"])
@pytest.mark.parametrize("name", ["env_setup", "stage_in", "stage_out", "cleanup"])
def test_scripts_parse_and_say_nothing_before_their_marker(name: str, shell: str) -> None:
    subprocess.run([shell, "-n"], input=scripts.remote(name).encode(), check=True)
    marker = secrets.token_hex(8)
    said = subprocess.run([shell, "-c", scripts.remote(), marker], capture_output=True, check=True)
    assert said.stdout == said.stderr == f"\n{marker}\n".encode()


def test_every_script_fits_a_command_line() -> None:
    for names in (("env_setup",), ("stage_in",), ("stage_out",), ("cleanup",), ("jobs", "watch"), ("jobs", "submit")):
        assert len(scripts.remote(*names)) < LARGEST_WORD / 4
