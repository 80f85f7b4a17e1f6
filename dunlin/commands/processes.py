"""The processes of the service, and what brings them up to date."""

import asyncio
import sys
from pathlib import Path

import click

from dunlin.commands.ground import loaded_settings, run
from dunlin.runtime.settings import BadSettings, read_settings


@click.command()
def dev() -> None:
    """Start everything on this machine: servers, sandbox carrier, API, worker and demo data."""
    from dunlin.dev import run_everything

    try:
        sys.exit(run_everything(read_settings()))
    except BadSettings as error:
        raise click.ClickException(f"These settings cannot be used:\n{error}") from error


@click.command()
def api() -> None:
    """Run one API process on DUNLIN_HOST and DUNLIN_PORT."""
    from dunlin.api.server import serve

    with loaded_settings() as settings:
        run(lambda: serve(settings))


@click.command()
def worker() -> None:
    """Run one worker process: it plans what is due and sends it."""
    from dunlin.jobs.worker import work

    with loaded_settings() as settings:
        run(lambda: work(settings))


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8001, show_default=True)
@click.option("--accounts", type=click.Path(path_type=Path), default=Path("var/sandbox.json"), show_default=True)
@click.option("--ledger", type=click.Path(path_type=Path), default=None, help="A file to keep the messages in.")
@click.option("--smtp-port", type=int, default=None, help="Where it takes mails.  [default: the port after --port]")
@click.option("--reports-to", default="", help="A web address to hand reports on mails over to, such as bounces.")
def sandbox(host: str, port: int, accounts: Path, ledger: Path | None, smtp_port: int | None, reports_to: str) -> None:
    """Run the sandbox carrier: Twilio's REST API and a mail server, whose texts and mails go nowhere."""
    from dunlin.sandbox.account import AccountsUnreadable
    from dunlin.sandbox.app import run

    smtp_port = port + 1 if smtp_port is None else smtp_port
    try:
        run(host, port, accounts, ledger, smtp_port=smtp_port, reports_to=reports_to)
    except AccountsUnreadable as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"Port {smtp_port} for mails cannot be used: {error.strerror}") from error


@click.command()
def migrate() -> None:
    """Bring the database to the newest state."""
    from dunlin.runtime.database import migrate as apply

    with loaded_settings() as settings:
        assert settings.database_url is not None
        asyncio.run(apply(settings.database_url))


@click.command()
def schema() -> None:
    """Print the GraphQL schema."""
    from dunlin.api.schema import schema as built

    click.echo(str(built))
