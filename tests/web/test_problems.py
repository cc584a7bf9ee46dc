"""Every refusal has a code of its own, a status, and a message that says what to do next."""

import pytest

from cobalt_link.web.problems import (
    InternalError,
    MissingField,
    Problem,
    RateLimited,
    Unauthorized,
    Unavailable,
    UnknownField,
    catalogue,
    default_message,
)

GENERIC = {
    "invalid_request": 400,
    "missing_field": 400,
    "unknown_field": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "conflict": 409,
    "too_large": 413,
    "rate_limited": 429,
    "internal_error": 500,
    "unavailable": 503,
}


def test_the_catalogue_knows_every_kind_by_its_code() -> None:
    found = catalogue()
    assert {code: found[code].status for code in GENERIC} == GENERIC
    assert list(found) == sorted(found)
    assert all(kind.code == code for code, kind in found.items())


# Contract §7 documents these texts, and clients compare them.
CONTRACT = {"Appointment not found.", "Patient not found", "Document not found", "User not found."}


def test_every_message_is_made_of_sentences_and_says_what_to_do_next() -> None:
    for kind in catalogue().values():
        message = default_message(kind)
        if message not in CONTRACT:
            assert message.endswith("."), kind
            assert message.count(". ") >= 1, f"{kind.code} does not say what to do next: {message}"


def test_a_body_has_the_contracts_keys_and_the_extra_ones() -> None:
    body = Unauthorized("Log in.", hint="x").body("id")
    expected = {"success": False, "error": "unauthorized", "message": "Log in.", "request_id": "id", "hint": "x"}
    assert body == expected
    assert InternalError().body("id")["message"] == default_message(InternalError)


def test_fields_are_named_in_the_contracts_words() -> None:
    # Contract §7
    assert MissingField("user_id").message == "Missing required field: user_id"
    assert MissingField("user_id", "org_id").message == "Missing required fields: user_id, org_id"
    assert UnknownField("subject").message == "Unexpected fields in request body: subject"
    assert MissingField().message == default_message(MissingField)


def test_headers_that_a_status_needs_are_always_there() -> None:
    assert RateLimited.after(7).headers == {"Retry-After": "7"}
    assert "7 s" in RateLimited.after(7).message
    assert Unavailable().headers == {"Retry-After": "2"}
    assert Unavailable(headers={"Retry-After": "9"}).headers == {"Retry-After": "9"}
    assert MissingField("a").headers == {}


def test_two_kinds_cannot_share_a_code() -> None:
    with pytest.raises(TypeError, match="share the code 'not_found'"):
        type("Other", (Problem,), {"code": "not_found", "status": 404, "__doc__": "Other."})


@pytest.mark.parametrize(
    "members",
    [
        {"code": "Bad-Code", "status": 400, "__doc__": "x"},
        {"code": "no_error", "status": 200, "__doc__": "x"},
        {"code": "no_words", "status": 400, "__doc__": None},
    ],
)
def test_a_kind_that_is_not_whole_fails_at_import_and_is_not_in_the_catalogue(members: dict[str, object]) -> None:
    with pytest.raises(TypeError, match="needs a snake_case code"):
        type("Bad", (Problem,), members)
    assert members["code"] not in catalogue()


def test_a_kind_without_a_code_of_its_own_only_groups_others() -> None:
    before = catalogue()
    type("Group", (Problem,), {"__doc__": "A group."})
    assert catalogue() == before
