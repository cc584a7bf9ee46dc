from collections.abc import Callable

import pytest

from cobalt_link.settings import DECLARED
from tests.cli import reference
from tests.cli.test_main import commands, flags


@pytest.mark.parametrize(("name", "text"), [("cli.md", reference.cli), ("settings.md", reference.settings)])
def test_the_reference_says_what_the_code_says(name: str, text: Callable[[], str]) -> None:
    written = (reference.FOLDER / name).read_text()
    assert written == text(), "out of date: run .venv/bin/python -m tests.cli.reference"


def test_every_command_and_flag_is_in_the_reference() -> None:
    written = (reference.FOLDER / "cli.md").read_text()
    for words, command in commands():
        _, found, section = written.partition(f"## `cobalt {' '.join(words)}`\n")
        assert found, words
        section = section.partition("\n## ")[0]
        own = flags(command) - {"--data", "--json", "*"}
        assert [flag for flag in own if f"`{flag}`" not in section] == [], words


def test_every_setting_is_in_the_reference() -> None:
    written = (reference.FOLDER / "settings.md").read_text()
    assert [each.name for each in DECLARED if f"`{each.name}` | `{each.variable}`" not in written] == []
