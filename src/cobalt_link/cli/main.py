"""The command `cobalt`: its table of contents and what happens when a command cannot be carried out.

Exit codes: 0 done, 1 could not be done, 2 not understood. An error is one line on stderr; with --json a JSON object.
"""

from __future__ import annotations

import sys
from importlib.metadata import version

import msgspec
from cyclopts import App, CycloptsError, Group

RUN, MANAGE, CARE = (Group(name, sort_key=place) for place, name in enumerate(("Run", "Manage", "Look after")))

app = App(
    name="cobalt",
    help="Link your app's users to their EHR. Every command takes --data DIR and --json, and works beside a running "
    "server.",
    help_format="plaintext",
    version=lambda: version("cobalt-link"),
    result_action="return_value",
    print_error=False,
    exit_on_error=False,
)
# Named by path, so that `cobalt --help` loads none of them.
COMMANDS = (
    (RUN, "demo", "serve:demo", "Run everything on embedded defaults: server, worker, sandbox EHR, example app."),
    (RUN, "serve", "serve:serve", "Run the server with its worker; creates and migrates the schema."),
    (RUN, "worker", "serve:worker", "Run a worker of its own, beside any number of servers."),
    (RUN, "sandbox", "sandbox:sandbox", "Run the sandbox EHR: made-up patients, logins for every case."),
    (MANAGE, "clients", "clients:app", "Apps that may call: create, list, show, update, disable, rotate-secret."),
    (MANAGE, "orgs", "orgs:app", "A client's clinics and their settings: list, show, set."),
    (MANAGE, "sessions", "sessions:app", "One link session, step by step, without secrets: show."),
    (MANAGE, "connectors", "connectors:app", "The EHRs that can be linked: list, check."),
    (CARE, "keys", "keys:app", "The master keys: generate, list, rotate, rewrap."),
    (CARE, "migrate", "database:migrate", "Bring the schema up to this version."),
    (CARE, "db", "database:app", "The database itself: url."),
    (CARE, "backup", "database:backup", "Write the whole database to one file."),
    (CARE, "restore", "database:restore", "Read a backup into an empty database."),
    (CARE, "config", "config:config", "Show every setting, where its value came from, secrets masked."),
    (CARE, "doctor", "doctor:doctor", "Check keys, database, proxy, clock and folders, with a fix for each finding."),
)
for group, name, path, text in COMMANDS:
    app.command(f"cobalt_link.cli.{path}", name=name, group=group, help=text)


class Failure(Exception):
    """A command that cannot be carried out; the text says why and what to do."""

    def __init__(self, message: str, *, code: str = "failed", status: int = 1) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


def run() -> None:
    sys.exit(main(sys.argv[1:]))


# Former names of commands: they still work.
RENAMED = {"attempts": "sessions"}


def main(tokens: list[str]) -> int:
    """Carry out one command line; gives the exit code."""
    try:
        result = app([RENAMED.get(token, token) if place == 0 else token for place, token in enumerate(tokens)])
    except CycloptsError as error:
        return _complain(tokens, "bad_usage", f"{error} See `{_command(tokens)} --help`.", 2)
    except Exception as error:
        failure = known_failure(error)
        if failure is None:
            raise
        return _complain(tokens, failure.code, str(failure), failure.status)
    return result if isinstance(result, int) else 0


def known_failure(error: Exception) -> Failure | None:
    """The failure behind an exception of a lower room, told without a traceback; None for a mistake of ours."""
    from cobalt_link.cli.failures import FAILURES  # here, since it brings the database driver along

    if isinstance(error, Failure):
        return error
    found = next(((code, status) for kind, code, status in FAILURES if isinstance(error, kind)), None)
    return Failure(str(error), code=found[0], status=found[1]) if found else None


def _complain(tokens: list[str], code: str, message: str, status: int) -> int:
    line = " ".join(message.split())
    if "--json" in tokens:
        line = msgspec.json.encode({"success": False, "error": code, "message": line}).decode()
    print(line, file=sys.stderr)
    return status


def _command(tokens: list[str]) -> str:
    known = [name for _, name, _, _ in COMMANDS if name in tokens[:1]]
    return " ".join(["cobalt", *known])
