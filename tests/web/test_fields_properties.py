"""Whatever is sent, tolerance answers with a struct that a store can keep, or with a clean 400."""

import base64
import json
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.datastructures import Headers

from cobalt_link.web.conversion import convert
from cobalt_link.web.credentials import is_quoted, read_credentials
from cobalt_link.web.fields import MAX_INT, read_fields
from cobalt_link.web.problems import InvalidRequest, MissingField, Problem
from tests.support.proof import PROPERTY_EXAMPLES
from tests.web.asking import request
from tests.web.test_fields import Kind, Narrow

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)
names = st.sampled_from(
    [*(field.encode_name for field in msgspec.structs.fields(Kind)), "kind", "webhook_url", "other"]
)
kinds = st.sampled_from(
    ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", ""]
)
plain = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


async def taken(sent: Any) -> msgspec.Struct | None:
    try:
        fields = await read_fields(sent)
        read_credentials(sent.headers, fields)
        return convert(fields, Kind)
    except (InvalidRequest, MissingField):
        return None


def keepable(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" not in value and value.encode() is not None
    if isinstance(value, int):
        return abs(value) <= MAX_INT
    if isinstance(value, dict):
        return all(keepable(item) for pair in value.items() for item in pair)
    return all(keepable(item) for item in value) if isinstance(value, list) else True


@settings(max_examples=PROPERTY_EXAMPLES.times, deadline=None)
@given(fields=st.dictionaries(names, anything, max_size=6), kind=kinds, method=st.sampled_from(["GET", "POST"]))
async def test_any_json_becomes_a_struct_or_a_400(fields: dict[str, Any], kind: str, method: str) -> None:
    body = json.dumps({"user_id": "u", "org_id": "o", **fields}).encode()
    found = await taken(request(method, body=body, headers={"content-type": kind}))
    if found is not None:
        assert keepable(msgspec.to_builtins(found))


@settings(max_examples=PROPERTY_EXAMPLES.times, deadline=None)
@given(body=st.binary(max_size=300), query=st.binary(max_size=100), kind=kinds)
async def test_any_bytes_become_a_struct_or_a_400(body: bytes, query: bytes, kind: str) -> None:
    await taken(request(body=body, query=query.decode("latin-1"), headers={"content-type": kind}))


@settings(max_examples=PROPERTY_EXAMPLES.times, deadline=None)
@given(user=plain, org=plain, page=st.integers(0, 10**17), loud=st.booleans())
async def test_the_same_fields_mean_the_same_in_json_form_and_query(user: str, org: str, page: int, loud: bool) -> None:
    if is_quoted(user.strip()) or is_quoted(org.strip()):
        return  # in JSON these quotes are part of the text
    fields = {"user_id": user, "org_id": org, "page": page, "loud": loud}
    text = urlencode({**fields, "loud": str(loud).lower()})
    form = request(body=text.encode(), headers={"content-type": "application/x-www-form-urlencoded"})
    for sent in (request(body=json.dumps(fields).encode()), request("GET", query=text), form):
        assert await taken(sent) == Kind(user_id=user, org_id=org, page=page, loud=loud)


@settings(max_examples=PROPERTY_EXAMPLES.times, deadline=None)
@given(fields=st.dictionaries(st.text(max_size=8), anything, max_size=6))
def test_a_struct_that_forbids_unknown_fields_never_lets_one_pass(fields: dict[str, Any]) -> None:
    known = {"subject", "body", "text", "client_id", "client_secret", "access_token"}
    if fields.keys() <= known:
        return
    with pytest.raises(Problem) as refused:
        convert({"subject": "s", **fields}, Narrow)
    assert refused.value.status == 400


@settings(max_examples=PROPERTY_EXAMPLES.times, deadline=None)
@given(client=plain, secret=plain)
def test_what_was_quoted_or_encoded_comes_out_as_it_was(client: str, secret: str) -> None:
    name = client.replace(":", "")
    if name:
        encoded = base64.b64encode(f"{name}:{secret}".encode()).decode()
        found = read_credentials(Headers({"authorization": f"Basic {encoded}"}))
        assert (found.client_id, found.client_secret) == (name, secret)
