"""What an authorization endpoint's answer says before anybody signs in, in the words of many servers."""

from __future__ import annotations

from cobalt_link.net.http import HttpResponse
from cobalt_link.registrations.doctor.replies import PageRefusal, refused

ASKED = "https://login.example/authorize?client_id=c-1"
CALLBACK = "https://link.example/oauth/callback/mine"


def page(text: str, status: int = 400, kind: str = "text/html") -> PageRefusal | None:
    return refused(HttpResponse(status, {"content-type": kind}, text.encode()), ASKED, CALLBACK)


def sent_to(url: str) -> PageRefusal | None:
    return refused(HttpResponse(302, {"location": url}, b""), ASKED, CALLBACK)


def about(found: PageRefusal | None) -> str:
    return found.about if found else "a sign-in"


def test_a_sign_in_page_or_the_way_to_one_is_no_refusal() -> None:
    assert page('<form method="post"><input name="user"></form>', 200) is None
    assert page("<div id=root></div><script>const e = 'error: invalid client_id'</script>", 200) is None
    assert page("<h1>Welcome</h1><form action=/login>Sign in. Unknown users ask the help desk.</form>", 200) is None
    for url in ("https://login.example/login?session=1", "/login?flow=x", "https://sso.example/start#a",
                "https://login.example/error-free/login"):  # fmt: skip
        assert sent_to(url) is None, url


def test_error_pages_name_the_mistake_in_the_words_of_their_server() -> None:
    pages = {
        "We are sorry... Invalid parameter: redirect_uri": "redirect",
        "<h1>Error</h1>The redirect URI specified in the request does not match those of the application.": "redirect",
        "Bad Request: the callback URL is not registered": "redirect",
        "Mismatching redirect uri.": "redirect",
        "We are sorry... Client not found.": "client",
        "unauthorized_client": "client",
        "<p>Unknown client</p>": "client",
        "Error: the client_id is invalid": "client",
        "unknown-tenant": "client",
        "invalid client_id or redirect_uri": "unclear",
        "Something went wrong": "unclear",
        "": "unclear",
    }
    assert {text: about(page(text)) for text in pages} == pages
    # The same with status 200, as some servers do.
    shown = {text: kind for text, kind in pages.items() if "nvalid" in text or "Unknown" in text}
    assert {text: about(page(text, 200)) for text in shown} == shown
    assert about(page('{"error": "invalid_client"}', 400, "application/json")) == "client"
    assert about(page('{"error": "invalid_request", "error_description": "x"}', 200, "application/json")) == "request"
    assert about(page("<h1>Bad gateway</h1>", 502)) == "down"


def test_an_error_that_comes_to_the_redirect_address_proves_that_it_is_registered() -> None:
    back = {
        "error=invalid_scope": "scope",
        "error=unauthorized_client": "client",
        "error=urn%3Aehr%3Aerror%3Aunknown-tenant": "client",
        "error=invalid_request&error_description=aud+is+missing": "request",
        "error=invalid_request&error_description=unknown+client+application": "client",
        "error=server_error": "down",
        "error=login_required": "unclear",
    }
    for query, kind in back.items():
        found = sent_to(f"{CALLBACK}?{query}&state=s")
        assert found and found.reached_app and found.about == kind, (query, found)
    fragment = sent_to(f"{CALLBACK}#error=invalid_scope")
    assert fragment and fragment.reached_app
    # An address that only begins like ours is another one.
    for url in (f"{CALLBACK}-2?error=invalid_scope", "https://link.example.evil.example/oauth?error=invalid_scope"):
        other = sent_to(url)
        assert other and not other.reached_app
    for url in (
        "https://login.example/error?error=invalid_client",
        "/oauth/error",
        "https://login.example/unauthorized",
    ):
        found = sent_to(url)
        assert found and not found.reached_app, url


def test_equal_pages_have_one_mark_whatever_ids_they_show() -> None:
    one = page("<p>Something is wrong.</p> Request 7f3a-99 of c-1 at 12:30, trace abcdefghijklmnopqrstuvwxyz")
    two = page("<p>Something is wrong.</p> Request 81bb-02 of c-2 at 12:31, trace zyxwvutsrqponmlkjihgfedcba")
    other = page("<p>Something else is wrong.</p> Request 81bb-02 of c-2 at 12:31")
    assert one and two and other and one.mark == two.mark != other.mark


def test_what_a_server_says_is_quoted_on_one_short_line() -> None:
    found = page(f"<p>Client not found\n\x1b[31m{'x' * 900}</p>")
    assert found and len(found.text) <= 300 and found.text.isprintable()
