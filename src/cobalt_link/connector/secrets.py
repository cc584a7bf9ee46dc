"""A secret that a user typed. It opens only inside a step, and never appears in logs, reprs, or tracebacks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_inside_a_step: ContextVar[bool] = ContextVar("inside_a_step", default=False)


class SecretOutsideStep(RuntimeError):
    """A secret opens only inside `ask.once` and `ask.until`. Outside of them, every replay would hold it in memory."""


class Secret:
    """A password or code. `reveal()` gives the text inside a step and raises `SecretOutsideStep` elsewhere."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        if not _inside_a_step.get():
            raise SecretOutsideStep
        return self._text

    def __repr__(self) -> str:
        return "Secret(•••)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        raise TypeError("a Secret cannot be kept in a set or as a key")

    def __reduce__(self) -> str:
        raise TypeError("a Secret cannot be pickled")


@contextmanager
def step() -> Iterator[None]:
    """Secrets may be opened in here."""
    token = _inside_a_step.set(True)
    try:
        yield
    finally:
        _inside_a_step.reset(token)


def inside_a_step() -> bool:
    """Whether a step is running. The connector check asks this whenever it sees a request."""
    return _inside_a_step.get()


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
