"""What the connector says of itself is what it can do and has words for."""

from cobalt_link.connector.models import AppointmentQuery, PatientQuery
from cobalt_link.connectors.gnuhealth import GnuHealth


def test_every_filter_that_the_api_has_is_declared(connector: GnuHealth) -> None:
    reads = connector.manifest.reads
    others = set(AppointmentQuery.__struct_fields__) - {"start", "end", "mode"}
    assert set(reads["appointments"]) == others | {"appointment_mode"}
    # When a patient was changed stands at several records of GNU Health.
    assert set(reads["patients"]) == set(PatientQuery.__struct_fields__) - {"offset", "limit", "updated_since"}
    assert reads.keys() == {"appointments", "patients", "orders", "providers", "locations", "settings"}


def test_a_dry_run_and_a_look_afterwards_are_possible_for_every_write(connector: GnuHealth) -> None:
    assert connector.manifest.writes.keys() == connector.writings.keys()
    assert all(each.check and each.read_back for each in connector.writings.values())


def test_it_goes_by_the_names_that_people_use(connector: GnuHealth) -> None:
    for name in ("GNU Health", "gnuhealth", "GNU HEALTH HIS", "gnu-health", "Gnú\u00a0Health"):
        assert connector.manifest.answers_to(name), name
    assert not connector.manifest.answers_to("Sandbox EHR")


def test_both_languages_have_every_text(connector: GnuHealth) -> None:
    english, spanish = connector.texts("en"), connector.texts("es")
    assert english.keys() == spanish.keys()
    assert not [key for key in english if english[key] == spanish[key]]
    wanted = {f"step.{name}" for name in connector.manifest.steps}
    assert wanted <= english.keys()
