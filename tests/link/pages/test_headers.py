"""The headers of the hosted pages, checked part by part (S-114, S-115, S-119)."""

from __future__ import annotations

import pytest

from cobalt_link.link.pages.headers import page_headers


def policy(**given: list[str]) -> dict[str, list[str]]:
    """The Content-Security-Policy as directive → values."""
    header = page_headers(https=True, **given)["Content-Security-Policy"]  # type: ignore[arg-type]
    return {name: values for name, *values in (part.split() for part in header.split(";"))}


def test_nothing_may_load_but_what_is_ours() -> None:  # S-114, S-123
    assert policy() == {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "connect-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
        "object-src": ["'none'"],
    }


def test_forms_may_end_at_the_registered_callbacks_origin() -> None:
    given = ["https://app.example/ehr/return?x=1", "https://app.example/other", "http://127.0.0.1:8000/back"]
    assert policy(form_targets=given)["form-action"] == ["'self'", "https://app.example", "http://127.0.0.1:8000"]


def test_only_registered_origins_may_frame_a_page() -> None:  # S-115
    assert policy(frame_ancestors=["https://app.example"])["frame-ancestors"] == ["https://app.example"]


@pytest.mark.parametrize(
    "url",
    [
        "https://app.example; script-src *",
        "https://app.example, https://evil.example",
        "https://*.example",
        "javascript:alert(1)",
        "app.example",
        "https://",
        "https://user@app.example",
        "'unsafe-inline'",
        "*",
    ],
)
def test_what_is_not_a_web_origin_never_reaches_the_policy(url: str) -> None:
    with pytest.raises(ValueError, match="register one such as"):
        page_headers(https=True, form_targets=[url])
    with pytest.raises(ValueError, match="register one such as"):
        page_headers(https=True, frame_ancestors=[url])


def test_the_other_headers_close_what_they_can() -> None:  # S-119
    headers = page_headers(https=True)
    assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin-allow-popups"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Accel-Buffering"] == "no"
    assert "camera=()" in headers["Permissions-Policy"]


def test_strict_transport_security_is_promised_over_https_only() -> None:
    assert "Strict-Transport-Security" not in page_headers(https=False)
