"""Where a scenario's disturbance strikes: a place found by criteria, so that one story runs in any city."""

from __future__ import annotations

import numpy as np

from datahub.contract.city import City
from datahub.contract.errors import UsageError
from datahub.contract.observations import Ints
from scenarios.scenario import Where
from scenarios.survey.segments import people_behind


def district_of(city: City, communities: Ints) -> list[str]:
    """Code of the district in which each community (row of ``City.communities``) lies."""
    districts = [city.divisions[city.divisions[code].parent].parent for code in city.communities]
    return [districts[row] for row in communities]


def pipe_for(city: City, where: Where, *, rng: np.random.Generator) -> int:
    """Row of the pipe that fits the criteria best; ``rng`` chooses among those that fit alike.

    Raises:
        UsageError: if no pipe of the city fits, saying what there is.
    """
    pipes = city.water.pipes
    diameter = pipes.columns["diameter_m"].astype(np.float64)
    fits = np.ones(len(pipes), bool)
    if where.trunk:
        fits &= pipes.columns["trunk"].astype(bool)
    if where.district:
        wanted = where.district
        if wanted == "most_people":
            wanted = max(city.of_level("district"), key=lambda division: (division.population, division.code)).code
        fits &= np.array(district_of(city, pipes.community.astype(np.int64))) == wanted
    if not fits.any():
        raise UsageError(
            f"no {'trunk main' if where.trunk else 'pipe'} of {city.name} lies in district '{where.district}'; "
            f"choose one of {', '.join(division.code for division in city.of_level('district'))}"
        )
    if where.diameter_m is not None:
        gap = np.abs(diameter - where.diameter_m)
        fits &= gap <= gap[fits].min() + 1e-9
    rows = np.flatnonzero(fits)
    if where.people_cut_off:
        behind = people_behind(city, rows)
        if not (behind >= where.people_cut_off).any():
            raise UsageError(
                f"no such main of {city.name} leaves {where.people_cut_off} people without water when it is shut; "
                f"the most is {behind.max():.0f}"
            )
        rows = rows[behind >= where.people_cut_off]
    if where.pick == "largest":
        return int(rows[np.lexsort((pipes.code[rows], -diameter[rows]))[0]])
    return int(rng.choice(rows))
