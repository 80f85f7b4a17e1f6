"""The command line: `dunlin dev`, `api`, `worker`, `sandbox`, `migrate`, `schema`, `import`, `account ...`,
`organization ...`, `token ...`, `keys ...`."""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import click
from tortoise.exceptions import DBConnectionError

from dunlin.domain.choices import Permission
from dunlin.domain.errors import Refusal
from dunlin.runtime.embedded import with_embedded
from dunlin.runtime.parent import die_with_parent
from dunlin.runtime.settings import BadSettings, Settings, read_settings


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="dunlin")
def main() -> None:
    """Dunlin sends payment reminders by SMS. Settings are environment variables DUNLIN_...; see the README."""
    die_with_parent()


@contextlib.contextmanager
def _settings() -> Iterator[Settings]:
    """Yield settings whose addresses are all set; with a clear sentence and exit code 1 where they are bad."""
    try:
        with contextlib.ExitStack() as stack:
            yield with_embedded(read_settings(), stack)
    except BadSettings as error:
        raise click.ClickException(f"These settings cannot be used:\n{error}") from error
    except (ConnectionError, DBConnectionError) as error:
        raise click.ClickException("The database at DUNLIN_DATABASE_URL does not answer.") from error


@contextlib.contextmanager
def _operating() -> Iterator[Settings]:
    """Yield settings for a command that changes or shows what is stored; say in a sentence what is refused."""
    from dunlin.runtime.operator import NoSuchOwner

    with _settings() as settings:
        try:
            yield settings
        except (NoSuchOwner, Refusal) as error:
            raise click.ClickException(str(error)) from error


def _print_table(lines: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    if sys.platform == "win32":
        asyncio.run(main())
    else:
        import uvloop

        uvloop.run(main())


@main.command()
def dev() -> None:
    """Start everything on this machine: servers, sandbox carrier, API, worker and demo data."""
    from dunlin.dev import run_everything

    try:
        sys.exit(run_everything(read_settings()))
    except BadSettings as error:
        raise click.ClickException(f"These settings cannot be used:\n{error}") from error


@main.command()
def api() -> None:
    """Run one API process on DUNLIN_HOST and DUNLIN_PORT."""
    from dunlin.api.server import serve

    with _settings() as settings:
        _run(lambda: serve(settings))


@main.command()
def worker() -> None:
    """Run one worker process: it plans what is due and sends it."""
    from dunlin.jobs.worker import work

    with _settings() as settings:
        _run(lambda: work(settings))


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8001, show_default=True)
@click.option("--accounts", type=click.Path(path_type=Path), default=Path("var/sandbox.json"), show_default=True)
@click.option("--ledger", type=click.Path(path_type=Path), default=None, help="A file to keep the messages in.")
def sandbox(host: str, port: int, accounts: Path, ledger: Path | None) -> None:
    """Run the sandbox carrier: Twilio's REST API, whose texts go nowhere."""
    from dunlin.sandbox.account import AccountsUnreadable
    from dunlin.sandbox.app import run

    try:
        run(host, port, accounts, ledger)
    except AccountsUnreadable as error:
        raise click.ClickException(str(error)) from error


@main.command()
def migrate() -> None:
    """Bring the database to the newest state."""
    from dunlin.runtime.database import migrate as apply

    with _settings() as settings:
        assert settings.database_url is not None
        asyncio.run(apply(settings.database_url))


@main.command()
def schema() -> None:
    """Print the GraphQL schema."""
    from dunlin.api.schema import schema as built

    click.echo(str(built))


@main.group()
def account() -> None:
    """Create accounts: each owns organizations of its own."""


@account.command("create")
@click.argument("name")
def create_account(name: str) -> None:
    """Create an account and print its id."""
    from dunlin.runtime.organizations import create_account as create

    with _operating() as settings:
        made = asyncio.run(create(settings, name))
    click.echo(f"{made.name} is account {made.id}.")


@main.group()
def organization() -> None:
    """Create, list, rename and close organizations."""


_ACCOUNT = click.option("--account", help="The account's name; may be left out where there is only one.")


@organization.command("create")
@_ACCOUNT
@click.option("--country", required=True, help="ISO 3166-1, such as BE: national phone numbers are read as of it.")
@click.option("--time-zone", required=True, help="IANA name, such as Europe/Brussels.")
@click.option("--language", required=True, help="The default language, such as nl or fr-BE.")
@click.argument("name")
def create_organization(account: str | None, country: str, time_zone: str, language: str, name: str) -> None:
    """Create an organization, nothing connected, reminders allowed Monday to Saturday from 8 to 20."""
    from dunlin.domain.rules.organization_input import NewOrganization
    from dunlin.runtime.organizations import create_by_hand

    with _operating() as settings:
        made = asyncio.run(create_by_hand(settings, account, NewOrganization(name, country, time_zone, language)))
    click.echo(f"{made.name} is organization {made.id}.")


@organization.command("list")
def list_organizations() -> None:
    """Print all organizations, also closed ones, with their accounts."""
    from dunlin.runtime.organizations import organization_lines

    with _operating() as settings:
        _print_table(asyncio.run(organization_lines(settings)))


@organization.command("rename")
@_ACCOUNT
@click.argument("name")
@click.argument("new_name")
def rename_organization(account: str | None, name: str, new_name: str) -> None:
    """Rename an organization. Texts that are planned already keep the former name."""
    from dunlin.runtime.organizations import rename_by_hand

    with _operating() as settings:
        renamed = asyncio.run(rename_by_hand(settings, account, name, new_name))
    click.echo(f"{name} is {renamed.name} now.")


@organization.command("close")
@_ACCOUNT
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.argument("name")
def close_organization(account: str | None, yes: bool, name: str) -> None:
    """Close an organization for good: everything is disconnected, every open case ends. It can still be read."""
    from dunlin.runtime.organizations import close_by_hand

    if not yes:
        click.confirm(f"Close {name}, cancel what is scheduled and end its open cases, for good?", abort=True)
    with _operating() as settings:
        asyncio.run(close_by_hand(settings, account, name, datetime.now(UTC)))
    click.echo(f"{name} is closed. Nothing more goes out for it.")


@main.group()
def token() -> None:
    """Make, list and revoke API tokens."""


@token.command("create")
@_ACCOUNT
@click.option(
    "--organization",
    "organizations",
    multiple=True,
    help="Only this organization of the account, by its name. May be given several times.",
)
@click.option(
    "--permission",
    "permissions",
    multiple=True,
    type=click.Choice([permission.value for permission in Permission]),
    help="May be given several times. Default: READ.",
)
@click.option("--name", default="command line", show_default=True, help="What the token is for.")
@click.option("--days", type=click.IntRange(1, 3650), default=365, show_default=True, help="How long it is in force.")
def create_token(
    account: str | None, organizations: tuple[str, ...], permissions: tuple[str, ...], name: str, days: int
) -> None:
    """Make an API token and print it. It cannot be shown again."""
    from dunlin.runtime.tokens import make_token

    wanted = frozenset(Permission(permission) for permission in permissions or ("READ",))
    with _operating() as settings:
        click.echo(asyncio.run(make_token(settings, account, organizations, name, wanted, days, datetime.now(UTC))))


@token.command("list")
@click.option("--account", help="Only this account's, by its name.")
def list_tokens(account: str | None) -> None:
    """Print all tokens, without their secrets. KEY is old where a token hangs on a key that is not the first."""
    from dunlin.runtime.tokens import token_lines

    with _operating() as settings:
        _print_table(asyncio.run(token_lines(settings, account)))


@token.command("revoke")
@click.argument("id_or_prefix")
def revoke_token(id_or_prefix: str) -> None:
    """Put a token out of force, for good. ID_OR_PREFIX is as `dunlin token list` shows it."""
    from dunlin.runtime.tokens import NoSuchToken, revoke_by_hand

    with _operating() as settings:
        try:
            revoked = asyncio.run(revoke_by_hand(settings, id_or_prefix, datetime.now(UTC)))
        except NoSuchToken as error:
            raise click.ClickException(str(error)) from error
    click.echo(f"{revoked.prefix} ({revoked.name}) is revoked since {revoked.revoked_at:%Y-%m-%d %H:%M:%S}Z.")


def _written(path: Path) -> TextIO:
    try:
        return path.open("w", encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}.") from error


_NOT_ALL_USED = 3
_STOPPED = 130


@main.command("import")
@_ACCOUNT
@click.option("--organization", required=True, help="Whose cases they are, by its name.")
@click.option("--cycle", required=True, help="The collection cycle that they go through, by its name.")
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file for what could not be used; without it that goes to standard error.",
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_cases(account: str | None, organization: str, cycle: str, report: Path | None, file: Path) -> None:
    """Open a case per row of FILE: UTF-8, separated by commas or semicolons, its first row the names of the columns.

    A case whose external_reference is known stays as it is, so that the same file may be imported again. Rows that
    cannot be used are told one by one, and the others are used. Exit code 0: every row was used. 3: not every one.
    1: nothing more could be done. 130: stopped by Ctrl-C; what was counted is stored, the same command goes on.
    """
    from dunlin.runtime.case_import import Progress, import_by_hand
    from dunlin.runtime.csv_records import UnreadableFile

    if report is not None and report.exists() and report.samefile(file):
        raise click.UsageError("The report would overwrite the file that is imported.")
    with _operating() as settings, contextlib.ExitStack() as stack:
        told = None if report is None else stack.enter_context(_written(report))
        shown = sys.stderr.isatty()
        bar = stack.enter_context(
            click.progressbar(length=file.stat().st_size, label="Importing", file=sys.stderr, hidden=not shown)
        )

        def tell(sentence: str) -> None:
            click.echo(f"\r\x1b[K{sentence}" if told is None and shown else sentence, file=told or sys.stderr)

        progress = Progress(tell, lambda read: bar.update(read - bar.pos))
        try:
            asyncio.run(
                import_by_hand(
                    settings,
                    file,
                    progress,
                    account_name=account,
                    organization_name=organization,
                    cycle_name=cycle,
                )
            )
        except UnreadableFile as error:
            raise click.ClickException(f"{file} cannot be imported. {error}") from error
        finally:
            stack.close()
            click.echo(f"Opened: {progress.opened}. Known already: {progress.known}. Not used: {progress.unused}.")
    if progress.is_stopped:
        click.echo("Stopped before the end of the file. What is counted is stored; the same command goes on.", err=True)
        sys.exit(_STOPPED)
    sys.exit(_NOT_ALL_USED if progress.unused else 0)


@main.group()
def keys() -> None:
    """Look after DUNLIN_SECRET_KEYS."""


@keys.command("rotate")
def rotate_keys() -> None:
    """Seal all stored credentials with the first of DUNLIN_SECRET_KEYS. Safe to repeat, and while everything runs."""
    from dunlin.runtime.keys import rotate

    with _settings() as settings:
        rotation, old_tokens = asyncio.run(rotate(settings, datetime.now(UTC)))
    click.echo(
        f"Credentials sealed anew: {rotation.resealed}. Sealed with the first key already: {rotation.already_new}."
    )
    click.echo(f"Tokens in force that hang on an old key: {old_tokens}.")
    if old_tokens:
        click.echo("Each moves to the first key when it is used next; `dunlin token list` shows which they are.")
    if rotation.unopened:
        ids = ", ".join(map(str, rotation.unopened))
        raise click.ClickException(f"No key opens the credentials of these connections: {ids}. They are as they were.")
