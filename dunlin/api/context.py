"""What an operation carries: who asks, the services, and loaders that live as long as the operation, or as an event."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import strawberry

from dunlin.api.execution.compiled import Compiled
from dunlin.api.limits.reading import ReadDocument
from dunlin.api.live import EventHub
from dunlin.api.loaders import Loaders
from dunlin.api.request_id import new_request_id
from dunlin.domain.choices import Permission
from dunlin.domain.viewer import Viewer
from dunlin.runtime.allowance import Taken
from dunlin.runtime.wiring import Services


@dataclass
class Context:
    """Made anew for each operation, by the transport that lets it in, and for each event that a subscription shows.

    `resume_after` is a cursor that came beside the operation. `taken` is what the operation cost its caller, None
    until that is known. `begins` is called when its turn has come and its time begins.
    `document` is what the text was read as, None while it was not; `is_new` if it had to be parsed for this operation.
    """

    services: Services
    hub: EventHub
    viewer: Viewer
    address: str | None = None
    request_id: str = field(default_factory=new_request_id)
    resume_after: str | None = None
    taken: Taken | None = None
    document: ReadDocument | None = None
    is_new: bool = False
    begins: Callable[[], None] = lambda: None

    @cached_property
    def loaders(self) -> Loaders:
        return Loaders()

    @property
    def compiled(self) -> Compiled | None:
        """The document, if queries are to run as they were compiled."""
        return self.document.compiled if self.document and self.services.settings.compiled_queries else None

    @property
    def may_see(self) -> bool:
        """Whether the viewer is shown numbers, addresses and words of customers as they are."""
        return self.viewer.may(Permission.COLLECT)

    @property
    def reader(self) -> Viewer:
        """The viewer, who must hold READ."""
        self.viewer.require(Permission.READ)
        return self.viewer


Info: TypeAlias = strawberry.Info[Context, None]
