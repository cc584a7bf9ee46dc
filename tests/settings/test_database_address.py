"""The address of the database: read as libpq reads it, or refused without a word of its password."""

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from cobalt_link.kit.logs import mask
from cobalt_link.settings import SettingsError, load
from cobalt_link.settings.values import database_address, masked

PASSWORD = "S3kr:t/@#?%[x"


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://db.example/link",
        "postgres://me@db.example:6432/link?sslmode=verify-full&sslrootcert=/etc/ca.pem",
        "postgresql://me:pw@10.0.0.1,[::1]:5433/link?target_session_attrs=read-write",
        "postgresql:///link?host=/run/postgresql",
        "host=/run/postgresql dbname=link password='it\\'s long'",
        f"postgresql://me:{quote(PASSWORD, safe='')}@db.example/link",
    ],
)
def test_what_libpq_reads_is_taken(address: str) -> None:
    assert database_address(address) == address
    assert conninfo_to_dict(address)


@pytest.mark.parametrize(
    ("address", "hint"),
    [
        ("mysql://u:canary-pw@db.example/x", "postgresql://"),
        ("postgresql+psycopg://u:canary-pw@db.example/x", "postgresql://"),
        ("u:canary-pw@db.example/x", "postgresql://"),
        ("host=db.example password='canary-pw", "postgresql://"),
        ("host=db.example password=canary pw", "postgresql://"),
        ("postgresql://u:canary@pw@db.example/x", "%40"),
        ("postgresql://u:canary#pw@db.example/x", "%23"),
        ("postgresql://u:canary?pw@db.example/x", "%3F"),
        ("postgresql://u:canary/pw@db.example/x", "%2F"),
        ("postgresql://u:[canary]pw@db.example/x", ""),
        ("postgresql://u:canary%pw@db.example/x", "%25"),
        ("postgresql://u:canary pw@db.example/x", "percent"),
        ("postgresql://u:canary-pw@db.example:port/x", "5432"),
        ("postgresql://u:canary-pw@db.example/x?canary", "name=value"),
        ("postgresql://u:canary\u2100@db.example/x", ""),
    ],
)
def test_another_address_is_refused_with_the_cure_and_without_the_password(
    tmp_path: Path, address: str, hint: str
) -> None:
    for env in ({"DATABASE_URL": address}, {"COBALT_DATABASE_URL_FILE": address}):
        try:
            found = load({"data": tmp_path}, env)
        except SettingsError as error:
            said = str(error)
            assert hint in said or "COBALT_DATABASE_URL_FILE" in env
        else:
            said = f"{found} {found.shown()}"
        assert "canary" not in said
        assert "canary" not in masked(address)


@given(st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=4, max_size=24))
def test_a_password_as_typed_reaches_the_server_whole_or_is_never_shown(password: str) -> None:
    address = f"postgresql://me:{password}@db.example:5432/link"
    try:
        database_address(address)
    except ValueError as error:
        said = str(error)
    else:
        read = conninfo_to_dict(address)
        assert (read["host"], read["user"], read["dbname"]) == ("db.example", "me", "link")
        said = masked(address)
    assert password not in said


def test_once_it_is_loaded_no_log_shows_it(tmp_path: Path) -> None:
    secret = "Wagon-Lantern-47"
    load({"data": tmp_path}, {"DATABASE_URL": f"postgresql://me:{secret}%21@db.example/link"})
    assert "Lantern" not in mask(f"could not parse {secret}! or {secret}%21")
