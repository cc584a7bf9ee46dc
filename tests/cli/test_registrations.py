"""`cobalt registrations`: what an operator types, and what nobody should."""

from __future__ import annotations

from pathlib import Path

import psycopg
from psycopg import sql

from tests.cli.cobalt import Said
from tests.cli.conftest import Run
from tests.registrations.conftest import written

PUBLIC = {"COBALT_PUBLIC_URL": "https://link.example"}
ISSUER = "https://ehr.example/fhir/r4"
SECRET = "S3cret-of-the-app-4711"
AT = ("--vendor", "other", "--issuer", ISSUER)


async def test_a_registration_is_guided_added_shown_rotated_and_removed(run: Run) -> None:
    guided = await run("registrations", "guide", "--vendor", "Epic", "--name", "epic-larkspur", **PUBLIC)
    added = await run("registrations", "add", "epic-larkspur", "--vendor", "epic", "--issuer", ISSUER, **PUBLIC)
    for text in (guided.out, added.out):
        for value in ("https://link.example/oauth/callback/epic-larkspur", "https://link.example/launch",
                      "https://link.example/registrations/epic-larkspur/jwks.json", "Requires Persistent Access",
                      "64-character-limited", "Communication (read, create)"):  # fmt: skip
            assert value in text, value
    assert "cobalt registrations add epic-larkspur --vendor epic" in guided.out
    assert "cobalt registrations update epic-larkspur --client-id ID" in added.out
    changed = await run("registrations", "update", "epic-larkspur", "--client-id", "c-1", "--smart", "v1",
                        "--schedule", "Location/21", "--json", **PUBLIC)  # fmt: skip
    assert changed.json["client_id"] == "c-1" and changed.json["schedules"] == ["Location/21"]
    assert "user/Patient.read" in changed.json["scopes"] and changed.json["proof"] == "private_key_jwt"
    more = await run("registrations", "approve", "epic-larkspur", "https://two.example/R4/")
    assert more.out == "epic-larkspur is used at https://two.example/R4 from now on.\n"
    rotated = await run("registrations", "rotate", "epic-larkspur", "--algorithm", "ES384", "--json")
    assert [each["algorithm"] for each in rotated.json["keys"]] == ["RS384", "ES384"]
    shown = await run("registrations", "show", "epic-larkspur", "--json", **PUBLIC)
    assert shown.json["fhir_servers"] == [ISSUER, "https://two.example/R4"] and len(shown.json["keys"]) == 2
    assert "https://two.example/R4" in (await run("registrations", "list")).out
    assert (await run("registrations", "withdraw", "epic-larkspur", "https://two.example/R4")).code == 0
    assert (await run("registrations", "remove", "epic-larkspur")).code == 0
    assert (await run("registrations", "list", "--json")).json == {"registrations": []}


async def test_a_secret_comes_from_a_private_file_and_goes_nowhere(run: Run, tmp_path: Path, dsn: str) -> None:
    # S-049
    file = written(tmp_path, f"{SECRET}\n")
    said = [
        await run("registrations", "add", "one", *AT, "--client-id", "c-1", "--client-secret-file", file, **PUBLIC),
        await run("registrations", "show", "one"),
        await run("registrations", "show", "one", "--json"),
        await run("registrations", "update", "one", "--secret-in", "post", "--json"),
        await run("registrations", "test", "one", "--no-sign-in", "--json"),
    ]
    assert [each.code for each in said] == [0, 0, 0, 0, 1]
    assert said[3].json["proof"] == "client_secret_post"
    assert said[4].json["findings"][0]["step"] == 1  # ehr.example does not exist
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        for table in ("registrations", "registration_audit", "registration_addresses"):
            query = sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(table))
            rows = await (await connection.execute(query)).fetchall()
            said.append(Said(0, str(rows), ""))
    hidden = SECRET, SECRET.encode().hex()
    assert not [each for each in said if any(text in f"{each[1]}{each[2]}" for text in hidden)]


async def test_what_a_registration_cannot_be_is_one_line_that_says_what_to_do(run: Run, tmp_path: Path) -> None:
    cases = (
        (["--issuer", "https://ann:hunter22@ehr.example/fhir?x=1"], "no user name"),
        (["--issuer", ISSUER, "--jwks", "--public"], "one way"),
        (["--issuer", ISSUER, "--client-secret-file", written(tmp_path, SECRET, 0o644)], "chmod 600"),
    )
    for words, hint in cases:
        said = await run("registrations", "add", "one", "--vendor", "other", *words)
        assert said.code != 0 and said.out == "" and said.err.count("\n") == 1, (words, said)
        assert hint in said.err and "hunter22" not in said.err and SECRET not in said.err, (words, said.err)
    missing = await run("registrations", "add", "one", "--vendor", "nextgen", "--issuer", ISSUER)
    assert "--client-secret-file" in missing.err
    assert (await run("registrations", "list", "--json")).json == {"registrations": []}


async def test_what_cannot_be_done_with_a_registration_says_what_can(run: Run) -> None:
    assert (await run("registrations", "add", "one", *AT, "--public")).code == 0
    cases = (
        (["show", "nobody"], "cobalt registrations list"),
        (["rotate", "one"], "has no key"),
        (["test", "one"], "no client id"),
        (["test", "one", "--wait", "99"], "1 to 15"),
    )
    for words, hint in cases:
        said = await run("registrations", *words)
        assert said.code != 0 and hint in said.err, said
