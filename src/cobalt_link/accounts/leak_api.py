"""The route to which a secret scanner reports tokens that it found, as GitHub's secret scanning partner program does.

https://docs.github.com/en/code-security/secret-scanning/secret-scanning-partnership-program
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from pathlib import Path

import msgspec
import structlog

from cobalt_link.accounts.leaks import Leak, Leaks
from cobalt_link.settings import SettingsError
from cobalt_link.vault.es256 import signed_by
from cobalt_link.web import Auth, Call, Idempotency, Rate, Routes, Tenant
from cobalt_link.web.problems import InvalidRequest, NotFound, Problem, Unavailable

routes = Routes("accounts")

log = structlog.get_logger()


class ReportRefused(Problem):
    """The signature of this report is missing, or is not by a scanner that this server knows. Sign the raw body."""

    code = "report_refused"
    status = 403


class ScannerKey(msgspec.Struct, frozen=True):
    """`key` is in PEM."""

    key_identifier: str
    key: str


class _KeyFile(msgspec.Struct, frozen=True):
    public_keys: list[ScannerKey]


class ScannerKeys:
    """The file of the setting `scanner_keys`. It is read for each report, so that a new one needs no restart."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._read()

    @property
    def exist(self) -> bool:
        return self._path is not None

    def signed(self, identifier: str, signature: str, body: bytes) -> bool:
        """Whether the key of this id made the signature. Raises SettingsError if the file cannot be used."""
        key = next((each.key for each in self._read() if each.key_identifier == identifier), None)
        try:
            made = b64decode(signature, validate=True)
        except (binascii.Error, ValueError):
            return False
        return key is not None and signed_by(key, made, body)

    def _read(self) -> list[ScannerKey]:
        if self._path is None:
            return []
        try:
            found = msgspec.json.decode(self._path.read_bytes(), type=_KeyFile).public_keys
            for each in found:
                signed_by(each.key, b"", b"")
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise SettingsError(
                f"scanner_keys names {self._path}, which cannot be used: {reason}. Expected the JSON that GitHub"
                " publishes at https://api.github.com/meta/public_keys/secret_scanning."
            ) from None
        return found


class LeakApi(msgspec.Struct, frozen=True):
    """What the route works with."""

    keys: ScannerKeys
    leaks: Leaks

    def check(self, identifier: str, signature: str, body: bytes) -> None:
        """Raises ReportRefused."""
        try:
            if not self.keys.signed(identifier, signature, body):
                raise ReportRefused
        except SettingsError as problem:
            log.error("leak_report_not_checked", reason=str(problem))
            raise Unavailable from None


class LeaksTaken(msgspec.Struct, frozen=True):
    """`revoked` is how many live credentials were ended."""

    revoked: int
    success: bool = True


@routes.post(
    "/v1/leaked-tokens",
    auth=Auth.NONE,
    tenant=Tenant.NONE,
    rate=Rate.PUBLIC,
    idempotency=Idempotency.NONE,
    audit="token_revoked",
    errors=(ReportRefused, InvalidRequest, NotFound, Unavailable),
    summary="Report leaked tokens, signed as GitHub's secret scanning does. Each that is live ends immediately.",
    max_body=2**20,
)
async def report_leaks(room: LeakApi, call: Call) -> LeaksTaken:
    if not room.keys.exist:
        raise NotFound
    identifier, signature = call.header("Github-Public-Key-Identifier"), call.header("Github-Public-Key-Signature")
    if not identifier or not signature:
        raise ReportRefused  # without reading a body that can be large
    body = await call.request.body()
    room.check(identifier, signature, body)
    return LeaksTaken(await room.leaks.end(_leaks(body)))


def _leaks(body: bytes) -> list[Leak]:
    try:
        return msgspec.json.decode(body, type=list[Leak])
    except (ValueError, msgspec.MsgspecError, RecursionError):
        raise InvalidRequest("Expected a JSON list of objects with a token, and the url where it was found.") from None
