"""The deny table and the reading of URLs."""

import pytest

from cobalt_link.net import addresses
from cobalt_link.net.errors import AddressRefused
from tests.net.denied import table


def verdict(url: str, *, allow_private: bool) -> bool:
    try:
        target = addresses.parse(url)
        addresses.checked(target, [target.host], allow_private=allow_private)
    except AddressRefused:
        return False
    return True


def test_the_table_is_as_long_as_promised() -> None:
    # S-073
    refused = [host for host, kind in table() if kind != "p"]
    assert len(set(refused)) >= 75


@pytest.mark.parametrize(("host", "kind"), table())
def test_every_address_is_judged_as_the_table_says(host: str, kind: str) -> None:
    # S-073, S-077
    assert verdict(f"https://{host}/x", allow_private=False) is (kind == "p")
    assert verdict(f"https://{host}/x", allow_private=True) is (kind in "pi")
    assert verdict(f"http://{host}/x", allow_private=False) is False
    assert verdict(f"http://{host}/x", allow_private=True) is (kind == "i")


@pytest.mark.parametrize(
    "url",
    ["", "ehr.example.org", "//ehr.example.org/", "ftp://ehr.example.org/", "file:///etc/passwd", "https://", "https:///x",
     "gopher://127.0.0.1/", "unix:///run/x", "https://ehr.example.org\n.evil.example/", "javascript:alert(1)",
     "https:\\\\ehr.example.org", "https://ehr .example.org/", "https://" + "a" * 300, "x" * 70_000],
)  # fmt: skip
def test_what_is_not_a_web_address_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        addresses.parse(url)


def test_one_refused_address_refuses_the_whole_name() -> None:
    # S-073: mixed A and AAAA records
    target = addresses.parse("https://ehr.example.org/")
    for mixed in (["1.1.1.1", "127.0.0.1"], ["2606:4700:4700::1111", "10.0.0.1"], ["::1", "8.8.8.8"]):
        with pytest.raises(AddressRefused):
            addresses.checked(target, mixed, allow_private=False)
    with pytest.raises(AddressRefused):
        addresses.checked(target, ["127.0.0.1", "169.254.169.254"], allow_private=True)


def test_plain_http_never_goes_to_a_name_that_is_partly_public() -> None:
    # S-077
    with pytest.raises(AddressRefused, match="unencrypted"):
        addresses.checked(addresses.parse("http://ehr.example.org/"), ["10.0.0.1", "1.1.1.1"], allow_private=True)


def test_names_are_read_in_one_form() -> None:
    assert addresses.parse("HTTPS://EHR.Example.ORG./x").host == "ehr.example.org"
    assert addresses.parse("https://münchen.example/").host == "xn--mnchen-3ya.example"
    assert addresses.parse("https://[2606:4700:4700:0::1111]:8443/").where == "https://[2606:4700:4700::1111]:8443"
    assert addresses.parse("https://ehr.example.org:443/a?b=secret").where == "https://ehr.example.org"


def test_a_refusal_says_what_the_operator_can_do_and_echoes_no_secret() -> None:
    target = addresses.parse("https://ehr.example.org/fhir?token=s3cret")
    with pytest.raises(AddressRefused, match="COBALT_ALLOW_PRIVATE_NETWORKS=true") as private:
        addresses.checked(target, ["10.1.2.3"], allow_private=False)
    with pytest.raises(AddressRefused, match="cannot be allowed") as never:
        addresses.checked(target, ["169.254.169.254"], allow_private=True)
    with pytest.raises(AddressRefused) as named:
        addresses.parse("https://nurse:s3cret@ehr.example.org/")
    assert not [
        error for error in (private, never, named) if "s3cret" in str(error.value) or "nurse" in str(error.value)
    ]
