"""The pages on writes, followed: a booking, its job awaited with the contract's helper, and its receipt verified."""

import shutil
from pathlib import Path

import httpx2
import pytest

from cobalt_link.app import House
from tests.docs.samples import DOCS, run_here, samples
from tests.docs.test_how_to import linked_account, terminal_at
from tests.support.world import Shop

WRITES, RECEIPTS = DOCS / "how-to" / "write-to-the-ehr.md", DOCS / "how-to" / "receipts.md"
VERIFY = """
import json, sys
from verify_receipt import verify
from cryptography.exceptions import InvalidSignature
receipt, keys = json.load(open("receipt.json")), json.load(open("receipts-jwks.json"))["keys"]
said = verify(receipt["receipt"], keys)
assert said == receipt["payload"]
head, payload, signature = receipt["receipt"].split(".")
try:
    verify(f"{head}.{payload[:-4]}AAAA.{signature}", keys)
except InvalidSignature:
    print(said["outcome"], said["holds"]["reason"], said["differences"])
"""


@pytest.mark.skipif(not shutil.which("curl") or not shutil.which("node"), reason="needs curl and node")
async def test_a_write_is_awaited_and_its_receipt_verified_as_the_pages_say(
    house: House, client: httpx2.AsyncClient, acme: Shop, tmp_path: Path
) -> None:
    linked = await linked_account(house, acme)
    given = {"COBALT": house.settings.public_url, "CLIENT_ID": acme.record.client_id, "CLIENT_SECRET": acme.secret}
    async with terminal_at(tmp_path / "home", house.settings.data, **given, **linked) as terminal:
        for page in (WRITES, RECEIPTS):
            for each in samples(page):
                if each.mark == "app" and each.name:
                    terminal.write(each.name, each.text)
        printed = {each.name: await terminal.run(each.text) for each in run_here(WRITES)}
        assert printed["polled"].strip() == "appointment.created"
        for each in samples(RECEIPTS):
            if each.kind == "sh":
                (tmp_path / "home" / "said").write_text(await terminal.run(each.text))
                if "/receipt" in each.text and "jwks" not in each.text:
                    shutil.copy(tmp_path / "home" / "said", tmp_path / "home" / "receipt.json")
        terminal.write("check.py", VERIFY)
        assert await terminal.run("python3 check.py") == "succeeded Follow-up []\n"
