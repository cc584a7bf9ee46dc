"""A secret that a person typed: it opens only inside a step, and shows itself nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_inside_a_step: ContextVar[bool] = ContextVar("inside_a_deed", default=False)


class SecretOutsideStep(RuntimeError):
    """A secret may be opened only inside `ask.once` or `ask.until`: outside, every replay would hold it in memory."""


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
        raise TypeError("a Secret is not to be kept in sets or dictionaries")

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not to be pickled")


@contextmanager
def step() -> Iterator[None]:
    """Secrets may be opened in here."""
    token = _inside_a_step.set(True)
    try:
        yield
    finally:
        _inside_a_step.reset(token)


def inside_a_step() -> bool:
    """Whether a step is being done here; the connector kit asks when it sees a request."""
    return _inside_a_step.get()


def for_sealing(value: object) -> object:
    """msgspec `enc_hook` for what is about to be sealed; nothing else may encode a secret."""
    if isinstance(value, Secret):
        return value._text
    raise NotImplementedError(f"cannot keep a {type(value).__name__} in the journal")


def from_sealed(kind: type, value: object) -> object:
    """msgspec `dec_hook`, the other half of `for_sealing`."""
    if kind is Secret:
        return Secret(str(value))
    raise NotImplementedError(f"cannot read a {kind.__name__} from the journal")
