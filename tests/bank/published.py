"""The published structure of bank messages, and whether a file has it: names, order, cardinality and values.

The structure is that of the message definitions' XSDs, as the package `pyiso20022` has it: a dataclass for each type,
with its elements in their order.
"""

import importlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import Field, fields, is_dataclass
from decimal import Decimal
from enum import EnumType
from types import ModuleType, NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints
from xml.etree.ElementTree import Element, fromstring

from xsdata.models.datatype import XmlDate, XmlDateTime

Name = str


def structure_of(name: Name) -> ModuleType:
    """Return the types of a message, as camt.054.001.08."""
    module = name.replace(".", "_")
    return importlib.import_module(f"pyiso20022.{name[:4]}.{module}.{module}")


def departures(content: bytes) -> list[str]:
    """Return each place where a file is not as its message definition has it."""
    root = fromstring(content)  # noqa: S314
    namespace = root.tag[1:].partition("}")[0]
    return list(_departures(root, structure_of(namespace.rpartition(":")[2]).Document, "Document", f"{{{namespace}}}"))


def _departures(element: Element, kind: Any, path: str, prefix: str) -> Iterator[str]:
    hints = get_type_hints(kind)
    known = {one.metadata["name"]: one for one in fields(kind) if one.metadata.get("type") == "Element"}
    order = list(known)
    names = [child.tag.removeprefix(prefix) for child in element]
    for name in dict.fromkeys(names):
        if name not in known:
            yield f"{path}/{name}: there is no such element"
    places = [order.index(name) for name in names if name in known]
    if places != sorted(places):
        yield f"{path}: not in the order {', '.join(order)}"
    if kind.__name__.endswith("Choice") and len(set(names)) != 1:
        yield f"{path}: exactly one of {', '.join(order)}"
    counted = Counter(names)
    for name, one in known.items():
        yield from _counted(counted[name], one, hints[one.name], f"{path}/{name}")
    for child in element:
        name = child.tag.removeprefix(prefix)
        if name in known:
            inner = _of(hints[known[name].name])
            if is_dataclass(inner) and any(one.metadata.get("type") == "Element" for one in fields(inner)):
                yield from _departures(child, inner, f"{path}/{name}", prefix)
            else:
                yield from _value(child, known[name], inner, f"{path}/{name}")


def _counted(count: int, one: "Field[Any]", hint: Any, path: str) -> Iterator[str]:
    is_list = get_origin(hint) is list
    least = one.metadata.get("min_occurs", 0) if is_list else int(bool(one.metadata.get("required")))
    most = one.metadata.get("max_occurs") if is_list else 1
    if count < least or (most is not None and count > most):
        yield f"{path}: {count} times"


def _of(hint: Any) -> Any:
    """Return what a list is of, or what may be None."""
    if get_origin(hint) is list:
        return _of(get_args(hint)[0])
    if get_origin(hint) is UnionType:
        return next(one for one in get_args(hint) if one is not NoneType)
    return hint


def _value(element: Element, one: "Field[Any]", kind: Any, path: str) -> Iterator[str]:
    text, rules = element.text or "", dict(one.metadata)
    if is_dataclass(kind):  # an amount: its value, with the currency beside it
        by_name = {inner.name: inner for inner in fields(kind)}
        hints = get_type_hints(kind)
        kind, rules = _of(hints["value"]), dict(by_name["value"].metadata)
        if not re.fullmatch("[A-Z]{3}", element.get("Ccy", "")):
            yield f"{path}@Ccy: no currency"
    if len(text) < rules.get("min_length", 0) or len(text) > rules.get("max_length", 10**9):
        yield f"{path}: {len(text)} characters"
    if "pattern" in rules and not re.fullmatch(rules["pattern"], text):
        yield f"{path}: {text!r} is not {rules['pattern']}"
    try:
        _read(text, kind)
    except (ValueError, ArithmeticError):
        yield f"{path}: {text!r} is no {kind.__name__}"


def _read(text: str, kind: Any) -> object:
    if kind is Decimal:
        return Decimal(text)
    if kind in (XmlDate, XmlDateTime):
        return kind.from_string(text)
    if kind is bool:
        return {"true": True, "false": False}[text] if text in ("true", "false") else int("x")
    return kind(text) if isinstance(kind, EnumType) else text
