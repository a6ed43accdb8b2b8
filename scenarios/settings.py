"""Settings and where each comes from: command line over environment over a TOML file over defaults."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from datahub.contract.declared import parsed
from datahub.contract.errors import DeclarationError, UsageError
from datahub.contract.lines import line_of
from scenarios.declarations import text_of

FILE = Path("citybrain.toml")


class Settings(BaseSettings):
    """What an installation may set. Secrets come by environment or file only, never by the command line."""

    model_config = SettingsConfigDict(env_prefix="CITYBRAIN_", toml_file=FILE, extra="forbid", frozen=True)

    city: str = Field("zhuhai", description="city that commands use when none is named")
    mqtt: str = Field("", description="URL of the MQTT broker, mqtt://host:port; empty: the embedded broker")
    host: str = Field("127.0.0.1", description="address that servers listen on")
    port: int = Field(8000, description="port of the API and the operations centre", ge=0, le=65535)
    certificate: Path | None = Field(
        None,
        description="certificate (PEM) with which API and operations centre speak HTTPS; needs certificate_key. "
        "Simulated clouds believe it when they post",
    )
    certificate_key: Path | None = Field(None, description="its private key (PEM)")
    runs: Path = Field(Path("runs"), description="folder that runs are written to")
    data: Path = Field(Path("citybrain-data"), description="folder of the live platform's databases")
    api_token: SecretStr = Field(SecretStr(""), description="token that may order commands through the API")
    sensorthings_mqtt: str = Field(
        "",
        description="kinds of device whose new observations are published as SensorThings too, with commas between; "
        "'created': what came by its API, 'all'; empty: none, and none is created by MQTT",
    )
    cloud_secrets: dict[str, SecretStr] = Field(
        default_factory=dict, description="secrets shared with vendors' clouds, by vendor (JSON)"
    )
    seat_password: SecretStr = Field(SecretStr(""), description="password of the local seat 'operator'")
    authority_passphrase: SecretStr = Field(
        SecretStr(""), description="passphrase under which the key of the project's certificate authority is kept"
    )

    @field_validator("certificate", "certificate_key", mode="before")
    @classmethod
    def _unset(cls, value: object) -> object:
        """Nothing is no file, as where a composition passes on a variable that nobody has set."""
        return None if value == "" else value

    @property
    def shared(self) -> dict[str, str]:
        """Secrets shared with vendors' clouds, in clear."""
        return {vendor: secret.get_secret_value() for vendor, secret in self.cloud_secrets.items()}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line, environment, TOML file; defaults come last by themselves."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load(**given: Any) -> Settings:
    """Settings in force; ``given`` are those from the command line (None: not given).

    Raises:
        UsageError: naming the setting, the value and the remedy.
        DeclarationError: if the file is broken, or sets what there is not; with its line.
    """
    _check_file()
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"setting '{name}' (command line, environment CITYBRAIN_{name.upper()} or {FILE}): {first['msg']}; "
            "'citybrain config' lists the settings"
        ) from error


def _check_file() -> None:
    if not FILE.is_file():
        return
    text = text_of(FILE)
    for name in parsed(text, file=str(FILE)):
        if name not in Settings.model_fields:
            near = get_close_matches(name, Settings.model_fields, n=1)
            remedy = f"did you mean '{near[0]}'?" if near else "'citybrain config' elsewhere lists the settings"
            raise DeclarationError(f"unknown setting '{name}'", file=FILE, line=line_of(text, (name,)), remedy=remedy)


def origins(**given: Any) -> list[tuple[str, str, str, str]]:
    """Name, value, source and meaning of every setting in force; secrets are not shown."""
    settings = load(**given)
    environment = set(EnvSettingsSource(Settings)())
    in_file = set(TomlConfigSettingsSource(Settings)())
    rows = []
    for name, described in Settings.model_fields.items():
        if given.get(name) is not None:
            source = "command line"
        elif name in environment:
            source = f"environment CITYBRAIN_{name.upper()}"
        else:
            source = str(FILE) if name in in_file else "default"
        rows.append((name, str(getattr(settings, name)), source, described.description or ""))
    return rows
