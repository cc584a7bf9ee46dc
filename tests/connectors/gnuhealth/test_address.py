"""What stands at an address that someone typed: GNU Health, something else, or nothing."""

import pytest

from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connector.refusals import NotThisAddress, Unsupported
from cobalt_link.connectors.gnuhealth import GnuHealth
from cobalt_link.net.http import Http
from tests.connectors.gnuhealth.walk import Walk, credentials
from tests.net.wires import listening, plain
from tests.support.ehrs import gnuhealth_install as install
from tests.support.ehrs import gnuhealth_seed as seed
from tests.support.ehrs.gnuhealth import MARKS
from tests.support.ehrs.gnuhealth import GnuHealth as Bench

pytestmark = MARKS
DOCTOR = credentials("ccameron", seed.USERS["ccameron"])


async def test_gnu_health_is_recognized_with_and_without_a_database(gnuhealth: Bench, connector: GnuHealth) -> None:
    await connector.recognize(EhrInstance(address=gnuhealth.url))
    await connector.recognize(EhrInstance(address=f"{gnuhealth.url}/riverside"))


@pytest.mark.parametrize(
    "answer",
    [plain(b"<html>Welcome</html>"), plain(b"{}"), plain(b'{"result": null}'), plain(b'{"result": 7}'), plain(b"[]"),
     plain(status="404 Not Found"), plain(status="401 Unauthorized"), plain(status="302 Found", Location="https://x/")],
)  # fmt: skip
async def test_something_else_at_the_address_is_not_taken_for_it(connector: GnuHealth, answer: bytes) -> None:
    async with listening(answer) as other:
        for path in ("", "/riverside"):
            with pytest.raises(NotThisAddress) as no:
                await connector.recognize(EhrInstance(address=other.url + path))
            assert no.value.details == {"reason": "other_ehr"}


async def test_a_name_that_does_not_resolve_is_not_found() -> None:
    async def nowhere(_host: str, _port: int) -> list[str]:
        return []

    with pytest.raises(NotThisAddress) as no:
        await GnuHealth(Http(resolve=nowhere)).recognize(EhrInstance(address="https://gnuhealth.example.org"))
    assert no.value.details == {"reason": "not_found"}


async def test_a_server_that_hides_its_databases_needs_the_name_in_the_address(strict: Bench) -> None:
    walk = await Walk(strict.url).go()
    assert isinstance(walk.refusal, Unsupported) and walk.refusal.details == {"reason": "hidden_databases"}
    named = await Walk(f"{strict.url}/riverside").go(DOCTOR)
    assert named.grant.tenant == "riverside"
    remembered = await Walk(strict.url, known=named.grant.known).go(DOCTOR)
    assert remembered.grant.tenant == "riverside"


async def test_a_tryton_without_gnu_health_is_another_system(strict: Bench) -> None:
    walk = await Walk(f"{strict.url}/books").go(credentials("admin", install.ADMIN_PASSWORD))
    assert (walk.refusal.code, walk.refusal.details) == ("not_this_address", {"reason": "other_ehr"})
