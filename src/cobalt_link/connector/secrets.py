"""A secret that a user typed. It opens only inside a step, and never appears in logs, reprs, or tracebacks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_opened_in_step: ContextVar[list[Secret] | None] = ContextVar("opened_in_step", default=None)


class SecretOutsideStep(RuntimeError):
    """A secret opens only inside `ask.once` and `ask.until`. Outside of them, every replay would hold it in memory."""


class Secret:
    """A password or code. `reveal()` gives the text inside a step and raises `SecretOutsideStep` elsewhere."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        opened = _opened_in_step.get()
        if opened is None:
            raise SecretOutsideStep
        opened.append(self)
        return self._text

    def __repr__(self) -> str:
        return "Secret(•••)"

    __str__ = __repr__

    def __bool__(self) -> bool:
        """False for one that was forgotten."""
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        raise TypeError("a Secret cannot be kept in a set or as a key")

    def __reduce__(self) -> str:
        raise TypeError("a Secret cannot be pickled")


@contextmanager
def step() -> Iterator[list[Secret]]:
    """Secrets may be opened in here. Gives those that were."""
    opened: list[Secret] = []
    token = _opened_in_step.set(opened)
    try:
        yield opened
    finally:
        _opened_in_step.reset(token)


def inside_a_step() -> bool:
    """Whether a step is running. The connector check asks this whenever it sees a request."""
    return _opened_in_step.get() is not None


def for_fingerprint(secret: Secret) -> str:
    """The text, for a keyed hash of it. Nothing else may take it outside of a step."""
    return secret._text


def for_sealing(value: object) -> object:
    """msgspec `enc_hook` for a value that is about to be sealed. Nothing else may encode a secret."""
    if isinstance(value, Secret):
        return value._text
    raise NotImplementedError(f"cannot keep a {type(value).__name__} in the journal")


def from_sealed(kind: type, value: object) -> object:
    """msgspec `dec_hook`, the inverse of `for_sealing`."""
    if kind is Secret:
        return Secret(str(value))
    raise NotImplementedError(f"cannot read a {kind.__name__} from the journal")
