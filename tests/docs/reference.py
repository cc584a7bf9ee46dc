"""Writes the generated pages of the docs from the code: `make docs`. tests.cli.reference writes two more."""

import ast
import inspect
import tomllib
from collections.abc import Iterable
from itertools import chain

from cobalt_link import app
from cobalt_link.cli.failures import FAILURES
from cobalt_link.connector import refusals
from cobalt_link.connector.refusals import Refusal
from cobalt_link.link.pages.closed import CLOSED
from cobalt_link.link.session import states
from cobalt_link.web import openapi, problems
from cobalt_link.web.problems import Problem, default_message
from cobalt_link.web.table import Auth, Idempotency, Route, members
from tests.cli import reference as command_line
from tests.docs import folders, promises, resources, rooms, smart
from tests.docs.samples import DOCS, ROOT
from tests.docs.shapes import Struct, inner, table

SOURCE = ROOT / "src" / "cobalt_link"
FOLDER = DOCS / "reference"
WRITTEN = "Generated from the code by `make docs`. A test fails when it is out of date."

LAST_WORDS = "and when to look again."

CALLERS = {
    Auth.NONE: "none",
    Auth.CLIENT: "`client_id`, `client_secret`",
    Auth.ACCOUNT: "`client_id`, `client_secret`, `access_token`",
}
ROOMS = {
    "link": ("Link", "From a link token to an access token. [How Link works](../start/how-link-works.md)."),
    "records": (
        "The EHR",
        "What an access token may read and write. [Resources](resources.md) has the same by resource, with what each"
        " EHR supports.",
    ),
    "receipts": ("Receipts", "[How to verify one](../how-to/receipts.md)."),
    "webhooks": ("Webhooks", "[Receive webhooks](../how-to/webhooks.md)."),
    "sandbox": ("Sandbox accounts", "[Test in CI](../how-to/test-in-ci.md)."),
    "accounts": ("Linked accounts", "[Look after linked accounts](../how-to/look-after-accounts.md)."),
    "registrations": ("App registrations", "[Register with an EHR](../how-to/register-with-an-ehr.md)."),
    "developers": ("Orgs", "Your clinics under your own ids. [Clients and orgs](../how-to/clients-and-orgs.md)."),
    "system": ("The server", "For operators and tools. Keep `/metrics` away from the internet."),
}

API = f"""\
# The API

{WRITTEN} A running server describes itself at `/openapi.json` (OpenAPI 3.1).

## Conventions

- **Credentials** are the headers `client_id`, `client_secret`, and `access_token`. The names also work with hyphens,
  and so do `Authorization: Basic` (client id and secret) and `Authorization: Bearer` (access token). Without these
  headers, the server takes the credentials from the fields of the request. It removes double quotes around a value.
- **Requests** are JSON, a form, query parameters, or a mixture. A GET may have a body. If a field is in both query and
  body, the query wins for GET, and the body wins for everything else. `"true"`, `"3"`, and `"a,b"` are accepted for
  `true`, `3`, and a list, a whole number for an id, and a word of a list of words in any case. An empty text or null
  counts as not sent. One pair of double quotes around a value of a query or a form is removed, except from your own
  ids, labels, and `state`. A packed body (`Content-Encoding`) is refused.
- **Unknown fields** are ignored, except by `POST /v1/settings` and by the lists of a chart. There, a filter that is
  misspelled would give a list without that filter, so the server answers 400 `unknown_field` and names the nearest one.
  `_` and names that begin with `utm_` are never unknown.
- **Answers** are JSON with `"success": true`. Every field is present, and null if its value is not known. Expect new
  fields.
- **Errors** are `{{"success": false, "error": code, "message": …, "request_id": …}}`: see [errors](errors.md). Besides
  the errors that a call lists, any call can answer `internal_error`, `packed_body`, `too_large`, and `unavailable`, and
  any call with credentials can answer `unauthorized`.
- **Ids** that the server makes are 32 hex digits. In a path they may have hyphens and upper case. Fields with `ehr` in
  their name hold the EHR's own ids.
- **Rates**: each class has a bucket that holds a minute's worth of requests and refills evenly. It counts per client
  and per server process, or per address for calls without credentials. Further calls answer 429 `rate_limited` with
  `Retry-After`.
- **Request ids**: every answer has `X-Request-Id`. To use an id of your own, send the header (8 to 64 letters, digits,
  `.`, `_`, `-`).
- **Writes** answer before the EHR has the record, with its id and a `job_id`. [Write to the
  EHR](../how-to/write-to-the-ehr.md) says how to learn the result.
- **Size**: a request body has at most 1 MiB. Documents and referrals have 28 MiB.

"""

SESSIONS = f"""\
# Link sessions

{WRITTEN}

[`GET /link/token/get`](api.md#get-linktokenget) answers with a state, and with the events that led to it. The server
publishes the same machine at `/link/states.json`. [How Link works](../start/how-link-works.md) says what to do in each
state.

"""

ERRORS = f"""\
# Errors

{WRITTEN}

Every error of the API is `{{"success": false, "error": code, "message": …, "request_id": …}}`. Codes are stable.
Messages say what to do next, and may change. [Troubleshoot](../how-to/troubleshoot.md) covers the frequent ones.

"""


def api() -> str:
    rows = [row for routes in app.TABLE for row in routes]
    rooms = list(dict.fromkeys(row.room for row in rows if not row.page))
    ordered = [room for room in ROOMS if room in rooms] + [room for room in rooms if room not in ROOMS]
    parts = [API, _rates(rows)]
    for room in ordered:
        title, text = ROOMS.get(room, (room.capitalize(), ""))
        parts.append(f"## {title}\n\n{text}\n\n")
        parts += [_call(row) for row in rows if row.room == room and not row.page]
    return _ended([*parts, _pages(rows), _shapes(rows)])


def errors() -> str:
    return _ended([ERRORS, _problems(), _refusals(), _closed(), _failures()])


def sessions() -> str:
    """The states of a link session, as a diagram and as tables."""
    found = states.machine()
    lines = [f"    {each.state} --> {each.next}: {each.event}" for each in found.transitions if each.state != each.next]
    kept = [each.event for each in found.transitions if each.state == each.next]
    ends = [f"    {state} --> [*]" for state in found.final]
    drawing = "\n".join(["stateDiagram-v2", f"    [*] --> {found.initial}", *lines, *ends])
    rows = [f"| `{state}` | {text} |" for state, text in found.states.items()]
    moves = [f"| `{each.state}` | `{each.event}` | `{each.next}` |" for each in found.transitions]
    return _ended(
        [
            SESSIONS,
            f"```mermaid\n{drawing}\n```\n\n",
            f"These events do not change the state: {', '.join(f'`{event}`' for event in dict.fromkeys(kept))}.\n\n",
            "| state | meaning |\n|---|---|\n" + "\n".join(rows) + "\n\n",
            "| state | event | next state |\n|---|---|---|\n" + "\n".join(moves) + "\n",
        ]
    )


def index() -> str:
    """The index of the docs, with every page of docs/why by its title."""
    kept, last, _ = (DOCS / "README.md").read_text().partition(LAST_WORDS)
    titles = [
        (page.read_text().partition("\n")[0].removeprefix("# "), page.name) for page in (DOCS / "why").glob("*.md")
    ]
    return f"{kept}{last}\n\n" + "\n".join(f"- [{title}](why/{name})" for title, name in sorted(titles)) + "\n"


def own(catalogue: Iterable[type]) -> list[type]:
    """Leaves out what a test in the same process declared."""
    return [kind for kind in catalogue if kind.__module__.startswith("cobalt_link.")]


def own_problems() -> list[type[Problem]]:
    return own(problems.catalogue().values())


def own_refusals() -> list[type[Refusal]]:
    return own(refusals.catalogue().values())


def _ended(parts: Iterable[str]) -> str:
    return "".join(parts).rstrip() + "\n"


def _rates(rows: list[Route]) -> str:
    kinds = {row.rate.name.lower(): row.rate.per_minute for row in rows}
    lines = [f"| `{name}` | {each or 'no limit'} |" for name, each in sorted(kinds.items())]
    return "| rate class | requests per minute |\n|---|---|\n" + "\n".join(lines) + "\n\n"


def _call(row: Route) -> str:
    parts = [f"### {row.method} {row.path}\n\n{_sentence(row.summary)}\n\n"]
    facts = [f"Credentials: {CALLERS[row.auth]}", f"rate class `{row.rate.name.lower()}`"]
    if row.also:
        facts.insert(0, "Also at " + ", ".join(f"`{path}`" for path in row.also))
    if row.idempotency is Idempotency.KEY:
        facts.append("takes an `Idempotency-Key`")
    if row.audit:
        facts.append(f"recorded in the audit as `{row.audit}`")
    parts.append(f"{' · '.join(facts)}\n\n")
    if row.body and row.body.__struct_fields__:
        parts.append(f"Request:{_docstring(row.body)}\n\n{table(row.body, asked=True)}\n")
    if row.media == "application/json":
        for kind in members(row.response):
            parts.append(f"Answer:{_docstring(kind)}\n\n{table(kind, asked=False)}\n")
    else:
        parts.append(f"Answer: `{row.media}`\n\n")
    return "".join([*parts, _refused(row)])


def _refused(row: Route) -> str:
    everywhere = {"internal_error", "packed_body", "too_large", "unavailable", "unauthorized"}
    everywhere -= {each.code for each in row.errors}
    found = [kind.code for kind in openapi.problems_of(row, {}) if kind.code not in everywhere]
    return f"Errors: {', '.join(f'[`{code}`](errors.md#{code})' for code in found)}\n\n" if found else ""


def _pages(rows: list[Route]) -> str:
    lines = [f"| {row.method} | `{path}` | {row.summary} |" for row in rows if row.page for path in row.paths]
    head = "## Hosted pages\n\nThe pages that your users' browsers see. Open only the first address yourself.\n\n"
    return head + "| method | path | purpose |\n|---|---|---|\n" + "\n".join(lines) + "\n\n"


def _shapes(rows: list[Route]) -> str:
    public = [row for row in rows if not row.page]
    responses = [kind for row in public for kind in members(row.response) if row.media == "application/json"]
    requests = [row.body for row in public if row.body]
    found = dict.fromkeys(chain.from_iterable(inner(kind) for kind in [*responses, *requests]))
    parts = [
        f"### {kind.__name__}\n\n{_docstring(kind).strip()}\n\n{table(kind, asked=False)}\n" for kind in _named(found)
    ]
    return "## Shapes\n\n" + "".join(part.replace("\n\n\n\n", "\n\n") for part in parts)


def _named(kinds: Iterable[Struct]) -> list[Struct]:
    """One struct for each name. Two structs of the same name must be equal."""
    by_name: dict[str, Struct] = {}
    for kind in kinds:
        known = by_name.setdefault(kind.__name__, kind)
        assert table(known, asked=False) == table(kind, asked=False), f"two shapes are named {kind.__name__}"
    return [by_name[name] for name in sorted(by_name)]


def _docstring(kind: Struct) -> str:
    text = kind.__doc__ if "__doc__" in vars(kind) else None
    return f" {' '.join(inspect.cleandoc(text).split())}" if text and not text.startswith(f"{kind.__name__}(") else ""


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?")) else f"{text}."


def _problems() -> str:
    parts = ["## Errors of the API\n\n"]
    for kind in own_problems():
        extra = " With `Retry-After`." if kind.status in (429, 503) else ""
        parts.append(f"### {kind.code}\n\n{kind.status}. {default_message(kind)}{extra}\n\n")
    return "".join(parts)


def _refusals() -> str:
    """With the title that the person reads on the page."""
    texts = tomllib.loads((SOURCE / "link" / "pages" / "locales" / "en.toml").read_text())["refusal"]
    head = (
        "## Refusals of an EHR\n\nThe reasons why an EHR said no: `code` of an event of `GET /link/token/get`, and"
        " `health_reason` of an account. The sandbox EHR gives them [on demand](sandbox-ehr.md#errors-on-demand).\n\n"
    )
    rows = []
    for kind in sorted(own_refusals(), key=lambda each: each.code):
        family = next(FAMILIES[each.__name__] for each in kind.__mro__ if each.__name__ in FAMILIES)
        rows.append(f"| `{kind.code}` | {default_message(kind)} | {texts[kind.code]['title']} | {family} |")
    return (
        f"{head}| code | meaning | what the person reads | who can fix it |\n|---|---|---|---|\n"
        + "\n".join(rows)
        + "\n\n"
    )


FAMILIES = {
    "AskAgain": "the person, on the same pane",
    "AskAHuman": "the person or the EHR's administrator, outside of Link",
    "TryLater": "nobody; try again later",
    "Never": "nobody; trying again does not help",
}


def _closed() -> str:
    texts = tomllib.loads((SOURCE / "link" / "pages" / "locales" / "en.toml").read_text())["closed"]
    rows = [f"| `{code}` | {texts[code]['title']} | {texts[code]['why']} |" for code in CLOSED]
    head = "## Closed pages\n\nWhat a browser shows instead of a link session.\n\n"
    return head + "| page | title | text |\n|---|---|---|\n" + "\n".join(rows) + "\n\n"


def _failures() -> str:
    codes = {code: status for _, code, status in FAILURES} | _told_by_commands()
    rows = [f"| `{code}` | {status} |" for code, status in sorted(codes.items())]
    head = "## Errors of the command line\n\nThe `error` of a command with `--json`, and its exit code.\n\n"
    return head + "| code | exit code |\n|---|---|\n" + "\n".join(rows) + "\n"


def _told_by_commands() -> dict[str, int]:
    """The codes that commands give their failures, read from the source."""
    found = {"failed": 1, "bad_usage": 2}
    for file in sorted((SOURCE / "cli").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Failure":
                given = {each.arg: each.value.value for each in node.keywords if isinstance(each.value, ast.Constant)}
                if "code" in given:
                    found[str(given["code"])] = int(str(given.get("status", 1)))
    return found


PAGES = {
    FOLDER / "api.md": api,
    FOLDER / "errors.md": errors,
    FOLDER / "link-sessions.md": sessions,
    resources.PAGE: lambda: resources.page(WRITTEN),
    promises.PAGE: lambda: promises.page(WRITTEN),
    rooms.PAGE: rooms.page,
    folders.PAGE: folders.page,
    smart.PAGE: smart.page,
    DOCS / "README.md": index,
}


def main() -> None:
    for page, text in PAGES.items():
        page.write_text(text())
    command_line.main()


if __name__ == "__main__":
    main()


__all__ = ["PAGES", "api", "errors", "own_problems", "own_refusals"]
