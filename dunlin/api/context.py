"""What an operation carries: who asks, the services, and loaders that live as long as the operation."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import strawberry
from strawberry.extensions import SchemaExtension

from dunlin.api.live import EventHub
from dunlin.api.loaders import Loaders
from dunlin.api.request_id import new_request_id
from dunlin.domain.choices import Permission
from dunlin.domain.viewer import Viewer
from dunlin.runtime.wiring import Services


@dataclass
class Context:
    """`current_viewer` is None on a WebSocket until its connection_init has been accepted.

    `request_id` is that of the HTTP request; each operation over a WebSocket has its own.
    """

    services: Services
    hub: EventHub
    current_viewer: Viewer | None = None
    address: str | None = None
    connection_params: dict[str, object] | None = None
    is_socket: bool = False
    request_id: str = field(default_factory=new_request_id)
    loaders: Loaders = field(default_factory=Loaders)

    @property
    def viewer(self) -> Viewer:
        assert self.current_viewer is not None, "the transport lets nobody in without a viewer"
        return self.current_viewer

    @property
    def reader(self) -> Viewer:
        """The viewer, who must hold READ."""
        self.viewer.require(Permission.READ)
        return self.viewer

    def for_operation(self) -> "Context":
        request_id = new_request_id() if self.is_socket else self.request_id
        return Context(self.services, self.hub, self.current_viewer, self.address, request_id=request_id)


Info: TypeAlias = strawberry.Info[Context, None]


class OperationScope(SchemaExtension):
    """Over a WebSocket the transport's context lives as long as the socket: give each operation its own."""

    def on_operation(self) -> Iterator[None]:
        execution = self.execution_context
        execution.context = execution.context.for_operation()
        yield

    def on_stream_result(self, result: object) -> Iterator[None]:
        yield
        self.execution_context.context.loaders = Loaders()  # the next event shows what is true by then
