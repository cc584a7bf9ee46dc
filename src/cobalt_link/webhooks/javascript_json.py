"""JSON exactly as `JSON.stringify(JSON.parse(text))` of a JavaScript engine writes it.

The contract's verifier parses a body, serializes it again, and hashes that (contract §6.2). Others hash the bytes that
arrived. Both have to find the same hash.
"""

from __future__ import annotations

import json.encoder
import math
import re
from decimal import Decimal
from typing import Any, Final

import msgspec

# ECMA-262, CanonicalNumericIndex: an object lists these keys first, in ascending order.
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,9}")
_MOST_INDEX: Final = 2**32 - 2
_EXACT: Final = 2**53 - 1  # Number.MAX_SAFE_INTEGER
_SURROGATES: Final = re.compile("[\ud800-\udfff]")


def encoded(value: Any) -> bytes:
    """The value as UTF-8. Dates, structs, and decimals become texts and objects, as msgspec writes them.

    An integer beyond 53 bits becomes a text, because JavaScript would read another number. A lone surrogate, which
    UTF-8 does not have, becomes U+FFFD.
    """
    return _written(msgspec.to_builtins(value, str_keys=True)).encode()


def _written(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value) if abs(value) <= _EXACT else f'"{value}"'
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_text(key)}:{_written(value[key])}" for key in _ordered(value)) + "}"
    return "[" + ",".join(_written(each) for each in value) + "]"


def _text(value: str) -> str:
    if not value.isascii():
        value = _SURROGATES.sub("\ufffd", value)
    return json.encoder.encode_basestring(value)


def _ordered(value: dict[str, Any]) -> list[str]:
    indexes = [key for key in value if _INDEX.fullmatch(key) and int(key) <= _MOST_INDEX]
    if not indexes:
        return list(value)
    return sorted(indexes, key=int) + [key for key in value if key not in set(indexes)]


def _number(value: float) -> str:
    """ECMA-262, Number::toString. The shortest digits that round-trip are those of Python's `repr`."""
    if not math.isfinite(value):
        return "null"
    if value == 0:
        return "0"
    sign, found, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    digits = "".join(map(str, found))
    point = len(digits) + exponent  # where the decimal point stands, counted from the first digit
    if len(digits) <= point <= 21:
        text = digits + "0" * (point - len(digits))
    elif 0 < point <= 21:
        text = f"{digits[:point]}.{digits[point:]}"
    elif -6 < point <= 0:
        text = f"0.{'0' * -point}{digits}"
    else:
        mantissa = digits if len(digits) == 1 else f"{digits[0]}.{digits[1:]}"
        text = f"{mantissa}e{'+' if point > 0 else '-'}{abs(point - 1)}"
    return f"-{text}" if sign else text
