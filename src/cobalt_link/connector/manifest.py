"""What a connector says about itself, read from `manifest.toml` and `texts/<locale>.toml` in its folder."""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from cobalt_link.connector.capabilities import Capability
from cobalt_link.connector.offers import Offering
from cobalt_link.connector.topics import Topic, can_lack, topics_of
from cobalt_link.connector.writes import WRITES, WriteCapability


class TestLogins(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Logins of an EHR for tests, which pages show to test clients. All have the same password."""

    password: str
    usernames: tuple[str, ...]


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`key` is the folder's name. Raise `sign_in_version` by hand if a running sign-in cannot go on with the new code.

    `reads` names each capability with the filters that the EHR applies itself. A method can declare it too
    (`declared.reads`). A filter that is not named is applied
    here if the records tell enough, else refused with a clear 400. `writes` names each kind of write with the optional
    fields that the EHR takes; any other is refused with a 400 that names it. `required` names the filters without which
    the EHR lists nothing, where `patient_mrn` stands for either way to name a patient, and the optional fields of a
    write without which this EHR refuses it. The consent pane lists the topics of all that the capabilities return.
    `without` are topics that this EHR's records never hold: the consent leaves them out, and so does the API, whatever
    the connector returns. `test_only` connectors are offered to test clients only, the others to live clients only.
    `appointment_days` is how many days the EHR is asked for at once. 0 means any number. A longer range is read in
    parts. Each of the `test_logins` has a text `test_login.<username>`.
    """

    key: str
    name: str
    sign_in_version: int
    summary: str
    mark: str
    aliases: tuple[str, ...] = ()
    address: Literal["asked", "fixed"] = "asked"
    test_only: bool = False
    keeps_password: bool = True
    steps: tuple[str, ...] = ()
    reads: dict[Capability, tuple[str, ...]] = {}
    writes: dict[WriteCapability, tuple[str, ...]] = {}
    required: dict[Capability | WriteCapability, tuple[str, ...]] = {}
    appointment_days: Annotated[int, msgspec.Meta(ge=0)] = 186
    without: tuple[Topic, ...] = ()
    test_logins: TestLogins | None = None
    locales: tuple[str, ...] = ("en",)

    def __post_init__(self) -> None:
        if needed := [topic for topic in self.without if not can_lack(topic, self.reads)]:
            raise ValueError(f"without names {', '.join(needed)}, which records cannot lack")
        declared: dict[str, tuple[str, ...]] = {**self.reads, **self.writes}
        for name, required in self.required.items():
            known = set(declared.get(name, ()))
            known |= {"patient_mrn"} if "patient_ehr_id" in known else set()
            if unknown := set(required) - known:
                raise ValueError(f"required names {', '.join(sorted(unknown))}, which {name} does not declare")
        for capability, fields in self.writes.items():
            if unknown := set(fields) - set(WRITES[capability].__struct_fields__):
                raise ValueError(f"{capability} has no field {', '.join(sorted(unknown))}")

    @property
    def topics(self) -> tuple[Topic, ...]:
        """What an app learns from this EHR's records."""
        return topics_of(self.reads, self.without)

    def offering(self, offers: Offering | None) -> Manifest:
        """This manifest as far as one account's EHR offers it. Without offers it is the same for all accounts."""
        if offers is None:
            return self
        days = self.appointment_days if offers.appointment_days is None else offers.appointment_days
        reads = {name: offers.reads[name] for name in self.reads if name in offers.reads}
        return msgspec.structs.replace(
            self,
            name=offers.ehr or self.name,
            reads=reads,
            writes={name: offers.writes[name] for name in self.writes if name in offers.writes},
            required={name: offers.required[name] for name in (*self.reads, *self.writes) if name in offers.required},
            appointment_days=days,
            without=tuple(each for each in self.without if can_lack(each, reads)),
        )

    def answers_to(self, name: str) -> bool:
        """Whether `name` is this EHR's key, name, or one of its aliases, in any case and spacing."""
        return fold(name) in {fold(known) for known in (self.key, self.name, *self.aliases)}


def fold(name: str) -> str:
    """A name without case, accents, spaces, and punctuation."""
    return "".join(letter for letter in unicodedata.normalize("NFKD", name).casefold() if letter.isalnum())


def read_manifest(folder: Path, reads: Mapping[str, tuple[str, ...]] | None = None) -> Manifest:
    """The manifest in a connector's folder, with the `reads` that its class declares. Raises `msgspec.ValidationError`,
    which names the wrong field."""
    written = msgspec.toml.decode((folder / "manifest.toml").read_bytes())
    if reads:
        written["reads"] = {**written.get("reads", {}), **reads}
    return msgspec.convert(written, Manifest)


@cache
def read_texts(folder: Path, locale: str) -> dict[str, str]:
    """A connector's own texts as flat keys ("step.log_in"); an unknown locale has none."""
    file = folder / "texts" / f"{locale}.toml"
    return flat(tomllib.loads(file.read_text("utf-8"))) if file.is_file() else {}


def flat(tree: dict[str, object], before: str = "") -> dict[str, str]:
    """Nested tables as dotted keys."""
    found: dict[str, str] = {}
    for key, value in tree.items():
        found |= flat(value, f"{before}{key}.") if isinstance(value, dict) else {f"{before}{key}": str(value)}
    return found


@cache
def sign_in_version(folder: Path, sign_in_version: int) -> str:
    """Changes if the code of the sign-in may have changed: the manifest's number and a hash of the folder's modules.

    Texts and logos are left out: a corrected spelling must not restart anybody's sign-in.
    """
    digest = sha256()
    for file in sorted(folder.glob("*.py")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return f"{sign_in_version}-{digest.hexdigest()[:16]}"
