"""Checks what an operator typed for a registration, and brings it into its one spelling.

Each problem says what to do next. None repeats what may hold a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from cobalt_link.developers.addresses import AddressProblem, check_reachable, ehr_address
from cobalt_link.kit.logs import hide
from cobalt_link.kit.private_files import check_private
from cobalt_link.registrations.registration import RegistrationProblem

NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")
DOCUMENT = re.compile(r"/(?:metadata|\.well-known(?:/[a-z-]+)?)/?$")
VISIBLE = re.compile(r"[\x21-\x7e]{1,4000}")
SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749 §3.3
SCHEDULE = re.compile(r"(?:Location|Practitioner|PractitionerRole|Schedule)/[A-Za-z0-9.-]{1,64}")
SECRETS_IN_ADDRESS = re.compile(r"[@?#]|%40")


def name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise RegistrationProblem(
            "The name of a registration has 1 to 40 lowercase letters, digits, and hyphens, because it is part of the"
            " addresses that you enter at the vendor. Use one such as epic-larkspur."
        )
    return text


def fhir_address(text: str, *, private: bool) -> str:
    """The base address of a FHIR server in its one spelling, without a slash at the end. `private`: the operator allows
    private networks."""
    text = text.strip()
    if SECRETS_IN_ADDRESS.search(text):
        raise RegistrationProblem(
            "The address of a FHIR server has no user name, password, query, or fragment. Leave out what stands before"
            " @ and after ? or #. If you typed a password, change it: it may be in the history of your shell."
        )
    if found := DOCUMENT.search(text):
        raise RegistrationProblem(
            f"{text[:200]} is a document of the server. Leave out {found[0]} to get the address of the FHIR server."
        )
    try:
        address = ehr_address(text)
        path = urlsplit(address).path
        if not PATH.fullmatch(path) or "/../" in f"{path}/" or "/./" in f"{path}/":
            raise RegistrationProblem(
                f"The path of {text[:200]!r} has empty parts, dots alone, or encoded characters. Copy the address of"
                " the FHIR server from the vendor's list of endpoints."
            )
        check_reachable(address, private=private)
    except AddressProblem as problem:
        raise RegistrationProblem(str(problem)) from None
    return address


def client_id(text: str) -> str:
    text = text.strip()
    if not VISIBLE.fullmatch(text):
        raise RegistrationProblem(
            "A client id has no blanks and only ASCII characters. Copy it again from the vendor's page of the app."
        )
    return text


def secret_from(file: Path) -> str:
    """The client secret in a file that nobody else can read. Raises NotPrivate too."""
    try:
        text = file.expanduser().read_text().strip()
        check_private(file.expanduser())
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise RegistrationProblem(f"{file} cannot be read: {reason}. Check the path.") from None
    hide(text)
    if "-----BEGIN" in text or '"kty"' in text:
        raise RegistrationProblem(
            f"{file} holds a key, not a client secret. This server makes and keeps its own keys: use --jwks, and enter"
            " the address of its key set at the vendor."
        )
    if not VISIBLE.fullmatch(text):
        raise RegistrationProblem(
            f"{file} must hold the client secret and nothing else: one line, without blanks. Copy it again from the"
            " vendor's page of the app."
        )
    return text


def scopes(texts: Iterable[str]) -> tuple[str, ...]:
    """Scopes, each given by itself or several in one text."""
    found = tuple(dict.fromkeys(each for text in texts for each in text.split()))
    for each in found:
        if not SCOPE.fullmatch(each):
            raise RegistrationProblem(f"{each[:100]!r} is not a scope. Write it like user/Patient.rs or openid.")
    return found


def schedules(texts: Iterable[str]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(texts))
    for each in found:
        if not SCHEDULE.fullmatch(each):
            raise RegistrationProblem(
                f"{each[:100]!r} is not whose schedule to read. Write it like Location/21 or Practitioner/9."
            )
    return found
