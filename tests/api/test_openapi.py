"""The whole public API is what its document says. S-145"""

import importlib.util
from pathlib import Path

import httpx2
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.support.proof import FUZZED_APP, SIZE
from tests.web.fuzzing import fuzz

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("cobalt_link.app") is None, reason="the app is not wired yet (cobalt_link.app)"
)


async def test_the_document_is_valid(full_app_url: str) -> None:
    async with httpx2.AsyncClient() as http:
        answer = await http.get(f"{full_app_url}/openapi.json")
    assert answer.status_code == 200
    OpenAPIV31SpecValidator(answer.json()).validate()


@pytest.mark.slow
async def test_a_fuzzer_finds_no_contradiction(
    full_app_url: str, full_app_credentials: dict[str, str], tmp_path: Path
) -> None:
    # The coverage phase makes over 6,000 calls, in ten minutes.
    phases = "examples,coverage,fuzzing,stateful" if SIZE == "nightly" else "examples,fuzzing,stateful"
    found = await fuzz(full_app_url, full_app_credentials, tmp_path, examples=FUZZED_APP.times, phases=phases)
    assert not found, found
