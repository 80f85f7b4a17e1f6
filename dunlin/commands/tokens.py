"""`dunlin token ...` and `dunlin keys ...`."""

import asyncio
from datetime import UTC, datetime

import click

from dunlin.commands.ground import ACCOUNT, loaded_settings, operating, print_table
from dunlin.domain.choices import Permission


@click.group()
def token() -> None:
    """Make, list and revoke API tokens."""


@token.command("create")
@ACCOUNT
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
    with operating() as settings:
        click.echo(asyncio.run(make_token(settings, account, organizations, name, wanted, days, datetime.now(UTC))))


@token.command("list")
@click.option("--account", help="Only this account's, by its name.")
def list_tokens(account: str | None) -> None:
    """Print all tokens, without their secrets. KEY is old where a token hangs on a key that is not the first."""
    from dunlin.runtime.tokens import token_lines

    with operating() as settings:
        print_table(asyncio.run(token_lines(settings, account)))


@token.command("revoke")
@click.argument("id_or_prefix")
def revoke_token(id_or_prefix: str) -> None:
    """Put a token out of force, for good. ID_OR_PREFIX is as `dunlin token list` shows it."""
    from dunlin.runtime.tokens import NoSuchToken, revoke_by_hand

    with operating() as settings:
        try:
            revoked = asyncio.run(revoke_by_hand(settings, id_or_prefix, datetime.now(UTC)))
        except NoSuchToken as error:
            raise click.ClickException(str(error)) from error
    click.echo(f"{revoked.prefix} ({revoked.name}) is revoked since {revoked.revoked_at:%Y-%m-%d %H:%M:%S}Z.")


@click.group()
def keys() -> None:
    """Look after DUNLIN_SECRET_KEYS."""


@keys.command("rotate")
def rotate_keys() -> None:
    """Seal all stored credentials with the first of DUNLIN_SECRET_KEYS. Safe to repeat, and while everything runs."""
    from dunlin.runtime.keys import rotate

    with loaded_settings() as settings:
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
