"""The command line. What each command does is in `commands`, one file for what belongs together."""

import click

from dunlin.commands import imports, organizations, processes, tokens
from dunlin.runtime.parent import die_with_parent


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="dunlin")
def main() -> None:
    """Dunlin sends payment reminders by SMS. Settings are environment variables DUNLIN_...; see the README."""
    die_with_parent()


for _command in (
    processes.dev,
    processes.api,
    processes.worker,
    processes.sandbox,
    processes.migrate,
    processes.schema,
    imports.import_cases,
    organizations.account,
    organizations.organization,
    tokens.token,
    tokens.keys,
):
    main.add_command(_command)
