"""Every setting, declared once with its type, default and help. `load` also says where each value came from.

The first of these counts: command-line flag, COBALT_X, the content of the file that COBALT_X_FILE names, `cobalt.toml`
in the data folder, default. An unknown name or an invalid value stops the program, with what to do.
"""

from __future__ import annotations

import difflib
import os
import stat
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from cobalt_link.kit.logs import hide
from cobalt_link.settings import values as values

SECRET = {"secret": True}
Port = Annotated[int, Meta(ge=1, le=65535)]
Minutes = Annotated[int, Meta(ge=5, le=7 * 24 * 60)]


class SettingsError(Exception):
    """A setting cannot be used. The text says which one, where it came from, and what to do."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of one process. `origins` says for each where its value came from."""

    data: Annotated[Path, Meta(description="Folder with all data: database, master key, cobalt.toml.")] = Path(
        "~/.cobalt"
    )
    host: Annotated[str, Meta(min_length=1, description="Address that the server listens on.")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="Port that the server listens on.")] = 8420
    public_url: Annotated[
        str, Meta(description="Address at which browsers reach the server. http:// works only on this machine.")
    ] = ""
    database_url: Annotated[
        str | None,
        Meta(
            description="A PostgreSQL server (15 or later) to use instead of the embedded one, as postgresql://…"
            " (DATABASE_URL works too).",
            extra=SECRET,
        ),
    ] = None
    postgres_bin: Annotated[
        Path | None, Meta(description="Folder with the PostgreSQL programs for the embedded server.")
    ] = None
    master_key: Annotated[
        str | None,
        Meta(description="The master key itself, instead of the file master.key in the data folder.", extra=SECRET),
    ] = None
    allow_private_networks: Annotated[
        bool,
        Meta(
            description="Let connectors and webhooks reach loopback and private addresses, for an EHR or an app in your"
            " own network."
        ),
    ] = False
    ca_file: Annotated[
        Path | None,
        Meta(description="PEM file with certificate authorities to trust for EHRs, beside those of the system."),
    ] = None
    outbound_proxy: Annotated[
        str | None,
        Meta(
            description="HTTP proxy for requests to EHRs, as http://host:3128 or http://user:password@host:3128.",
            extra=SECRET,
        ),
    ] = None
    smtp_url: Annotated[
        str | None,
        Meta(
            description="SMTP server for e-mail to the owners of clients, as smtp://user:password@mail.example.com:587."
            " Needs mail_from.",
            extra=SECRET,
        ),
    ] = None
    mail_from: Annotated[str, Meta(description="Address that e-mail comes from.")] = ""
    scanner_keys: Annotated[
        Path | None,
        Meta(description="JSON file with the public keys of secret scanners that may report leaked tokens."),
    ] = None
    metrics_from: Annotated[
        tuple[str, ...],
        Meta(description="Who may read /metrics: addresses or ranges, separated by commas. Others get 404."),
    ] = ("127.0.0.0/8", "::1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
    rate_limits: Annotated[
        bool, Meta(description="Limit the requests of each client. Turn off only for benchmarks.")
    ] = True
    operator: Annotated[str, Meta(max_length=80, description="Who runs this server, as the pages show it.")] = ""
    privacy_url: Annotated[str | None, Meta(description="The privacy notice that the pages link to.")] = None
    help_url: Annotated[str | None, Meta(description="Where the pages send users who need help.")] = None
    ehr_addresses: Annotated[
        dict[str, str],
        Meta(description="Address of the EHR of a connector, for orgs that name none: sandbox=http://127.0.0.1:9100."),
    ] = msgspec.field(default_factory=dict)
    allowed_ehr_domains: Annotated[
        dict[str, tuple[str, ...]],
        Meta(
            description="The only domains that an EHR may have, for each connector that it names. No client can widen"
            " it: gnuhealth=his.example.org *.clinic.example."
        ),
    ] = msgspec.field(default_factory=dict)
    link_token_minutes: Annotated[Minutes, Meta(description="How long a link token can be opened, in minutes.")] = 30
    public_token_minutes: Annotated[
        Minutes, Meta(description="How long a public token can be exchanged, in minutes.")
    ] = 30
    link_session_minutes: Annotated[Minutes, Meta(description="How long a user has to finish linking, in minutes.")] = (
        30
    )
    retention_days: Annotated[
        int, Meta(ge=1, le=3650, description="Days after which stored requests and events are erased.")
    ] = 30
    sync_seconds: Annotated[
        int, Meta(ge=1, le=86400, description="Seconds between two reads of a schedule for events about its changes.")
    ] = 60
    audit_days: Annotated[
        int,
        Meta(
            ge=30,
            le=36500,
            description="Days after which the audit is erased, a month at a time. The default is six years.",
        ),
    ] = 2192
    record_id_days: Annotated[
        int,
        Meta(ge=180, le=36500, description="Days that an id of a record works after the API last returned it."),
    ] = 730
    note_event: Annotated[
        Literal["note.uploaded", "note.created"],
        Meta(description="The type of the event that tells that a note of a visit is in the EHR."),
    ] = "note.uploaded"
    log_json: Annotated[bool, Meta(description="Write the log as JSON, one object per line.")] = False
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="The lowest level of log entries that are written."),
    ] = "info"
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(description="Proxies whose X-Forwarded-For is trusted: addresses or ranges, separated by commas."),
    ] = ("127.0.0.1", "::1")
    health_port: Annotated[
        Port | None,
        Meta(
            description="A second port for /healthz, /readyz, and /metrics alone. Connections to it are not counted"
            " with those of the first.",
        ),
    ] = None
    max_connections: Annotated[
        int, Meta(ge=16, le=100_000, description="How many HTTP connections the server takes at the same time.")
    ] = 4096
    max_connections_per_address: Annotated[
        int,
        Meta(
            ge=4,
            le=100_000,
            description="How many of these one address may have (an IPv6 /64 is one address). Trusted proxies may have"
            " any number.",
        ),
    ] = 256
    worker_concurrency: Annotated[
        int,
        Meta(
            ge=1,
            le=1000,
            description="How many sign-ins one worker runs at the same time, a tenth of them at one EHR instance.",
        ),
    ] = 100
    pool_size: Annotated[
        int, Meta(ge=2, le=200, description="Maximum number of database connections of one process.")
    ] = 10

    origins: Mapping[str, str] = msgspec.field(default_factory=dict)

    @property
    def master_key_path(self) -> Path:
        return self.data / "master.key"

    @property
    def postgres_path(self) -> Path:
        """The folder of the embedded server."""
        return self.data / "postgres"

    @property
    def run_by(self) -> str:
        """Who runs this server. Never the app: without a name, the host that the user's browser reaches."""
        return self.operator or urlsplit(self.public_url).netloc

    def shown(self) -> list[tuple[str, str, str]]:
        """Rows of (name, value as text, origin). Secrets are masked."""
        return [(each.name, each.text(getattr(self, each.name)), self.origins[each.name]) for each in DECLARED]

    def __repr__(self) -> str:
        rows = (f"{each.name}={each.text(getattr(self, each.name))!r}" for each in DECLARED)
        return f"Settings({', '.join(rows)})"


class Setting(msgspec.Struct, frozen=True):
    """The declaration of one setting, as needed to read, check, show and document it."""

    name: str
    kind: Any
    default: object
    help: str
    secret: bool

    @property
    def variable(self) -> str:
        return f"COBALT_{self.name.upper()}"

    def text(self, value: object) -> str:
        """The value as a person would write it. A secret is masked."""
        if self.secret:
            return values.masked(value)
        if isinstance(value, bool):
            return "on" if value else "off"
        if isinstance(value, tuple):
            return ", ".join(value)
        if isinstance(value, dict):
            lists = {key: " ".join(each) if isinstance(each, tuple) else each for key, each in value.items()}
            return ", ".join(f"{key}={each}" for key, each in lists.items())
        return "" if value is None else str(value)


def _declared() -> tuple[Setting, ...]:
    hints = get_type_hints(Settings, include_extras=True)
    fields = (field for field in msgspec.structs.fields(Settings) if field.name != "origins")
    return tuple(_setting(field, hints[field.name]) for field in fields)


def _setting(field: Any, hint: Any) -> Setting:
    notes = [note for note in get_args(hint)[1:] if isinstance(note, Meta)]
    default = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    text = next(note.description for note in reversed(notes) if note.description)
    return Setting(field.name, hint, default, text, any(note.extra == SECRET for note in notes))


DECLARED = _declared()
NAMES = {each.name: each for each in DECLARED}
# Former names of settings. They still work in the environment and in cobalt.toml.
RENAMED = {"attempt_minutes": "link_session_minutes"}
CHECKS: dict[str, Callable[[Any], Any]] = {
    "database_url": values.database_address,
    "public_url": values.public_address,
    "privacy_url": values.web_address,
    "help_url": values.web_address,
    "trusted_proxies": values.networks,
    "metrics_from": values.networks,
    "outbound_proxy": values.proxy_address,
    "smtp_url": values.mail_server,
    "mail_from": values.mail_address,
    "allowed_ehr_domains": values.domains,
    "ehr_addresses": lambda pairs: {name: values.web_address(each) for name, each in pairs.items()},
}
SettingValue = tuple[object, str]


def load(flags: Mapping[str, object] | None = None, env: Mapping[str, str] | None = None) -> Settings:
    """All settings from flags (None means not given), environment, file and defaults. Raises `SettingsError`."""
    env = os.environ if env is None else env
    found = _from_flags(flags or {})
    _add(found, _from_environment(env))
    # The data folder has to be known before its cobalt.toml can be read.
    data, origin = found.get("data") or (NAMES["data"].default, "default")
    folder = values.parse(data, NAMES["data"].kind)
    _add(found, _from_file(folder / "cobalt.toml"))
    found["data"] = (folder, origin)
    return _resolve({name: (_checked(NAMES[name], *each), each[1]) for name, each in found.items()})


def _resolve(found: dict[str, SettingValue]) -> Settings:
    origins = {each.name: found[each.name][1] if each.name in found else "default" for each in DECLARED}
    chosen: dict[str, Any] = {name: each[0] for name, each in found.items()}
    settings = Settings(**chosen, origins=origins)
    if settings.smtp_url and not settings.mail_from:
        raise SettingsError("smtp_url needs mail_from. Set COBALT_MAIL_FROM, such as link@example.com.")
    if settings.public_url:
        return settings
    return msgspec.structs.replace(settings, public_url=f"http://127.0.0.1:{settings.port}")


def _add(found: dict[str, SettingValue], more: dict[str, SettingValue]) -> None:
    for name, each in more.items():
        found.setdefault(name, each)


def _checked(setting: Setting, value: object, origin: str) -> object:
    if setting.secret:
        hide(*values.secrets_in(value))
    try:
        parsed = values.parse(value, setting.kind)
        check = CHECKS.get(setting.name)
        return check(parsed) if check and parsed else parsed
    except ValueError as error:
        raise SettingsError(
            f"{setting.name} from {origin} cannot be used: {error}. What it is for: {setting.help}"
        ) from None


def _from_flags(flags: Mapping[str, object]) -> dict[str, SettingValue]:
    given = {name: value for name, value in flags.items() if value is not None}
    for name in given:
        _check_name(name, "the command line", NAMES, name)
    return {name: (value, f"--{name.replace('_', '-')}") for name, value in given.items()}


def _from_environment(env: Mapping[str, str]) -> dict[str, SettingValue]:
    direct = {each.variable: each for each in DECLARED}
    direct |= {f"COBALT_{former.upper()}": NAMES[name] for former, name in RENAMED.items()}
    by_file = {f"{variable}_FILE": each for variable, each in direct.items()}
    found: dict[str, SettingValue] = {}
    # COBALT_TEST_… are variables of the test suite.
    for variable in sorted(name for name in env if name.startswith("COBALT_") and not name.startswith("COBALT_TEST_")):
        if variable in direct:
            found[direct[variable].name] = (env[variable], variable)
        elif variable in by_file:
            found.setdefault(by_file[variable].name, (_content(by_file[variable], variable, env[variable]), variable))
        else:
            _check_name(variable, "the environment", [*direct, *by_file], variable)
    if env.get("DATABASE_URL"):
        found.setdefault("database_url", (env["DATABASE_URL"], "DATABASE_URL"))
    # Compose files and unit files can only write VARIABLE= for "not set".
    return {name: each for name, each in found.items() if each[0] != ""}


def _content(setting: Setting, variable: str, path: str) -> str:
    if setting.secret and not path.startswith(("/", "~", ".")):  # never shown: it may be the secret itself
        raise SettingsError(f"{variable} must be a path such as /run/secrets/x. The secret goes in {setting.variable}.")
    file = Path(path).expanduser()
    try:
        if setting.secret:
            _check_secret_file(variable, file)
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SettingsError(f"{variable} names {file}, which cannot be read: {reason}. Check the path.") from None


def _check_secret_file(variable: str, file: Path) -> None:
    """Secrets that a service manager mounts belong to root, and a group may read them."""
    status = file.stat()
    if status.st_mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise SettingsError(
            f"{variable} names {file}, which other users of this machine can use. Run: chmod 600 {file}"
            " (in Kubernetes: defaultMode 0400, or 0440 with fsGroup)."
        )
    if status.st_uid not in (os.geteuid(), 0):
        raise SettingsError(f"{variable} names {file}, which belongs to another user. Run: chown {os.geteuid()} {file}")


def _from_file(file: Path) -> dict[str, SettingValue]:
    try:
        table = tomllib.loads(file.read_text())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{file} cannot be read as TOML: {error}. Correct the file.") from None
    if "data" in table:
        raise SettingsError(f"{file} is in the data folder and cannot set it. Use --data or COBALT_DATA.")
    for name in table:
        _check_name(name, str(file), [*NAMES, *RENAMED], name)
    return {RENAMED.get(name, name): (value, str(file)) for name, value in table.items()}


def _check_name(name: str, origin: str, known: Any, asked: str) -> None:
    if name in known:
        return
    near = difflib.get_close_matches(asked, list(known), n=1)
    hint = f"Did you mean {near[0]}?" if near else "`cobalt config` shows all settings."
    raise SettingsError(f"{origin} has {name}, which is not a setting. {hint}")
