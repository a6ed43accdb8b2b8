"""Which cities there are, by the names of their folders."""

from __future__ import annotations

from difflib import get_close_matches
from importlib.resources import files
from importlib.resources.abc import Traversable

from datahub.contract.errors import UsageError

CITIES = "scenarios.cities"


def city_names() -> tuple[str, ...]:
    """Every city that is declared, by name."""
    return tuple(sorted(it.name for it in files(CITIES).iterdir() if it.is_dir() and (it / "city.toml").is_file()))


def folder_of(name: str) -> Traversable:
    """The folder of a city.

    Raises:
        UsageError: if there is none of that name, naming the nearest.
    """
    if name not in city_names():
        near = get_close_matches(name, city_names(), n=1)
        remedy = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(city_names())}"
        raise UsageError(f"there is no city '{name}'; {remedy}")
    return files(CITIES) / name
