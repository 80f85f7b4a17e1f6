"""What the figures hold for. Nothing here names a host or a path."""

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

from dunlin.domain.store import rows
from dunlin.runtime.wiring import Services


@dataclass(frozen=True, slots=True)
class Machine:
    cores: int
    processor: str
    memory_gb: int
    system: str
    python: str
    postgresql: str
    valkey: str

    def __str__(self) -> str:
        return (
            f"{self.cores} cores of {self.processor}, {self.memory_gb} GB, {self.system}, Python {self.python},"
            f" PostgreSQL {self.postgresql} and Valkey {self.valkey} on the same machine"
        )


async def describe_machine(services: Services) -> Machine:
    server = await rows("SHOW server_version")
    valkey = await services.redis.info("server")
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        processor=_first("/proc/cpuinfo", r"model name\s*: (.+)") or platform.machine(),
        memory_gb=round(int(_first("/proc/meminfo", r"MemTotal:\s*(\d+) kB") or 0) / 1024**2),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        postgresql=str(server[0]["server_version"]).split(" ")[0],
        valkey=str(valkey.get("valkey_version") or valkey["redis_version"]),
    )


def _first(path: str, pattern: str) -> str | None:
    found = re.search(pattern, Path(path).read_text()) if Path(path).exists() else None
    return found[1].strip() if found else None
