"""The bridges of a city, from its declarations: for the platform its side of each dialect, for the field the clouds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from datahub.bridges.bridged import Bridged
from datahub.connectors.feeds import FeedManifest, feed_manifest, load_cloud, load_feed
from datahub.contract.city import City, CloudFleet
from datahub.contract.errors import UsageError
from datahub.contract.observations import Ints
from datahub.devices.coding import BRIDGE_CLASS, encode
from datahub.feed import Cloud
from scenarios.survey.city import sites
from sensors.chance import Seeds
from sensors.kind import Kind, Sites, load_kinds


@dataclass(frozen=True, slots=True, eq=False)
class Behind:
    """The devices of one cloud that are there at the city's scale, and how they speak when they speak themselves.

    Attributes:
        sites: where they stand, in the order of their codes.
        ids: the vendor's id of each.
        nodes: codes of the nodes through which they would speak on the wire; all of a node's devices are the cloud's.
    """

    fleet: CloudFleet
    manifest: FeedManifest
    kind: Kind
    sites: Sites
    ids: tuple[str, ...]
    nodes: Ints


def behind(city: City, fleet: CloudFleet) -> Behind:
    """The devices of one cloud.

    Raises:
        UsageError: if the vendor's list names a device that the full register does not have, or tears a gateway apart.
    """
    manifest = feed_manifest(fleet.vendor)
    kind = load_kinds()[manifest.kind]
    every = sites(city, kind)
    code = np.array(sorted(fleet.devices.values()), np.int64)
    row = np.flatnonzero(np.isin(every.device, code))
    own = every.take(row)
    names = {device: name for name, device in fleet.devices.items()}
    speaks = own.device if own.node is None else own.node
    if every.node is not None and (torn := np.isin(every.node, speaks).sum() - len(row)):
        raise UsageError(
            f"clouds/{fleet.vendor}.csv of {city.name} leaves out {torn} devices that speak through the same gateway;"
            " list all devices of a gateway or none"
        )
    return Behind(fleet, manifest, kind, own, tuple(names[one] for one in own.device.tolist()), np.unique(speaks))


def unsurveyed(city: City, fleet: CloudFleet) -> list[int]:
    """Devices in the vendor's list that the register does not have (at full scale: mistakes)."""
    own = behind(city, fleet).sites.device
    return sorted(set(fleet.devices.values()) - set(own.tolist()))


def bridged(city: City, secrets: Mapping[str, str]) -> list[Bridged]:
    """Every bridge, seen from the platform; ``secrets`` are shared with the vendors, by vendor.

    Raises:
        UsageError: if a vendor's secret is missing.
    """
    found = []
    for vendor, fleet in sorted(city.clouds.items()):
        own = behind(city, fleet)
        node = int(encode(city.adcode, BRIDGE_CLASS, fleet.ordinal)[0])
        found.append(
            Bridged(
                vendor=vendor,
                node=node,
                kind=own.kind.descriptor,
                ids=own.ids,
                device=own.sites.device,
                object=own.sites.object,
                lon=own.sites.lon,
                lat=own.sites.lat,
                feed=load_feed(vendor, secret=shared(secrets, vendor)),
                commands=own.manifest.commands,
                settings=own.manifest.settings,
                poll_s=fleet.poll_s,
                page=own.manifest.limits.page,
                body_bytes=own.manifest.limits.body_bytes,
                repeats_s=own.manifest.limits.repeats_s,
            )
        )
    return found


def shared(secrets: Mapping[str, str], vendor: str) -> str:
    """The secret shared with a vendor.

    Raises:
        UsageError: if there is none.
    """
    if not secrets.get(vendor):
        given = f'CITYBRAIN_CLOUD_SECRETS=\'{{"{vendor}": "..."}}\''
        raise UsageError(f"no secret is shared with the cloud '{vendor}'; set {given}")
    return secrets[vendor]


def clouds_of(city: City, secrets: Mapping[str, str], seeds: Seeds, *, since: int) -> dict[str, tuple[Behind, Cloud]]:
    """A stub of every vendor's cloud, set up at ``since`` [ms], with the devices that are its own."""
    found = {}
    for vendor, fleet in sorted(city.clouds.items()):
        own = behind(city, fleet)
        ids = dict(zip(own.sites.device.tolist(), own.ids, strict=True))
        cloud = load_cloud(vendor)(ids, secret=shared(secrets, vendor), rng=seeds.rng("cloud", vendor), since=since)
        found[vendor] = (own, cloud)
    return found


def played(city: City, seed: int) -> dict[str, str]:
    """Secrets of a virtual run, in which nobody listens: they come from its seed, so that the story is one."""
    seeds = Seeds(seed)
    return {vendor: seeds.rng("secret", vendor).bytes(24).hex() for vendor in sorted(city.clouds)}
