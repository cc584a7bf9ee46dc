"""S-147: the values and levels of a JSON text are counted before anything parses it."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cobalt_link.web import fields
from cobalt_link.web.json_shape import FLAT, MAX_DEPTH, MAX_VALUES, check_shape
from cobalt_link.web.problems import InvalidRequest
from tests.web.asking import request
from tests.web.sample import HEADERS, client

TEXT = st.text(st.sampled_from('[]{},:"\\ aé\n'), max_size=30)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXT, inner, max_size=4)),
    max_leaves=30,
)


def levels(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max((levels(each) for each in inner), default=0)


def accepted(raw: bytes, depth: int) -> bool:
    try:
        check_shape(raw, depth)
    except InvalidRequest:
        return False
    return True


@given(VALUES, st.booleans())
def test_the_count_of_levels_is_exact_whatever_the_texts_hold(value: Any, plain: bool) -> None:
    raw = json.dumps(value, ensure_ascii=plain).encode()
    deep = levels(value)
    assert accepted(raw, deep)
    assert deep == 0 or not accepted(raw, deep - 1)


@given(st.binary(max_size=300))
def test_nothing_makes_it_fail_otherwise(raw: bytes) -> None:
    accepted(raw, 2)


@pytest.mark.parametrize(
    ("value", "fine"),
    [
        ({"ids": list(range(MAX_VALUES - 2))}, True),
        ({"ids": list(range(MAX_VALUES + 1))}, False),
        ({"note": "Well, " * 10_000}, True),
        ({"note": '"[{,' * 10_000}, True),
        ([[]] * MAX_VALUES, False),
        ({str(n): n for n in range(MAX_VALUES + 1)}, False),
    ],
)
def test_a_thousand_values_are_enough(value: Any, fine: bool) -> None:
    assert accepted(json.dumps(value).encode(), MAX_DEPTH) is fine


BOMBS = [
    b"[" * 65_000,
    b'{"a":' * 13_000,
    b"[[],[]," * 9_000,
    b'{"a":[' + b"1," * 32_000,
    b'"' + b'\\"' * 32_000,
    b'["' + b'\\"' * 32_000,
    b'"' * 65_000,
    b'["a",' * 13_000,
    b"\\" * 65_000,
]


@pytest.mark.parametrize("bomb", BOMBS, ids=[str(number) for number in range(len(BOMBS))])
async def test_a_body_that_costs_much_is_refused_before_it_is_parsed(
    bomb: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed = []
    real = fields._json
    monkeypatch.setattr(fields, "_json", lambda raw: parsed.append(len(raw)) or real(raw))
    began = time.process_time()
    with pytest.raises(InvalidRequest):
        await fields.read_fields(request(body=bomb))
    assert time.process_time() - began < 0.05
    if b"[" in bomb[:10] or b"{" in bomb[:10]:
        assert parsed == [] or b",[" not in bomb


@pytest.mark.parametrize("where", ["query", "form", "field"])
async def test_json_within_a_field_is_counted_too(where: str) -> None:
    bomb = "[" + "[]," * 2000 + "1]"
    async with client() as http:
        given = {"user_id": "u", "org_id": "o", "tags": bomb}
        sent: dict[str, Any] = {{"query": "params", "form": "data", "field": "json"}[where]: given}
        answer = await http.post("/things", headers=HEADERS, **sent)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert "too many values" in answer.json()["message"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"start_date": "2026-01-31"}, 200),
        ({"start_date": "2026-01-31", "ids": ["a", "b"]}, 200),
        ({"start_date": "2026-01-31", "filter": {"a": {"b": 1}}}, 400),
        ({"start_date": "2026-01-31", "ids": [["a"]]}, 400),
        ({"start_date": "2026-01-31", "note": "x" * 9000}, 413),
    ],
)
async def test_the_body_of_a_get_is_a_small_flat_object(body: Any, status: int) -> None:
    async with client() as http:
        answer = await http.request("GET", "/things", headers=HEADERS, json=body)
    assert answer.status_code == status, answer.text
    if status == 400:
        assert "flat" in answer.json()["message"]
    assert FLAT == 2
