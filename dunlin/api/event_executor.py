"""Executing the events of a subscription, each as if it was the only one."""

from typing import Any

from graphql.execution.executor import Executor
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext


class EventExecutor(StrawberryGraphQLCoreExecutionContext):
    """graphql-core keeps what it finds out about an event's selections for all events to come.

    It finds that by the identity of lists that are new for each event: a kilobyte for each, for as long as somebody
    watches.
    """

    def build_per_event_executor(self, payload: Any) -> Executor[Any]:
        executor = super().build_per_event_executor(payload)
        executor._relevant_sub_fields = {}  # noqa: SLF001, shared with all other events otherwise
        return executor
