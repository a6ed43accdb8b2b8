"""Every declaration of the hub (``datahub/**/*.toml``), each read by its own room; what no room reads is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final, TypeAlias, cast

from datahub.connectors.feeds import read_feed
from datahub.connectors.loading import Sort, read_manifest, sort_of
from datahub.contract.declared import parsed
from datahub.contract.duties import read_duties
from datahub.contract.errors import DeclarationError
from datahub.devices import guard, health_policy, rollout
from datahub.ingest import event_time, settling, thresholds
from datahub.resources import calling
from datahub.store import retention

_Read: TypeAlias = Callable[..., object]

_READ: Final[Mapping[str, _Read]] = {
    "contract/duties.toml": read_duties,
    "devices/health.toml": health_policy.load,
    "devices/limits.toml": guard.load,
    "devices/rollout.toml": rollout.load,
    "ingest/event_time.toml": event_time.load,
    "ingest/thresholds.toml": thresholds.load,
    "resources/sharing.toml": calling.load,
    "store/retention.toml": retention.load,
}
"""Who reads which file, by its place below ``datahub``; vendors' manifests are read as their sort says."""


def read_all(root: Traversable | None = None) -> tuple[str, ...]:
    """Read every declaration below a folder (``datahub`` itself if none is given); their places, in order.

    Raises:
        DeclarationError: about the first that breaks a rule, contradicts another, is missing or is read by nobody.
    """
    found = dict(_declared(root or files("datahub"), ""))
    for place in _READ:
        if place not in found:
            raise DeclarationError("there is no such file", file=f"datahub/{place}", remedy="put it back")
    said = {place: _read(place, text) for place, text in found.items()}
    settling.check(
        cast("guard.Limits", said["devices/limits.toml"]),
        cast("event_time.EventTime", said["ingest/event_time.toml"]),
        cast("retention.Retention", said["store/retention.toml"]),
    )
    return tuple(found)


def _declared(folder: Traversable, place: str) -> Iterator[tuple[str, str]]:
    for one in sorted(folder.iterdir(), key=lambda it: it.name):
        if one.is_dir():
            yield from _declared(one, f"{place}{one.name}/")
        elif one.name.endswith(".toml"):
            yield f"{place}{one.name}", one.read_text("utf-8")


def _read(place: str, text: str) -> object:
    room, _, name = place.rpartition("/")
    file = f"datahub/{place}"
    if name == "manifest.toml" and room.startswith("connectors/"):
        return _manifest(text, vendor=room.removeprefix("connectors/"), file=file)
    if place not in _READ:
        raise DeclarationError("no room of the hub reads this file", file=file, remedy="let one read it, or remove it")
    return _READ[place](text, file=file)


def _manifest(text: str, *, vendor: str, file: str) -> object:
    sort = sort_of(parsed(text, file=file), file=file)
    return (read_feed if sort is Sort.FEED else read_manifest)(text, vendor=vendor, file=file)
