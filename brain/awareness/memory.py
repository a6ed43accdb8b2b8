"""Carrying over what was learned, from the devices of then to the devices of now."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from datahub.contract.observations import Ints


def carried(
    saved: Mapping[str, NDArray[np.generic]], fresh: Mapping[str, NDArray[np.generic]], *, was: Ints, now: Ints
) -> dict[str, NDArray[np.generic]]:
    """``saved`` arrays brought to the devices ``now`` (ascending codes), which were those of ``was``.

    The last axis of every array runs over devices; a device that is new keeps its value of ``fresh``.
    """
    if np.array_equal(was, now):
        return {name: np.asarray(saved[name]) for name in fresh if name in saved}
    _, then_at, now_at = np.intersect1d(was, now, return_indices=True)
    result = {}
    for name, array in fresh.items():
        if name in saved and saved[name].shape[:-1] == array.shape[:-1]:
            brought = array.astype(saved[name].dtype).copy()
            brought[..., now_at] = saved[name][..., then_at]
            result[name] = brought
    return result
