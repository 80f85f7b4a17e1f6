"""Executing operations and the events of subscriptions."""

from typing import Any

from graphql import ExecutionResult
from graphql.execution.executor import Executor
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from dunlin.api.execution.compiled import Compiled
from dunlin.api.execution.run import Select, run


class CompilingExecutor(StrawberryGraphQLCoreExecutionContext):
    """Runs what reads as it was compiled. Where anything is unusual, graphql-core executes all of it anew.

    So errors, and what they make null, are graphql-core's own; and what runs twice has changed nothing.
    """

    compiles = True

    def execute_operation(self, serially: bool | None = None) -> Any:
        document: Compiled | None = getattr(getattr(self.context_value, "document", None), "compiled", None)
        select = document.select(self) if self.compiles and document is not None else None
        return super().execute_operation(serially) if select is None else self._run(select, serially)

    async def _run(self, select: Select, serially: bool | None) -> Any:
        try:
            data = await run(select, self)
        except Exception:  # whatever it is, graphql-core comes upon it as well
            result: Any = super().execute_operation(serially)
            return await result if self.is_awaitable(result) else result
        return ExecutionResult(data, None)

    def build_per_event_executor(self, payload: Any) -> Executor[Any]:
        """Execute each event as if it was the only one.

        graphql-core keeps what it finds out about an event's selections for all events to come. It finds that by the
        identity of lists that are new for each event: a kilobyte for each, for as long as somebody watches.
        """
        executor = super().build_per_event_executor(payload)
        executor._relevant_sub_fields = {}  # noqa: SLF001, shared with all other events otherwise
        return executor
