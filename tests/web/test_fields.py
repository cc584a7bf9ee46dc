"""Every form in which the contract's clients send the same thing comes out as the same struct."""

import json
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import msgspec
import pytest
from starlette.datastructures import Headers

from cobalt_link.kit.text import as_searched
from cobalt_link.web.conversion import Alias, Cleaned, Verbatim, aliases, convert
from cobalt_link.web.credentials import CallerCredentials, read_credentials, unquoted
from cobalt_link.web.fields import read_fields
from cobalt_link.web.problems import InvalidRequest, MissingField, PackedBody, Problem, UnknownField
from tests.web.asking import json_request, request

JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


class Place(msgspec.Struct):
    city: str
    zip_code: str | None = None


class Kind(msgspec.Struct, rename={"kind_of": "type"}):
    user_id: str
    org_id: str
    url: Annotated[str | None, Alias("webhook_url", "webhookUrl")] = None
    page: int = 1
    limit: int | None = None
    amount: float | None = None
    loud: bool = False
    on: date | None = None
    at: datetime | None = None
    ids: list[str] = []
    numbers: list[int] = []
    place: Place | None = None
    places: list[Place] = []
    note: str | dict[str, Any] | None = None
    kind_of: Annotated[str, Alias("kind")] = "plain"


class Narrow(msgspec.Struct, forbid_unknown_fields=True):
    subject: str
    body: Annotated[str | None, Alias("text")] = None


class Sought(msgspec.Struct, forbid_unknown_fields=True):
    """What a list of a chart takes."""

    patient_name: Annotated[str | None, Cleaned(as_searched)] = None
    mode: Annotated[Literal["office", "telemedicine"] | None, Alias("appointment_mode")] = None
    state: Annotated[str | None, Verbatim()] = None
    on: date | None = None
    page: int = 1
    loud: bool = False


IDS = {"user_id": "u", "org_id": "o"}


def given(**fields: Any) -> Kind:
    return convert({**IDS, **fields}, Kind)


# ── where it stands ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "sent",
    [
        json_request(IDS),
        json_request(IDS, "GET"),
        json_request(IDS, headers={}),
        json_request(IDS, headers=FORM),  # curl -d '{…}' calls its JSON a form
        json_request(IDS, headers={"content-type": "text/plain"}),
        request(body=b"user_id=u&org_id=o", headers=FORM),
        request("GET", query="user_id=u&org_id=o"),
        request("POST", query="user_id=u&org_id=o"),
        request("POST", query="user_id=u", body=b"org_id=o", headers=FORM),
        request("GET", query="user_id=u", body=b'{"org_id": "o"}'),
        request(body=b'\xef\xbb\xbf {"user_id": "u", "org_id": "o"}', headers=JSON),
        request(body=b"\xef\xbb\xbfuser_id=u&org_id=o", headers=FORM),
        request("GET", query="user_id=u&org_id=o", body=b"null", headers=JSON),
        request("GET", query="user_id=u&org_id=o", body=b" null\n", headers=FORM),
        request("HEAD", query="user_id=u&org_id=o", body=b"[]", headers=JSON),
        request("DELETE", query="user_id=u&org_id=o", body=b"[]", headers={}),
        request("POST", query="user_id=u&org_id=o", headers={"content-encoding": "gzip"}),
        json_request(IDS, headers={**JSON, "content-encoding": "identity"}),
        request(
            body=b'--x\r\nContent-Disposition: form-data; name="user_id"\r\n\r\nu\r\n'
            b'--x\r\nContent-Disposition: form-data; name="org_id"\r\n\r\no\r\n--x--\r\n',
            headers={"content-type": "multipart/form-data; boundary=x"},
        ),
    ],
)
async def test_query_and_body_in_any_encoding_are_one_set_of_fields(sent: Any) -> None:
    # Contract §9 rows 2 and 6.
    assert convert(await read_fields(sent), Kind) == Kind(user_id="u", org_id="o")


@pytest.mark.parametrize(
    ("method", "wins"), [("GET", "query"), ("POST", "body"), ("PATCH", "body"), ("DELETE", "body")]
)
async def test_a_field_in_both_places_counts_where_the_method_expects_it(method: str, wins: str) -> None:
    fields = await read_fields(json_request({"page": "body"}, method, query={"page": "query"}))
    assert fields == {"page": wins}


@pytest.mark.parametrize("body", [b"", b"  \n", b"{}"])
async def test_an_empty_body_has_no_fields(body: bytes) -> None:
    assert await read_fields(request(body=body, headers=JSON)) == {}


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br", "deflate, gzip", "zstd", "x-unknown"])
async def test_a_packed_body_is_refused_and_told_what_is_taken(encoding: str) -> None:
    for kind in (JSON, FORM, {"content-type": "multipart/form-data; boundary=x"}, {}):
        for method in ("GET", "POST"):
            with pytest.raises(PackedBody, match="without Content-Encoding") as refused:
                await read_fields(request(method, body=b"\x1f\x8b", headers={**kind, "content-encoding": encoding}))
            assert refused.value.status == 415
            assert refused.value.headers == {"Accept-Encoding": "identity"}


async def test_letters_beyond_ascii_need_no_percent_encoding() -> None:
    # Contract §2: GET with --data-urlencode in one place, raw in another.
    for name in ("Núñez", "王", "Зоя", "Nu\u0301n\u0303ez"):
        for text in (f"patient_name={name}", urlencode({"patient_name": name})):
            for sent in (request("GET", query=text), request(body=text.encode(), headers=FORM)):
                assert await read_fields(sent) == {"patient_name": name}


async def test_quotes_around_a_value_of_a_query_or_a_form_mean_nothing() -> None:
    # Contract §9 row 5, for what shells leave around values, but not for what is the client's own or a person's.
    text = 'patient_name="Betz, Ana"&mode="Office"&on="2026-01-31"&page="2"&loud="true"&state="s"'
    wanted = Sought("Betz, Ana", "office", '"s"', date(2026, 1, 31), 2, True)
    for sent in (request("GET", query=text), request(body=text.encode(), headers=FORM)):
        assert convert(await read_fields(sent), Sought, query=True) == wanted
    (twice,) = [await read_fields(request("GET", query='ids="a"&ids="b"'))]
    assert given(**twice).ids == ["a", "b"]
    assert convert(await read_fields(request("GET", query='patient_name=""')), Sought).patient_name is None
    assert given(user_id='"u"').user_id == '"u"'  # JSON has quotes of its own
    typed = await read_fields(request(body=b'password="two words"', headers=FORM), as_typed=True)
    assert [(type(value), value) for value in typed.values()] == [(str, '"two words"')]


@pytest.mark.parametrize("sent", ["office", "Office", "OFFICE", " office ", '"Office"'])
def test_a_word_of_a_list_is_taken_in_any_case(sent: str) -> None:
    assert convert({"appointment_mode": sent}, Sought).mode == "office"


@pytest.mark.parametrize("sent", ["home", "offic", 5, True, ["office"], {"a": 1}])
def test_any_other_word_is_told_the_allowed_ones_and_not_repeated(sent: Any) -> None:
    with pytest.raises(InvalidRequest) as refused:
        convert({"mode": sent}, Sought)
    assert refused.value.message == "Invalid mode. Use one of: office, telemedicine."


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"patient_nmae": "x"}, "Unknown query parameter: patient_nmae. Did you mean patient_name?"),
        ({"patientName": "x"}, "Unknown query parameter: patientName. Did you mean patient_name?"),
        ({"PATIENT-NAME": "x"}, "Unknown query parameter: PATIENT-NAME. Did you mean patient_name?"),
        ({"appointmentmode": "x"}, "Unknown query parameter: appointmentmode. Did you mean mode?"),
        ({"pages": 1, "nmae": 2}, "Unknown query parameters: pages, nmae. Did you mean page?"),
        (
            {"zzz": 1},
            "Unknown query parameter: zzz. This call takes patient_name, mode, state, on, page, loud.",
        ),
        ({"": ""}, "Unknown query parameter: . This call takes patient_name, mode, state, on, page, loud."),
    ],
)
def test_a_list_of_a_chart_names_what_an_unknown_parameter_may_have_meant(fields: Any, message: str) -> None:
    # Contract §9 row 44: the answer without that filter would be the wrong one.
    with pytest.raises(UnknownField) as refused:
        convert(fields, Sought, query=True)
    assert refused.value.message == message


def test_a_text_that_is_cleaned_has_a_length_that_costs_nothing() -> None:
    # S-147: a text of combining characters takes quadratic time.
    assert convert({"patient_name": "é" * 500}, Sought).patient_name == "é" * 500
    with pytest.raises(InvalidRequest, match="Invalid patient_name: send at most 500 characters"):
        convert({"patient_name": "\u0301\u0323" * 30_000}, Sought)


def test_what_every_caller_may_add_is_never_an_unknown_parameter() -> None:
    added = {"client_id": "c", "client-secret": "s", "access_token": "t", "_": "1699999999", "utm_source": "mail"}
    assert convert(added, Sought, query=True) == Sought()
    with pytest.raises(UnknownField, match="_, utm_source"):
        convert(added, Sought)


@pytest.mark.parametrize(
    "body", [b"[]", b"null", b'"x"', b"3", b"true", b"{", b"{'a': 1}", b"\xff\xfe", b'{"a": NaN}', b"a=b"]
)
async def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest, match="JSON object"):
        await read_fields(request(body=body, headers=JSON))


async def test_a_multipart_body_that_cannot_be_read_is_refused() -> None:
    for kind, body in [("multipart/form-data", b"x"), ("multipart/form-data; boundary=x", b"--y\r\nnothing")]:
        with pytest.raises(InvalidRequest, match="multipart"):
            await read_fields(request(body=body, headers={"content-type": kind}))


async def test_a_name_given_twice_is_a_list() -> None:
    fields = await read_fields(request("GET", query="ids=a&ids=b&ids=c"))
    assert convert({**IDS, **fields}, Kind).ids == ["a", "b", "c"]
    with pytest.raises(InvalidRequest, match="Invalid page: expected a whole number, got a list"):
        given(page=["1", "2"])


# ── in which form ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("field", "sent", "value"),
    [
        ("loud", "true", True),
        ("loud", "False", False),
        ("loud", True, True),
        ("page", "3", 3),
        ("page", "", 1),
        ("page", None, 1),
        ("limit", "", None),
        ("limit", "7", 7),
        ("amount", "12.50", 12.5),
        ("amount", 12, 12.0),
        ("on", "2026-01-31", date(2026, 1, 31)),
        ("on", "", None),
        ("at", "2026-01-31T09:30:00Z", datetime(2026, 1, 31, 9, 30, tzinfo=UTC)),
        ("ids", "a,b , c", ["a", "b", "c"]),
        ("ids", '["a", "b"]', ["a", "b"]),
        ("ids", "", []),
        ("numbers", "1,2", [1, 2]),
        ("user_id", 123, "123"),
        ("user_id", -7, "-7"),
        ("url", 2**62, str(2**62)),
        ("ids", [1, "b"], ["1", "b"]),
        ("place", {"city": 5, "zip_code": 85701}, Place("5", "85701")),
        ("page", '"3"', 3),
        ("page", " 3 ", 3),
        ("loud", '"TRUE"', True),
        ("on", '"2026-01-31"', date(2026, 1, 31)),
        ("at", '"2026-01-31T09:30:00Z"', datetime(2026, 1, 31, 9, 30, tzinfo=UTC)),
        ("amount", '"12.50"', 12.5),
        ("place", '{"city": "Bonn"}', Place("Bonn")),
        ("place", {"city": "Bonn", "zip_code": ""}, Place("Bonn", None)),
        ("places", [{"city": "Bonn"}, {"city": "Ulm"}], [Place("Bonn"), Place("Ulm")]),
        ("note", "text", "text"),
        ("note", {"a": 1}, {"a": 1}),
        ("url", "", None),
    ],
)
def test_values_are_taken_in_the_forms_that_clients_send(field: str, sent: Any, value: Any) -> None:
    # Contract §2 "Booleans as strings", §9 rows 17, 29, 31.
    assert getattr(given(**{field: sent}), field) == value


@pytest.mark.parametrize(
    ("field", "sent", "message"),
    [
        ("page", "x", "Invalid page: expected a whole number, got text."),
        ("page", 1.5, "Invalid page: expected a whole number, got a number."),
        ("page", "9" * 30, "Invalid page: the number is too large."),
        ("loud", "maybe", "Invalid loud: expected true or false, got text."),
        ("amount", "nan", "Invalid amount: expected a number."),
        ("amount", "infinity", "Invalid amount: expected a number."),
        ("amount", "1e999", "Invalid amount: number out of range."),
        ("on", "01/31/2026", "Invalid date format in on. Use ISO format (YYYY-MM-DD)."),
        ("at", "tomorrow", "Invalid at. Use an ISO 8601 date and time such as 2026-01-31T09:30:00-05:00."),
        ("at", 5, "Invalid at. Use an ISO 8601 date and time such as 2026-01-31T09:30:00-05:00."),
        ("ids", 5, "Invalid ids: expected a list, got a whole number."),
        ("ids", [True], "Invalid ids[0]: expected text, got true or false."),
        ("numbers", "1,x", "Invalid numbers[1]: expected a whole number, got text."),
        ("place", "x", "Invalid place: expected an object or null, got text."),
        ("place", "{x", "The field place is not valid JSON."),
        ("user_id", True, "Invalid user_id: expected text, got true or false."),
        ("user_id", 1.5, "Invalid user_id: expected text, got a number."),
        ("user_id", [5], "Invalid user_id: expected text, got a list."),
    ],
)
def test_what_fits_no_form_is_a_400_that_names_the_field(field: str, sent: Any, message: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        given(**{field: sent})
    assert refused.value.message == message


def test_a_field_is_taken_under_its_other_names_and_under_its_own_first() -> None:
    # Contract §9 row 20.
    assert given(webhook_url="https://a.example").url == "https://a.example"
    assert given(webhookUrl="https://a.example").url == "https://a.example"
    assert given(url="https://a.example", webhook_url="https://b.example").url == "https://a.example"
    assert given(kind="fancy").kind_of == given(type="fancy").kind_of == "fancy"
    assert aliases(Kind) == {"url": ("webhook_url", "webhookUrl"), "type": ("kind",)}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"org_id": "o"}, "Missing required field: user_id"),
        ({"org_id": "o", "user_id": ""}, "Missing required field: user_id"),
        ({"org_id": "o", "user_id": None}, "Missing required field: user_id"),
        ({}, "Missing required fields: user_id, org_id"),
        ({**IDS, "place": {}}, "Missing required field: place.city"),
        ({**IDS, "places": [{"city": "x"}, {}]}, "Missing required field: places[1].city"),
    ],
)
def test_all_missing_fields_are_named_at_once_in_the_contracts_words(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(MissingField) as refused:
        convert(fields, Kind)
    assert refused.value.message == message


def test_unknown_fields_are_passed_over_unless_the_struct_forbids_them() -> None:
    assert given(surprise=1) == given()
    with pytest.raises(UnknownField) as refused:
        convert({"subject": "s", "colour": 1, "size": 2}, Narrow)
    assert refused.value.message == "Unexpected fields in request body: colour, size"
    assert convert({"subject": "s", "text": "t", "client_id": "c", "client_secret": "x"}, Narrow) == Narrow("s", "t")


# ── what no store can keep ───────────────────────────────────────────────────────────────────────────────────────────


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


@pytest.mark.parametrize(
    "body",
    [
        b'{"user_id": "a\\u0000b"}',
        b'{"a\\u0000": 1}',
        b'{"deep": [{"x": ["\\u0000"]}]}',
        b'{"user_id": "\\ud800"}',
        b'{"user_id": "\\udc00\\ud800 and more text"}',
        b'{"page": ' + b"9" * 400 + b"}",
        b'{"page": 9223372036854775808}',
        b'{"amount": 1e999}',
        nested(33),
        nested(5000),
        b"[" * 100_000,
        b'{"a":' + b"[" * 200 + b"]" * 200 + b"}",
    ],
    ids=range(12),
)
async def test_hostile_json_is_a_clean_400(body: bytes) -> None:
    # S-147
    with pytest.raises(InvalidRequest):
        await read_fields(request(body=body, headers=JSON))


async def test_nesting_up_to_the_limit_is_fine() -> None:
    assert await read_fields(request(body=nested(32), headers=JSON))


@pytest.mark.parametrize(
    "query",
    [
        "a=%00",
        "a=%ff",
        "a=\udcff",
        "\udced\udca0\udc80=1",
        "a%00=1",
        "a=%ed%a0%80",
        "&".join(f"a{n}=1" for n in range(1001)),
    ],
)
async def test_hostile_queries_and_forms_are_a_clean_400(query: str) -> None:
    with pytest.raises(InvalidRequest):
        await read_fields(request("GET", query=query))
    with pytest.raises(InvalidRequest):
        await read_fields(request(body=query.encode(errors="surrogateescape"), headers=FORM))


def test_json_inside_a_form_field_is_judged_as_strictly() -> None:
    for hostile in ('{"city": "\\u0000"}', "[" * 5000, '{"city": "\\ud800"}', '{"city": NaN}'):
        with pytest.raises(Problem):
            given(place=hostile)


def test_a_refusal_never_repeats_a_value() -> None:
    for field in ("page", "loud", "on", "at", "place", "amount"):
        with pytest.raises(InvalidRequest) as refused:
            given(**{field: "canary-4711"})
        assert "4711" not in json.dumps(refused.value.body("id"))


# ── who calls ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "bare"), [('"x"', "x"), ("x", "x"), (' "x" ', "x"), ('""x""', '"x"'), ('"', '"'), ('"x', '"x'), ("", "")]
)
def test_one_pair_of_quotes_is_taken_off_a_header(value: str, bare: str) -> None:
    # Contract §9 row 5.
    assert unquoted(value) == bare


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([("client_id", "c"), ("client-secret", "s")], CallerCredentials("c", "s")),
        ([("authorization", "Basic YzpzOnM=")], CallerCredentials("c", "s:s")),
        ([("authorization", "basic YzpzOnM="), ("authorization", 'BEARER "t"')], CallerCredentials("c", "s:s", "t")),
        ([("authorization", "Bearer t"), ("client_id", "c")], CallerCredentials("c", None, "t")),
        ([("authorization", "Basic !!!")], CallerCredentials()),
        ([("authorization", "Basic YzpzOnM=extra")], CallerCredentials()),
        ([("authorization", "Basic /w==")], CallerCredentials()),
        ([("authorization", "Basic YWxvbmU=")], CallerCredentials()),
        ([("authorization", "Bearer ")], CallerCredentials()),
        ([("authorization", "")], CallerCredentials()),
        ([("client_id", "")], CallerCredentials()),
    ],
)
def test_credentials_are_found_in_headers_of_every_kind(
    headers: list[tuple[str, str]], found: CallerCredentials
) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    assert read_credentials(Headers(raw=raw)) == found


def test_own_headers_go_before_authorization_and_that_before_fields() -> None:
    headers = Headers({"client_id": "header", "authorization": "Basic Yjpi"})
    fields = {"client_id": "field", "client_secret": "field", "access_token": "field"}
    assert read_credentials(headers, fields) == CallerCredentials("header", "b", "field")
    assert read_credentials(Headers({}), {"client_id": 5, "client_secret": ["x"]}) == CallerCredentials()


def test_credentials_do_not_show_themselves() -> None:
    # S-049
    assert repr(CallerCredentials("ci_canary", "cs_canary", None)) == "CallerCredentials(client_id, client_secret)"
