import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cyclopts
import pytest

from cobalt_link.cli.main import COMMANDS, app, main
from cobalt_link.cli.serve import DEMO_DATA
from tests.cli.cobalt import environment


def commands(parent: cyclopts.App = app, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], cyclopts.App]]:
    """Every runnable command as (words, cyclopts app)."""
    for name in parent:
        if name.startswith("-"):
            continue
        child = parent[name]
        if child.default_command:
            yield (*path, name), child
        yield from commands(child, (*path, name))


def flags(command: cyclopts.App) -> set[str]:
    return {name for argument in command.assemble_argument_collection() for name in argument.names}


ISSUE = {
    "serve": {"--host", "--port", "--public-url"},
    "worker": set(),
    "demo": set(),
    "sandbox": {"--port"},
    "migrate": set(),
    "db url": set(),
    "clients create": {"--callback-url", "--origin", "--test"},
    "clients list": set(),
    "clients show": set(),
    "clients update": {"--callback-url", "--origin"},
    "clients disable": set(),
    "clients rotate-secret": {"--overlap", "--now"},
    "orgs list": set(),
    "orgs show": set(),
    "orgs set": {"--time-zone", "--visit-type", "--allowed-ehr-domain", "--branding-name"},
    "sessions show": set(),
    "registrations guide": {"--vendor"},
    "registrations add": {"--vendor", "--issuer", "--client-id", "--client-secret-file", "--jwks", "--public"},
    "registrations list": set(),
    "registrations show": set(),
    "registrations test": set(),
    "registrations approve": set(),
    "registrations rotate": set(),
    "registrations remove": set(),
    "keys generate": set(),
    "keys rotate": set(),
    "backup": set(),
    "restore": set(),
    "config": set(),
    "doctor": set(),
    "connectors check": set(),
    "connectors list": set(),
}


def test_every_promised_command_and_flag_is_there() -> None:
    found = {" ".join(words): flags(command) for words, command in commands()}
    assert [name for name in ISSUE if name not in found] == []
    assert [name for name, wanted in ISSUE.items() if not wanted <= found[name]] == []


def test_every_command_takes_data_and_json_and_explains_each_flag() -> None:
    for words, command in commands():
        assert {"--data", "--json"} <= flags(command), words
        assert command.help, words
        for argument in command.assemble_argument_collection():
            assert argument.parameter.help or argument.children, (words, argument.name)


def test_the_table_of_contents_says_what_the_commands_say_of_themselves() -> None:
    for _, name, _, text in COMMANDS:
        assert text.endswith("."), name


def test_help_is_quick_since_it_loads_no_room() -> None:
    code = "import sys; from cobalt_link.cli.main import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(name in done.stdout for _, name, _, _ in COMMANDS)
    assert {"psycopg", "starlette", "httpx2", "cryptography", "structlog"}.isdisjoint(done.stderr.split())


@pytest.mark.parametrize(
    "words",
    [
        ["nope"],
        ["clients", "nope"],
        ["config", "--nope"],
        ["clients", "create"],
        ["serve", "--port", "many"],
        ["config", "x"],
    ],
)
def test_a_line_that_is_not_understood_is_one_line_and_code_2(
    capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert main(words) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert "--help" in said.err


@pytest.mark.parametrize("words", [["nope"], ["serve", "--port", "0"], ["keys", "list"]])
def test_with_json_an_error_is_an_object(capsys: pytest.CaptureFixture[str], tmp_path: Path, words: list[str]) -> None:
    assert main([*words, "--json", "--data", str(tmp_path)]) != 0
    said = capsys.readouterr()
    body = json.loads(said.err)
    assert (said.out, body["success"]) == ("", False)
    assert body["error"] in {"bad_usage", "bad_settings", "bad_keys"}
    assert body["message"]


# S-093
@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"COBALT_PUBLIC_URL": "http://link.example.com"}, "certificate"),
        ({"COBALT_PROT": "1"}, "COBALT_PORT"),
        ({"COBALT_RETENTION_DAYS": "0"}, ">= 1"),
    ],
)
def test_wrong_settings_stop_serve_with_the_fix_on_one_line(tmp_path: Path, env: dict[str, str], words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cobalt_link", "serve", "--data", str(tmp_path)],
        env=environment(tmp_path, **env),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert words in done.stderr


def test_the_version_is_the_changelogs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == "0.1.0"


# S-049
def test_the_traceback_of_a_bug_shows_no_secret_setting(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from cobalt_link.cli import config

    def broken(*_: object) -> None:
        raise RuntimeError(f"cannot use {os.environ['DATABASE_URL']} with {os.environ['COBALT_MASTER_KEY']}")

    monkeypatch.setenv("DATABASE_URL", "postgresql://me:Canary-Traceback%21@db.example/link")
    monkeypatch.setenv("COBALT_MASTER_KEY", "canary-key-of-the-bug")
    monkeypatch.setattr(config, "print_result", broken)
    assert main(["config", "--data", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "RuntimeError: cannot use" in said and "config.py" in said
    assert "anary" not in said


def test_help_names_the_folder_that_a_command_really_uses() -> None:
    said = {" ".join(words): _help_of(command, "--data") for words, command in commands()}
    usual = "Data folder. The default is COBALT_DATA, or ~/.cobalt."
    assert said.pop("demo") == usual.replace("~/.cobalt", str(DEMO_DATA))
    assert "temporary" in (said.pop("sandbox") or "")
    assert set(said.values()) == {usual}


def _help_of(command: cyclopts.App, flag: str) -> str | None:
    return next(each.parameter.help for each in command.assemble_argument_collection() if flag in each.names)
