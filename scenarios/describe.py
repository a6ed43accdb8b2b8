"""``citybrain describe``: descriptions for machines of what the declarations say: the wire, and each kind of device."""

from __future__ import annotations

import json
from difflib import get_close_matches

from datahub.api import asyncapi, thing
from datahub.contract.errors import UsageError
from datahub.ingest.thresholds import load
from sensors.kind import load_kinds

WIRE = "wire"


def describe(what: str) -> str:
    """The topics as AsyncAPI (``wire``), or a kind of device as a WoT Thing Model; JSON.

    Raises:
        UsageError: if there is no such kind.
    """
    kinds = load_kinds()
    if what == WIRE:
        return _written(asyncapi.document())
    if what not in kinds:
        near = get_close_matches(what, [WIRE, *kinds], n=1)
        remedy = f"did you mean '{near[0]}'?" if near else f"choose {WIRE} or one of {', '.join(sorted(kinds))}"
        raise UsageError(f"nothing is called '{what}'; {remedy}")
    return _written(thing.model(kinds[what].descriptor, load()))


def _written(document: dict[str, object]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2)
