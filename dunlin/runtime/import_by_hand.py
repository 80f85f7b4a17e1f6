"""Importing a file by hand: a table of cases, or a bank's file of returned direct debits."""

import asyncio
import signal
from pathlib import Path

from dunlin.runtime.bank_file import is_xml
from dunlin.runtime.bank_import import import_returns
from dunlin.runtime.case_import import Progress, cycle_named, import_cases
from dunlin.runtime.operator import account_named, open_store, operator_of, organization_named
from dunlin.runtime.settings import Settings


async def import_by_hand(
    settings: Settings,
    path: Path,
    progress: Progress,
    *,
    account_name: str | None,
    organization_name: str,
    cycle_name: str,
) -> None:
    """Use what a file tells. SIGINT and SIGTERM stop it behind the batch that is being stored.

    Raises `UnreadableFile`, `NoSuchOwner` or `Refusal`; what `progress` counts by then is stored.
    """
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()
    async with open_store(settings) as store:
        account = await account_named(account_name)
        organization = await organization_named(account, organization_name)
        cycle = await cycle_named(organization, cycle_name)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopping.set)
        viewer = operator_of(account.id)
        with path.open("rb") as file:
            if is_xml(file):
                await import_returns(store, viewer, cycle, file, path.name, progress, stopping)
            else:
                await import_cases(store, viewer, organization, cycle, file, progress, stopping)
