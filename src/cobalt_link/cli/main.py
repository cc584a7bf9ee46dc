"""The command `cobalt`: its subcommands, and how it reports errors.

Exit codes: 0 for success, 1 for a failure, 2 for a command line or settings that are not valid. An error is one line on
stderr, or with --json a JSON object.
"""

from __future__ import annotations

import sys
import traceback
from importlib.metadata import version

import msgspec
from cyclopts import App, CycloptsError, Group

RUN, MANAGE, MAINTAIN = (Group(name, sort_key=place) for place, name in enumerate(("Run", "Manage", "Maintain")))

app = App(
    name="cobalt",
    help="Link your app's users to their EHR. Every command takes --data DIR and --json, and works while a server is "
    "running.",
    help_format="plaintext",
    version=lambda: version("cobalt-link"),
    result_action="return_value",
    print_error=False,
    exit_on_error=False,
)
# Given by import path, so that `cobalt --help` imports none of them.
COMMANDS = (
    (RUN, "demo", "serve:demo", "Run everything with defaults: server, worker, sandbox EHR, example app."),
    (RUN, "serve", "serve:serve", "Run the server with its worker. Applies missing migrations."),
    (RUN, "worker", "serve:worker", "Run a separate worker, next to any number of servers."),
    (RUN, "sandbox", "sandbox:sandbox", "Run the sandbox EHR, with made-up patients and logins for every case."),
    (MANAGE, "clients", "clients:app", "The apps that may call: create, list, show, update, disable, rotate-secret."),
    (MANAGE, "orgs", "orgs:app", "A client's clinics and their settings: list, show, set."),
    (
        MANAGE,
        "registrations",
        "registrations:app",
        "Your app registrations at EHRs: guide, add, list, show, test, update, approve, withdraw, rotate, remove.",
    ),
    (MANAGE, "launches", "launches:app", "For which app and clinic an EHR opens the app: set, list, remove."),
    (MANAGE, "sessions", "sessions:app", "One link session, step by step, without secrets: show."),
    (MANAGE, "connectors", "connectors:app", "The EHRs that can be linked: list, new, check, try."),
    (
        MANAGE,
        "directory",
        "directory:app",
        "Organizations that users find: import, list, search, add, hide, pin, alias.",
    ),
    (MAINTAIN, "keys", "keys:app", "The master keys: generate, list, rotate, rewrap, add, promote, retire."),
    (MAINTAIN, "webhooks", "webhooks:app", "The key that signs the JWT of webhooks: roll-key."),
    (MAINTAIN, "migrate", "database:migrate", "Apply the migrations that the database does not have yet."),
    (MAINTAIN, "db", "database:app", "The database: url."),
    (MAINTAIN, "backup", "database:backup", "Write the whole database to one file."),
    (MAINTAIN, "restore", "database:restore", "Restore a backup into an empty database."),
    (MAINTAIN, "config", "config:config", "Show every setting and where its value came from. Secrets are masked."),
    (
        MAINTAIN,
        "doctor",
        "doctor:doctor",
        "Check keys, database, proxy, clock and folders, with a fix for each finding.",
    ),
)
for group, name, path, text in COMMANDS:
    app.command(f"cobalt_link.cli.{path}", name=name, group=group, help=text)


class Failure(Exception):
    """A command failed. The text says why, and what to do."""

    def __init__(self, message: str, *, code: str = "failed", status: int = 1) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


def run() -> None:
    sys.exit(main(sys.argv[1:]))


# Former names of commands. They still work.
RENAMED = {"attempts": "sessions"}


def main(tokens: list[str]) -> int:
    """Executes one command line. Returns the exit code."""
    try:
        result = app([RENAMED.get(token, token) if place == 0 else token for place, token in enumerate(tokens)])
    except CycloptsError as error:
        from cobalt_link.kit.logs import mask  # here, because `cobalt --help` should need no structlog

        return _print_error(tokens, "bad_usage", f"{mask(str(error))} See `{_command(tokens)} --help`.", 2)
    except Exception as error:
        failure = known_failure(error)
        if failure is None:
            return _print_bug()
        return _print_error(tokens, failure.code, str(failure), failure.status)
    return result if isinstance(result, int) else 0


def known_failure(error: Exception) -> Failure | None:
    """The failure for an exception of a lower room. None for a bug, which deserves its traceback."""
    from cobalt_link.cli.failures import FAILURES  # here, because it imports the database driver

    if isinstance(error, Failure):
        return error
    found = next(((code, status) for kind, code, status in FAILURES if isinstance(error, kind)), None)
    return Failure(str(error), code=found[0], status=found[1]) if found else None


def _print_bug() -> int:
    """The traceback of the current exception, without the values of secret settings that its text may quote."""
    from cobalt_link.kit.logs import masked_lines

    print(masked_lines(traceback.format_exc()), file=sys.stderr)
    return 1


def _print_error(tokens: list[str], code: str, message: str, status: int) -> int:
    line = " ".join(message.split())
    if "--json" in tokens:
        line = msgspec.json.encode({"success": False, "error": code, "message": line}).decode()
    print(line, file=sys.stderr)
    return status


def _command(tokens: list[str]) -> str:
    known = [name for _, name, _, _ in COMMANDS if name in tokens[:1]]
    return " ".join(["cobalt", *known])
