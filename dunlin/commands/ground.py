"""What commands stand on: their settings, what becomes of errors, and how tables are printed."""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

import click
from tortoise.exceptions import DBConnectionError

from dunlin.domain.errors import Refusal
from dunlin.runtime.embedded import with_embedded
from dunlin.runtime.settings import BadSettings, Settings, read_settings

ACCOUNT = click.option("--account", help="The account's name; may be left out where there is only one.")


@contextlib.contextmanager
def loaded_settings() -> Iterator[Settings]:
    """Yield settings whose addresses are all set; with a clear sentence and exit code 1 where they are bad."""
    try:
        with contextlib.ExitStack() as stack:
            yield with_embedded(read_settings(), stack)
    except BadSettings as error:
        raise click.ClickException(f"These settings cannot be used:\n{error}") from error
    except (ConnectionError, DBConnectionError) as error:
        raise click.ClickException("The database at DUNLIN_DATABASE_URL does not answer.") from error


@contextlib.contextmanager
def operating() -> Iterator[Settings]:
    """Yield settings for a command that changes or shows what is stored; say in a sentence what is refused."""
    from dunlin.runtime.operator import NoSuchOwner

    with loaded_settings() as settings:
        try:
            yield settings
        except (NoSuchOwner, Refusal) as error:
            raise click.ClickException(str(error)) from error


def print_table(lines: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    if sys.platform == "win32":
        asyncio.run(main())
    else:
        import uvloop

        uvloop.run(main())
