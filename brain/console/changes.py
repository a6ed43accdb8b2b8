"""What has changed between two pictures, as a JSON merge patch (RFC 7396)."""

from __future__ import annotations

from brain.console.shown import Json, Panel


def changes(old: Panel, new: Panel) -> Panel:
    """The merge patch that makes ``new`` of ``old``: only what differs; None stands for what is gone.

    A member that is None counts as absent, as the standard has it.
    """
    patch: Panel = {key: None for key in old if old[key] is not None and new.get(key) is None}
    for key, value in new.items():
        before = old.get(key)
        if value is None or value == before:
            continue
        if isinstance(value, dict) and isinstance(before, dict):
            patch[key] = changes(before, value)
        else:
            patch[key] = value
    return patch


def apply(patch: Json, target: Json) -> Json:
    """The picture after a patch; the browser does the same (``web/state.js``)."""
    if not isinstance(patch, dict):
        return patch
    result: Panel = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = apply(value, result.get(key))
    return result
