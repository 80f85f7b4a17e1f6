"""The largest that a text with placeholders can become, whoever it goes to.

The template is read, not filled in: each part of it is bounded by all that it could be. Of a condition every branch
counts, because nobody knows yet which one it will be.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache

from babel.numbers import list_currencies
from liquid.ast import BlockNode, Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.expressions.arguments import KeywordArgument, PositionalArgument
from liquid.builtin.expressions.filtered import Filter
from liquid.builtin.expressions.primitive import IntegerLiteral, Literal
from liquid.builtin.output import OutputNode
from liquid.builtin.tags.assign_tag import AssignNode
from liquid.builtin.tags.capture_tag import CaptureNode
from liquid.builtin.tags.comment_tag import CommentNode
from liquid.builtin.tags.doc_tag import DocNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.liquid_tag import LiquidNode
from liquid.builtin.tags.unless_tag import UnlessNode
from liquid.expression import Expression

from dunlin.domain.choices import ReturnReaction
from dunlin.domain.rules.case_input import MAX_AMOUNT, MAX_LENGTH, MAX_LINK, SMALLEST
from dunlin.domain.rules.extent import (
    ANYTHING,
    NOTHING,
    Extent,
    Part,
    Size,
    anything_composed,
    cut,
    either,
    extent_of,
    in_case,
    joined,
    worst_size,
)
from dunlin.domain.rules.texts import BadText, as_sent, composed, parse, write_amount, write_date

_DAYS = [date(2024, 1, 1) + timedelta(days=day) for day in range(366)]  # all there are, whatever the year
_LINKS = Extent(MAX_LINK, MAX_LINK, 2 * MAX_LINK, 1, 1, is_gsm=True)  # [ ] and ~ have two septets
_OUTLINE = re.compile("[0-9A-Za-z]")
_NAME = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Worst:
    """`written` is what the text itself brings, without what is filled in. `is_known`: the text could be followed."""

    size: Size
    written: str
    is_known: bool


@lru_cache(maxsize=4_096)
def worst_of(text: str, language: str, organization_name: str) -> Worst:
    """Return what `text` never exceeds as a message that is sent, for any case that may be opened."""
    reading = _Reading(placeholders(language, organization_name))
    try:
        size = worst_size(reading.block(parse(text).nodes))
    except (BadText, _NotFollowed):
        return Worst(worst_size(ANYTHING), as_sent(text), is_known=False)
    return Worst(size, as_sent("".join(reading.written)), is_known=True)


@lru_cache(maxsize=256)
def longest(placeholder: str, language: str) -> tuple[int, bool]:
    """Return how many characters a placeholder may bring, and whether all of them are in GSM-7."""
    extent = extent_of(placeholders(language, "")[placeholder])
    return extent.characters, extent.is_gsm


def placeholders(language: str, organization_name: str) -> Mapping[str, Part]:
    """Return all that each placeholder can be, by the rules that cases are opened by."""
    return {
        "customer.name": anything_composed(MAX_LENGTH),
        "organization.name": frozenset({composed(organization_name)}),
        "amount": _amounts(language),
        "due_date": _dates(language),
        "reference": anything_composed(MAX_LENGTH),
        "reaction": frozenset(reaction.value for reaction in ReturnReaction),
        "payment_link": _LINKS,
    }


@lru_cache(maxsize=64)
def _amounts(language: str) -> Part:
    largest = MAX_AMOUNT - SMALLEST  # rounded up to one digit more in most currencies
    return _outlines(write_amount(largest, currency, language) for currency in list_currencies())


@lru_cache(maxsize=64)
def _dates(language: str) -> Part:
    return _outlines(write_date(day, language) for day in _DAYS)


def _outlines(texts: Iterable[str]) -> Part:
    """Return `texts` without those that are as large as another: one digit or plain letter is like another."""
    return frozenset(_OUTLINE.sub("0", text) for text in texts)


class _NotFollowed(Exception):
    """The template holds what is not looked into here: nothing but the carrier's limit bounds it."""


@dataclass(slots=True)
class _Reading:
    """One way through a template: what its names stand for so far, and what it has written by itself."""

    scope: Mapping[str, Part]
    written: list[str] = field(default_factory=list)

    def block(self, nodes: Iterable[Node]) -> Part:
        whole = NOTHING
        for node in nodes:
            whole = joined(whole, self._node(node))
        return whole

    def _node(self, node: Node) -> Part:
        match node:
            case ContentNode():
                return self._literal(node.text)
            case OutputNode():
                return self._expression(node.expression)
            case CommentNode() | DocNode():
                return NOTHING
            case AssignNode():
                return self._assign(str(node.name), self._expression(node.expression))
            case CaptureNode():
                return self._assign(str(node.name), self.block(node.block.nodes))
            case LiquidNode():
                return self.block(node.block.nodes)
            case IfNode() | UnlessNode():
                others = [branch.block for branch in node.alternatives]
                return self._branches([node.consequence, *others, node.default])
        raise _NotFollowed

    def _literal(self, text: str) -> Part:
        self.written.append(text)
        return frozenset({text})

    def _assign(self, name: str, part: Part) -> Part:
        if not _NAME.fullmatch(name):
            raise _NotFollowed
        self.scope = {**self.scope, name: part}
        return NOTHING

    def _branches(self, blocks: list[BlockNode | None]) -> Part:
        """Bound any of `blocks`; None is the one that does nothing. What they assign may be so afterwards."""
        before, whole = self.scope, NOTHING
        scopes = []
        for block in blocks:
            self.scope = before
            whole = either(whole, self.block(block.nodes) if block else NOTHING)
            scopes.append(self.scope)
        self.scope = _either_scope(scopes)
        return whole

    def _expression(self, expression: Expression) -> Part:
        if not isinstance(expression, FilteredExpression):
            raise _NotFollowed
        part = self._value(expression.left)
        for one in expression.filters or ():
            part = self._filtered(part, one)
        return part

    def _value(self, expression: Expression) -> Part:
        if isinstance(expression, Path) and str(expression) in self.scope:
            return self.scope[str(expression)]
        if isinstance(expression, Literal) and isinstance(expression.value, str):
            return self._literal(expression.value)
        if isinstance(expression, Literal):
            return frozenset({str(expression.value), str(expression.value).lower()})  # True is written as true
        raise _NotFollowed

    def _filtered(self, part: Part, one: Filter) -> Part:
        match one.name:
            case "upcase":
                return in_case(part, str.upper)
            case "downcase":
                return in_case(part, str.lower)
            case "capitalize":
                return in_case(part, str.capitalize)
            case "strip":
                return part if isinstance(part, Extent) else frozenset(text.strip() for text in part)
            case "default":
                arguments = _arguments(one, but_for="allow_false")
                return either(part, self._value(arguments[0]) if arguments else NOTHING)
            case "truncate":
                return self._truncated(part, _arguments(one))
        raise _NotFollowed

    def _truncated(self, part: Part, arguments: list[Expression]) -> Part:
        end = self._value(arguments[1]) if len(arguments) > 1 else frozenset({"..."})
        if not arguments:
            return cut(part, 50, end)
        return cut(part, arguments[0].value if isinstance(arguments[0], IntegerLiteral) else None, end)


def _arguments(one: Filter, *, but_for: str = "") -> list[Expression]:
    """Return a filter's arguments, which have no names, but for that one."""
    if any(isinstance(argument, KeywordArgument) and argument.name != but_for for argument in one.args):
        raise _NotFollowed
    return [argument.value for argument in one.args if isinstance(argument, PositionalArgument)]


def _either_scope(scopes: list[Mapping[str, Part]]) -> Mapping[str, Part]:
    merged: dict[str, Part] = {}
    for scope in scopes:
        for name, part in scope.items():
            merged[name] = either(merged[name], part) if name in merged else part
    return merged
