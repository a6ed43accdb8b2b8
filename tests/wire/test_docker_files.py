"""The containers, as far as it can be told without a Docker engine: what they name exists, the broker starts."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi import FastAPI, Response
from typer.main import get_command
from wire_brokers import mosquitto

from datahub.contract.clock import wall_ms
from datahub.contract.senml import PAYLOAD_LIMIT
from datahub.contract.topics import Topics
from datahub.devices.authority import Authority
from datahub.transport.broker import free_port
from datahub.transport.mqtt import MqttCityBus
from scenarios.cli import app
from scenarios.live.serving import Proof, Server
from scenarios.settings import Settings

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"


def instructions() -> list[tuple[str, str]]:
    """Instruction and argument of each line of the Dockerfile, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", (DOCKER / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]


def arguments(name: str) -> list[str]:
    return [argument for instruction, argument in instructions() if instruction == name]


def compose() -> dict[str, Any]:
    loaded = yaml.safe_load((DOCKER / "compose.yml").read_text())
    assert isinstance(loaded, dict)
    return loaded


def options_of(command: str) -> set[str]:
    found = get_command(app).commands[command]  # type: ignore[attr-defined]
    return {option for parameter in found.params for option in parameter.opts}


def test_everything_that_is_copied_exists_and_is_let_through() -> None:
    let_through = (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()
    copied = [part for line in arguments("COPY") if "--from" not in line for part in line.split()[:-1]]
    assert {"pyproject.toml", "constraints.txt", "brain", "datahub", "scenarios", "sensors"} <= set(copied)
    for name in copied:
        assert (ROOT / name).exists(), name
        assert f"!{name}" in let_through, name


def test_the_image_runs_as_nobody_special_and_starts_our_own_program() -> None:
    assert arguments("USER") == ["10001"]
    assert "--uid 10001" in " ".join(arguments("RUN"))
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert json.loads(arguments("ENTRYPOINT")[0]) == ["citybrain"]
    assert "citybrain" in scripts
    assert json.loads(arguments("CMD")[0])[0] in get_command(app).commands  # type: ignore[attr-defined]


def test_python_is_one_that_the_project_supports() -> None:
    needs = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    lowest = tuple(int(part) for part in needs.removeprefix(">=").split("."))
    for image in arguments("FROM"):
        found = re.match(r"python:(\d+)\.(\d+)-slim", image)
        assert found is not None
        assert (int(found[1]), int(found[2])) >= lowest


def test_the_health_check_asks_a_route_that_there_is_on_the_port_that_is_opened() -> None:
    port, path = re.search(r"://127\.0\.0\.1:(\d+)(/[\w/]+)", health_check()).groups()  # type: ignore[union-attr]
    assert [port] == arguments("EXPOSE")
    assert int(port) == Settings.model_fields["port"].default
    assert path == "/api/health"


def health_check() -> str:
    """The program that asks whether all is well."""
    check = arguments("HEALTHCHECK")[0]
    return str(json.loads(check[check.index("[") :])[-1])


@pytest.mark.parametrize("safe", [False, True], ids=["http", "https"])
def test_the_health_check_tells_well_from_ill(tmp_path: Path, safe: bool) -> None:
    Authority.at(tmp_path / "authority", now=wall_ms()).write(tmp_path, host="127.0.0.1")
    certificate, site, well = tmp_path / "server.crt", FastAPI(), True

    @site.get("/api/health")
    def health() -> Response:
        return Response(status_code=200 if well else 500)

    proof = Proof.of(certificate, tmp_path / "server.key") if safe else None
    with Server(site, host="127.0.0.1", port=0, proof=proof) as server:
        program = health_check().replace(":8000/", f":{server.url.rpartition(':')[2]}/")
        told = {"CITYBRAIN_CERTIFICATE": str(certificate) if safe else ""}
        assert subprocess.run([sys.executable, "-c", program], env=told, timeout=60).returncode == 0
        well = False
        assert (
            subprocess.run([sys.executable, "-c", program], env=told, timeout=60, stderr=subprocess.DEVNULL).returncode
            != 0
        )


def test_settings_given_by_environment_are_settings() -> None:
    given = re.findall(r"CITYBRAIN_(\w+)=", " ".join(arguments("ENV")))
    for service in compose()["services"].values():
        given += [name.removeprefix("CITYBRAIN_") for name in service.get("environment", {})]
    assert given
    assert {name.lower() for name in given} <= set(Settings.model_fields)


@pytest.mark.parametrize("name", ["city", "field"])
def test_each_service_calls_a_command_with_options_it_has(name: str) -> None:
    command, *rest = compose()["services"][name]["command"]
    assert command == name
    assert {word for word in rest if word.startswith("--")} <= options_of(command)


def test_services_volumes_and_files_that_compose_refers_to_exist() -> None:
    loaded = compose()
    services, volumes = loaded["services"], loaded["volumes"]
    assert set(services) == {"mosquitto", "city", "field"}
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)
        assert service.get("network_mode", "service:city").removeprefix("service:") in services
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            assert source in volumes or (DOCKER / source).exists(), mount
        if "build" in service:
            assert (DOCKER / service["build"]["context"] / service["build"]["dockerfile"]).resolve().exists()
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), "nothing is open beyond this machine"


def test_the_broker_takes_its_configuration_and_lets_more_pass_than_the_hub_reads(tmp_path: Path) -> None:
    text = (DOCKER / "mosquitto.conf").read_text()
    settings = dict(shlex.split(line, comments=True) for line in text.splitlines() if line and line[0] != "#")
    assert int(settings["message_size_limit"]) > PAYLOAD_LIMIT
    port = free_port()
    text = text.replace("listener 1883", f"listener {port} 127.0.0.1").replace("/mosquitto/data/", f"{tmp_path}/")
    with mosquitto(tmp_path, port=port, text=f"{text}\nuser root\n") as url:
        MqttCityBus(url, Topics("harbour", "r1")).close()
