"""Logs without secrets that nobody can forge: every value is masked and escaped before it is written.

`configure_logging` routes structlog and the standard library's loggers through the same chain. Callers write
`log = structlog.get_logger()` and `log.info("event", key=value)`.
"""

import base64
import binascii
import contextlib
import logging
import re
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, TextIO, cast

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from cobalt_link.kit import tokens

HIDDEN: Final = "[hidden]"
MAX_LENGTH: Final = 4000
MAX_DEPTH: Final = 6

_SECRET_WORDS: Final = re.compile(
    r"pass(words?|wd|phrase|code)|pwd|secrets?|tokens?|authorization|cookies?|credentials?|[th]?otp|pin|ssn|mfa"
    r"|assertion|verifier"
)
_SECRET_KEYS: Final = frozenset(("api", "data", "master", "private", "session", "sealing", "hash", "signing"))
_PLAIN_CODES: Final = frozenset(
    ("status", "error", "exit", "return", "reason", "country", "language", "currency", "zip", "postal", "visit")
)
_ERROR_CODE: Final = re.compile(r"[a-z]{2,}(?:_[a-z]{2,})+")
_WORD: Final = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+(?![a-z])")

_NAME: Final = (
    r"[\w.-]{0,40}(?:password|passwd|passphrase|secret|token|authorization|cookie|credential|otp|api[_-]?key)"
    r"[\w.-]{0,40}"
)
_QUOTE: Final = r"\\{0,8}[\"']"  # bounded, as the names are: an attacker may choose a text that is slow to search
_MASKS: Final = (
    # Client ids (ci_) stay. They are not secret and tell the operator who called.
    (re.compile(r"\b(lt|pt|at|cs)_(live|test)_[0-9A-Za-z]{4,}"), rf"\1_\2_{HIDDEN}"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]*(?:\.[\w-]*)?"), HIDDEN),
    (re.compile(r"(?i)\b(bearer|basic|dpop|digest)(\s+)[\w~+/.=-]{6,}"), rf"\1\2{HIDDEN}"),
    (re.compile(r"(\w://)[^/\s:@]*:[^/\s@]*@"), rf"\1{HIDDEN}@"),
    (re.compile(rf"(?i)({_QUOTE}(?:{_NAME}|code){_QUOTE}\s*:\s*)b?{_QUOTE}[^\"']*"), rf'\1"{HIDDEN}'),
    (re.compile(rf"(?i)({_QUOTE}(?:{_NAME}|code){_QUOTE}\s*:\s*)[\w.+-]+"), rf'\1"{HIDDEN}"'),
    (re.compile(rf"(?i)\b({_NAME}|code)(=|%3D)(?!\[hidden)(?:\"[^\"]*\"?|'[^']*'?|[^\s&;,\"']+)"), rf"\1\2{HIDDEN}"),
)
_BASE64: Final = re.compile(r"[\w+/-]{40,}={0,2}")
# Controls, line separators, bidi and zero-width marks, tags, lone surrogates: characters that could fake a line, move
# the cursor or reorder the text (S-136).
_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
_MAX_TRACE_LINES: Final = 100
_hidden: Final[list[str]] = []
_plain_writer: Final[list[Callable[[str, dict[str, str | float]], None]]] = []  # one, once logging is configured
_HARMLESS: Final = re.compile(
    r"(?!.*(?:_live_|_test_|eyJ))[\w/.,:-]{0,39}", re.ASCII
)  # most values; they need no search


def hide(*values: str) -> None:
    """From now on, `mask` hides these values wherever they stand: the secrets of this process's settings."""
    # A short one, such as the password `cobalt`, would hide ordinary words. In an address or after `password=`, the
    # patterns of `mask` hide it anyway. Longest first, so that no part of a longer one is left over.
    _hidden[:] = sorted({*_hidden, *(value for value in values if len(value) >= 8)}, key=len, reverse=True)


def mask(text: str) -> str:
    """The text as one line, without a hidden value, or what looks like a token, header, JWT, password or credential."""
    for value in _hidden:
        text = text.replace(value, HIDDEN)
    if _HARMLESS.fullmatch(text):
        return text
    cut = text if len(text) <= MAX_LENGTH else f"{text[:MAX_LENGTH]}… ({len(text)} characters)"
    for pattern, instead in _MASKS:
        cut = pattern.sub(instead, cut)
    return _UNSAFE.sub(_escaped, _BASE64.sub(_mask_encoded_token, cut))


@lru_cache(maxsize=2048)
def is_secret_name(name: str) -> bool:
    """Whether a value under this name is always hidden: `password`, `mfa_code`, `X-Api-Key`, but not `error_code`."""
    words = [word.lower() for word in _WORD.findall(name)]
    before = {"", *words[:-1]}
    last = words[-1] if words else ""
    return (
        any(_SECRET_WORDS.fullmatch(word) for word in words)
        or (last in ("code", "codes") and before.isdisjoint(_PLAIN_CODES))
        or (last in ("key", "keys") and not before.isdisjoint(_SECRET_KEYS))
    )


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The structlog processor. It has to be the last one before the renderer, so that nothing is added after it."""
    cleaned = {mask(str(name)): _clean(name, value, 0) for name, value in event.items() if name != "exception"}
    if "exception" in event:
        cleaned["exception"] = masked_lines(str(event["exception"]))
    return cleaned


def masked_lines(text: str) -> str:
    """The last lines of a longer text, such as a traceback, each masked."""
    return "\n".join(map(mask, text.splitlines()[-_MAX_TRACE_LINES:]))


class _SafeStream:
    """A stream that ignores errors: if nobody reads the log any more, the program must still go on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


def configure_logging(json: bool, level: str = "info", stream: TextIO | None = None) -> None:
    """Writes one entry per line to `stream` (standard error), as JSON or as `time level event key=value`."""
    out = cast(TextIO, _SafeStream(stream or sys.stderr))
    number = logging.getLevelNamesMapping()[level.upper()]
    chain: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    render: Processor = structlog.processors.JSONRenderer() if json else _line
    _plain_writer[:] = [_plain(out, json)] if number <= logging.INFO else [_nothing]
    structlog.configure(
        processors=[*chain, render],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, redact, render],
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *chain[:-1]],
        )
    )
    logging.basicConfig(handlers=[handler], level=number, force=True)
    # These log whole URLs at INFO, and a query may contain secrets.
    for library in ("httpx2", "httpcore2", "httpx", "httpcore"):
        logging.getLogger(library).setLevel(max(number, logging.WARNING))


def log_plain(event: str, **values: str | float) -> None:
    """An entry at level info whose values need no masking, because our own code made or checked each of them.

    For the line of every request: the chain of processors costs as much as half a request.
    """
    if _plain_writer:
        _plain_writer[0](event, values)
    else:
        structlog.get_logger().info(event, **values)


def _plain(out: TextIO, json: bool) -> Callable[[str, dict[str, str | float]], None]:
    def write(event: str, values: dict[str, str | float]) -> None:
        time = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        if json:
            entry = {**values, "event": event, "level": "info", "timestamp": time}
            out.write(msgspec.json.encode(entry).decode() + "\n")
        else:
            out.write(" ".join((time, "info", event, *(f"{name}={value}" for name, value in values.items()))) + "\n")
        out.flush()

    return write


def _nothing(_event: str, _values: dict[str, str | float]) -> None:
    """For a level above info."""


def _clean(name: object, value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if is_secret_name(str(name)):
        return value if _is_error_code(name, value) else HIDDEN
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"<{len(value)} bytes>"
    return _clean_structure(value, depth)


def _is_error_code(name: object, value: Any) -> bool:
    """Whether this is an error code such as `wrong_code`, and not a code that somebody got in a text message."""
    return (
        _WORD.findall(str(name))[-1].lower() == "code"
        and isinstance(value, str)
        and _ERROR_CODE.fullmatch(value) is not None
    )


def _clean_structure(value: Any, depth: int) -> Any:
    if isinstance(value, msgspec.Struct):
        value = msgspec.structs.asdict(value)
    if isinstance(value, (Mapping, list, tuple, set, frozenset)) and depth >= MAX_DEPTH:
        return f"<{type(value).__name__}>"
    if isinstance(value, Mapping):
        return {mask(str(name)): _clean(name, item, depth + 1) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_clean("", item, depth + 1) for item in value]
    return mask(value if isinstance(value, str) else str(value))


def _line(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    head = (event.pop("timestamp", ""), event.pop("level", "info"), event.pop("event", ""))
    # With a bar in front, the lines of a traceback cannot be taken for entries.
    trace = "".join(f"\n    | {line}" for line in event.pop("exception", "").splitlines())
    return " ".join((*map(str, head), *(f"{name}={value}" for name, value in event.items()))) + trace


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape", "surrogatepass").decode()


def _mask_encoded_token(match: re.Match[str]) -> str:
    try:
        inside = base64.b64decode(match[0].translate(_STANDARD).rstrip("=") + "==")
    except (binascii.Error, ValueError):
        return match[0]
    return HIDDEN if _TOKEN_BYTES.search(inside) else match[0]


_STANDARD: Final = str.maketrans("-_", "+/")
_TOKEN_BYTES: Final = re.compile(rf"(?:{'|'.join(tokens.KINDS)})_(?:live|test)_".encode())
