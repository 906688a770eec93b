"""Documents into settings classes; what is wrong is told in the user's words, all of it at once."""

from __future__ import annotations

import difflib
import json
import re
import types
import typing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from accelsim.config.document import Document
from accelsim.config.keypath import KeyPath, holds, kind_name, shown
from accelsim.errors import InputError, Problem

Model = TypeVar("Model", bound=BaseModel)


def validate(model_class: type[Model], document: Document, at: KeyPath = ()) -> Model:
    """The mapping at path `at` of the document as `model_class`; InputError holds all its problems, in file order."""
    data = document.get(at)
    try:
        # JSON mode: what YAML holds is what JSON holds, and there a strict tuple is allowed to be written as a list.
        return model_class.model_validate_json(json.dumps(data))
    except ValidationError as error:
        errors = [_Error(tuple(raw["loc"]), (), raw) for raw in error.errors(include_url=False, include_input=False)]
    problems = [_problem(found, document, at, model_class) for found in _choose_branches(errors, data)]
    raise InputError(sorted(problems, key=lambda problem: (problem.file == "--set", problem.line or 0)))


@dataclass(frozen=True, slots=True)
class _Error:
    """An error of pydantic: `loc` still to be walked, the `path` in the data walked so far, and the union tags met."""

    loc: tuple[str | int, ...]
    path: KeyPath
    raw: Any
    tags: tuple[str, ...] = ()
    nouns: tuple[str, ...] = ()

    @property
    def missing(self) -> bool:
        return bool(self.raw["type"] == "missing")


def _choose_branches(errors: list[_Error], data: Any) -> Iterator[_Error]:
    """Walk the data along each error's location, and where a union was tried keep what the user most likely meant.

    Pydantic puts the names of union members into the location; they are the steps that the data does not hold.
    """
    unions: dict[KeyPath, dict[str, list[_Error]]] = {}
    for error in errors:
        loc, path, value = error.loc, error.path, _value_at(data, error.path)
        while loc and (holds(value, loc[0]) or (error.missing and len(loc) == 1)):
            path, value, loc = (*path, loc[0]), _value_at(value, (loc[0],)), loc[1:]
        if loc:
            tag = str(loc[0])
            walked = _Error(loc[1:], path, error.raw, (*error.tags, tag))
            unions.setdefault(path, {}).setdefault(tag, []).append(walked)
        else:
            yield _Error((), path, error.raw, error.tags)
    for path, branches in unions.items():
        chosen = [list(_choose_branches(branch, data)) for branch in branches.values()]
        inside = [branch for branch in chosen if any(error.path != path for error in branch)]
        if inside or len(chosen) == 1:
            yield from min(inside or chosen, key=len)
        else:
            yield _merge([error for branch in chosen for error in branch])


def _value_at(value: Any, path: KeyPath) -> Any:
    for step in path:
        value = value[step] if holds(value, step) else None
    return value


def _merge(errors: list[_Error]) -> _Error:
    """One error for a value that fits no member of a union."""
    nouns = [_noun(error.raw) for error in errors]
    if None in nouns:
        return next(error for error, noun in zip(errors, nouns, strict=True) if noun is None)
    return _Error((), errors[0].path, errors[0].raw, errors[0].tags, tuple(dict.fromkeys(filter(None, nouns))))


_NOUNS = {
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "float_type": "a number",
    "int_from_float": "a whole number",
    "int_type": "a whole number",
    "list_type": "a list",
    "model_attributes_type": "a mapping",
    "model_type": "a mapping",
    "string_type": "text",
    "tuple_type": "a list",
}

_RULES = {
    "finite_number": "must be a finite number",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "string_too_long": "must have at most {max_length} letters",
    "string_too_short": "must have at least {min_length} letters",
    "too_long": "must have at most {max_length} entries",
    "too_short": "must have at least {min_length} entries",
}


def _noun(raw: Any) -> str | None:
    """What the value should have been, as "must be ..." continues; None if its kind is right."""
    if raw["type"] == "literal_error":
        return " or ".join(_words(raw["ctx"]["expected"]))
    return _NOUNS.get(raw["type"])


def _words(expected: str) -> list[str]:
    """The choices in pydantic's list of them: "'a', 'b' or 'c'"."""
    return [quoted or bare for quoted, bare in re.findall(r"'([^']*)'|([^\s',]+)", expected) if bare != "or"]


def _problem(error: _Error, document: Document, at: KeyPath, model_class: type[BaseModel]) -> Problem:
    path, raw = (*at, *error.path), error.raw
    context = {key: _number_text(value) for key, value in raw.get("ctx", {}).items()}
    value = _value_at(document.data, path)
    if error.missing:
        return _missing(document, path)
    if raw["type"] == "extra_forbidden":
        return _unknown_key(error, document, path, model_class)
    if raw["type"] == "rule":
        given = raw["ctx"]
        below = tuple(filter(None, given["key"].split(".")))
        return document.problem((*path, *below), given["rule"], given["value"], given["allowed"])
    if raw["type"] == "value_error":
        return document.problem(path, str(raw["ctx"]["error"]), shown(value))
    if raw["type"] == "union_tag_not_found":
        return _missing(document, (*path, context["discriminator"].strip("'")))
    if raw["type"] == "union_tag_invalid":
        key = context["discriminator"].strip("'")
        return _not_a_choice(document, (*path, key), context["tag"], _words(context["expected_tags"]))
    if raw["type"] == "literal_error" and not error.nouns and not isinstance(value, dict | list | None):
        return _not_a_choice(document, path, value, _words(context["expected"]))
    if raw["type"] in _RULES:
        return document.problem(path, _RULES[raw["type"]].format(**context), shown(value))
    noun = " or ".join(error.nouns) or _noun(raw)
    if noun is None:
        return document.problem(path, raw["msg"], shown(value))
    if isinstance(value, dict | list | None):
        return document.problem(path, f"must be {noun}, not {kind_name(value)}")
    return document.problem(path, f"must be {noun}", shown(value))


def _missing(document: Document, path: KeyPath) -> Problem:
    if isinstance(path[-1], int):
        return document.problem(path[:-1], f"must have more than {path[-1]} entries")
    return document.problem(path, "is missing")


def _number_text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _not_a_choice(document: Document, path: KeyPath, value: object, choices: list[str]) -> Problem:
    rule = "is not one of the choices" + _suggestion(value, choices)
    return document.problem(path, rule, shown(value), ", ".join(choices))


def _unknown_key(error: _Error, document: Document, path: KeyPath, model_class: type[BaseModel]) -> Problem:
    fields = sorted(_fields_at(model_class, error.path[:-1], error.tags))
    return document.problem(path, "unknown key" + _suggestion(path[-1], fields), allowed=", ".join(fields))


def _suggestion(word: object, choices: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(word), list(choices), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _fields_at(model_class: type[BaseModel], path: KeyPath, tags: tuple[str, ...]) -> set[str]:
    """The keys that may stand in the mapping at `path`, in the union members that were tried."""
    models = {model_class}
    for step in path:
        fields = [model.model_fields[step].annotation for model in models if step in model.model_fields]
        if fields:
            models = {found for annotation in fields for found in _models_in(annotation)}
            models = {model for model in models if _answers_to(model, tags)} or models
    return {name for model in models for name in model.model_fields}


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        if issubclass(annotation, BaseModel):
            yield annotation
    elif typing.get_origin(annotation) is not Literal:
        for argument in typing.get_args(annotation):
            yield from _models_in(argument)


def _answers_to(model: type[BaseModel], tags: tuple[str, ...]) -> bool:
    """Whether a union names this member so: by its class, or by the word in its discriminating field."""
    annotations = (field.annotation for field in model.model_fields.values())
    choices = (typing.get_args(found) for found in annotations if typing.get_origin(found) is Literal)
    words = [str(word) for choice in choices for word in choice]
    return not {model.__name__, *words}.isdisjoint(tags)
