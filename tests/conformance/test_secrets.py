"""Whatever a connector does with a password, the check finds where it leaked (S-049, architecture §4 rule 8)."""

from __future__ import annotations

import json
import logging
from base64 import b64encode, urlsafe_b64encode
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
import structlog

from cobalt_link.conformance.leaks import forms, leaks
from cobalt_link.conformance.recording import recorded_output
from tests.conformance.test_example import LOGGED_IN, Change, cases, sign_in
from tests.conformance.worked_example import checked, found
from tests.support.world import Sandbox

CANARY = 'Kit0123456789abcdef <é&"+/%>'
REAL = cases(
    prepare=[{"send": "PUT /api/_lab/users/user_good", "json": {"password": "{canary}"}}],
    steps=[{"username": "user_good", "password": "{canary}"}] * 2,
)
IMPORTS = sign_in(
    "from functools import partial\n",
    "import base64, json, logging, urllib.parse, structlog\nfrom functools import partial\n",
)


def step(*lines: str) -> Change:
    """Lines in the log-in, where the password is open."""
    return sign_in(
        LOGGED_IN, "    secret = who.password.reveal()\n" + "".join(f"    {line}\n" for line in lines) + LOGGED_IN
    )


def result(text: str) -> tuple[Change, ...]:
    """A result of the log-in with `text` in it."""
    kept = LOGGED_IN.replace("return", "step =") + "    return msgspec.structs.replace(step, sent_to=kept)\n"
    return (step(f"kept = {text}"), sign_in(LOGGED_IN, kept))


LEAKS: dict[str, tuple[tuple[Change, ...], str]] = {
    "the log": ((step('structlog.get_logger().info("login", who=[secret])'),), "the log"),
    "a log below what is shown": ((step('logging.getLogger("larkspur").debug("login of %s", secret)'),), "the log"),
    "a traceback in the log": (
        (step("try:", "    raise ValueError(secret)", "except ValueError:", '    logging.exception("oh")'),), "the log",
    ),
    "standard output": ((step("print(secret)"),), "the log"),
    "an exception": ((step("raise ValueError(secret)"),), "an exception in log_in"),
    "an exception that quotes it": ((step('raise KeyError({"sent": secret})'),), "an exception in log_in"),
    "a refusal": ((step("raise Unsupported(what=secret)"),), "the refusal unsupported"),
    "a pane": ((step("raise WrongCredentials(typed=secret)"),), "pane 2"),
    "a result": (result("secret"), "the result of log_in"),
    "a result in base64": (result("base64.b64encode(f'user:{secret}'.encode()).decode()"), "base64"),
    "a result in JSON": (result("json.dumps(json.dumps([secret]))"), "the result of log_in"),
    "a result in a URL": (result("'https://ehr.example/?' + urllib.parse.urlencode({'p': secret})"), "URL-encoded"),
    "a result in hexadecimal": (result("secret.encode().hex()"), "hexadecimal"),
}  # fmt: skip


@pytest.mark.parametrize("where", LEAKS, ids=[name.replace(" ", "_") for name in LEAKS])
async def test_a_password_that_comes_out_is_found(where: str, tmp_path: Path, sandbox: Sandbox) -> None:
    changes, part = LEAKS[where]
    report = await checked(tmp_path, REAL, IMPORTS, *changes, address=sandbox.address)
    assert found(report, "secrets", part), report.findings
    assert not any("Kit" in each.text for each in report.findings), "the check itself leaks the secret"


async def test_a_code_that_comes_out_is_found(tmp_path: Path, sandbox: Sandbox) -> None:
    steps = [{"username": "user_code", "password": "pass_good"}, {"code": "123456"}]
    case = cases(steps=steps, panes=["credentials", "code"])
    change = sign_in("    typed = answer.code.reveal() if answer.code else \"\"\n",
                   "    typed = answer.code.reveal() if answer.code else \"\"\n    print('code', typed)\n")  # fmt: skip
    report = await checked(tmp_path, case, change, address=sandbox.address)
    assert found(report, "secrets", "the log")


async def test_nothing_is_found_where_nothing_came_out(tmp_path: Path, sandbox: Sandbox) -> None:
    report = await checked(tmp_path, REAL, IMPORTS, step("del secret"), address=sandbox.address)
    assert not found(report, "secrets")


@pytest.mark.parametrize(
    "text",
    [
        f"before {CANARY} after",
        repr({"password": CANARY}),
        json.dumps({"password": CANARY}),
        json.dumps({"password": CANARY}, ensure_ascii=False),
        json.dumps(json.dumps(CANARY)),
        quote(CANARY),
        quote(CANARY, safe=""),
        quote_plus(CANARY),
        *(b64encode(b"x" * before + CANARY.encode() + b"tail").decode() for before in range(4)),
        *(urlsafe_b64encode(b"x" * before + CANARY.encode()).decode() for before in range(3)),
        CANARY.encode().hex(),
        CANARY.encode("utf-16-le").decode("latin-1"),
        repr(CANARY.encode()),
    ],
)
def test_every_spelling_of_a_secret_is_found(text: str) -> None:
    assert [instance for instance, _ in leaks([CANARY], [("here", text)])] == ["here"]


def test_a_secret_is_not_found_where_it_is_not() -> None:
    assert not [*leaks([CANARY, "123456"], [("here", "Kit_0123 456789abcdef <"), ("there", "12345 6 MTIzNDU=")])]


def test_what_is_too_short_to_mean_anything_is_not_searched() -> None:
    assert not [*forms("ab")]
    assert not [*leaks(["12"], [("here", "1234567890")])]


def test_listening_hears_every_logger_and_leaves_them_as_they_were() -> None:
    before = logging.getLogger().level, list(logging.getLogger().handlers), structlog.get_config()["processors"][:]
    with recorded_output() as said:
        structlog.get_logger().warning("one", field="first")
        logging.getLogger("somebody").debug("second %s", "x")
        print("third")
    assert [word for word in ("first", "second x", "third") if word in "\n".join(said)] == [
        "first",
        "second x",
        "third",
    ]
    assert before == (
        logging.getLogger().level,
        list(logging.getLogger().handlers),
        structlog.get_config()["processors"],
    )
