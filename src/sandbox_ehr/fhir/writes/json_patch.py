"""JSON Patch over a resource (RFC 6902): add, replace, remove and test."""

from copy import deepcopy
from typing import Any

import msgspec

from sandbox_ehr.fhir.outcome import FhirRefused, Resource


def patched(resource: Resource, body: bytes) -> Resource:
    """Raises FhirRefused for a patch that does not fit."""
    try:
        operations = msgspec.json.decode(body, type=list[dict[str, Any]])
        whole = deepcopy(resource)
        for each in operations:
            _apply(whole, each["op"], each["path"].split("/")[1:], each.get("value"))
    except (msgspec.DecodeError, KeyError, IndexError, ValueError, TypeError, AttributeError):
        raise FhirRefused(422, "processing", "The patch does not fit the resource.") from None
    return whole


def _apply(whole: Any, op: str, path: list[str], value: Any) -> None:
    names = [name.replace("~1", "/").replace("~0", "~") for name in path]
    target = whole
    for name in names[:-1]:
        target = target[int(name)] if isinstance(target, list) else target[name]
    last = names[-1]
    if isinstance(target, list):
        _apply_to_list(target, op, last, value)
    elif op == "remove":
        del target[last]
    elif op == "test":
        if target[last] != value:
            raise ValueError(last)
    elif op == "add" or (op == "replace" and last in target):
        target[last] = value
    else:
        raise ValueError(op)


def _apply_to_list(target: list[Any], op: str, last: str, value: Any) -> None:
    if op == "add":
        target.insert(len(target) if last == "-" else int(last), value)
    elif op == "remove":
        del target[int(last)]
    elif op == "replace":
        target[int(last)] = value
    elif op != "test" or target[int(last)] != value:
        raise ValueError(op)
