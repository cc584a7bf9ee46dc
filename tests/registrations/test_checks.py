"""What an operator may type, in its one spelling, and what nobody should."""

from __future__ import annotations

from pathlib import Path

import pytest

from cobalt_link.kit.private_files import NotPrivate
from cobalt_link.registrations import checks
from cobalt_link.registrations.registration import RegistrationProblem
from tests.registrations.conftest import written

SECRET = "S3cret-of-the-app-4711"
ADDRESSES = {
    "https://ann:hunter22@ehr.example/fhir": "no user name",
    "https://ann:hunter22@ehr.example/fhir?x=1": "no user name",
    "https://ehr.example%40evil.example/fhir": "no user name",
    "https://ehr.example/fhir?hunter22=1": "no user name",
    "https://ehr.example/fhir#hunter22": "fragment",
    "http://ehr.example/fhir": "https://",
    "ftp://ehr.example/fhir": "https://host",
    "https://ehr.example/fhir/../admin": "host and a path",
    "https://ehr.example/fhir/%2e%2e/admin": "host and a path",
    "https://ehr.example/fhir%2fadmin": "vendor's list of endpoints",
    "https://ehr.example//fhir": "vendor's list of endpoints",
    "https://ehr.example/fhir;x": "vendor's list of endpoints",
    "https://ehr.example/fh ir": "host and a path",
    "https://ehr.example\\fhir": "host and a path",
    "https://ehr.example/fhir/metadata": "Leave out /metadata",
    "https://ehr.example/fhir/.well-known/smart-configuration": "Leave out /.well-known",
    "https://10.0.0.7/fhir": "COBALT_ALLOW_PRIVATE_NETWORKS",
    "http://127.0.0.1:9100/fhir": "COBALT_ALLOW_PRIVATE_NETWORKS",
    "https://[::1]/fhir": "COBALT_ALLOW_PRIVATE_NETWORKS",
    "https://169.254.169.254/latest": "cannot be allowed",
    "https://2130706433/fhir": "four plain numbers",
    "https://0x7f.1/fhir": "four plain numbers",
    "https://": "https://host",
    "": "https://host",
    "https://[v1.x]/fhir": "https://host",
}


def test_an_address_that_could_lead_elsewhere_is_refused_with_what_to_do() -> None:
    # S-074
    for text, hint in ADDRESSES.items():
        with pytest.raises(RegistrationProblem) as refused:
            checks.fhir_address(text, private=False)
        assert hint in str(refused.value) and "hunter22" not in str(refused.value), (text, str(refused.value))
    with pytest.raises(RegistrationProblem, match="cannot be allowed"):
        checks.fhir_address("https://169.254.169.254/latest", private=True)


def test_an_address_has_one_spelling() -> None:
    for text in ("https://EHR.example:443/R4/t-1/", " ehr.example/R4/t-1 ", "https://ehr.example./R4/t-1//"):
        assert checks.fhir_address(text, private=False) == "https://ehr.example/R4/t-1"
    assert checks.fhir_address("http://127.0.0.1:9100/fhir/r4", private=True) == "http://127.0.0.1:9100/fhir/r4"


def test_a_secret_is_one_line_of_a_file_that_nobody_else_reads(tmp_path: Path) -> None:
    assert checks.secret_from(written(tmp_path, f" {SECRET}\n")) == SECRET
    for mode in (0o644, 0o640, 0o604, 0o620):
        with pytest.raises(NotPrivate, match="chmod 600"):
            checks.secret_from(written(tmp_path, SECRET, mode))
    wrong = {
        f"-----BEGIN {'PRIVATE KEY'}-----": "use --jwks",
        '{"kty": "RSA", "d": "x"}': "use --jwks",
        "": "one line",
        f"{SECRET}\n{SECRET}": "one line",
        f"secret: {SECRET}": "one line",
    }
    for text, hint in wrong.items():
        with pytest.raises(RegistrationProblem, match=hint) as refused:
            checks.secret_from(written(tmp_path, text))
        assert SECRET not in str(refused.value)
    for missing in (tmp_path / "nothing", tmp_path):
        with pytest.raises(RegistrationProblem, match="Check the path"):
            checks.secret_from(missing)
    (tmp_path / "client-secret").write_bytes(b"\xff\xfe")
    with pytest.raises(RegistrationProblem, match="it is not text"):
        checks.secret_from(tmp_path / "client-secret")


def test_names_client_ids_scopes_and_schedules_are_what_they_have_to_be() -> None:
    for name in ("epic-larkspur", "e", "7", "a" * 40):
        assert checks.name(name) == name
    for name in ("", "Epic", "a/b", "..", "a" * 41, "é", "-a", "a-", "a_b", "a\n"):
        with pytest.raises(RegistrationProblem, match="lowercase letters"):
            checks.name(name)
    for text in ("", "two words", "é", "a\nb", "x" * 4001):
        with pytest.raises(RegistrationProblem, match="no blanks"):
            checks.client_id(text)
    assert checks.client_id(" eyJh.eyJp.c2ln ") == "eyJh.eyJp.c2ln"
    assert checks.scopes(["openid user/Patient.rs", "openid"]) == ("openid", "user/Patient.rs")
    with pytest.raises(RegistrationProblem, match="is not a scope"):
        checks.scopes(['user/"x"'])
    assert checks.schedules(["Location/21", "Practitioner/9"]) == ("Location/21", "Practitioner/9")
    for text in ("Room/1", "Location/", "Location/../1", "Location/1/2"):
        with pytest.raises(RegistrationProblem, match="Location/21"):
            checks.schedules([text])
