"""The check on GNU Health: its cases run straight and in pieces against the real server."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cobalt_link.conformance import check_connectors
from cobalt_link.conformance.report import Report
from cobalt_link.link.pages.texts import by_locale
from tests.connectors.gnuhealth.notes import noted
from tests.support.ehrs import gnuhealth_seed as seed
from tests.support.ehrs.gnuhealth import MARKS, GnuHealth

pytestmark = MARKS
LOGIN = {"login": "ccameron", "password": seed.USERS["ccameron"]}


async def checked(bench: GnuHealth, **given: str | Callable[[], str]) -> Report:
    bench.forget_attempts()
    (report,) = await check_connectors(["gnuhealth"], by_locale(), address=bench.url, given=LOGIN | given)
    bench.forget_attempts()
    return report


async def test_a_password_is_enough(gnuhealth: GnuHealth) -> None:
    noted(gnuhealth)  # without a note, nothing proves the filter include_note
    report = await checked(gnuhealth)
    assert report.findings == ()
    assert report.ran == ("A password is enough", "A wrong password, then the right one")
    assert [each.partition(":")[0] for each in report.skipped] == [
        "One of several databases", "None of the databases", "A texted code",
    ]  # fmt: skip


async def test_one_of_several_databases(gnuhealth_two: GnuHealth) -> None:
    report = await checked(gnuhealth_two, database="south")
    assert report.findings == ()
    assert report.ran == ("One of several databases", "None of the databases")


async def test_a_texted_code(gnuhealth_mfa: GnuHealth) -> None:
    gnuhealth_mfa.forget_codes()
    report = await checked(gnuhealth_mfa, code=lambda: gnuhealth_mfa.last_code("ccameron"))
    assert report.findings == () and report.ran == ("A texted code",)
    gnuhealth_mfa.forget_codes()


@pytest.mark.parametrize("missing", ["login", "password"])
async def test_what_is_not_given_is_said(gnuhealth: GnuHealth, missing: str) -> None:
    given = {name: value for name, value in LOGIN.items() if name != missing}
    (report,) = await check_connectors(["gnuhealth"], by_locale(), address=gnuhealth.url, given=given)
    assert not report.passed and not report.ran
    assert [each.text.partition(".")[0] for each in report.findings] == ["No case ran, so nothing is proved"]
    assert any(f"COBALT_CHECK_{missing.upper()} is not set" in each for each in report.skipped)
