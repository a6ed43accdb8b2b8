"""The declared numbers by which the health of devices is reckoned (``health.toml``)."""

from __future__ import annotations

import msgspec

from datahub.contract.declared import Number, broken, own_text, read, refuse_below

FILE = "health.toml"


class HealthPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What counts as healthy, and when the owner of a device hears that it is not."""

    completeness_weight: Number
    timeliness_weight: Number
    validity_weight: Number
    plausibility_weight: Number
    grace_s: Number
    tardy_s: Number
    dead_ratio: Number
    stuck_ratio: Number
    incomplete_ratio: Number
    complete_ratio: Number
    invalid_ratio: Number
    valid_ratio: Number
    flapping_count: Number
    flapping_window_s: Number
    drift_allowance_sigma: Number
    drift_limit_sigma: Number
    drift_most_sigma: Number
    drift_clear_sigma: Number
    drift_peers_count: Number
    drift_hours_count: Number
    drift_cell_deg: Number


def load(text: str | None = None, *, file: str = FILE) -> HealthPolicy:
    """The declared numbers.

    Raises:
        DeclarationError: if the file breaks a rule.
    """
    body = own_text(__package__, FILE) if text is None else text
    found = read(body, HealthPolicy, file=file)
    refuse_below(found, 0, beyond=True, file=file, text=body, rule="leaves nothing to reckon with")
    weights = weights_of(found)
    if abs(sum(weights) - 1) > 1e-9:
        rule = f"the weights of the quality score add up to {sum(weights):g}"
        raise broken(rule, "completeness_weight", "value", file=file, text=body, remedy="let them add up to 1")
    pairs = ("incomplete_ratio", "complete_ratio"), ("valid_ratio", "invalid_ratio")
    for low, high in pairs:
        if not getattr(found, low).value < getattr(found, high).value:
            rule = f"[{low}] is not below [{high}]"
            raise broken(rule, low, "value", file=file, text=body, remedy="leave room between them")
    return found


def weights_of(policy: HealthPolicy) -> tuple[float, float, float, float]:
    """Weights of completeness, timeliness, validity and plausibility [1]."""
    return (
        policy.completeness_weight.value,
        policy.timeliness_weight.value,
        policy.validity_weight.value,
        policy.plausibility_weight.value,
    )
