from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from cobalt_link.developers.auth import Callers
from cobalt_link.kit.clock import SystemClock
from cobalt_link.store.database import Database
from cobalt_link.vault import Keyring, Vault
from cobalt_link.web.credentials import CallerCredentials
from cobalt_link.web.problems import Unauthorized
from tests.cli.conftest import Run

Calls = Callable[[str, str], Awaitable[str | None]]


@pytest.fixture
def calls(db: Database, data: Path) -> Calls:
    """Whether a pair of credentials gets through, asked by a process that remembers nothing."""

    async def calls(client_id: str, secret: str) -> str | None:
        callers = Callers(db, Vault(Keyring.load(data / "master.key")), SystemClock())
        try:
            return (await callers.authenticate(CallerCredentials(client_id=client_id, client_secret=secret))).name
        except Unauthorized:
            return None

    return calls


# S-008
async def test_the_life_of_a_client(run: Run, calls: Calls) -> None:
    made = (
        await run(
            "clients", "create", "Acme Scribe", "--callback-url", "https://acme.example/linked",
            "--origin", "https://acme.example", "--origin", "http://localhost:3000", "--json",
        )
    ).json  # fmt: skip
    name, first = made["client_id"], made["client_secret"]
    assert made["origins"] == ["https://acme.example", "http://localhost:3000"]
    assert await calls(name, first) == "Acme Scribe"

    rotated = (await run("clients", "rotate-secret", name, "--overlap", "2h", "--json")).json
    ends = datetime.fromisoformat(rotated["former_secret_ends_at"]) - datetime.now().astimezone()
    assert timedelta(minutes=115) < ends < timedelta(minutes=121)
    second = rotated["client_secret"]
    assert await calls(name, first) and await calls(name, second)

    third = (await run("clients", "rotate-secret", "Acme Scribe", "--now", "--json")).json["client_secret"]
    assert [await calls(name, each) for each in (first, second, third)] == [None, None, "Acme Scribe"]

    shown = (await run("clients", "update", name, "--name", "Acme", "--empty-origin", "--json")).json
    assert (shown["name"], shown["origins"], shown["callback_urls"]) == ("Acme", [], ["https://acme.example/linked"])

    shown = (await run("clients", "update", name, "--mark", "AS", "--accent", "#0A7A5C", "--json")).json
    assert (shown["mark"], shown["accent"]) == ("AS", "#0a7a5c")
    shown = (await run("clients", "update", name, "--accent", "none", "--json")).json
    assert (shown["mark"], shown["accent"], shown["name"]) == ("AS", None, "Acme")

    shown = (await run("clients", "update", name, "--contact", "ops@acme.example", "--json")).json
    assert (shown["contact_email"], shown["mark"]) == ("ops@acme.example", "AS")
    assert (await run("clients", "update", name, "--contact", "none", "--json")).json["contact_email"] is None

    await run("clients", "disable", name)
    assert await calls(name, third) is None
    await run("clients", "enable", name)
    assert await calls(name, third) == "Acme"


async def test_no_list_and_no_show_gives_a_secret_away(run: Run) -> None:
    made = (await run("clients", "create", "Acme", "--test", "--json")).json
    assert made["client_id"].startswith("ci_test_")
    listed, shown = await run("clients", "list"), await run("clients", "show", "Acme")
    assert made["client_id"] in listed.out
    assert f"…{made['client_secret'][-4:]}" in shown.out
    assert made["client_secret"] not in listed.out + shown.out + listed.err + shown.err


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        (["create", "X", "--origin", "https://app.example.com/path"], 2, "Register https://app.example.com."),
        (["create", "X", "--callback-url", "http://app.example.com/cb"], 2, "Use https://"),
        (["create", "X", "--origin", "http://[::1]:3000"], 2, "http://localhost:3000"),
        (["create", "X", "--callback-url", "javascript://x"], 2, "myapp://linked"),
        (["create", "X\u202e"], 1, "one line"),
        (["create", "X", "--contact", "Ops <ops@app.example.com>"], 2, "ops@app.example.com"),
        (["show", "nobody"], 1, "cobalt clients list"),
        (["update", "nobody"], 2, "--origin"),
        (["rotate-secret", "nobody", "--overlap", "soon"], 2, "24h"),
    ],
)
async def test_what_cannot_be_done_is_one_line_with_the_way_out(
    run: Run, words: list[str], code: int, hint: str
) -> None:
    said = await run("clients", *words)
    assert (said.code, said.out, said.err.count("\n")) == (code, "", 1), said
    assert hint in said.err


async def test_a_phone_app_registers_its_own_scheme(run: Run) -> None:
    addresses = ["myapp://linked", "com.example.app://oauth?a=b", "http://[::1]:3000/cb"]
    given = [word for each in addresses for word in ("--callback-url", each)]
    made = (await run("clients", "create", "Phone App", *given, "--json")).json
    assert made["callback_urls"] == addresses
    changed = (await run("clients", "update", made["client_id"], *given[:2], "--json")).json
    assert (
        changed["callback_urls"]
        == addresses[:1]
        == (await run("clients", "show", "Phone App", "--json")).json["callback_urls"]
    )


async def test_a_client_named_as_anothers_id_hides_nobody(run: Run) -> None:
    first = (await run("clients", "create", "Acme", "--json")).json["client_id"]
    await run("clients", "create", first)
    assert (await run("clients", "show", first, "--json")).json["name"] == "Acme"


async def test_an_accent_that_is_hard_to_read_is_refused_with_one_that_is_not(run: Run) -> None:
    name = (await run("clients", "create", "Acme", "--json")).json["client_id"]
    said = await run("clients", "update", name, "--accent", "#ffcc00")
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert "1.51:1" in said.err and "'#917300'" in said.err
    assert (await run("clients", "update", name, "--accent", "#917300", "--json")).json["accent"] == "#917300"
