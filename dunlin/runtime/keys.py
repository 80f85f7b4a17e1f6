"""Moving what is stored to the newest of the secret keys."""

from datetime import datetime

from dunlin.domain.actions.rotate_keys import Rotation, rotate_keys, tokens_on_old_keys
from dunlin.runtime.database import open_database
from dunlin.runtime.settings import Settings
from dunlin.runtime.vault import AesVault


async def rotate(settings: Settings, now: datetime) -> tuple[Rotation, int]:
    """Seal all credentials with the newest key; return what was done, and how many tokens hang on an old key."""
    assert settings.database_url is not None
    async with open_database(settings.database_url, pool=1):
        rotation = await rotate_keys(AesVault(settings.secret_keys))
        return rotation, await tokens_on_old_keys(settings.secret_keys[0], now)
