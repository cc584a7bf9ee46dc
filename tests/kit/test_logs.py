"""Logs: no secret in them in any common encoding, one entry per event whatever is in it."""

import base64
import io
import json
import logging
import re
import urllib.parse
from collections.abc import Iterator

import msgspec
import pytest
import structlog
from hypothesis import example, given
from hypothesis import strategies as st

from cobalt_link.kit import tokens
from cobalt_link.kit.logs import HIDDEN, configure_logging, is_secret_name, mask

BOTH = pytest.mark.parametrize("as_json", [True, False])
HOSTILE = "one\ntwo\r\n\x1b[2J\x1b]0;title\x07\u202egnp.exe\u2066\u2028\u2029\x85\x00\x7f\u200b\ufeff\ud800\U000e0041"


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level


def log_to(as_json: bool) -> tuple[io.StringIO, structlog.typing.FilteringBoundLogger]:
    stream = io.StringIO()
    configure_logging(as_json, stream=stream)
    return stream, structlog.get_logger()


class Login(msgspec.Struct):
    user: str
    password: str


def test_names_that_hide_their_value() -> None:
    hidden = (
        "password newPassword client_secret X-Api-Key Authorization Set-Cookie code mfa_code otp otpCode access_token"
    )
    shown = "error_code status_code postal_code visit_codes client_id key_id idempotency_key user opinion tokenizer"
    assert [name for name in hidden.split() if not is_secret_name(name)] == []
    assert [name for name in shown.split() if is_secret_name(name)] == []


def test_a_refusals_code_shows_and_a_received_one_does_not() -> None:
    stream, log = log_to(as_json=True)
    log.info("refused", code="wrong_code", back_off_code="ehr_down")
    log.info("typed", code="482913", mfa_code="abcdef", passcode="word_word")
    refused, typed = map(json.loads, stream.getvalue().splitlines())
    assert (refused["code"], refused["back_off_code"]) == ("wrong_code", "ehr_down")
    assert {typed["code"], typed["mfa_code"], typed["passcode"]} == {HIDDEN}


@BOTH
def test_a_canary_under_a_secret_name_never_shows(as_json: bool) -> None:
    """S-049: at the top, nested, in a struct, as number, bytes or object."""
    stream, log = log_to(as_json)
    canary = "canary-7391"
    log.info(
        "login",
        password=canary,
        code=7391,
        answer={"deep": [{"otp": canary}, {"x": {"api_key": canary}}]},
        login=Login("dr.who", canary),
        body=canary.encode(),
        credentials=(canary, canary),
    )
    text = stream.getvalue()
    assert "7391" not in text
    assert "dr.who" in text
    assert "<11 bytes>" in text


ENCODINGS = {
    "plain": str,
    "in a sentence": lambda token: f"the token {token}, twice {token}.",
    "in an address": lambda token: f"https://x.example/?token={token}&public_token={token}#a",
    "as a header": lambda token: f"Authorization: Bearer {token}",
    "as basic credentials": lambda token: "Basic " + base64.b64encode(f"ci:{token}".encode()).decode(),
    "base64": lambda token: base64.b64encode(token.encode()).decode(),
    "base64, url-safe": lambda token: base64.urlsafe_b64encode(b">>>" + token.encode()).decode(),
    "url-encoded": lambda token: urllib.parse.quote(f"token={token}&x=1", safe=""),
    "json": lambda token: json.dumps({"data": {"t": [token]}}),
    "json in json": lambda token: json.dumps({"body": json.dumps({"t": token})}),
    "repr": lambda token: repr({"a": (token, token.encode())}),
    "cut": lambda token: token[:30],
}


@BOTH
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_our_tokens_never_show_in_any_common_encoding(encoding: str, as_json: bool) -> None:
    """S-049: as value, as event, as key, and through the standard library's logging."""
    stream, log = log_to(as_json)
    for kind in (tokens.LINK, tokens.PUBLIC, tokens.ACCESS, tokens.CLIENT_SECRET):
        token = tokens.mint(kind, tokens.LIVE)
        text = ENCODINGS[encoding](token)
        log.info(text, value=text, **{"nested": {text: [text]}})
        logging.getLogger("other").warning("stdlib %s", text)
        written = stream.getvalue()
        assert token[8:24] not in written
        assert text not in written


def test_client_ids_stay_readable() -> None:
    client_id = tokens.mint(tokens.CLIENT_ID, tokens.LIVE)
    assert client_id in mask(f"client {client_id} called")


@pytest.mark.parametrize(
    "text",
    [
        'password="canary-7391"',
        "{'password': 'canary-7391'}",
        '{"password":"canary-7391","user":"u"}',
        '{"code": 7391}',
        json.dumps(json.dumps({"client_secret": "canary-7391"})),
        "https://user:canary-7391@ehr.example/api",
        "postgresql://cobalt:canary-7391@db/cobalt",
        "?code=canary-7391&state=x",
        "Cookie: session=x; session_token=canary-7391",
        "eyJhbGciOiJub25lIn0.canary-7391.canary-7391",
    ],
)
def test_secrets_in_running_text_are_masked(text: str) -> None:
    """S-049, best effort for what others put into their messages."""
    assert "7391" not in mask(text)
    assert HIDDEN in mask(text)


@BOTH
def test_an_exception_shows_its_trace_but_not_the_secret_in_it(as_json: bool) -> None:
    stream, log = log_to(as_json)
    token = tokens.mint("at", "live")
    try:
        raise ValueError(f"no account for {token}\nand password=canary-7391")
    except ValueError:
        log.exception("failed")
    text = stream.getvalue()
    assert "ValueError" in text and "test_logs.py" in text
    assert token[8:] not in text and "canary" not in text


@BOTH
def test_hostile_values_stay_one_entry(as_json: bool) -> None:
    """S-136: newline, ANSI and bidi characters in events, keys, values, foreign logs and exceptions."""
    stream, log = log_to(as_json)
    forged = "\n2026-01-01T00:00:00Z info forged user=admin"
    log.info("a" + HOSTILE + forged, value=HOSTILE + forged, deep=[{HOSTILE + forged: HOSTILE}])
    logging.getLogger("other").warning("b%s", HOSTILE + forged)
    try:
        raise RuntimeError(HOSTILE + forged)
    except RuntimeError:
        log.exception("c", value=HOSTILE)
    text = stream.getvalue()
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]", text)
    if as_json:
        assert [json.loads(line)["event"][0] for line in text.splitlines()] == ["a", "b", "c"]
    entries = [line for line in text.split("\n") if line and not line.startswith("    | ")]
    assert len(entries) == 3
    assert not any(line.startswith("2026-01-01") for line in entries)


@given(st.text(), st.text())
@example(HOSTILE, HOSTILE)
def test_any_text_becomes_one_printable_line(one: str, other: str) -> None:
    stream, log = log_to(as_json=False)
    log.info(one, value=other)
    text = stream.getvalue()
    assert text.endswith("\n") and text.count("\n") == 1
    assert len(text.splitlines()) == 1
    text.encode()


def test_a_long_value_is_cut_and_says_so() -> None:
    assert len(mask("x" * 1_000_000)) < 5_000
    assert "1000000 characters" in mask("x" * 1_000_000)


def test_an_endless_structure_is_logged_all_the_same() -> None:
    stream, log = log_to(as_json=True)
    loop: dict = {"name": "loop"}
    loop["self"] = loop
    log.info("loop", value=loop)
    assert json.loads(stream.getvalue())["value"]["name"] == "loop"


def test_masking_twice_is_masking_once() -> None:
    text = "https://u:p@x/?token=abc&code=123 Bearer abcdefghijk " + tokens.mint("lt", "test")
    assert mask(mask(text)) == mask(text)


@BOTH
def test_a_level_below_the_set_one_is_not_written(as_json: bool) -> None:
    stream, log = log_to(as_json)
    log.debug("hidden")
    logging.getLogger("httpx2").info("GET https://ehr.example/?q=patient")
    log.warning("shown", host="ehr.example")
    assert "hidden" not in stream.getvalue() and "GET" not in stream.getvalue()
    assert "shown" in stream.getvalue() and "ehr.example" in stream.getvalue()


@BOTH
def test_a_log_that_nobody_reads_any_more_ends_nothing_else(as_json: bool) -> None:
    stream, log = log_to(as_json)
    stream.close()
    log.error("ehr_answer_not_understood", reference="40BB1BEB")
    logging.getLogger("elsewhere").error("told in vain")
