from tortoise import Tortoise
from tortoise.migrations.autodetector import MigrationAutodetector

from dunlin.domain.store import rows
from dunlin.runtime.database import database_config, migrate
from dunlin.runtime.wiring import Services


async def test_migrating_a_migrated_database_changes_nothing(services: Services) -> None:
    assert services.settings.database_url is not None
    before = await rows("SELECT * FROM tortoise_migrations ORDER BY id")
    # In a context of its own, or all tests that come after would go on with its single connection.
    await migrate(services.settings.database_url)
    assert await rows("SELECT * FROM tortoise_migrations ORDER BY id") == before


async def test_a_database_of_the_first_release_has_the_first_migration_behind_it(services: Services) -> None:
    """It was told by the names of eighteen, of which the last is the first one now."""
    assert services.settings.database_url is not None
    await rows(
        "INSERT INTO tortoise_migrations (app, name, applied_at)"
        " SELECT app, 'before ' || n, applied_at FROM tortoise_migrations, generate_series(1, 17) n"
        " WHERE name = '0018_bank_imports'"
    )
    try:
        before = await rows("SELECT * FROM tortoise_migrations ORDER BY id")
        await migrate(services.settings.database_url)
        assert len(before) >= 18
        assert await rows("SELECT * FROM tortoise_migrations ORDER BY id") == before
    finally:
        await rows("DELETE FROM tortoise_migrations WHERE name LIKE 'before %'")


async def test_the_migrations_lead_to_the_tables_as_they_are_declared(services: Services) -> None:
    assert Tortoise.apps is not None
    config = database_config("postgresql://localhost/none")["apps"]
    assert await MigrationAutodetector(Tortoise.apps, config).changes() == []


async def test_every_table_carries_its_organization_but_for_those_of_the_account(services: Services) -> None:
    without = await rows(
        "SELECT table_name FROM information_schema.tables t WHERE table_schema = 'public' AND NOT EXISTS"
        " (SELECT 1 FROM information_schema.columns c WHERE c.table_name = t.table_name"
        "  AND c.column_name = 'organization_id') ORDER BY table_name"
    )
    assert [row["table_name"] for row in without] == ["account", "organization", "token", "tortoise_migrations"]
