"""Vendors' clouds among the folders of connectors: what their manifests say, and both sides of their dialects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.resources import files
from typing import Literal, Protocol, cast

import msgspec
import numpy as np

from datahub.connectors.loading import Sort, vendors
from datahub.contract.declared import broken, read
from datahub.contract.errors import UsageError
from datahub.feed import Cloud, Feed


class FeedLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a cloud bears and promises.

    Attributes:
        calls_per_minute: requests answered in a sliding minute of city time.
        page: most words in one answer or post.
        body_bytes: longest answer or post [byte].
        skew_s: how far a signature's time may lie from ours [s].
        token_s: how long a token is good [s]; 0 where there is none.
        repeats_s: for how long the cloud may repeat a word [s].
    """

    calls_per_minute: int
    page: int
    body_bytes: int
    skew_s: int
    token_s: int
    repeats_s: int


class FeedManifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a cloud's ``manifest.toml`` says.

    Attributes:
        kind: what its devices are.
        commands, settings: those that it carries to them, by our names.
    """

    name: str
    sort: Literal["feed"]
    zh: str
    en: str
    dialect: str
    version: int
    kind: str
    commands: tuple[str, ...]
    settings: tuple[str, ...]
    limits: FeedLimits


class MakeCloud(Protocol):
    """Makes the vendor's cloud, played from the other side."""

    def __call__(self, ids: Mapping[int, str], *, secret: str, rng: np.random.Generator, since: int) -> Cloud:
        """``ids``: the vendor's id of each device, by unified code; ``since``: when the cloud was set up [ms]."""


def feeds() -> tuple[str, ...]:
    """Names of all vendors' clouds, in order."""
    return vendors(Sort.FEED)


def feed_manifest(vendor: str) -> FeedManifest:
    """The cloud's declaration.

    Raises:
        UsageError: if there is no such cloud.
        DeclarationError: if its manifest breaks a rule.
    """
    if vendor not in feeds():
        raise UsageError(f"no vendor's cloud '{vendor}'; there are: {', '.join(feeds())}")
    path = files("datahub.connectors").joinpath(vendor, "manifest.toml")
    return read_feed(path.read_text("utf-8"), vendor=vendor, file=str(path))


def read_feed(text: str, *, vendor: str, file: str) -> FeedManifest:
    """What the manifest of a vendor's cloud says.

    Raises:
        DeclarationError: if it breaks a rule.
    """
    declared = read(text, FeedManifest, file=file, remedy="write it like another cloud's manifest")
    if declared.name != vendor:
        rule = f"name is '{declared.name}', not that of the folder"
        raise broken(rule, "name", file=file, text=text, remedy=f'write name = "{vendor}"')
    return declared


def load_feed(vendor: str, *, secret: str) -> Feed:
    """The cloud's dialect, seen from the platform; ``secret`` is shared with the vendor."""
    connector = cast("Callable[..., Feed]", import_module(f"datahub.connectors.{vendor}.connector").CONNECTOR)
    return connector(feed_manifest(vendor).limits, secret=secret)


def load_cloud(vendor: str) -> MakeCloud:
    """What makes stubs of the cloud."""
    stub = cast("Callable[..., Cloud]", import_module(f"datahub.connectors.{vendor}.stub").STUB)
    limits = feed_manifest(vendor).limits

    def make(ids: Mapping[int, str], *, secret: str, rng: np.random.Generator, since: int) -> Cloud:
        return stub(ids, limits=limits, secret=secret, rng=rng, since=since)

    return make
