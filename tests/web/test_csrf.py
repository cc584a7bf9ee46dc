"""A form counts only when our own page sent it. S-118"""

from collections.abc import Mapping
from typing import Any

import pytest

from cobalt_link.web import Call
from tests.web.sample import client

OWN = "https://link.example.org"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "none"}, 303),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 303),
        ({"Origin": OWN}, 303),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": OWN}, 403),
        ({"Sec-Fetch-Site": "bogus"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "https://link.example.org.evil.example"}, 403),
        ({"Origin": "http://link.example.org"}, 403),
        ({"Origin": "https://link.example.org:8443"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "null"}, 403),
        ({}, 403),
    ],
)
async def test_what_the_browser_says_of_itself_decides(headers: dict[str, str], status: int) -> None:
    async with client(public_url=f"{OWN}/") as http:
        answer = await http.post("/panes/1", headers=headers)
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["error"] == "foreign_form"


async def test_the_public_address_is_compared_as_browsers_write_it() -> None:
    async with client(public_url="HTTPS://Link.Example.org:443") as http:
        assert (await http.post("/panes/1", headers={"Origin": OWN})).status_code == 303


async def test_a_text_browser_that_says_nothing_is_judged_by_the_forms_token_alone() -> None:
    async def right(call: Call, fields: Mapping[str, Any]) -> bool:
        return fields.get("form_token") == "right"

    async with client(public_url=OWN, form_token=right) as http:
        assert (await http.post("/panes/1", data={"form_token": "right"})).status_code == 303
        assert (await http.post("/panes/1", data={"form_token": "wrong"})).status_code == 403
        foreign = {"Sec-Fetch-Site": "cross-site"}
        assert (await http.post("/panes/1", data={"form_token": "right"}, headers=foreign)).status_code == 403


async def test_reading_a_page_needs_no_origin() -> None:
    async with client(public_url=OWN) as http:
        assert (await http.get("/panes/1", headers={"Sec-Fetch-Site": "cross-site"})).status_code == 200
