"""What to enter at each vendor, made from data."""

from __future__ import annotations

import pytest

from cobalt_link.oauth.discovery import configuration
from cobalt_link.oauth.scopes import parsed
from cobalt_link.registrations.guide import entries, page
from cobalt_link.registrations.registration import RegistrationProblem, Urls
from cobalt_link.registrations.scopes import WANTED, data_scopes, needed, published, version_of
from cobalt_link.registrations.vendors import guide_of, guides

URLS = Urls("https://link.example")


def test_each_vendor_is_told_the_addresses_the_kind_of_app_and_the_scopes() -> None:
    assert [*guides()] == [
        "athenahealth", "eclinicalworks", "epic", "meditech", "nextgen", "oracle", "other", "veradigm",
    ]  # fmt: skip
    for key, guide in guides().items():
        text = page(guide, URLS, "mine")
        assert "https://link.example/oauth/callback/mine" in text, key
        assert f"cobalt registrations add mine --vendor {key}" in text
        assert "user/Patient." in text or "Patient (read, search)" in text, key
        has_key_set = "https://link.example/registrations/mine/jwks.json" in text
        assert has_key_set == (guide.method == "private_key_jwt"), key
        # No more is said of a vendor than a step that exists.
        assert set(guide.cures) <= set("12345678") and set(guide.offers) <= set(WANTED), key
        assert not [each for each in entries(guide, URLS, "mine") if "{" in each["value"]], key
    assert "-" not in guide_of("Epic").key and guide_of(" EPIC ").name == "Epic"
    with pytest.raises(RegistrationProblem, match="Did you mean oracle"):
        guide_of("orakle")
    with pytest.raises(RegistrationProblem, match="Use one of: athenahealth"):
        guide_of("practicefusion")


def test_only_what_a_vendor_has_is_asked_for_in_the_version_that_it_has() -> None:
    ecw = data_scopes(guide_of("eclinicalworks").offers, "v1")
    assert "user/Patient.read" in ecw and not [each for each in ecw if "Appointment" in each or "write" in each]
    oracle = data_scopes(guide_of("oracle").offers, "v2")
    assert {"user/Appointment.crus", "user/DocumentReference.crs"} <= set(oracle) and "user/Task.rs" not in oracle
    assert all(parsed(each) for each in (*ecw, *oracle))
    assert needed({}) == WANTED
    ends = {"authorization_endpoint": "https://e.example/a", "token_endpoint": "https://e.example/t"}
    server = configuration("https://e.example", {**ends, "scopes_supported": ["user/Patient.read", "openid"]})
    assert version_of(server) == "v1"
    assert published(("openid", "user/Patient.rs", "user/Slot.rs"), server) == ("openid", "user/Patient.rs")
    silent = configuration("https://e.example", {**ends, "capabilities": ["permission-v2"]})
    assert version_of(silent) == "v2" and published(("user/Slot.rs",), silent) == ("user/Slot.rs",)
