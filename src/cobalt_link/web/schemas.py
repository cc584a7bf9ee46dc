"""JSON schemas of the structs in the route table. The schema of a request includes what the server tolerates."""

import re
from collections.abc import Iterable
from typing import Any

import msgspec
from starlette.datastructures import UploadFile

from cobalt_link.web.conversion import AMOUNT, aliases

Schema = dict[str, Any]
REFERENCE = "#/components/schemas/"
INTEGER = r"^-?\d{1,18}$"
NUMBER = f"^{AMOUNT}$"
NULL_OR_EMPTY: Schema = {"type": ["string", "null"], "maxLength": 0}
NULL: Schema = {"type": "null"}
# No enum of values of several types: generators of clients cannot name those.
FLAGS: list[Schema] = [
    {"type": "boolean"},
    {"type": "string", "enum": ["true", "false", "1", "0"]},
    {"type": "integer", "minimum": 0, "maximum": 1},
]


class Schemas:
    """The components of a document. A struct of both a request and a response has two, one named `…Input`."""

    def __init__(self, requests: Iterable[type[msgspec.Struct]], responses: Iterable[type[msgspec.Struct]]) -> None:
        self._requests, sent = _components(requests)
        self._responses, self.components = _components(responses)
        self._twice = sent.keys() & self.components.keys()
        self.components = {name: _typed_enums(schema) for name, schema in self.components.items()}
        typed = {name: _typed_enums(schema) for name, schema in sent.items()}
        # Generators name a class by the title, so a request and a response must not share one.
        self.components.update(
            {
                self._input(name): {**self._renamed(_tolerant_object(schema)), "title": self._input(name)}
                for name, schema in typed.items()
            }
        )
        for kind in self._requests:
            _describe_aliases(self.sent(kind), kind)

    def response(self, kind: type[msgspec.Struct]) -> Schema:
        """A reference to the schema of a response."""
        return self._responses[kind]

    def request(self, kind: type[msgspec.Struct]) -> Schema:
        """A reference to the schema of a request."""
        return self._renamed(self._requests[kind])

    def sent(self, kind: type[msgspec.Struct]) -> Schema:
        """The schema of a request, with its `properties` and what is `required`."""
        return self.components[self.request(kind)["$ref"].removeprefix(REFERENCE)]

    def _input(self, name: str) -> str:
        return f"{name}Input" if name in self._twice else name

    def _renamed(self, schema: Any) -> Any:
        if isinstance(schema, list):
            return [self._renamed(item) for item in schema]
        if not isinstance(schema, dict):
            return schema
        renamed = {key: self._renamed(value) for key, value in schema.items()}
        if isinstance(name := renamed.get("$ref"), str):
            renamed["$ref"] = REFERENCE + self._input(name.removeprefix(REFERENCE))
        return renamed


def _components(kinds: Iterable[type[msgspec.Struct]]) -> tuple[dict[type, Schema], dict[str, Schema]]:
    kinds = list(dict.fromkeys(kinds))
    references, components = msgspec.json.schema_components(
        kinds, schema_hook=_schema_hook, ref_template=REFERENCE + "{name}"
    )
    return dict(zip(kinds, references, strict=True)), components


def _schema_hook(kind: type) -> Schema:
    if kind is UploadFile:
        return {"type": "string", "format": "binary"}
    raise NotImplementedError(f"{kind.__qualname__} has no JSON schema; use a type that msgspec knows")


def _typed_enums(schema: Any) -> Any:
    """The same schema with the type of each enum, and null beside an enum instead of in it."""
    if isinstance(schema, list):
        return [_typed_enums(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    typed = {key: value if key in ("default", "enum") else _typed_enums(value) for key, value in schema.items()}
    values = typed.get("enum")
    if not isinstance(values, list):
        return typed
    solid = [each for each in values if each is not None]
    kind = "string" if all(isinstance(each, str) for each in solid) else "integer"
    enum = {"type": kind, "enum": solid}
    rest = _without(typed, "enum", "type")
    return {**rest, **enum} if len(solid) == len(values) else {**rest, "anyOf": [enum, NULL]}


def _tolerant_object(schema: Schema) -> Schema:
    if "properties" not in schema:
        return schema
    required = schema.get("required", ())
    properties = {
        name: _required(_tolerant(value)) if name in required else _optional(_tolerant(value))
        for name, value in schema["properties"].items()
    }
    return {**schema, "properties": properties}


def _tolerant(schema: Schema) -> Schema:
    """The schema of one value, with every form that `conversion` accepts."""
    if "enum" in schema and all(isinstance(each, str) for each in schema["enum"]):
        # The pattern alone would do, but the words should be easy to read.
        words = [{"type": "string", "enum": schema["enum"]}]
        words.append({"type": "string", "pattern": _in_any_case(schema["enum"])})
        return {**_without(schema, "enum", "type"), "anyOf": words}
    if "enum" in schema:
        numbers = [{"type": "integer", "enum": schema["enum"]}]
        numbers.append({"type": "string", "enum": [str(each) for each in schema["enum"]]})
        return {**_without(schema, "enum", "type"), "anyOf": numbers}
    match schema.get("type"):
        case "string" if schema.get("format") == "decimal":
            return {**_without(schema, "format"), "type": ["number", "string"], "pattern": NUMBER}
        case "string" if "format" not in schema:
            return {**schema, "type": ["string", "integer"]}
        case "integer":
            return {**schema, "type": ["integer", "string"], "pattern": INTEGER}
        case "number":
            return {**schema, "type": ["number", "string"], "pattern": NUMBER}
        case "boolean":
            return {**_without(schema, "type"), "anyOf": FLAGS}
        case "array":
            items = schema.get("items", {})
            texts = items.get("type") == "string"
            return {**schema, "items": _tolerant(items), "type": ["array", "string"] if texts else "array"}
    if "anyOf" in schema:
        members = [_tolerant(member) for member in schema["anyOf"] if member != NULL]
        flat = [each for member in members for each in (member["anyOf"] if {*member} == {"anyOf"} else [member])]
        return {**schema, "anyOf": [*flat, NULL_OR_EMPTY] if NULL in schema["anyOf"] else flat}
    return schema


def _required(schema: Schema) -> Schema:
    """A required field: an empty text counts as missing. An empty file does not."""
    if "string" not in schema.get("type", ()) or schema.get("format") == "binary":
        return schema
    return {**schema, "minLength": max(1, schema.get("minLength", 0))}


def _optional(schema: Schema) -> Schema:
    """An optional field: null and an empty text count as not sent."""
    if NULL_OR_EMPTY in schema.get("anyOf", ()):
        return schema
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], NULL_OR_EMPTY]}
    kept = {key: schema[key] for key in ("default", "description") if key in schema}
    return {**kept, "anyOf": [_without(schema, *kept), NULL_OR_EMPTY]}


def _in_any_case(texts: list[str]) -> str:
    """A pattern for all spellings of some words. Patterns of JSON Schema have no flag for that."""
    spelled = (
        "".join(f"[{each.lower()}{each.upper()}]" if each.isalpha() else re.escape(each) for each in text)
        for text in texts
    )
    return f"^({'|'.join(spelled)})$"


def _without(schema: Schema, *keys: str) -> Schema:
    return {key: value for key, value in schema.items() if key not in keys}


def _describe_aliases(schema: Schema, kind: type[msgspec.Struct]) -> None:
    for name, others in aliases(kind).items():
        text = f"Also accepted as {', '.join(f'`{other}`' for other in others)}."
        field = schema["properties"][name]
        field["description"] = f"{field.get('description', '')} {text}".strip()
