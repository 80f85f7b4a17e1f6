"""The GraphQL schema, as exported in schema.graphql."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from functools import cached_property

import strawberry
from graphql import GraphQLError
from graphql import OperationType as GraphQLOperationType
from strawberry.extensions import SchemaExtension
from strawberry.extensions.runner import SchemaExtensionsRunner
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from dunlin.api.context import Context, OperationScope
from dunlin.api.errors import CodeErrors
from dunlin.api.execution.executor import CompilingExecutor
from dunlin.api.limits.admission import read_for, refusals, waited_too_long
from dunlin.api.limits.fields import FieldCosts
from dunlin.api.limits.reading import Reader, read_document
from dunlin.api.limits.turns import NotItsTurn, Turns
from dunlin.api.mutations import Mutation
from dunlin.api.queries import Query
from dunlin.api.scalars import SCALARS
from dunlin.api.subscription import Subscription
from dunlin.runtime.allowance import Taken


class _InTurn(SchemaExtension):
    async def on_execute(self) -> AsyncIterator[None]:
        schema, context = self.execution_context.schema, self.execution_context.context
        assert isinstance(schema, Schema)
        async with AsyncExitStack() as turn:
            try:
                await turn.enter_async_context(schema.turns.turn(context.viewer.account_id))
            except NotItsTurn as error:
                raise waited_too_long() from error
            context.begins()
            yield


class _Told(SchemaExtension):
    """Tell with each answer what it cost. The events of a subscription cost nothing."""

    def get_results(self) -> dict[str, object]:
        execution = self.execution_context
        taken: Taken | None = execution.context.taken
        if taken is None or _is_watching(execution):
            return {}
        reset_at = taken.full_again_at.isoformat()
        return {
            "cost": {
                "requested": taken.cost,
                "limit": taken.limit,
                "remaining": taken.remaining,
                "resetAt": reset_at,
            }
        }


def _is_watching(execution: ExecutionContext) -> bool:
    try:
        return execution.operation_type is OperationType.SUBSCRIPTION
    except RuntimeError:  # there is no such operation
        return False


class Schema(strawberry.Schema):
    """Reads, checks and counts a document by ourselves: once for all who send it, and before the rules of GraphQL."""

    @cached_property
    def reader(self) -> Reader:
        return Reader(self._schema)

    @cached_property
    def turns(self) -> Turns:
        return Turns()

    def kind_of(self, text: str, name: str | None, context: Context) -> GraphQLOperationType | None:
        """Return what an operation is, read for it at most once; None too where its caller may not have it read."""
        document = read_for(context, text, self.reader)
        return None if document is None else document.kind_of(name)

    def check(self, document: str) -> Sequence[GraphQLError]:
        """Return what keeps a document from being run here, whatever its variables; raise what its syntax lacks."""
        read = read_document(document, self._schema, FieldCosts())
        if read.tree is None:
            raise read.errors[0]
        return read.errors

    async def _prepare_operation_async(
        self, context: ExecutionContext, extensions_runner: SchemaExtensionsRunner
    ) -> PreExecutionError | None:
        if not context.query:
            return await super()._prepare_operation_async(context, extensions_runner)  # refuses it
        errors = await refusals(context, context.query, self.reader, self.turns)
        if context.graphql_document is not None:
            # Refuses what is no operation of the document, or none that the transport runs.
            await super()._prepare_operation_async(context, extensions_runner)
        if not errors:
            return None
        context.pre_execution_errors = list(errors)
        return PreExecutionError(data=None, errors=context.pre_execution_errors)

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Log nothing here: a client's mistake is no event, and `CodeErrors` logs what is ours."""


schema = Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    extensions=[
        OperationScope,
        CodeErrors,
        _InTurn,
        _Told,
    ],
    execution_context_class=CompilingExecutor,
    config=StrawberryConfig(scalar_map=SCALARS, disable_field_suggestions=False),
)
