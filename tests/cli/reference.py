"""Writes docs/reference/cli.md and settings.md from the code: `.venv/bin/python -m tests.cli.reference`."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import cyclopts
import msgspec

from cobalt_link.cli.main import COMMANDS, app
from cobalt_link.settings import DECLARED, Setting

FOLDER = Path(__file__).parents[2] / "docs" / "reference"

CLI = """\
# The command line

Generated from the code by `make docs`. A test fails when it is out of date.

Every command takes these two flags and works while `cobalt serve` is running:

| flag | meaning |
|---|---|
| `--data DIR` | The data folder: database, master key, `cobalt.toml`. Default `~/.cobalt`, or `COBALT_DATA`. |
| `--json` | Print one JSON document on standard output. Its keys are stable, and new keys may be added. |

Exit codes: **0** done, **1** failed, **2** invalid usage. An error is one line on standard error that says what to do.
With `--json` it is `{"success": false, "error": code, "message": …}`. Logs also go to standard error.

To set up a new installation:

    cobalt keys generate          # then copy master.key to a safe place
    cobalt serve --public-url https://link.example.com
    cobalt clients create "Acme Scribe" --callback-url https://acme.example/linked --origin https://acme.example

"""

USUAL_DATA = "Data folder. The default is COBALT_DATA, or ~/.cobalt. "  # said once, at the top

SETTINGS = """\
# Settings

Generated from the code by `make docs`. A test fails when it is out of date.

A setting comes from the first of these that has it. `cobalt config` shows which one that was.

1. A flag of the command: `--data`, and `--host`, `--port`, `--public-url` of `cobalt serve`.
2. The variable `COBALT_<NAME>`. For the database, `DATABASE_URL` works too. An empty variable counts as not set.
3. The content of the file that `COBALT_<NAME>_FILE` names. Use it for secrets. A secret that every user of the machine
   can read is refused.
4. `cobalt.toml` in the data folder.
5. The default.

An unknown name or an invalid value stops the program, and the error says what to do. Write switches as `on` or `off`
(or `true`, `yes`, `1` …), lists with commas, and `ehr_addresses` as `key=address` pairs. In `cobalt.toml`:

    public_url = "https://link.example.com"
    operator = "Larkspur IT"
    trusted_proxies = ["10.0.0.0/8"]

    [ehr_addresses]
    gnuhealth = "https://his.example.org"

"""


def cli() -> str:
    parts = [CLI]
    for command, path in _commands(app, ()):
        parts.append(f"## `cobalt {' '.join(path)}`\n\n{inspect.getdoc(command.default_command)}\n")
        rows = [_flag(each) for each in command.assemble_argument_collection() if each.parameter.help]
        rows = [row for row in rows if not row.startswith("| `--json") and USUAL_DATA not in row]
        if rows:
            parts.append("\n| argument | meaning | default |\n|---|---|---|\n" + "\n".join(rows) + "\n")
        parts.append("\n")
    return "".join(parts).rstrip() + "\n"


def _commands(parent: cyclopts.App, path: tuple[str, ...]) -> Iterator[tuple[cyclopts.App, tuple[str, ...]]]:
    names = [name for _, name, _, _ in COMMANDS] if not path else [each for each in parent if each[0] != "-"]
    for name in names:
        if parent[name].default_command:
            yield parent[name], (*path, name)
        yield from _commands(parent[name], (*path, name))


def _flag(argument: cyclopts.Argument) -> str:
    default = argument.field_info.default
    plain = default not in (argument.field_info.empty, None, False, ()) and not hasattr(default, "__dataclass_fields__")
    names = ", ".join(f"`{name}`" for name in argument.names)
    return f"| {names} | {argument.parameter.help} | {f'`{default}`' if plain else ''} |"


def settings() -> str:
    rows = [_setting(each) for each in DECLARED]
    return SETTINGS + "| setting | variable | default | meaning |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"


def _setting(each: Setting) -> str:
    default = "" if each.default in (None, "", {}) else each.text(each.default)
    default = "its own port on 127.0.0.1" if each.name == "public_url" else f"`{default}`" if default else ""
    bounds = _bounds(each)
    return f"| `{each.name}` | `{each.variable}` | {default} | {each.help}{bounds} |"


def _bounds(each: Setting) -> str:
    schema = msgspec.json.schema(each.kind) if "Path" not in repr(each.kind) else {}
    if "minimum" in schema:
        return f" From {schema['minimum']} to {schema['maximum']}."
    if "enum" in schema:
        return f" One of {', '.join(get_args(get_args(each.kind)[0]))}."
    return ""


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "cli.md").write_text(cli())
    (FOLDER / "settings.md").write_text(settings())


if __name__ == "__main__":
    main()
