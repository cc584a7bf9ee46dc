"""How large a JSON text is as values, counted before anything parses it (S-147).

64 KB of `[[],[],…` are 30,000 lists, which take a hundred times longer to check than they take to send.
"""

from cobalt_link.web.problems import InvalidRequest

MAX_DEPTH = 32
MAX_VALUES = 1000
FLAT = 2  # levels: an object with plain values and lists of them

TOO_MANY = f"The JSON has too many values. Send at most {MAX_VALUES}."
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def check_shape(raw: bytes, max_depth: int = MAX_DEPTH) -> None:
    """Raises `InvalidRequest` for more than `max_depth` levels or 1000 values. Says nothing about the syntax."""
    opened = raw.count(b"[") + raw.count(b"{")
    if opened <= max_depth and opened + raw.count(b",") < MAX_VALUES:
        return
    # Not with a regular expression, which takes fifty times as long for many short texts.
    quoted = raw.replace(rb"\\", b"").replace(rb"\"", b"")
    if quoted.count(b'"') > 4 * MAX_VALUES:  # of a name and a text
        raise InvalidRequest(TOO_MANY)
    bare = b"".join(quoted.split(b'"')[::2])
    if bare.count(b"[") + bare.count(b"{") + bare.count(b",") >= MAX_VALUES:
        raise InvalidRequest(TOO_MANY)
    if _depth(bare.translate(None, _NOT_BRACKETS)) > max_depth:
        raise InvalidRequest(_too_deep(max_depth))


def _depth(brackets: bytes) -> int:
    deepest = level = 0
    for bracket in brackets:
        level += 1 if bracket in b"[{" else -1
        deepest = max(deepest, level)
    return deepest


def _too_deep(max_depth: int) -> str:
    if max_depth == FLAT:
        return "The body of a GET must be a flat JSON object: plain values, or lists of them."
    return f"The JSON in the request body is nested too deeply. Use at most {max_depth} levels."
