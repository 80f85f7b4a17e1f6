"""The rules of GraphQL, in an order and with budgets that keep the worst document cheap."""

from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLNamedType,
    GraphQLSchema,
    ObjectValueNode,
    OverlappingFieldsCanBeMergedRule,
    ValidationContext,
    VariableNode,
    specified_rules,
    validate,
)
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from dunlin.api.limits.bounds import violations

_MOST_ERRORS = 20
# Each looks for names that are nearly the one given, which takes as long as all the rules together.
_MOST_ERRORS_WITH_SUGGESTIONS = 3
# Comparisons of fields that are shown under one name; the library's own budget takes more than a second.
_MOST_COMPARISONS = 15_000
_ABORTED = "Validation aborted."


class _OverlappingFields(OverlappingFieldsCanBeMergedRule):
    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self.rule_context.remaining_complexity_budget = _MOST_COMPARISONS


class _OneOf(OneOfInputValidationRule):
    """Strawberry's own takes it that every variable is declared by an operation that stands before its use."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self.variable_definitions = {}

    def validate_one_of(self, node: ObjectValueNode, type: GraphQLNamedType) -> None:  # noqa: A002
        variables = [one.value.name.value for one in node.fields if isinstance(one.value, VariableNode)]
        if all(name in self.variable_definitions for name in variables):
            super().validate_one_of(node, type)


def _rules() -> tuple[Any, ...]:
    replaced: dict[Any, Any] = {OverlappingFieldsCanBeMergedRule: _OverlappingFields}
    return (*(replaced.get(rule, rule) for rule in specified_rules), MaybeNullValidationRule, _OneOf)


RULES = _rules()


def flaws_of(schema: GraphQLSchema, document: DocumentNode) -> list[GraphQLError]:
    """Return what keeps a document from being run, whatever its variables; empty: nothing does.

    What is too large is told alone: the rules of GraphQL do not look at it.
    """
    if too_large := violations(document):
        return too_large
    errors = _validated(schema, document, hide_suggestions=True)
    if any(error.message == _ABORTED for error in errors):
        return [GraphQLError("Too many fields would be shown under one name: select each of them once.")]
    if 0 < len(errors) <= _MOST_ERRORS_WITH_SUGGESTIONS:
        return _validated(schema, document, hide_suggestions=False)
    return errors


def _validated(schema: GraphQLSchema, document: DocumentNode, *, hide_suggestions: bool) -> list[GraphQLError]:
    return validate(schema, document, RULES, max_errors=_MOST_ERRORS, hide_suggestions=hide_suggestions)
