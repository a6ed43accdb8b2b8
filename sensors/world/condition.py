"""The mains as they lie in the ground, which is not how the survey has them.

A pipe's roughness in the asset register is the designer's; what deposits and rust have made of it since nobody has
measured pipe by pipe. This is the world's secret: platform and survey know the register alone.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from datahub.contract.city import WaterNetwork
from sensors.chance import Seeds
from sensors.world import trait

AGEING = 0.1
"""How far pipes' Hazen-Williams C strays from the register's: sigma of its logarithm (unverified)."""


def as_it_lies(water: WaterNetwork, seeds: Seeds) -> WaterNetwork:
    """The network with the true roughness of each pipe instead of the surveyed one; the rest is as surveyed."""
    pipes = water.pipes
    factor = np.exp(AGEING * trait.normal(pipes.code, trait.salt(seeds, "water", "roughness")))
    roughness = np.asarray(pipes.columns["roughness"], np.float64) * factor
    return replace(water, pipes=replace(pipes, columns={**pipes.columns, "roughness": roughness}))
