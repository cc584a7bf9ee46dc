"""The bench itself: each variant of the real GNU Health starts, is seeded, and answers as its documentation tells."""

import pytest

from tests.support.ehrs import gnuhealth_seed as seed
from tests.support.ehrs.gnuhealth import MARKS, GnuHealth
from tests.support.ehrs.gnuhealth_server import RpcRefused, post

pytestmark = MARKS


def test_a_password_opens_a_session_that_reads_the_chart(gnuhealth: GnuHealth) -> None:
    assert post(gnuhealth.url + "/", "common.db.list", []) == ["riverside"]
    session = gnuhealth.sign_in("ccameron", gnuhealth.users["ccameron"])
    url = f"{gnuhealth.url}/riverside/"
    context = post(url, "model.res.user.get_preferences", [True, {}], session)
    rows = post(url, "model.gnuhealth.patient.search_read", [[], 0, None, None, ["puid"], context], session)
    assert {row["puid"] for row in rows} == {patient[4] for patient in seed.PATIENTS}
    assert len(gnuhealth.appointments) == len(seed.visits(gnuhealth.today))


def test_sessions_can_be_dropped_and_passwords_changed(gnuhealth: GnuHealth) -> None:
    url = f"{gnuhealth.url}/riverside/"
    session = gnuhealth.sign_in("rforeman", gnuhealth.users["rforeman"])
    gnuhealth.drop_sessions()
    with pytest.raises(RpcRefused, match="401"):
        post(url, "model.res.user.get_preferences", [True, {}], session)
    gnuhealth.set_password("rforeman", "Another-Ward-221B")
    with pytest.raises(RpcRefused, match="401"):
        gnuhealth.sign_in("rforeman", "Foreman-Ward-221B")
    gnuhealth.forget_attempts()
    assert gnuhealth.sign_in("rforeman", gnuhealth.users["rforeman"])
    gnuhealth.set_password("rforeman", "Foreman-Ward-221B")


def test_the_second_factor_comes_as_a_text(gnuhealth_mfa: GnuHealth) -> None:
    gnuhealth_mfa.forget_codes()
    before = len(gnuhealth_mfa.texts())
    url = f"{gnuhealth_mfa.url}/riverside/"
    with pytest.raises(RpcRefused, match="sms_code"):
        post(url, "common.db.login", ["ccameron", {"password": gnuhealth_mfa.users["ccameron"]}, "en"])
    assert [text["to"] for text in gnuhealth_mfa.texts()[before:]] == [seed.MOBILES["ccameron"]]
    assert gnuhealth_mfa.sign_in("ccameron", gnuhealth_mfa.users["ccameron"])


def test_two_databases_are_there_to_choose_from(gnuhealth_two: GnuHealth) -> None:
    assert sorted(post(gnuhealth_two.url + "/", "common.db.list", [])) == ["north", "south"]
    for name in ("north", "south"):
        assert gnuhealth_two.sign_in("ccameron", gnuhealth_two.users["ccameron"], name)
