"""The main job as ready tabs in GraphiQL, filled in with the ids of what the visitor may see."""

import json
from datetime import UTC, datetime
from pathlib import Path

from dunlin.api.graphiql import GraphiqlPage, Tab
from dunlin.api.ids import encode_id
from dunlin.api.live import newest_sequence
from dunlin.api.types.reminder import event_cursor
from dunlin.domain.tables import CollectionCycle, CollectionStep
from dunlin.domain.viewer import Viewer, viewer_of
from dunlin.runtime.settings import Settings

_FOLDER = Path(__file__).parent / "static" / "walkthrough"

# A number that the United Kingdom reserves for fiction.
_PHONE = "+447700900123"

_TITLES = {
    "1-organizations": "Whom you collect for. SMS is connected for none of them.",
    "2-connect": "Connect SMS for one organization; the others stay as they are.",
    "3-edit-step": "Choose SMS for the first step of its cycle.",
    "4-watch": "Every change of a reminder's status since this page was loaded, and from now on, newest first.",
    "5-open-case": "Open a case that is due: its reminder leaves at once. Then go back to Watch; run again, it misses\n"
    "# nothing. Change the reference to open another case.",
    "6-reminders": "What became of it. The text can be read in the sandbox's outbox, too.",
    "7-impact": "What disconnecting would do.",
    "8-disconnect": "Disconnect: steps become NONE, what is scheduled is canceled.",
}


async def walkthrough_page(settings: Settings) -> GraphiqlPage:
    """Return the tabs, with the embedded run's token where there is one."""
    token = settings.dev_token_file.read_text().strip() if settings.dev_token_file else None
    viewer = await viewer_of(token, settings.secret_keys, datetime.now(UTC)) if token else None
    values = await _values(viewer)
    kept = json.dumps({**values, "after": None})  # an older place to watch from is as good
    return GraphiqlPage(token, [_tab(name, title, values) for name, title in _TITLES.items()], session=kept)


def _tab(name: str, title: str, values: dict[str, object]) -> Tab:
    query = (_FOLDER / f"{name}.graphql").read_text()
    named = {key: value for key, value in values.items() if f"${key}:" in query}
    return Tab(title=title, query=query, variables=json.dumps(named, indent=2) if named else "")


async def _values(viewer: Viewer | None) -> dict[str, object]:
    """Return a value for every variable of the tabs: of the first organization that the viewer sees."""
    organization = await viewer.organizations().order_by("id").first() if viewer else None
    cycle = await CollectionCycle.filter(organization_id=organization.id).first() if organization else None
    step = await CollectionStep.filter(cycle_id=cycle.id).order_by("position").first() if cycle else None
    return {
        "organizationId": encode_id("Organization", organization.id) if organization else "",
        "cycleId": encode_id("CollectionCycle", cycle.id) if cycle else "",
        "stepId": encode_id("CollectionStep", step.id) if step else "",
        "after": event_cursor(organization.id, await newest_sequence(organization.id)) if organization else None,
        "texts": [
            {"language": "en", "text": "Dear {{ customer.name }}, {{ amount }} was due on {{ due_date }}."},
            {"language": "nl", "text": "Beste {{ customer.name }}, {{ amount }} verviel op {{ due_date }}."},
        ],
        "cases": [
            {
                "externalReference": "WALK-1",
                "customer": {"externalReference": "WALK", "name": "Ada Reyes", "language": "en", "phone": _PHONE},
                "amountDue": {"amount": "84.50", "currency": "EUR"},
                "dueOn": "2026-01-15",
            }
        ],
    }
