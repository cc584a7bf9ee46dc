"""What forms send becomes a typed answer, or the fields that are not right yet; nothing in between."""

from __future__ import annotations

import pytest

from cobalt_link.connector.panes import (
    ChoiceAnswer,
    Code,
    CodeAnswer,
    Consent,
    ConsentAnswer,
    Credentials,
    CredentialsAnswer,
    Message,
    MessageAnswer,
    Pane,
    Picker,
    Waiting,
    WaitingAnswer,
)
from cobalt_link.connector.secrets import Secret
from cobalt_link.link.pages.forms import Change, Picked, read, typed
from cobalt_link.link.pages.texts import catalog
from tests.link.pages.samples import CLINICS, DATABASES

RESENDS = Code(length=6, resend=True)


@pytest.mark.parametrize(
    ("pane", "form", "answer"),
    [
        (Picker(), {"pick": "org:7"}, Picked(row="org:7")),
        (Picker(), {"ehr": "sandbox", "url": " https://e.example "}, Picked(ehr="sandbox", url="https://e.example")),
        (Picker(), {"ehr": "sandbox", "url": "e.example/x"}, Picked(ehr="sandbox", url="https://e.example/x")),
        (Picker(), {"ehr": "sandbox", "url": "http://e.example"}, Picked(ehr="sandbox", url="http://e.example")),
        (Picker(), {"ehr": "sandbox", "url": "e.example"}, Picked(ehr="sandbox", url="https://e.example")),
        (Picker(), {"ehr": "sandbox", "url": "\u200be.example\u00a0"}, Picked(ehr="sandbox", url="https://e.example")),
        (Picker(), {"ehr": "sandbox", "url": "ｅ．example"}, Picked(ehr="sandbox", url="https://e.example")),
        (Picker(), {"ehr": "sandbox", "url": "HTTPS:/e.example"}, Picked(ehr="sandbox", url="HTTPS://e.example")),
        (Picker(), {"ehr": "sandbox", "url": "https//e.example"}, Picked(ehr="sandbox", url="https://e.example")),
        (
            Picker(),
            {"ehr": "sandbox", "url": "https://e.example/x?a=1#/in"},
            Picked(ehr="sandbox", url="https://e.example/x"),
        ),
        (Picker(), {"ehr": "sandbox", "url": "#/in"}, {"url": "picker.url_empty"}),
        (Picker(), {"ehr": "", "url": ""}, {"ehr": "picker.ehr_empty", "url": "picker.url_empty"}),
        (Consent(), {"agree": "yes"}, ConsentAnswer(agree=True)),
        (Consent(), {"agree": "no"}, ConsentAnswer(agree=False)),
        (Consent(), {}, {"agree": "page.choose"}),
        (Consent(), {"agree": "true"}, {"agree": "page.choose"}),
        (Code(), {"code": " 123 456\n"}, CodeAnswer(code=Secret("123456"))),
        (Code(length=6), {"code": "123-456"}, CodeAnswer(code=Secret("123456"))),
        (Code(), {"code": "AB-12"}, CodeAnswer(code=Secret("AB-12"))),
        (Code(length=6), {"code": "12345"}, {"code": "code.wrong_length"}),
        (Code(length=6), {"code": "١٢٣ ٤٥٦"}, CodeAnswer(code=Secret("123456"))),
        (Code(length=6), {"code": "\u202a१२३\u2060४५६\u202c"}, CodeAnswer(code=Secret("123456"))),
        (Code(), {"code": "\u3000ａｂ１\u200b２\u00a0"}, CodeAnswer(code=Secret("ab12"))),
        (Code(length=6), {"code": "123−456"}, CodeAnswer(code=Secret("123456"))),
        (Code(length=6), {"code": "\u200b\ufeff"}, {"code": "code.empty"}),
        (Code(), {"code": "  "}, {"code": "code.empty"}),
        (RESENDS, {"code": "1", "resend": "1"}, CodeAnswer(resend=True)),
        (Code(), {"resend": "1"}, {"code": "code.empty"}),
        (Code(other_way=True), {"code": "1", "action": "other"}, CodeAnswer(other=True)),
        (Code(), {"action": "other"}, {"code": "code.empty"}),
        (CLINICS, {"pick": "2"}, ChoiceAnswer(value="2")),
        (CLINICS, {"pick": "none"}, ChoiceAnswer(value=None)),
        (CLINICS, {"pick": "4"}, {"pick": "page.choose"}),
        (DATABASES, {}, {"pick": "page.choose"}),
        (Waiting(), {"action": "check"}, WaitingAnswer(action="check")),
        (Waiting(resend=True), {"action": "resend"}, WaitingAnswer(action="resend")),
        (Waiting(), {"action": "resend"}, WaitingAnswer(action="check")),
        (Waiting(other_way=True), {"action": "other"}, WaitingAnswer(action="other")),
        (Waiting(), {}, WaitingAnswer(action="check")),
        (Message(code="ehr_down"), {"action": "again"}, MessageAnswer(action="again")),
        (Message(code="ehr_down", again=False), {"action": "again"}, {"action": "page.choose"}),
        (Message(code="unsupported"), {"action": "change"}, Change()),
        (Credentials(), {"action": "change", "username": "m"}, Change()),
    ],
)
def test_a_form_is_read_as_the_answer_to_its_pane(pane: Pane, form: dict[str, str], answer: object) -> None:
    assert read(pane, form) == answer


@pytest.mark.parametrize("username", [" m.carter ", "ｍ．ｃａｒｔｅｒ", "\ufeffm.\u200bcarter\u00a0\n"])
@pytest.mark.parametrize("password", [" two words ", "ｐａｓｓ\u200b１٢", "e\u0301", "é", '"quoted"', "\u00a0\ufeff"])
def test_a_username_is_understood_and_a_password_is_left_as_it_is(username: str, password: str) -> None:
    answer = read(Credentials(), {"username": username, "password": password})
    assert answer == CredentialsAnswer(username="m.carter", password=Secret(password))


def test_empty_credentials_name_both_fields() -> None:
    assert read(Credentials(), {"username": " "}) == {
        "username": "credentials.username_empty",
        "password": "credentials.password_empty",
    }


def test_the_account_being_repaired_is_not_the_senders_to_choose() -> None:
    answer = read(Credentials(username="m.carter", fixed=True), {"username": "mallory", "password": "x"})
    assert isinstance(answer, CredentialsAnswer)
    assert answer.username == "m.carter"


def test_a_value_called_none_is_a_row_where_the_pane_has_one() -> None:
    from cobalt_link.connector.panes import Choice, Option

    pane = Choice(name="database", options=(Option(value="none", label="none"),))
    assert read(pane, {"pick": "none"}) == ChoiceAnswer(value="none")


def test_secrets_are_never_kept_to_be_shown_again() -> None:
    form = {"username": "m.carter", "password": "s3cret", "code": "123456", "url": "https://e.example"}
    assert typed(form) == {"username": "m.carter", "url": "https://e.example"}


def test_every_error_is_a_text() -> None:
    empty: list[Pane] = [Picker(), Consent(), Credentials(), Code(length=6), CLINICS, Message(code="locked")]
    for pane in empty:
        errors = read(pane, {})
        assert isinstance(errors, dict)
        assert set(errors.values()) <= set(catalog("en"))
