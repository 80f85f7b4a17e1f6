"""What a monitoring system reads: `GET /metrics` in Prometheus' text form. It tells nothing of any organization."""

from collections.abc import Iterator, Mapping

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dunlin.api.limits.reading import Reader
from dunlin.api.shared import Shared
from dunlin.api.transport.occupancy import Occupancy
from dunlin.domain.actions.backlog import backlog


class Metrics:
    """The figures of one process, and of the backlog that all processes share."""

    def __init__(self, reader: Reader) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Documents(reader))
        self._callbacks = Counter(
            "dunlin_callbacks",
            "Callbacks of carriers: taken, or why not (forged, malformed, unreadable, unavailable).",
            ["kind", "outcome"],
            registry=self._registry,
        )
        self._shared = Shared(backlog)  # nobody needs a token to ask: many cost the database no more than one
        self._database_up = Gauge("dunlin_database_up", "Whether the database answers.", registry=self._registry)
        self._backlog: Mapping[str, Gauge] = {
            name: Gauge(f"dunlin_{name}", sentence, registry=self._registry)
            for name, sentence in (
                (
                    "oldest_due_case_seconds",
                    "How long a step of an open case has been due and is not planned.",
                ),
                (
                    "oldest_due_reminder_seconds",
                    "How long a reminder that may go has been due and is not taken.",
                ),
                ("reminders_sending", "Reminders being handed to a carrier."),
                ("reminders_unconfirmed", "Reminders of which it is not known whether a carrier has them."),
            )
        }

    def watch_connections(self, occupancy: Occupancy) -> None:
        """Tell of the live connections too."""
        gauge = Gauge(
            "dunlin_live_connections",
            "WebSockets and event streams that are open in this process.",
            registry=self._registry,
        )
        gauge.set_function(lambda: occupancy.connections)

    def count_callback(self, kind: str, outcome: str) -> None:
        self._callbacks.labels(kind, outcome).inc()

    async def text(self) -> bytes:
        """Return all figures, those of the backlog as of now; without a database they are as they were."""
        try:
            figures = await self._shared.get()
        except Exception:  # whatever the driver raises: it does not answer
            self._database_up.set(0)
        else:
            self._database_up.set(1)
            for name, gauge in self._backlog.items():
                gauge.set(float(figures[name]))
        return generate_latest(self._registry)


class _Documents(Collector):
    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def collect(self) -> Iterator[CounterMetricFamily]:
        told = CounterMetricFamily(
            "dunlin_documents",
            "Documents of GraphQL that were asked to be run: known already (hit), or parsed and checked anew (miss).",
            labels=["outcome"],
        )
        told.add_metric(["hit"], self._reader.hits)
        told.add_metric(["miss"], self._reader.misses)
        yield told


def metrics_routes(metrics: Metrics) -> list[BaseRoute]:
    async def read(request: Request) -> Response:
        return Response(await metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [Route("/metrics", read)]
