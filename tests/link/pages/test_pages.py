"""The hosted pages as plain HTML: what each says and asks, checked from the markup alone."""

from __future__ import annotations

import gzip
from datetime import timedelta
from urllib.parse import urlsplit

import msgspec
import pytest

from cobalt_link.connector.panes import (
    Choice,
    Code,
    Consent,
    Credentials,
    Message,
    Option,
    PaneRefusal,
    Picker,
    Waiting,
)
from cobalt_link.connector.refusals import catalogue
from cobalt_link.link.pages import assets, render
from cobalt_link.link.pages.closed import CLOSED
from cobalt_link.link.pages.context import Search, ShownStep
from tests.link.pages.gallery import context, gallery, unchosen
from tests.link.pages.linked_apps import NOW
from tests.link.pages.reading import Element, read, shown
from tests.link.pages.samples import START

LOCALES = ("en", "es")
AROUND = {"data-parent": "https://app.example"}
OPENING = AROUND | {"data-path": "/link/6f1c", "data-secret": "s" * 43}
FRAMED = {"closed-framed": AROUND, "closed-shell": OPENING, "credentials-framed": OPENING}


def form_of(page: Element) -> Element:
    """The one form that answers the pane."""
    (form,) = (form for form in page.all("form") if form.has("data-pane"))
    return form


def buttons(form: Element) -> list[Element]:
    """What a browser submits the form with, the default first."""
    return [button for button in form.all("button") if button.attrs.get("type") != "button" and not button.has("form")]


@pytest.mark.parametrize("locale", LOCALES)
def test_every_page_has_one_heading_its_landmarks_and_at_most_one_primary_action(locale: str) -> None:
    for name, page in shown(locale).items():
        for tag in ("h1", "header", "main", "footer", "title"):
            assert len(page.all(tag)) == 1, (name, tag)
        primary = [element for element in page.all() if {"btn", "go"} <= element.classes()]
        assert len(primary) <= 1, name
        assert len([element for element in page.all() if element.has("autofocus")]) <= 1, name
        assert page.one("html").attrs == {"lang": locale, "dir": "ltr", **FRAMED.get(name, {})}, name


def test_what_opens_a_frame_can_be_used_only_once_its_script_is_there() -> None:
    for name, page in shown().items():
        opening = FRAMED.get(name) is OPENING
        assert page.one("div", **{"class": "sheet"}).has("inert") is opening, name
        assert (
            len([each for each in page.one("body").pieces if isinstance(each, Element) and each.tag == "noscript"])
            == opening
        )
    # Chromium refuses autofocus in a frame of another site.
    framed = shown()["credentials-framed"].one("input", name="username")
    assert framed.has("data-focus") and not framed.has("autofocus")


def test_the_title_is_the_heading_and_the_app_and_says_when_an_answer_failed() -> None:
    assert shown()["credentials"].one("title").text == "Sign in to Larkspur · Acme Scribe"
    assert shown()["credentials-wrong"].one("title").text == "Error: Sign in to Larkspur · Acme Scribe"
    assert shown()["code-empty"].one("title").text == "Error: Enter your code · Acme Scribe"
    assert shown()["closed-link_used"].one("title").text == "This link was already used · the app"


def test_no_page_has_a_script_or_style_within_or_anything_foreign() -> None:  # S-114, S-123
    for name, page in shown().items():
        scripts = [(script.attrs["src"], script.text) for script in page.all("script")]
        assert scripts == [(assets.static_url("link.js"), "")], name
        for element in page.all():
            assert element.tag not in {"style", "img", "object", "base"}, name
            # Empty, and gone as soon as the script runs: it tells the SDK that the script was blocked.
            assert element.tag != "iframe" or element.attrs == {"hidden": ""}, name
            assert not any(attr == "style" or attr.startswith("on") for attr in element.attrs), name
        loaded = [link.attrs["href"] for link in page.all("link")]
        assert loaded == [assets.static_url("link.svg"), assets.static_url("link.css")]


def test_ids_are_unique_and_everything_that_refers_to_one_finds_it() -> None:
    for name, page in shown().items():
        ids = [element.attrs["id"] for element in page.all() if element.has("id")]
        assert len(ids) == len(set(ids)), name
        for element in page.all():
            for attr in ("for", "aria-describedby", "aria-labelledby", "aria-controls", "form"):
                assert set(element.attrs.get(attr, "").split()) <= set(ids), (name, attr)


@pytest.mark.parametrize("kind", ["picker", "consent", "credentials", "code", "choice", "waiting", "message"])
def test_each_pane_is_one_form_that_posts_to_the_session_with_its_token_and_number(kind: str) -> None:  # S-118
    found = [form for page in shown().values() for form in page.all("form", data_pane=kind)]
    assert found
    for form in found:
        if form.attrs["method"] == "post":
            assert form.attrs["action"] == "/link/6f1c"
            hidden = {field.attrs["name"]: field.attrs["value"] for field in form.all("input", type="hidden")}
            assert hidden == {"csrf": "csrf-token", "pane": "3"}


def test_every_pane_page_has_exactly_one_form_for_its_pane() -> None:
    for name, page in shown().items():
        if not name.startswith(("closed", "left", "after", "working", "home", "returning", "going")):
            assert form_of(page), name


def test_the_search_is_a_form_of_its_own_and_changes_nothing() -> None:
    search = shown()["picker"].one("form", role="search")
    assert (search.attrs["method"], search.attrs["action"]) == ("get", "/link/6f1c")
    assert not search.has("data-pane")


def test_enter_in_the_password_signs_in_and_never_changes_the_practice() -> None:
    page = shown()["credentials"]
    assert [button.text for button in buttons(form_of(page))] == ["Sign in"]
    change = page.one("button", form="change")
    assert change.text == "Change practice"
    assert page.one("form", id="change").one("input", name="action").attrs["value"] == "change"


def test_the_practice_cannot_be_changed_where_the_org_or_the_account_fixes_it() -> None:
    for page in (shown()["credentials-plain"], shown()["reconnect"]):
        assert not page.all("button", form="change")
    fixed = context(can_change=False)
    assert "change" not in render.pane(fixed, Message(code="unsupported"))


def test_the_way_forward_is_the_first_button_of_every_pane() -> None:
    first = {name: buttons(form_of(shown()[name]))[0] for name in ("consent", "credentials", "code", "push")}
    assert {name: button.text for name, button in first.items()} == {
        "consent": "Allow and continue",
        "credentials": "Sign in",
        "code": "Continue",
        "push": "I’ve approved it",
    }
    assert all({"btn", "go"} <= button.classes() for button in first.values())


def test_password_managers_and_paste_find_what_they_look_for() -> None:  # S-124
    page = shown()["credentials"]
    user, password = page.one("input", name="username"), page.one("input", name="password")
    assert (user.attrs["autocomplete"], password.attrs["autocomplete"]) == ("username", "current-password")
    assert (user.attrs["autocapitalize"], user.attrs["spellcheck"]) == ("none", "false")
    code = shown()["code"].one("input", name="code").attrs
    assert {"autocomplete": "one-time-code", "inputmode": "numeric"}.items() <= code.items()
    # People paste "123 456", and phones have other digits than 0 to 9. Neither may be cut off or complained about.
    assert "pattern" not in code and int(code["maxlength"]) >= 100
    assert "inputmode" not in shown()["code-plain"].one("input", name="code").attrs
    assert shown()["picker"].one("input", name="q").attrs["autocomplete"] == "organization"
    assert shown()["picker-manual"].one("input", name="url").attrs["autocomplete"] == "url"


def test_the_page_names_the_host_that_gets_the_password_with_its_domain_in_bold() -> None:
    host = shown()["credentials"].one("p", **{"class": "host"})
    assert host.one("bdi").text == "riverside.larkspur.example"
    assert host.one("b").text == "larkspur.example"


@pytest.mark.parametrize(
    ("host", "bold"),
    [
        ("login.ehr.co.uk", "ehr.co.uk"),
        ("ehr.example:8443", "ehr.example"),
        ("127.0.0.1:8000", "127.0.0.1"),
        ("[::1]:8000", "[::1]"),
        ("localhost:8000", "localhost"),
        ("larkspur.example.evil.test", "evil.test"),
        ("intranet", "intranet"),
    ],
)
def test_the_registrable_domain_is_what_stands_out(host: str, bold: str) -> None:
    address = read(render.pane(context(host=host), Credentials())).one("p", **{"class": "host"})
    assert (address.one("bdi").text, address.one("b").text) == (host, bold)


def test_a_refused_password_keeps_the_name_empties_the_password_and_has_the_focus_there() -> None:
    page = shown()["credentials-wrong"]
    user, password = page.one("input", name="username"), page.one("input", name="password")
    assert user.attrs["value"] == "m.carter"
    assert "value" not in password.attrs
    assert password.has("autofocus")
    assert password.attrs["aria-invalid"] == "true"
    notice = page.one("div", role="alert")
    assert password.attrs["aria-describedby"] == notice.attrs["id"]
    assert "2 tries left before Larkspur locks the account." in notice.text


def test_what_was_typed_is_kept_but_a_secret_even_when_handed_over_is_not_shown() -> None:
    typed = {"username": "m.carter", "password": "s3cret-canary"}
    errors = {"password": "credentials.password_empty"}
    page = render.pane(context(), Credentials(), errors=errors, typed=typed)
    assert 'value="m.carter"' in page
    assert "s3cret-canary" not in page
    page = render.pane(context(), Code(length=6), errors={"code": "code.wrong_length"}, typed={"code": "90210"})
    assert "90210" not in page


def test_a_username_being_repaired_stays_in_the_form_read_only() -> None:
    user = shown()["reconnect"].one("input", name="username")
    assert user.has("readonly")
    assert user.attrs["value"] == "m.carter"
    assert "What you allowed on March 3 stays the same." in shown()["reconnect"].text


def test_consent_says_who_what_and_how_long() -> None:  # S-125
    page = shown()["consent"]
    labels = [label.text for label in page.one("ul", **{"class": "grants"}).all("b")]
    assert page.one("h1").text == "Let Acme Scribe use your EHR?"
    assert "With your Larkspur account at riverside.larkspur.example, and only this:" in page.text
    assert labels == ["See", "Do", "Never"]
    assert "Until you disconnect it, at once, in Acme Scribe settings" in page.text
    assert [button.attrs["value"] for button in buttons(form_of(page))] == ["yes", "no"]


def test_consent_names_what_this_server_does_not_offer() -> None:
    page = shown()["consent-lacks"]
    assert "Not offered by Larkspur here: your schedule and adding or changing notes." in page.text, page.text
    assert "Open and blocked times" not in page.text
    assert "Not offered" not in shown()["consent"].text


def test_the_password_promise_is_true_for_the_connector() -> None:
    kept = render.pane(context(keeps_password=True), Credentials())
    used_once = render.pane(context(keeps_password=False), Credentials())
    assert "kept encrypted" in kept
    assert "then deleted" not in kept
    assert "then deleted" in used_once
    assert "kept encrypted" not in used_once


def test_time_left_is_counted_from_the_time_of_the_context() -> None:
    code = Code(length=6, expires_at=NOW + timedelta(minutes=4))
    assert "Works for another 4 minutes." in render.pane(context(), code)
    assert "Works for another 2 minutes." in render.pane(context(now=NOW + timedelta(seconds=70)), code)
    assert "Works for" not in render.pane(context(now=NOW + timedelta(minutes=5)), code)


def test_a_code_that_ended_offers_a_new_one_first() -> None:
    first, second, third = buttons(form_of(shown()["code-ended"]))
    assert first.attrs["name"] == "resend"
    assert (second.text, third.text) == ("Continue", "Use another way")
    assert "Works for" not in shown()["code-ended"].text


def test_a_page_that_closes_soon_says_so() -> None:
    assert "This page closes in 1 minute." in shown()["credentials-closing"].one("div", role="alert").text
    assert not shown()["credentials"].all("div", role="alert")


COMPLAINTS = ("required", "pattern", "min", "max", "step", "minlength")
COMPLAINING = {"url", "email", "number", "date", "tel", "time", "month", "week", "datetime-local"}


def test_no_browser_complains_in_its_own_words_or_language() -> None:
    seen = 0
    for name, page in shown().items():
        for form in page.all("form"):
            fields = [each for tag in ("input", "select", "textarea") for each in form.all(tag)]
            strict = [
                each for each in fields if any(map(each.has, COMPLAINTS)) or each.attrs.get("type") in COMPLAINING
            ]
            assert form.has("novalidate") or not strict, (name, [each.attrs for each in strict])
            seen += bool(strict)
    assert seen > 10  # fields that must not be empty still say so to screen readers
    # What its type refuses or strips before we see it.
    assert not [
        name for name, page in shown().items() if page.all("input", type="url") or page.all("input", type="email")
    ]


def test_a_stale_answer_is_reported_without_alarm() -> None:
    assert "You already answered that" in shown()["credentials-stale"].one("div", role="status").text


def test_rows_are_buttons_that_send_their_value() -> None:
    rows = shown()["choice-clinic"].all("button", name="pick")
    assert [row.attrs["value"] for row in rows] == ["1", "2", "3", "none"]
    assert rows[0].text.startswith("RM")
    assert "120 Main Street" in rows[0].text


def test_known_rows_speak_the_pages_language() -> None:
    text = shown("es")["choice-way"].text
    assert "Mensaje de texto Teléfono terminado en 34" in text
    assert "Aplicación de autenticación" in text


def test_a_long_search_says_how_to_narrow_it_and_an_empty_one_how_to_go_on() -> None:
    assert "Showing 5 of 23. Add a city" in shown()["picker-many"].text
    assert "5 matches" in shown()["picker-results"].text
    none = shown()["picker-none"]
    assert none.one("h2").text == "No match for “Rivrsyde fam”"
    assert none.one("button", name="manual").text == "Enter my practice myself"


def test_practices_known_to_the_app_come_before_its_ehrs() -> None:
    values = [row.attrs["value"] for row in shown()["picker-known"].all("button", name="pick")]
    assert values == ["p1", "p2", "ehr:gnuhealth", "ehr:larkspur", "ehr:meridian", "ehr:sandbox"]


def test_the_address_form_offers_the_ehrs_and_keeps_what_was_typed() -> None:
    page = shown()["picker-manual"]
    options = {option.attrs["value"]: option.has("selected") for option in page.all("option")}
    assert options == {"": False, "gnuhealth": False, "larkspur": True, "meridian": False, "sandbox": False,
                       "other": False}  # fmt: skip
    assert page.one("input", name="url").attrs["value"] == "https://riverside.larkspur.example"


def test_every_refusal_is_a_moment_with_a_reason_and_a_way_on() -> None:
    for code in catalogue():
        page = shown()[f"message-{code}"]
        assert page.one("h1").text, code
        ways = [element for element in form_of(page).all() if "btn" in element.classes()]
        assert 1 <= len(ways) <= 2, code
        assert ways[0].classes() == {"btn", "go"}, code


def test_a_refusal_that_cannot_be_tried_again_leads_back() -> None:
    for code in catalogue():
        page = shown()[f"message-{code}-plain"]
        assert not page.all("button", value="again"), code
        assert page.all("button", name="stop", formaction="/link/6f1c/exit"), code


def test_a_refusal_from_a_newer_connector_is_shown_as_one_we_do_not_understand() -> None:
    page = read(render.pane(context(), Message(code="from_the_future")))
    assert "sent an answer we don’t understand" in page.one("h1").text
    assert "7F3K-92QX" in page.text


def test_facts_are_shown_only_where_the_details_know_them() -> None:
    assert "Larkspur usually unlocks it after 30 minutes" in shown()["message-locked"].text
    assert [label.text for label in shown()["message-locked-plain"].all("dt")] == ["Ask"]


def test_a_connectors_words_for_a_refusal_win() -> None:
    texts = context().connector_texts | {"refusal.locked.title": "Ask the front desk of {place}"}
    page = read(render.pane(context(connector_texts=texts), Message(code="locked")))
    assert page.one("h1").text == "Ask the front desk of Riverside Family Practice"


def test_working_is_streamed_and_ends_in_a_refresh_of_no_seconds() -> None:
    head, step, tail = render.working(context())
    assert head.endswith("\n")
    assert "<ol" in head
    assert "</ol>" not in head
    assert step(ShownStep("log_in", "now")).startswith("<li>")
    assert "Opening your schedule" in step(ShownStep("open_schedule", "now"))
    assert "Talking to" in step(ShownStep("whatever", "was"))
    refresh = read(head + tail("/link/6f1c?x=1&y")).one("meta", http_equiv="refresh")
    assert refresh.attrs["content"] == "0;url=/link/6f1c?x=1&y"


def test_a_pane_can_be_held_open_until_something_happens_elsewhere() -> None:
    page = render.pane(context(), Waiting(number="47"))
    head, tail = render.held_open(page)
    assert "Approve on your phone" in head
    assert "refresh" not in head
    whole = read(head + tail('/link/6f1c"><i>'))
    assert whole.one("meta", http_equiv="refresh").attrs["content"] == '0;url=/link/6f1c"><i>'


def test_the_end_says_what_was_connected_and_leads_back() -> None:
    page = shown()["done"]
    assert form_of(page).attrs["action"] == "/link/6f1c/done"
    assert "m.carter, Riverside Main Street" in page.text
    assert [button.text for button in buttons(form_of(page))] == ["Back to Acme Scribe"]


def test_without_a_callback_the_developer_learns_how_to_set_one() -> None:
    page = shown()["after"]
    assert "cobalt clients update ci_live_4kq9 --callback-url" in page.text
    assert not page.all("code", id="public-token")
    assert shown()["after-test"].one("code", id="public-token").text.startswith("pt_test_")


def test_leaving_asks_first_and_stops_by_a_post() -> None:
    page = shown()["leaving"]
    form = form_of(page)
    assert (form.attrs["method"], form.attrs["action"]) == ("post", "/link/6f1c/exit")
    assert form.one("button", name="stop").attrs["value"] == "1"
    assert form.one("a").attrs["href"] == "/link/6f1c"


def test_closed_pages_show_nothing_of_the_session() -> None:
    for code in CLOSED:
        page = shown()[f"closed-{code}"]
        assert not page.all("form"), code
        for hidden in ("Larkspur", "Riverside", "Acme Scribe", "6f1c", "csrf-token"):
            assert hidden not in page.text, code
        assert not any("6f1c" in value for element in page.all() for value in element.attrs.values()), code


def test_ways_back_lead_to_web_addresses_only() -> None:
    said = {"locale": "en", "operator": "Acme Health", "app_name": "Acme Scribe"}
    back = read(render.closed("link_used", **said, back_url="https://acme.example/return"))
    assert back.one("a").attrs["href"] == "https://acme.example/return"
    assert not read(render.closed("link_used", **said, back_url="javascript:alert(1)")).all("a")
    assert not read(render.left(context(), "javascript:alert(1)")).one("main").all("a")


def test_every_link_and_form_stays_with_us_or_says_where_it_leads() -> None:
    for name, page in shown().items():
        for element in page.all():
            for attr in ("href", "action", "formaction"):
                url = urlsplit(element.attrs.get(attr, ""))
                assert url.scheme in ("", "https"), name
                ours = url.path.startswith(("/link/6f1c", "/static/", "/connections")) or not url.path
                ours = ours or (name.startswith("home") and url.path in ("/", "/openapi.json", "/readyz"))
                assert (
                    url.netloc
                    in {"acme.example", "riverside.larkspur.example", "login.larkspur.example", "[2001:db8::7]"}
                    or ours
                ), name


def test_the_other_language_is_one_link_away() -> None:
    link = shown()["consent"].one("a", hreflang="es")
    assert (link.attrs["href"], link.attrs["lang"], link.text) == ("/link/6f1c?lang=es", "es", "Español")
    assert read(render.pane(context(locale="tlh"), Consent())).one("html").attrs["lang"] == "en"


def test_a_first_view_is_under_fourteen_kilobytes() -> None:  # pages §10
    files = sum(len(assets.packed(assets.source(name), "gzip")[0]) for name in ("link.css", "link.js", "link.svg"))
    worst = max(len(gzip.compress(page.encode())) for locale in LOCALES for page in gallery(locale).values())
    assert files + worst <= 14 * 1024


def test_a_file_goes_out_in_what_the_browser_takes() -> None:
    plain = assets.source("link.css")
    assert assets.packed(plain, "") == assets.packed(plain, "deflate, brotli") == (plain, "")
    packed, coding = assets.packed(plain, "deflate, gzip;q=1.0")
    assert (gzip.decompress(packed), coding) == (plain, "gzip")
    smaller, coding = assets.packed(plain, "gzip, deflate, br")
    assert len(smaller) < len(packed) and coding == "br"
    assert assets.packed(b"an accent", "gzip, br")[1] == "gzip"  # nobody has built it


def test_static_files_change_their_path_with_their_bytes_and_nothing_else_is_served() -> None:
    name = assets.static_url("link.css").removeprefix("/static/")
    body, media = assets.static(name)
    assert (body, media) == (assets.source("link.css"), "text/css; charset=utf-8")
    for other in ("link.css", "../scene.py", "", name + "x"):
        with pytest.raises(KeyError):
            assets.static(other)


def test_pages_without_an_ehr_still_speak_whole_sentences() -> None:
    page = read(render.pane(unchosen(), Picker(problem=PaneRefusal("ehr_down")), search=START))
    assert "your EHR isn’t answering" in page.text
    assert read(render.pane(unchosen(), Picker(), search=Search("", (), 0, ()))).one("h1").text == "Find your practice"


def test_rows_without_letters_still_have_a_mark() -> None:
    pane = Choice(name="room", options=(Option(value="a", label="—"),))
    assert read(render.pane(context(), pane)).one("button", value="a").text.startswith("•")


def test_a_scene_is_not_changed_by_its_pages() -> None:
    before = context()
    render.pane(before, Credentials())
    assert msgspec.structs.asdict(before) == msgspec.structs.asdict(context())


def test_a_request_that_is_over_can_be_sent_again_and_no_longer_approved() -> None:
    assert [button.text for button in buttons(form_of(shown()["push-denied"]))] == ["Send it again", "Use another way"]
    assert "Waiting for your approval" not in shown()["push-denied"].text
    assert [button.text for button in buttons(form_of(shown()["push-plain"]))] == ["I’ve approved it"]


def test_rights_and_kinds_are_named_in_the_connectors_words_where_it_has_some() -> None:
    rights = render.pane(context(), Message(code="no_rights", details={"rights": "calendar, notes.write"}))
    assert "“API access” and “Schedule, read”, notes.write" in read(rights).text
    assert "Larkspur before version 7 isn’t supported here." in shown()["message-unsupported"].text
    assert "Not supported here: second factor." in shown()["message-bare"].text
    texts = {"refusal.unsupported.why_hidden": "Add the name to {host}."}
    said = render.pane(context(connector_texts=texts), Message(code="unsupported", details={"what": "hidden"}))
    assert "Add the name to riverside.larkspur.example." in read(said).text
