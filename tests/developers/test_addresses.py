import pytest

from cobalt_link.developers import addresses
from cobalt_link.developers.addresses import AddressProblem

CALLBACK = "https://app.example.com/linked?from=cobalt"
MUTATED = [
    "https://APP.example.com/linked?from=cobalt",
    "https://App.Example.com/linked?from=cobalt",
    "HTTPS://app.example.com/linked?from=cobalt",
    "Https://app.example.com/linked?from=cobalt",
    "http://app.example.com/linked?from=cobalt",
    "ftp://app.example.com/linked?from=cobalt",
    "javascript://app.example.com/linked?from=cobalt",
    "data:text/html,https://app.example.com/linked?from=cobalt",
    "//app.example.com/linked?from=cobalt",
    "/linked?from=cobalt",
    "app.example.com/linked?from=cobalt",
    "https:app.example.com/linked?from=cobalt",
    "https:/app.example.com/linked?from=cobalt",
    "https:///app.example.com/linked?from=cobalt",
    "https:\\\\app.example.com\\linked?from=cobalt",
    "https://app.example.com:443/linked?from=cobalt",
    "https://app.example.com:8443/linked?from=cobalt",
    "https://app.example.com:0443/linked?from=cobalt",
    "https://app.example.com:/linked?from=cobalt",
    "https://app.example.com:443@evil.example/linked?from=cobalt",
    "https://user@app.example.com/linked?from=cobalt",
    "https://user:pass@app.example.com/linked?from=cobalt",
    "https://@app.example.com/linked?from=cobalt",
    "https://app.example.com@evil.example/linked?from=cobalt",
    "https://evil.example/app.example.com/linked?from=cobalt",
    "https://evil.example?https://app.example.com/linked?from=cobalt",
    "https://evil.example#https://app.example.com/linked?from=cobalt",
    "https://app.example.com.evil.example/linked?from=cobalt",
    "https://app.example.com.:443/linked?from=cobalt",
    "https://app.example.com./linked?from=cobalt",
    "https://evilapp.example.com/linked?from=cobalt",
    "https://sub.app.example.com/linked?from=cobalt",
    "https://example.com/linked?from=cobalt",
    "https://app-example.com/linked?from=cobalt",
    "https://app.example.co/linked?from=cobalt",
    "https://app.exаmple.com/linked?from=cobalt",  # a Cyrillic letter
    "https://app.example。com/linked?from=cobalt",
    "https://app.example.com／linked?from=cobalt",
    "https://xn--pp-uia.example.com/linked?from=cobalt",
    "https://app%2eexample.com/linked?from=cobalt",
    "https://app.example.com%2f@evil.example/linked?from=cobalt",
    "https://app.example.com%00.evil.example/linked?from=cobalt",
    "https://app.example.com/linked/?from=cobalt",
    "https://app.example.com//linked?from=cobalt",
    "https://app.example.com/./linked?from=cobalt",
    "https://app.example.com/x/../linked?from=cobalt",
    "https://app.example.com/../linked?from=cobalt",
    "https://app.example.com/%2e%2e/linked?from=cobalt",
    "https://app.example.com/%2E/linked?from=cobalt",
    "https://app.example.com/..%2flinked?from=cobalt",
    "https://app.example.com/linked%2f?from=cobalt",
    "https://app.example.com/%6cinked?from=cobalt",
    "https://app.example.com/linke%64?from=cobalt",
    "https://app.example.com/Linked?from=cobalt",
    "https://app.example.com/LINKED?from=cobalt",
    "https://app.example.com/linked;x?from=cobalt",
    "https://app.example.com/linked.html?from=cobalt",
    "https://app.example.com/linkedx?from=cobalt",
    "https://app.example.com/linke?from=cobalt",
    "https://app.example.com/linked/evil?from=cobalt",
    "https://app.example.com/linked\\?from=cobalt",
    "https://app.example.com/linked",
    "https://app.example.com/linked?",
    "https://app.example.com/linked?from=cobalt&",
    "https://app.example.com/linked?from=cobalt&next=https://evil.example",
    "https://app.example.com/linked?from=cobal%74",
    "https://app.example.com/linked?From=cobalt",
    "https://app.example.com/linked?from=cobalt&from=cobalt",
    "https://app.example.com/linked?x=1&from=cobalt",
    "https://app.example.com/linked?from=cobalt;",
    "https://app.example.com/linked?from=cobalt#",
    "https://app.example.com/linked?from=cobalt#fragment",
    "https://app.example.com/linked?from=cobalt%23",
    "https://app.example.com/linked?from=cobalt ",
    " https://app.example.com/linked?from=cobalt",
    "https://app.example.com/linked?from=cobalt\n",
    "https://app.example.com/linked?from=cobalt\r\nSet-Cookie: a=b",
    "https://app.example.com/linked?from=cobalt\t",
    "https://app.example.com/lin\tked?from=cobalt",
    "https://app.example.com/linked?from=cobalt\x00",
    "https://*.example.com/linked?from=cobalt",
    "https://app.example.com/*",
    "https://app.example.com/linked?from=*",
    "https://[::1]/linked?from=cobalt",
    "https://127.0.0.1/linked?from=cobalt",
    "https://app.example.com:443:443/linked?from=cobalt",
    "",
]


# S-017
def test_no_variation_of_a_registered_callback_is_the_registered_one() -> None:
    assert len(set(MUTATED)) >= 80
    assert addresses.same_callback(CALLBACK, CALLBACK)
    assert [each for each in MUTATED if addresses.same_callback(CALLBACK, each)] == []


# S-017
@pytest.mark.parametrize("registered", ["http://127.0.0.1:4000/cb", "http://127.0.0.1/cb", "http://[::1]:4000/cb"])
def test_only_the_port_of_a_loopback_callback_may_differ(registered: str) -> None:
    host = registered.partition("://")[2].removesuffix("/cb").removesuffix(":4000")
    assert addresses.same_callback(registered, f"http://{host}:51234/cb")
    for other in [f"https://{host}:51234/cb", f"http://{host}:51234/cb/", f"http://{host}:51234/CB",
                  f"http://{host}:51234/cb?x=1", "http://localhost:4000/cb", f"http://{host}:0/cb",
                  f"http://{host}:99999/cb", f"http://u@{host}:51234/cb"]:  # fmt: skip
        assert not addresses.same_callback(registered, other), other


def test_the_port_of_localhost_by_name_is_exact() -> None:
    assert not addresses.same_callback("http://localhost:4000/cb", "http://localhost:4001/cb")


@pytest.mark.parametrize(
    "text",
    [CALLBACK, "https://app.example.com", "https://app.example.com:8443/a/b", "http://localhost:3000/cb",
     "http://127.0.0.1:4000/cb", "http://[::1]:4000/cb", "https://xn--bcher-kva.example/cb"],
)  # fmt: skip
def test_a_callback_is_registered_as_it_is_written(text: str) -> None:
    assert addresses.callback(text) == text


@pytest.mark.parametrize(
    "text",
    ["https://*.example.com/cb", "https://app.example.com/cb#x", "https://user@app.example.com/cb",
     "https://App.example.com/cb", "https://app.example.com:443/cb", "http://app.example.com/cb",
     "http://127.0.0.1.example.com/cb", "https://app.example.com/a/../cb", "https://app.example.com/%2e%2E/cb",
     "https://bücher.example/cb", "https://app.example.com/a b", "https://app.example.com\\cb", "https://", "app:/cb",
     "https://app.example.com:70000/cb", "https://app.example.com/" + "a" * 2000],
)  # fmt: skip
def test_a_callback_that_cannot_be_matched_exactly_is_refused(text: str) -> None:
    with pytest.raises(AddressProblem):
        addresses.callback(text)


@pytest.mark.parametrize("text", ["https://app.example.com", "https://app.example.com:8443", "http://localhost:3000"])
def test_an_origin_is_registered_as_browsers_send_it(text: str) -> None:
    assert addresses.origin(text) == text


@pytest.mark.parametrize(
    "text",
    ["https://app.example.com/", "https://app.example.com/path", "https://app.example.com?x", "https://*.example.com",
     "https://app.example.com;script-src", "https://app.example.com 'self'", "https://APP.example.com", "null", "*",
     "https://app.example.com:443", "http://app.example.com", "https://user@app.example.com", "'self'"],
)  # fmt: skip
def test_an_origin_with_more_than_scheme_host_and_port_is_refused(text: str) -> None:
    with pytest.raises(AddressProblem):
        addresses.origin(text)


def test_a_refused_origin_tells_what_to_register() -> None:
    with pytest.raises(AddressProblem, match=r"Register https://app\.example\.com\."):
        addresses.origin("https://app.example.com/")


@pytest.mark.parametrize(
    ("sent", "canonical"),
    [("your-emr.com", "https://your-emr.com"), ("https://Your-EMR.com/", "https://your-emr.com"),
     (" https://your-emr.com:443 ", "https://your-emr.com"), ("his.example.org:8443", "https://his.example.org:8443"),
     ("https://his.example.org/gnu/", "https://his.example.org/gnu"), ("http://127.0.0.1:9100", "http://127.0.0.1:9100"),
     ("bücher.example", "https://xn--bcher-kva.example"), ("localhost:9100", "https://localhost:9100")],
)  # fmt: skip
def test_an_ehr_address_has_one_spelling(sent: str, canonical: str) -> None:
    assert addresses.ehr_address(sent) == canonical
    assert addresses.ehr_address(canonical) == canonical


@pytest.mark.parametrize(
    "sent", ["", "ftp://his.example.org", "https://a:b@his.example.org", "his.example.org?x=1", "his.example.org#x",
             "127.1", "two words.example", "https://his.example.org\\x"],
)  # fmt: skip
def test_what_is_no_ehr_address_is_refused(sent: str) -> None:
    with pytest.raises(AddressProblem):
        addresses.ehr_address(sent)


@pytest.mark.parametrize(
    ("address", "rules", "inside"),
    [
        ("https://his.example.org", ["his.example.org"], True),
        ("https://his.example.org:8443", ["his.example.org"], True),
        ("https://his.example.org/path", ["*.example.org"], True),
        ("https://example.org", ["*.example.org"], False),
        ("https://evilexample.org", ["*.example.org"], False),
        ("https://his.example.org.evil", ["his.example.org"], False),
        ("https://sub.his.example.org", ["his.example.org"], False),
        ("https://anything.example", [], True),
        ("https://his.example.org:8443", ["his.example.org:8443"], True),
        ("https://his.example.org:9999", ["his.example.org:8443"], False),
    ],
)
def test_allowed_domains_hold_by_whole_names(address: str, rules: list[str], inside: bool) -> None:
    assert addresses.is_allowed(address, [addresses.domain_rule(rule) for rule in rules]) is inside


@pytest.mark.parametrize("rule", ["", "*", "https://his.example.org", "a..b", "his.*.org", "his example", "/x"])
def test_what_is_no_domain_is_refused(rule: str) -> None:
    with pytest.raises(AddressProblem):
        addresses.domain_rule(rule)
