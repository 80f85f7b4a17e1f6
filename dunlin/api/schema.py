"""The GraphQL schema, as exported in schema.graphql."""

from collections.abc import Iterator
from contextlib import suppress
from typing import cast

import strawberry
from graphql import GraphQLError, OperationDefinitionNode, parse, validate
from strawberry.extensions import ParserCache, SchemaExtension, ValidationCache
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from dunlin.api.context import OperationScope
from dunlin.api.errors import CodeErrors, bad_input
from dunlin.api.mutations import Mutation
from dunlin.api.queries import Query
from dunlin.api.scalars import SCALARS
from dunlin.api.subscription import Subscription

# What parses and validates in some tenths of a second at most. Values belong into variables, which have no such limit.
_LONGEST_DOCUMENT = 100_000  # characters
_MOST_TOKENS = 20_000

_CACHED_DOCUMENTS = 1_024
_LONGEST_CACHED = 8_000  # characters: a parsed document takes some seventy times its length


class _Limits(SchemaExtension):
    def on_operation(self) -> Iterator[None]:
        # Strawberry's type of these options lags behind the parser's.
        options = cast("dict[str, object]", self.execution_context.parse_options)
        options |= {"max_source_length": _LONGEST_DOCUMENT, "max_lexical_tokens": _MOST_TOKENS, "max_comments": 1_000}
        yield


def _may_be_cached(execution: ExecutionContext) -> bool:
    return execution.query is not None and len(execution.query) <= _LONGEST_CACHED


class _ParserCache(ParserCache):
    def on_parse(self) -> Iterator[None]:
        # An error out of this hook would pass all other extensions by, and so reach clients without its code.
        execution = self.execution_context
        if _may_be_cached(execution):
            with suppress(GraphQLError):
                execution.graphql_document = self.cached_parse_document(execution.query, **execution.parse_options)
        yield


class _ValidationCache(ValidationCache):
    def on_validate(self) -> Iterator[None]:
        if _may_be_cached(self.execution_context):
            yield from super().on_validate()
        else:
            yield


class _OneOperation(SchemaExtension):
    """Refuse to choose between several operations. Strawberry alone would run the first one."""

    def on_validate(self) -> Iterator[None]:
        execution = self.execution_context
        named = execution._provided_operation_name  # noqa: SLF001, the public one falls back to the first operation
        if named is None and execution.graphql_document is not None and not execution.pre_execution_errors:
            definitions = execution.graphql_document.definitions
            if sum(isinstance(one, OperationDefinitionNode) for one in definitions) > 1:
                error = bad_input("The document has several operations: name the one to run as operationName.")
                execution.pre_execution_errors = [error]
        yield


class Schema(strawberry.Schema):
    def check(self, document: str) -> list[GraphQLError]:
        """Return what keeps a document from being run here, whatever its variables; raise what its syntax lacks."""
        return validate(self._schema, parse(document, no_location=True))

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Log nothing here: a client's mistake is no event, and `CodeErrors` logs what is ours."""


schema = Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    extensions=[
        OperationScope,
        _Limits,
        lambda: _ParserCache(maxsize=_CACHED_DOCUMENTS),
        lambda: _ValidationCache(maxsize=_CACHED_DOCUMENTS),
        _OneOperation,
        CodeErrors,
    ],
    config=StrawberryConfig(scalar_map=SCALARS, disable_field_suggestions=False),
)
