import asyncio
import socket
from pathlib import Path

import httpx
import psutil
import pytest

from tests.client import graphql
from tests.flow.embedded_run import begin, embedded_run
from tests.flow.walk import a_walker
from tests.ports import free_ports


async def ended(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    """Return the exit code and everything that was said."""
    async with asyncio.timeout(30):
        said, _ = await process.communicate()
    return process.returncode, said.decode()


async def test_ctrl_c_stops_everything_and_a_second_run_finds_its_data(var: Path) -> None:
    async with embedded_run(var) as run:
        async with httpx.AsyncClient(base_url=run.address) as http:
            walker = await a_walker(http, run.token)
            await walker.open_cases("Kept Over Night")
        token, processes = run.token, run.descendants()
        assert {"postgres", "valkey-server"} <= {process.name() for process in processes}

        assert await run.stop() == 0

    assert psutil.wait_procs(processes, timeout=5)[1] == []
    assert not [process for process in processes if psutil.pid_exists(process.pid)]

    async with embedded_run(var) as again, httpx.AsyncClient(base_url=again.address) as http:
        assert again.token == token
        assert "Demo data" not in again.said
        body = await graphql(
            http,
            again.token,
            "query ($id: ID!) { organization(id: $id) { collectionCases(first: 1) { nodes { externalReference } } } }",
            id=walker.organization_id,
        )
    assert body["data"]["organization"]["collectionCases"]["nodes"] == [{"externalReference": "Kept Over Night"}]


async def test_the_start_names_every_address_and_where_the_token_lies(var: Path) -> None:
    async with embedded_run(var) as run, httpx.AsyncClient() as http:
        for address in (f"{run.address}/graphiql", f"{run.address}/graphql", f"http://127.0.0.1:{run.port + 1}/"):
            assert address in run.said
        assert str(run.var / "dev-token") in run.said
        assert (run.var / "dev-token").stat().st_mode & 0o777 == 0o600
        assert (await http.get(f"{run.address}/graphiql")).status_code == 200
        settings = (await http.get(f"{run.address}/graphiql/settings.json")).json()
        assert settings["token"] == run.token


@pytest.mark.parametrize("offset", [0, 1, 2], ids=["its own port", "the sandbox's port", "the mail server's port"])
async def test_a_port_that_is_taken_is_named_with_the_way_to_choose_another(var: Path, offset: int) -> None:
    port = free_ports(3)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port + offset))
        taken.listen()
        code, said = await ended(await begin(var, port))

    assert code == 1
    assert f"port {port + offset}" in said
    assert "make run PORT=" in said
    assert "Traceback" not in said


async def test_a_malformed_setting_stops_the_start_with_its_name_and_what_it_should_be(var: Path) -> None:
    code, said = await ended(await begin(var, free_ports(3), DUNLIN_SECRET_KEYS="short"))

    assert code == 1
    assert "DUNLIN_SECRET_KEYS: should be one or more keys of 32 bytes in base64" in said
    assert "Traceback" not in said
