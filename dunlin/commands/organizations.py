"""`dunlin account ...` and `dunlin organization ...`."""

import asyncio
from datetime import UTC, datetime

import click

from dunlin.commands.ground import ACCOUNT, operating, print_table


@click.group()
def account() -> None:
    """Create accounts: each owns organizations of its own."""


@account.command("create")
@click.argument("name")
def create_account(name: str) -> None:
    """Create an account and print its id."""
    from dunlin.runtime.organizations import create_account_by_hand as create

    with operating() as settings:
        made = asyncio.run(create(settings, name))
    click.echo(f"{made.name} is account {made.id}.")


@click.group()
def organization() -> None:
    """Create, list, rename and close organizations."""


@organization.command("create")
@ACCOUNT
@click.option("--country", required=True, help="ISO 3166-1, such as BE: national phone numbers are read as of it.")
@click.option("--time-zone", required=True, help="IANA name, such as Europe/Brussels.")
@click.option("--language", required=True, help="The default language, such as nl or fr-BE.")
@click.argument("name")
def create_organization(account: str | None, country: str, time_zone: str, language: str, name: str) -> None:
    """Create an organization, nothing connected, reminders allowed Monday to Saturday from 8 to 20."""
    from dunlin.domain.rules.organization_input import NewOrganization
    from dunlin.runtime.organizations import create_by_hand

    with operating() as settings:
        made = asyncio.run(create_by_hand(settings, account, NewOrganization(name, country, time_zone, language)))
    click.echo(f"{made.name} is organization {made.id}.")


@organization.command("list")
def list_organizations() -> None:
    """Print all organizations, also closed ones, with their accounts."""
    from dunlin.runtime.organizations import organization_lines

    with operating() as settings:
        print_table(asyncio.run(organization_lines(settings)))


@organization.command("rename")
@ACCOUNT
@click.argument("name")
@click.argument("new_name")
def rename_organization(account: str | None, name: str, new_name: str) -> None:
    """Rename an organization. Texts that are planned already keep the former name."""
    from dunlin.runtime.organizations import rename_by_hand

    with operating() as settings:
        renamed = asyncio.run(rename_by_hand(settings, account, name, new_name))
    click.echo(f"{name} is {renamed.name} now.")


@organization.command("close")
@ACCOUNT
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.argument("name")
def close_organization(account: str | None, yes: bool, name: str) -> None:
    """Close an organization for good: everything is disconnected, every open case ends. It can still be read."""
    from dunlin.runtime.organizations import close_by_hand

    if not yes:
        click.confirm(f"Close {name}, cancel what is scheduled and end its open cases, for good?", abort=True)
    with operating() as settings:
        asyncio.run(close_by_hand(settings, account, name, datetime.now(UTC)))
    click.echo(f"{name} is closed. Nothing more goes out for it.")
