"""The declared numbers by which the health of devices is reckoned (``health.toml``)."""

from __future__ import annotations

from importlib.resources import files

import msgspec

from datahub.contract.errors import DeclarationError
from datahub.devices.guard import Limit

FILE = "health.toml"


class HealthPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What counts as healthy, and when the owner of a device hears that it is not."""

    completeness_weight: Limit
    timeliness_weight: Limit
    validity_weight: Limit
    plausibility_weight: Limit
    grace_s: Limit
    tardy_s: Limit
    dead_ratio: Limit
    stuck_ratio: Limit
    incomplete_ratio: Limit
    complete_ratio: Limit
    invalid_ratio: Limit
    valid_ratio: Limit
    flapping_count: Limit
    flapping_window_s: Limit
    drift_allowance_sigma: Limit
    drift_limit_sigma: Limit
    drift_most_sigma: Limit
    drift_clear_sigma: Limit
    drift_peers_count: Limit
    drift_hours_count: Limit
    drift_cell_deg: Limit


def load(text: str | None = None, *, file: str = FILE) -> HealthPolicy:
    """The declared numbers.

    Raises:
        DeclarationError: if the file breaks a rule.
    """
    body = text if text is not None else files(__package__).joinpath(FILE).read_text("utf-8")
    try:
        found = msgspec.toml.decode(body, type=HealthPolicy)
    except msgspec.DecodeError as error:
        raise DeclarationError(str(error), file=file, remedy="see the fields of HealthPolicy") from error
    for name, limit in msgspec.structs.asdict(found).items():
        if not limit.value > 0:
            raise DeclarationError(f"[{name}] is {limit.value:g}", file=file, remedy="give more than 0")
    weights = weights_of(found)
    if abs(sum(weights) - 1) > 1e-9:
        rule = f"the weights of the quality score add up to {sum(weights):g}"
        raise DeclarationError(rule, file=file, remedy="let them add up to 1")
    pairs = ("incomplete_ratio", "complete_ratio"), ("valid_ratio", "invalid_ratio")
    for low, high in pairs:
        if not getattr(found, low).value < getattr(found, high).value:
            raise DeclarationError(f"[{low}] is not below [{high}]", file=file, remedy="leave room between them")
    return found


def weights_of(policy: HealthPolicy) -> tuple[float, float, float, float]:
    """Weights of completeness, timeliness, validity and plausibility [1]."""
    return (
        policy.completeness_weight.value,
        policy.timeliness_weight.value,
        policy.validity_weight.value,
        policy.plausibility_weight.value,
    )
