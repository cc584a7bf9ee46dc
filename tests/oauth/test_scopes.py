"""What was granted against what was asked, in both versions of SMART's scopes (S-040, S-042)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cobalt_link.oauth.scopes import GrantedScopes, Scope, parsed, written


def test_both_versions_are_read() -> None:
    assert parsed("user/Appointment.rs") == Scope("user", "Appointment", "rs")
    assert parsed("patient/*.read") == Scope("patient", "*", "rs")
    assert parsed("user/Patient.write") == Scope("user", "Patient", "cud")
    assert parsed("user/*.*") == Scope("user", "*", "cruds")
    assert parsed("patient/Observation.rs?category=laboratory") == Scope(
        "patient", "Observation", "rs", "category=laboratory"
    )
    for other in (
        "openid",
        "launch/patient",
        "user/Appointment.",
        "user/Appointment.sr",
        "user/.rs",
        "user/A.readwrite",
        "",
    ):
        assert parsed(other) is None, other


def test_a_narrower_grant_is_told_apart_from_nothing_there() -> None:
    given_ = GrantedScopes.of(
        "openid  user/Patient.read user/Observation.rs?category=laboratory user/Appointment.cruds"
    )
    assert given_.allows("Patient", "rs") and not given_.allows("Patient", "c")
    assert given_.allows("Observation", "s") and given_.is_partial("Observation", "s")
    assert not given_.is_partial("Patient", "rs") and not given_.allows("Coverage", "r")
    asked = ["openid", "offline_access", "user/Patient.rs", "user/Coverage.rs", "user/Appointment.read"]
    assert given_.lacks(asked) == ("offline_access", "user/Coverage.rs")


RESOURCES = st.sampled_from(["Patient", "Appointment", "Coverage"])
LETTERS = st.sets(st.sampled_from("cruds"), min_size=1).map("".join)


@given(st.lists(st.tuples(RESOURCES, LETTERS), max_size=6), RESOURCES, LETTERS)
def test_a_scope_that_is_written_in_either_version_allows_what_it_says_and_v2_no_more(
    rows: list[tuple[str, str]], resource: str, letters: str
) -> None:
    granted = {letter for name, some in rows for letter in some if name == resource}
    second = GrantedScopes.of(" ".join(written("user", name, some, "v2") for name, some in rows))
    first = GrantedScopes.of(" ".join(written("user", name, some, "v1") for name, some in rows))
    assert second.allows(resource, letters) == (set(letters) <= granted)
    assert not second.allows(resource, letters) or first.allows(resource, letters)
