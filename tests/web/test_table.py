"""Declarations that leave a question open fail while their module is imported."""

from typing import Any

import msgspec
import pytest
from starlette.responses import HTMLResponse

from cobalt_link.web import Auth, Call, Idempotency, Rate, RouteDeclarationError, Routes, Tenant, mount
from tests.web.sample import authenticate

WHOLE: dict[str, Any] = {
    "auth": Auth.CLIENT,
    "tenant": Tenant.CLIENT,
    "rate": Rate.READ,
    "idempotency": Idempotency.NONE,
    "audit": None,
    "errors": (),
    "summary": "A route",
}
PAGE: dict[str, Any] = {
    "tenant": Tenant.NONE,
    "rate": Rate.PAGE,
    "audit": None,
    "summary": "A page",
    "csrf": True,
    "audience": "end user",
}


class Body(msgspec.Struct):
    name: str


class Answer(msgspec.Struct):
    success: bool = True


async def handler(room: object, call: Call) -> Answer:
    return Answer()


async def page(room: object, call: Call) -> HTMLResponse:
    return HTMLResponse("")


def declare(handler: Any, path: str = "/thing", **changes: Any) -> Routes:
    routes = Routes("room")
    routes.post(path, **{**WHOLE, **changes})(handler)
    return routes


@pytest.mark.parametrize("verb", ["get", "post", "put", "patch", "delete"])
def test_a_whole_declaration_stands_in_the_table_with_all_it_says(verb: str) -> None:
    async def change(room: object, call: Call, body: Body, id: str) -> Answer:  # noqa: A002
        return Answer()

    routes = Routes("room")
    assert getattr(routes, verb)("/thing/{id}", also=("/v1/thing/{id}",), **WHOLE)(change) is change
    (row,) = routes
    assert (row.room, row.method, row.paths) == ("room", verb.upper(), ("/thing/{id}", "/v1/thing/{id}"))
    assert (row.body, row.response, row.arguments) == (Body, Answer, {"id": str})
    assert {key: getattr(row, key) for key in WHOLE} == WHOLE


@pytest.mark.parametrize("absent", sorted(WHOLE))
def test_a_route_that_does_not_say_everything_fails_at_import(absent: str) -> None:
    says = {key: value for key, value in WHOLE.items() if key != absent}
    with pytest.raises(RouteDeclarationError, match=f"POST /thing does not declare: {absent}"):
        Routes("room").post("/thing", **says)


@pytest.mark.parametrize("absent", sorted(PAGE))
def test_a_page_that_does_not_say_everything_fails_at_import(absent: str) -> None:
    says = {key: value for key, value in PAGE.items() if key != absent}
    with pytest.raises(RouteDeclarationError, match=f"GET /page does not declare: {absent}"):
        Routes("room").page("/page", **says)


def test_a_keyword_that_no_route_has_fails_at_import() -> None:
    with pytest.raises(RouteDeclarationError, match="options that do not exist: colour"):
        declare(handler, colour="blue")


def test_a_handler_must_be_async_and_annotated() -> None:
    def sync(room: object, call: Call) -> Answer:
        return Answer()

    async def no_answer(room: object, call: Call):  # noqa: ANN202
        return Answer()

    async def no_body(room: object, call: Call, body) -> Answer:  # noqa: ANN001
        return Answer()

    with pytest.raises(RouteDeclarationError, match="must be an async function"):
        declare(sync)
    with pytest.raises(RouteDeclarationError, match="does not annotate: return"):
        declare(no_answer)
    with pytest.raises(RouteDeclarationError, match="does not annotate: body"):
        declare(no_body)


def test_bodies_and_answers_are_structs() -> None:
    async def loose_body(room: object, call: Call, body: dict[str, Any]) -> Answer:
        return Answer()

    async def loose_answer(room: object, call: Call) -> dict[str, Any]:
        return {}

    async def strange(room: object, call: Call, number: int) -> Answer:
        return Answer()

    with pytest.raises(RouteDeclarationError, match=r"a body must be a msgspec\.Struct"):
        declare(loose_body)
    with pytest.raises(RouteDeclarationError, match=r"a JSON answer must be a msgspec\.Struct"):
        declare(loose_answer)
    with pytest.raises(RouteDeclarationError, match="takes number, which the path does not have"):
        declare(strange)


def test_a_page_answers_a_response() -> None:
    with pytest.raises(RouteDeclarationError, match="must answer a Response"):
        Routes("room").page("/page", **PAGE)(handler)
    Routes("room").page("/page", **PAGE)(page)


@pytest.mark.parametrize(
    ("changes", "mistake"),
    [
        ({"summary": " "}, "the summary is empty"),
        ({"errors": (ValueError,)}, "errors must be Problem classes"),
        ({"auth": Auth.NONE}, "a route without authentication cannot have this tenant"),
        ({"auth": Auth.ACCOUNT, "tenant": Tenant.NONE}, "a route for an account needs a tenant"),
        ({"also": ("/v1/{other}",)}, "the same parameters"),
        ({"path": "/thing/"}, "must not end with /"),
        ({"path": "thing"}, "paths must start with /"),
        ({"auth": Auth.PAGE, "tenant": Tenant.LINK_SESSION}, "must declare csrf"),
    ],
)
def test_a_row_that_contradicts_itself_fails_at_import(changes: dict[str, Any], mistake: str) -> None:
    with pytest.raises(RouteDeclarationError, match=mistake):
        declare(handler, **changes)


def test_the_same_path_twice_fails_at_import_under_any_name_of_its_parameter() -> None:
    routes = declare(handler, path="/thing/{id}", also=("/v1/thing/{id}",))
    with pytest.raises(RouteDeclarationError, match=r"POST /v1/thing/\{number\} is declared twice"):
        routes.post("/v1/thing/{number}", **WHOLE)(handler)
    with pytest.raises(RouteDeclarationError, match=r"GET /thing/\{number\} is /thing/\{id\} elsewhere"):
        routes.get("/thing/{number}", **WHOLE)(handler)
    routes.get("/thing/{id}", **WHOLE)(handler)


def test_two_rooms_cannot_answer_the_same_path() -> None:
    with pytest.raises(RouteDeclarationError, match="declared twice"):
        mount([(declare(handler), None), (declare(handler), None)], authenticate=authenticate)
