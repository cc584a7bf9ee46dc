"""Signing in to the real GNU Health: every pane and every refusal that it can lead to."""

import json
import time

import pytest

from cobalt_link.connector.panes import Choice, ChoiceAnswer, Code, Credentials, PaneRefusal
from cobalt_link.connector.refusals import SessionEnded
from cobalt_link.connectors.gnuhealth import GnuHealth
from tests.connectors.gnuhealth.walk import Walk, code, credentials
from tests.support.ehrs import gnuhealth_seed as seed
from tests.support.ehrs.gnuhealth import MARKS, Start
from tests.support.ehrs.gnuhealth import GnuHealth as Bench

pytestmark = MARKS
DOCTOR = credentials("ccameron", seed.USERS["ccameron"])


async def test_a_password_alone_is_asked_where_the_server_wants_no_more(gnuhealth: Bench) -> None:
    walk = await Walk(gnuhealth.url).go(DOCTOR)
    assert walk.panes == [Credentials()]
    assert (walk.grant.tenant, walk.grant.user.username, walk.grant.user.name) == (
        "riverside", "ccameron", "Cora Cameron",
    )  # fmt: skip
    assert walk.grant.known == {"database": "riverside", "factor": None}
    assert list(walk.granted.answers) == ["credentials"]


async def test_the_password_rests_in_no_grant_session(gnuhealth: Bench) -> None:
    walk = await Walk(gnuhealth.url).go(DOCTOR)
    assert seed.USERS["ccameron"] not in json.dumps(walk.grant.session) + repr(walk.grant)


async def test_every_run_after_the_first_sends_nothing_again(gnuhealth: Bench) -> None:
    walk = await Walk(gnuhealth.url).go(DOCTOR)
    before = gnuhealth.sessions("ccameron")
    again = Walk(gnuhealth.url, journal=walk.journal)
    assert (await again.go()).grant == walk.grant
    assert gnuhealth.sessions("ccameron") == before


async def test_the_database_is_chosen_where_there_are_several(gnuhealth_two: Bench) -> None:
    walk = await Walk(gnuhealth_two.url).go()
    assert isinstance(walk.pane, Choice) and walk.pane.name == "database"
    assert [(row.value, row.label) for row in walk.pane.options] == [("north", "north"), ("south", "south")]
    walk = await Walk(gnuhealth_two.url).go(ChoiceAnswer(value="south"), DOCTOR)
    assert walk.grant.tenant == "south" and walk.grant.session["database"] == "south"


async def test_a_database_that_is_not_in_the_list_ends_as_none_of_these(gnuhealth_two: Bench) -> None:
    walk = await Walk(gnuhealth_two.url).go(ChoiceAnswer(value=None))
    assert (walk.refusal.code, walk.refusal.details) == ("none_of_these", {"choice": "database"})


async def test_the_database_of_last_time_is_not_asked_for_again(gnuhealth_two: Bench) -> None:
    walk = await Walk(gnuhealth_two.url).go(ChoiceAnswer(value="north"), DOCTOR)
    repaired = await Walk(gnuhealth_two.url, known=walk.grant.known).go(DOCTOR)
    assert repaired.panes == [Credentials()] and repaired.grant.tenant == "north"


async def test_the_address_may_name_the_database(gnuhealth_two: Bench) -> None:
    walk = await Walk(f"{gnuhealth_two.url}/south").go(DOCTOR)
    assert walk.panes == [Credentials()] and walk.grant.tenant == "south"
    missing = await Walk(f"{gnuhealth_two.url}/west").go(DOCTOR)
    assert (missing.refusal.code, missing.refusal.details) == ("not_this_address", {"reason": "not_found"})


async def test_a_wrong_password_is_asked_again_with_the_username_kept(gnuhealth: Bench) -> None:
    gnuhealth.forget_attempts()
    walk = await Walk(gnuhealth.url).go(credentials("ccameron", "not-this-one"))
    assert walk.pane == Credentials(username="ccameron", problem=PaneRefusal("wrong_credentials"))
    walk = await Walk(gnuhealth.url).go(credentials("nobody", "not-this-one"), DOCTOR)
    assert walk.grant.user.username == "ccameron"
    gnuhealth.forget_attempts()


async def test_too_many_wrong_passwords_end_in_a_lock_out(strict: Bench) -> None:
    address = f"{strict.url}/riverside"
    walk = await Walk(address).go(credentials("ccameron", "wrong"))
    assert isinstance(walk.pane, Credentials)
    walk = await Walk(address).go(DOCTOR)
    assert (walk.refusal.code, walk.refusal.details) == ("locked", {"minutes": 5})
    strict.forget_attempts()
    assert (await Walk(address).go(DOCTOR)).grant


async def test_a_texted_code_is_asked_for_after_the_password(gnuhealth_mfa: Bench) -> None:
    gnuhealth_mfa.forget_codes()
    before = len(gnuhealth_mfa.texts())
    walk = await Walk(gnuhealth_mfa.url).go(DOCTOR)
    assert walk.pane == Code(way="text")
    texts = gnuhealth_mfa.texts()[before:]
    assert [text["to"] for text in texts] == [seed.MOBILES["ccameron"]]
    await walk.go(code(gnuhealth_mfa.last_code("ccameron")))
    assert walk.grant.known == {"database": "riverside", "factor": "sms_code"}
    assert list(walk.granted.answers) == ["credentials"]
    assert len(gnuhealth_mfa.texts()) == before + 1


async def test_a_wrong_code_is_asked_again_and_texts_nobody(gnuhealth_mfa: Bench) -> None:
    gnuhealth_mfa.forget_codes()
    walk = await Walk(gnuhealth_mfa.url).go(DOCTOR)
    texts = len(gnuhealth_mfa.texts())
    await walk.go(code("000000"), code(""))
    assert walk.pane == Code(way="text", problem=PaneRefusal("wrong_code"))
    await walk.go(code(f" {gnuhealth_mfa.last_code('ccameron')} "))
    assert walk.grant and len(gnuhealth_mfa.texts()) == texts


async def test_a_code_that_came_too_late_is_followed_by_the_one_that_the_server_sent(gnuhealth_mfa: Bench) -> None:
    gnuhealth_mfa.forget_codes()
    walk = await Walk(gnuhealth_mfa.url).go(DOCTOR)
    late = gnuhealth_mfa.last_code("ccameron")
    await five_minutes_pass(walk, gnuhealth_mfa)
    await walk.go(code(late))
    assert walk.pane == Code(way="text", resent=True)
    await walk.go(code("000000"))
    assert walk.pane == Code(way="text", problem=PaneRefusal("wrong_code"))
    await walk.go(code(gnuhealth_mfa.last_code("ccameron")))
    assert walk.grant


async def five_minutes_pass(walk: Walk, bench: Bench) -> None:
    """As the journal and the server would have it."""
    bench.forget_codes()
    (logged_in,) = [entry for entry in walk.journal.entries.values() if entry.name == "log_in"]
    step = json.loads(logged_in.value or b"{}")
    assert abs(step["at"] - time.time()) < 60
    logged_in.value = json.dumps(step | {"at": step["at"] - 301}).encode()


async def test_a_password_session_is_renewed_without_the_user(gnuhealth: Bench) -> None:
    walk = await Walk(gnuhealth.url).go(DOCTOR)
    gnuhealth.drop_sessions()
    renewed = await walk.renewal().go()
    assert renewed.panes == [] and renewed.grant.user == walk.grant.user
    assert renewed.grant.session["key"] != walk.grant.session["key"]


async def test_a_renewal_that_would_text_the_user_is_not_begun(gnuhealth_mfa: Bench) -> None:
    gnuhealth_mfa.forget_codes()
    walk = await Walk(gnuhealth_mfa.url).go(DOCTOR)
    await walk.go(code(gnuhealth_mfa.last_code("ccameron")))
    gnuhealth_mfa.forget_codes()
    texts = len(gnuhealth_mfa.texts())
    renewed = await walk.renewal().go()
    assert (renewed.refusal.code, renewed.refusal.details) == ("login_required", {"reason": "log_in"})
    assert len(gnuhealth_mfa.texts()) == texts


async def test_an_update_offers_the_saved_password_and_asks_for_the_code_alone(gnuhealth_mfa: Bench) -> None:
    gnuhealth_mfa.forget_codes()
    walk = await Walk(gnuhealth_mfa.url).go(DOCTOR)
    await walk.go(code(gnuhealth_mfa.last_code("ccameron")))
    update = await walk.renewal(silent=False).go()
    assert update.panes == [Code(way="text")]
    await update.go(code(gnuhealth_mfa.last_code("ccameron")))
    assert update.grant.user == walk.grant.user


async def test_a_changed_password_needs_the_user(gnuhealth: Bench) -> None:
    walk = await Walk(gnuhealth.url).go(credentials("rforeman", seed.USERS["rforeman"]))
    gnuhealth.set_password("rforeman", "Another-Ward-221B")
    try:
        renewed = await walk.renewal().go()
        assert (renewed.refusal.code, renewed.refusal.details) == ("login_required", {"reason": "wrong_credentials"})
        update = await walk.renewal(silent=False).go()
        assert update.pane == Credentials(username="rforeman", problem=PaneRefusal("wrong_credentials"))
        await update.go(credentials("rforeman", "Another-Ward-221B"))
        assert update.grant.user == walk.grant.user
    finally:
        gnuhealth.set_password("rforeman", seed.USERS["rforeman"])
        gnuhealth.forget_attempts()


async def test_a_user_who_may_not_read_the_schedule_is_told_what_to_turn_on(
    gnuhealth: Bench, connector: GnuHealth
) -> None:
    walk = await Walk(gnuhealth.url).go(credentials("clerk", seed.USERS["clerk"]))
    assert (walk.refusal.code, walk.refusal.details) == ("no_rights", {"rights": "chart"})
    assert connector.texts("es")["no_rights.chart"] != connector.texts("en")["no_rights.chart"]


async def test_signing_out_ends_the_session_at_the_server(gnuhealth: Bench, connector: GnuHealth) -> None:
    walk = await Walk(gnuhealth.url).go(DOCTOR)
    assert await connector.providers(walk.chart)
    await connector.sign_out(walk.chart)
    with pytest.raises(SessionEnded):
        await connector.providers(walk.chart)
    with pytest.raises(SessionEnded):
        await connector.sign_out(walk.chart)


async def test_a_session_that_outlived_its_age_has_ended_and_a_stopped_server_is_down(
    start_gnuhealth: Start, connector: GnuHealth
) -> None:
    server = start_gnuhealth()
    walk = await Walk(server.url).go(DOCTOR)
    server.config["max_age"] = 0
    server.restart()
    with pytest.raises(SessionEnded):
        await connector.providers(walk.chart)
    begun = await Walk(server.url).go()
    server.stop()
    await begun.go(DOCTOR)
    assert begun.refusal.code == "ehr_down"
