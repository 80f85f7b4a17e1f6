"""What connections that stay stand on, in one process."""

from dataclasses import dataclass

from dunlin.api.context import Context
from dunlin.api.live import EventHub
from dunlin.api.schema import Schema
from dunlin.api.showing import Showings
from dunlin.api.stays import Stay, Stays
from dunlin.api.transport.documents import Documents
from dunlin.api.transport.live_limits import LiveLimits
from dunlin.api.transport.occupancy import Occupancy
from dunlin.domain.viewer import Viewer
from dunlin.runtime.wiring import Services


@dataclass(frozen=True, slots=True)
class Ground:
    services: Services
    hub: EventHub
    stays: Stays
    documents: Documents
    schema: Schema
    limits: LiveLimits
    occupancy: Occupancy
    showings: Showings

    def context(self, stay: Stay, viewer: Viewer, request_id: str, resume_after: str | None = None) -> Context:
        """Return the context of one operation."""
        return Context(
            self.services,
            self.hub,
            viewer,
            stay.address,
            request_id=request_id,
            resume_after=resume_after,
        )
