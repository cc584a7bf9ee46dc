import re
from pathlib import Path
from typing import Any

import pytest

from cobalt_link.settings import DECLARED, Settings, SettingsError, load
from cobalt_link.settings import values as values


def settings(tmp_path: Path, flags: dict[str, Any] | None = None, /, **env: str) -> Settings:
    return load({"data": tmp_path} | (flags or {}), env)


def test_a_flag_wins_over_the_variable_over_its_file_over_toml_over_the_default(tmp_path: Path) -> None:
    secret = tmp_path / "port"
    secret.write_text("7003\n")
    (tmp_path / "cobalt.toml").write_text("port = 7004\n")
    steps = [
        ({"port": 7001}, {"COBALT_PORT": "7002", "COBALT_PORT_FILE": str(secret)}, 7001, "--port"),
        ({}, {"COBALT_PORT": "7002", "COBALT_PORT_FILE": str(secret)}, 7002, "COBALT_PORT"),
        ({}, {"COBALT_PORT_FILE": str(secret)}, 7003, "COBALT_PORT_FILE"),
        ({}, {}, 7004, str(tmp_path / "cobalt.toml")),
    ]
    for flags, env, port, origin in steps:
        found = settings(tmp_path, flags, **env)
        assert (found.port, found.origins["port"]) == (port, origin)
    (tmp_path / "cobalt.toml").unlink()
    assert (settings(tmp_path).port, settings(tmp_path).origins["port"]) == (8420, "default")


def test_the_data_folder_comes_first_and_says_where_the_file_lies(tmp_path: Path) -> None:
    (tmp_path / "cobalt.toml").write_text("operator = 'Acme'\n")
    found = load({}, {"COBALT_DATA": str(tmp_path)})
    assert (found.data, found.operator, found.origins["data"]) == (tmp_path, "Acme", "COBALT_DATA")
    assert found.master_key_path == tmp_path / "master.key"


def test_without_any_word_the_data_folder_lies_in_the_home_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load({}, {}).data == tmp_path / ".cobalt"


def test_the_plain_database_url_counts_unless_ours_is_there(tmp_path: Path) -> None:
    plain = {"DATABASE_URL": "postgresql://plain/db"}
    assert settings(tmp_path, **plain).origins["database_url"] == "DATABASE_URL"
    both = settings(tmp_path, **plain, COBALT_DATABASE_URL="postgresql://ours/db")
    assert both.database_url == "postgresql://ours/db"


def test_an_empty_variable_means_not_set(tmp_path: Path) -> None:
    assert settings(tmp_path, COBALT_PORT="", DATABASE_URL="").port == 8420


@pytest.mark.parametrize("text", ["on", "ON", "yes", "true", "1"])
def test_a_switch_understands_the_usual_words(tmp_path: Path, text: str) -> None:
    assert settings(tmp_path, COBALT_ALLOW_PRIVATE_NETWORKS=text).allow_private_networks is True


def test_lists_and_pairs_are_written_with_commas(tmp_path: Path) -> None:
    found = settings(
        tmp_path,
        COBALT_TRUSTED_PROXIES="10.0.0.0/8, 192.0.2.1",
        COBALT_EHR_ADDRESSES="Sandbox=http://127.0.0.1:9100, gnuhealth=https://his.example.org",
    )
    assert found.trusted_proxies == ("10.0.0.0/8", "192.0.2.1")
    assert found.ehr_addresses == {"sandbox": "http://127.0.0.1:9100", "gnuhealth": "https://his.example.org"}


def test_toml_tables_and_lists_work_too(tmp_path: Path) -> None:
    (tmp_path / "cobalt.toml").write_text(
        'trusted_proxies = ["10.0.0.1"]\nrate_limits = false\n[ehr_addresses]\nsandbox = "http://127.0.0.1:9100"\n'
    )
    found = settings(tmp_path)
    assert (found.trusted_proxies, found.rate_limits) == (("10.0.0.1",), False)
    assert found.ehr_addresses == {"sandbox": "http://127.0.0.1:9100"}


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"COBALT_PROT": "1"}, ["COBALT_PROT", "Did you mean COBALT_PORT?"]),
        ({"COBALT_PORT": "many"}, ["COBALT_PORT", "int"]),
        ({"COBALT_PORT": "70000"}, ["COBALT_PORT", "65535"]),
        ({"COBALT_RATE_LIMITS": "perhaps"}, ["COBALT_RATE_LIMITS", "`on` or `off`"]),
        ({"COBALT_LOG_LEVEL": "loud"}, ["COBALT_LOG_LEVEL"]),
        ({"COBALT_LINK_TOKEN_MINUTES": "4"}, ["COBALT_LINK_TOKEN_MINUTES", ">= 5"]),
        ({"COBALT_LINK_TOKEN_MINUTES": "10081"}, ["<= 10080"]),
        ({"COBALT_TRUSTED_PROXIES": "proxy"}, ["10.0.0.0/8"]),
        ({"COBALT_EHR_ADDRESSES": "sandbox"}, ["sandbox=http://127.0.0.1:9100"]),
        ({"COBALT_EHR_ADDRESSES": "sandbox=ftp://x"}, ["https://"]),
        ({"COBALT_HELP_URL": "javascript:alert(1)"}, ["COBALT_HELP_URL"]),
        ({"COBALT_DATABASE_URL_FILE": "/nowhere/at/all"}, ["COBALT_DATABASE_URL_FILE", "/nowhere/at/all"]),
    ],
)
def test_what_is_not_understood_stops_with_what_to_do(tmp_path: Path, env: dict[str, str], words: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(tmp_path, **env)
    assert all(word in str(caught.value) for word in words), caught.value


@pytest.mark.parametrize("text", ["prot = 1", "port = 'many'", "port ="])
def test_a_wrong_file_stops_and_names_the_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "cobalt.toml").write_text(text)
    with pytest.raises(SettingsError, match=re.escape(str(tmp_path / "cobalt.toml"))):
        settings(tmp_path)


def test_the_file_cannot_name_the_folder_that_it_lies_in(tmp_path: Path) -> None:
    (tmp_path / "cobalt.toml").write_text("data = '/elsewhere'")
    with pytest.raises(SettingsError, match="--data"):
        settings(tmp_path)


# S-052
@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602])
def test_a_secret_in_a_file_that_everyone_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    secret = tmp_path / "key"
    secret.write_text("x")
    secret.chmod(mode)
    with pytest.raises(SettingsError, match=f"chmod 600 {secret}"):
        settings(tmp_path, COBALT_MASTER_KEY_FILE=str(secret))
    secret.chmod(0o640)
    assert settings(tmp_path, COBALT_MASTER_KEY_FILE=str(secret)).master_key == "x"


def test_the_public_address_follows_the_port_until_it_is_given(tmp_path: Path) -> None:
    assert settings(tmp_path, COBALT_PORT="9000").public_url == "http://127.0.0.1:9000"
    given = settings(tmp_path, COBALT_PUBLIC_URL="https://Link.example.com/")
    assert given.public_url == "https://link.example.com"


# S-093
@pytest.mark.parametrize(
    "address",
    ["http://link.example.com", "http://10.0.0.5:8420", "http://0.0.0.0:8420", "http://127.0.0.1.example.com"],
)
def test_an_unencrypted_public_address_is_refused_off_this_machine(tmp_path: Path, address: str) -> None:
    with pytest.raises(SettingsError, match="Put a proxy with a certificate in front"):
        settings(tmp_path, COBALT_PUBLIC_URL=address)


@pytest.mark.parametrize("address", ["http://127.0.0.1:8420", "http://localhost:8420", "http://[::1]:8420"])
def test_an_unencrypted_public_address_is_fine_on_this_machine(tmp_path: Path, address: str) -> None:
    assert settings(tmp_path, COBALT_PUBLIC_URL=address).public_url == address


@pytest.mark.parametrize(
    "address", ["link.example.com", "https://", "https://a@b.example", "https://b.example/path", "https://b.example:x"]
)
def test_a_public_address_is_a_bare_origin(tmp_path: Path, address: str) -> None:
    with pytest.raises(SettingsError):
        settings(tmp_path, COBALT_PUBLIC_URL=address)


def test_an_smtp_server_is_an_address_with_a_sender(tmp_path: Path) -> None:
    sender = {"COBALT_MAIL_FROM": "link@example.com"}
    good = ["smtp://mail.example.com", "smtps://me:canary%40pw@mail.example.com:465/", "smtp://[::1]:25?tls=off"]
    for url in good:
        found = settings(tmp_path, COBALT_SMTP_URL=url, **sender)
        assert found.smtp_url == url and "canary" not in f"{found!r}{found.shown()}"
    with pytest.raises(SettingsError, match="COBALT_MAIL_FROM"):
        settings(tmp_path, COBALT_SMTP_URL=good[0])
    for url in ("mail.example.com", "http://mail.example.com", "smtp://", "smtp://:25", "smtp://a:canary@pw@m.example",
                "smtps://m.example?tls=off", "smtp://m.example?tls=maybe", "smtp://m.example/path", "smtp://m.ex:x",
                "smtp://a:canary%@m.example"):  # fmt: skip
        with pytest.raises(SettingsError, match=r"smtp://user:password@mail\.example\.com:587") as refused:
            settings(tmp_path, COBALT_SMTP_URL=url, **sender)
        assert "canary" not in str(refused.value)
    for address in (
        "link",
        "Link <link@example.com>",
        "link@example.com\r\nBcc: a@b.example",
        "a b@example.com",
        "@e.x",
    ):
        with pytest.raises(SettingsError, match=r"link@example\.com"):
            settings(tmp_path, COBALT_MAIL_FROM=address)


def test_secrets_are_masked_wherever_settings_are_shown(tmp_path: Path) -> None:
    found = settings(tmp_path, COBALT_MASTER_KEY="canary-key", DATABASE_URL="postgresql://me:canary-pw@db.example/link")
    shown = {name: text for name, text, _ in found.shown()}
    assert shown["database_url"] == "postgresql://me:********@db.example/link"
    assert "canary" not in f"{found!r}{found}{shown}"


def test_every_setting_has_a_row_with_an_origin_and_a_help_text(tmp_path: Path) -> None:
    rows = settings(tmp_path).shown()
    assert [name for name, _, _ in rows] == [each.name for each in DECLARED]
    assert all(origin for _, _, origin in rows)
    assert all(each.help.endswith(".") for each in DECLARED)


@pytest.mark.parametrize(("host", "near"), [("localhost", True), ("a.localhost", True), ("127.9.9.9", True),
                                            ("[::1]", True), ("localhost.example.com", False), ("10.0.0.1", False),
                                            ("", False), (None, False)])  # fmt: skip
def test_loopback_is_told_from_every_other_host(host: str | None, near: bool) -> None:
    assert values.is_loopback(host) is near


@pytest.mark.parametrize("former", ["env", "file", "toml"])
def test_the_former_name_of_a_setting_still_works(tmp_path: Path, former: str) -> None:
    (tmp_path / "minutes").write_text("45\n")
    if former == "toml":
        (tmp_path / "cobalt.toml").write_text("attempt_minutes = 45\n")
    env = {
        "env": {"COBALT_ATTEMPT_MINUTES": "45"},
        "file": {"COBALT_ATTEMPT_MINUTES_FILE": str(tmp_path / "minutes")},
        "toml": {},
    }[former]
    assert load({"data": tmp_path}, env).link_session_minutes == 45


def test_the_allowed_domains_of_an_ehr_may_be_written_in_either_place(tmp_path: Path) -> None:
    found = settings(
        tmp_path, COBALT_ALLOWED_EHR_DOMAINS="gnuhealth=HIS.example.org *.clinic.example, sandbox=[::1]:80"
    )
    wanted = {"gnuhealth": ("his.example.org", "*.clinic.example"), "sandbox": ("[::1]:80",)}
    assert found.allowed_ehr_domains == wanted
    (tmp_path / "cobalt.toml").write_text(
        '[allowed_ehr_domains]\ngnuhealth = ["his.example.org", "*.clinic.example"]\nsandbox = "[0:0:0:0:0:0:0:1]:80"\n'
    )
    assert settings(tmp_path).allowed_ehr_domains == wanted
    shown = {name: text for name, text, _ in found.shown()}
    assert shown["allowed_ehr_domains"] == "gnuhealth=his.example.org *.clinic.example, sandbox=[::1]:80"


@pytest.mark.parametrize(
    "text", ["gnuhealth", "gnuhealth=", "gnuhealth=*", "gnuhealth=https://his.example.org", "gnuhealth=[::g]"]
)
def test_allowed_domains_that_could_protect_nothing_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match="allowed_ehr_domains"):
        settings(tmp_path, COBALT_ALLOWED_EHR_DOMAINS=text)


def test_an_empty_list_of_domains_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cobalt.toml").write_text("[allowed_ehr_domains]\ngnuhealth = []\n")
    with pytest.raises(SettingsError, match="has no domain"):
        settings(tmp_path)
