"""Executing operations and the events of subscriptions."""

from typing import Any

from graphql import ExecutionResult
from graphql.execution.executor import Executor
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from dunlin.api.execution.compiled import Compiled
from dunlin.api.execution.run import Select, run


class CompilingExecutor(StrawberryGraphQLCoreExecutionContext):
    """Runs a query as it was compiled, and all else as graphql-core does: whether it is compiled is decided before."""

    def execute_operation(self, serially: bool | None = None) -> Any:
        document: Compiled | None = getattr(self.context_value, "compiled", None)
        select = None if document is None else document.select(self)
        return super().execute_operation(serially) if select is None else self._run(select)

    async def _run(self, select: Select) -> ExecutionResult:
        result = self.build_response(await run(select, self))
        assert isinstance(result, ExecutionResult), "nothing is delivered in parts"
        return result

    def build_per_event_executor(self, payload: Any) -> Executor[Any]:
        """Execute each event as if it was the only one.

        graphql-core keeps what it finds out about an event's selections for all events to come. It finds that by the
        identity of lists that are new for each event: a kilobyte for each, for as long as somebody watches.
        """
        executor = super().build_per_event_executor(payload)
        executor._relevant_sub_fields = {}  # noqa: SLF001, shared with all other events otherwise
        return executor
