"""As much of GraphQL as the clients of W&B speak: parse a document, answer it from plain Python values.

An answer holds exactly what the document selects. A selected field is looked up in a mapping, or as an attribute of an
object; what can be called gets the field's arguments. A field that is nowhere is null, and its path is kept in
`missing`, so that a new version of a client shows what the double lacks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_TOKENS = re.compile(
    r'\s+|,|#[^\n]*|(?P<spread>\.\.\.)|(?P<string>"""(?:.|\n)*?"""|"(?:[^"\\]|\\.)*")'
    r"|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_]\w*)|(?P<mark>[!$()\[\]{}:=@|&])"
)


class BadDocument(Exception):
    """A document that this parser does not understand."""


@dataclass
class Selected:
    """One selected field, or a fragment that is spread (`fragment` is its name or `fields` its own)."""

    name: str = ""
    alias: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    fields: list[Selected] = field(default_factory=list)
    fragment: str = ""
    conditions: list[tuple[str, Any]] = field(default_factory=list)  # include or skip, and the value it depends on


@dataclass
class Operation:
    """A query or mutation: its name, its variables' defaults, what it selects."""

    kind: str
    name: str
    defaults: dict[str, Any]
    fields: list[Selected]
    fragments: dict[str, list[Selected]]


@dataclass(frozen=True)
class Variable:
    """A value that the request brings."""

    name: str


def parse(document: str) -> Operation:
    """The one operation of a document, with its fragments."""
    return _Parser(document).document()


class _Parser:
    def __init__(self, document: str) -> None:
        self._tokens = list(_tokens(document))
        self._at = 0

    def document(self) -> Operation:
        operation, fragments = None, {}
        while self._peek() is not None:
            kind = "query" if self._peek() == "{" else self._next()
            if kind == "fragment":
                name = self._next()
                self._skip("on"), self._next()
                fragments[name] = self._selection()
            else:
                operation = self._operation(kind)
        if operation is None:
            raise BadDocument("no operation")
        operation.fragments = fragments
        return operation

    def _operation(self, kind: str) -> Operation:
        name = self._next() if self._peek() not in ("{", "(") else ""
        defaults: dict[str, Any] = {}
        if self._skip("("):
            while not self._skip(")"):
                self._expect("$")
                variable = self._next()
                self._expect(":")
                self._type()
                if self._skip("="):
                    defaults[variable] = self._value()
        return Operation(kind, name, defaults, self._selection(), {})

    def _type(self) -> None:
        if self._skip("["):
            self._type()
            self._expect("]")
        else:
            self._next()
        self._skip("!")

    def _selection(self) -> list[Selected]:
        self._expect("{")
        fields = []
        while not self._skip("}"):
            fields.append(self._spread() if self._skip("...") else self._field())
        return fields

    def _spread(self) -> Selected:
        selected = Selected()
        if self._skip("on"):
            self._next()
        elif self._peek() not in ("{", "@"):
            selected.fragment = self._next()
        selected.conditions = self._directives()
        if not selected.fragment:
            selected.fields = self._selection()
        return selected

    def _field(self) -> Selected:
        name = alias = self._next()
        if self._skip(":"):
            name = self._next()
        selected = Selected(name, alias)
        if self._skip("("):
            while not self._skip(")"):
                key = self._next()
                self._expect(":")
                selected.arguments[key] = self._value()
        selected.conditions = self._directives()
        if self._peek() == "{":
            selected.fields = self._selection()
        return selected

    def _directives(self) -> list[tuple[str, Any]]:
        conditions = []
        while self._skip("@"):
            name = self._next()
            self._expect("("), self._next(), self._expect(":")
            conditions.append((name, self._value()))
            self._expect(")")
        return conditions

    def _value(self) -> Any:
        token = self._next()
        if token == "$":
            return Variable(self._next())
        if token == "[":
            return list(self._until("]", self._value))
        if token == "{":
            return dict(self._until("}", self._pair))
        if token.startswith('"'):
            return token.strip('"')
        words = {"true": True, "false": False, "null": None}
        if token in words:
            return words[token]
        return json.loads(token) if token[0] in "-0123456789" else token

    def _pair(self) -> tuple[str, Any]:
        key = self._next()
        self._expect(":")
        return key, self._value()

    def _until(self, end: str, read: Callable[[], Any]) -> Iterator[Any]:
        while not self._skip(end):
            yield read()

    def _peek(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _next(self) -> str:
        if self._at >= len(self._tokens):
            raise BadDocument("ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def _skip(self, token: str) -> bool:
        if self._peek() == token:
            self._at += 1
            return True
        return False

    def _expect(self, token: str) -> None:
        if not self._skip(token):
            raise BadDocument(f"{token!r} expected, not {self._peek()!r}")


def _tokens(document: str) -> Iterator[str]:
    at = 0
    while at < len(document):
        match = _TOKENS.match(document, at)
        if match is None:
            raise BadDocument(f"odd character {document[at]!r}")
        if match.lastgroup:
            yield match[0]
        at = match.end()


class Answering:
    """Answers operations from a root value, and keeps the paths of fields that nothing answered."""

    def __init__(self) -> None:
        self.missing: set[str] = set()

    def answer(self, operation: Operation, variables: Mapping[str, Any], root: Any) -> dict[str, Any]:
        """The `data` of an operation.

        Args:
            operation: parsed.
            variables: of the request.
            root: a mapping or object whose members answer the outermost fields.
        """
        given = {**operation.defaults, **variables}
        return self._object(operation.fields, root, operation, given, operation.name)

    def _object(
        self, fields: list[Selected], value: Any, operation: Operation, given: Mapping[str, Any], path: str
    ) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for selected in fields:
            if not all(_filled(value_of, given) is (name == "include") for name, value_of in selected.conditions):
                continue
            if not selected.name:
                inner = operation.fragments[selected.fragment] if selected.fragment else selected.fields
                _merge(data, self._object(inner, value, operation, given, path))
                continue
            below = f"{path}.{selected.name}"
            raw = self._member(value, selected, given, below)
            _merge(data, {selected.alias: self._completed(selected, raw, operation, given, below)})
        return data

    def _member(self, value: Any, selected: Selected, given: Mapping[str, Any], path: str) -> Any:
        absent = object()
        if selected.name == "__typename" and not isinstance(value, Mapping):
            return getattr(value, "TYPENAME", None)
        if isinstance(value, Mapping):
            member = value.get(selected.name, absent)
        else:
            member = getattr(value, selected.name, absent)
        if member is absent:
            if selected.name != "__typename":
                self.missing.add(path)
            return None
        if not callable(member):
            return member
        return member(**{key: _filled(argument, given) for key, argument in selected.arguments.items()})

    def _completed(
        self, selected: Selected, raw: Any, operation: Operation, given: Mapping[str, Any], path: str
    ) -> Any:
        if raw is None or not selected.fields:
            return raw
        if isinstance(raw, list):
            return [self._completed(selected, each, operation, given, path) for each in raw]
        return self._object(selected.fields, raw, operation, given, path)


def _filled(value: Any, given: Mapping[str, Any]) -> Any:
    if isinstance(value, Variable):
        return given.get(value.name)
    if isinstance(value, dict):
        return {key: _filled(inner, given) for key, inner in value.items()}
    return [_filled(inner, given) for inner in value] if isinstance(value, list) else value


def _merge(data: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        present = data.get(key)
        if isinstance(present, dict) and isinstance(value, dict):
            _merge(present, value)
        elif isinstance(present, list) and isinstance(value, list):
            for mine, theirs in zip(present, value, strict=True):
                if isinstance(mine, dict):
                    _merge(mine, theirs)
        else:
            data[key] = value
