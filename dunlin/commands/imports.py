"""`dunlin import`."""

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from dunlin.commands.ground import ACCOUNT, operating

if TYPE_CHECKING:
    from dunlin.runtime.case_import import Progress

_NOT_ALL_USED = 3
_STOPPED = 130


def _written(path: Path) -> TextIO:
    try:
        return path.open("w", encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}.") from error


@click.command("import")
@ACCOUNT
@click.option("--organization", required=True, help="Whose cases they are, by its name.")
@click.option("--cycle", required=True, help="The collection cycle that they go through, by its name.")
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file for what could not be used; without it that goes to standard error.",
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_cases(account: str | None, organization: str, cycle: str, report: Path | None, file: Path) -> None:
    """Open cases by FILE: a table with a case per row, or a bank's file of returned direct debits.

    A table is UTF-8, separated by commas or semicolons, its first row the names of the columns. A bank's file is XML:
    pain.002.001.03 or .10, camt.054.001.02 or .08; one that cannot be read to its end is not used at all. What is known
    stays as it is, so that the same file may be imported again. What cannot be used is told one by one, and the rest is
    used. Exit code 0: everything was used. 3: not everything. 1: nothing more could be done. 130: stopped by Ctrl-C;
    what was counted is stored, the same command goes on.
    """
    from dunlin.runtime.bank_file import is_xml
    from dunlin.runtime.case_import import Progress
    from dunlin.runtime.csv_records import UnreadableFile
    from dunlin.runtime.import_by_hand import import_by_hand

    if report is not None and report.exists() and report.samefile(file):
        raise click.UsageError("The report would overwrite the file that is imported.")
    with operating() as settings, contextlib.ExitStack() as stack:
        told = None if report is None else stack.enter_context(_written(report))
        shown = sys.stderr.isatty()
        with file.open("rb") as opened:
            is_banks = is_xml(opened)
        length = file.stat().st_size * (2 if is_banks else 1)  # a bank's file is read twice
        bar = stack.enter_context(
            click.progressbar(length=length, label="Importing", file=sys.stderr, hidden=not shown)
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
            click.echo(_counted(progress, is_banks=is_banks))
    if progress.is_stopped:
        click.echo("Stopped before the end of the file. What is counted is stored; the same command goes on.", err=True)
        sys.exit(_STOPPED)
    sys.exit(_NOT_ALL_USED if progress.unused else 0)


def _counted(progress: "Progress", *, is_banks: bool) -> str:
    updated = f" Updated: {progress.updated}." if is_banks else ""
    return f"Opened: {progress.opened}.{updated} Known already: {progress.known}. Not used: {progress.unused}."
