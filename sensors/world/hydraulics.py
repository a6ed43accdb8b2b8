"""The hydraulic engine: EPANET 2.2, stepped live through WNTR's toolkit. The only place that knows either.

Pressure-driven demand after Wagner: nothing below ``LEAST_M`` of pressure head, all above ``FULL_M`` (EPANET's own
default of 0.07 m would serve every demand; domain.md 7.2, V). ``UNBALANCED CONTINUE``, as the default ends the day with
a warning. There are no tanks, so every step is a steady state: ``EN_runH`` is called again and again without
``EN_nextH``; flows of the step before are the start of the next one, and no duration can run out.

WNTR is loaded when a network is opened, not before: it takes longer than all the rest together (1.3 s, for the plotting
and tables that come with it), and who only checks declarations or mistypes a name opens none.
"""

from __future__ import annotations

import ctypes
import weakref
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datahub.contract.errors import OutsideError
from datahub.contract.observations import Floats
from sensors.world.layout import Layout

#: Pressure head below which nothing flows from a tap (WNTR's example, domain.md 7.2, V), and from which on all that is
#: wanted does: 0.14 MPa, the least service pressure (GB 55036-2022 3.0.3, V [S27]) [m].
LEAST_M, FULL_M = 3.5, 14.0
LITRES = 1_000.0
_FIRST_ERROR = 100
_FRESH_FLOWS = 10
_LINK = 1_000


class EngineFailed(OutsideError):
    """EPANET refused the network or a step."""


def served_ratio(pressure_m: Floats) -> Floats:
    """Part of a demand that is served at a pressure head [m] (Wagner, as EPANET reckons it)."""
    return np.asarray(np.sqrt(np.clip((pressure_m - LEAST_M) / (FULL_M - LEAST_M), 0.0, 1.0)), np.float64)


def model(layout: Layout, *, head_m: Floats, pump_loss: Floats) -> Any:
    """The WNTR model (``wntr.network.WaterNetworkModel``) of a layout.

    Args:
        layout: points and links.
        head_m: head of the pumps of each source when idling [m].
        pump_loss: minor-loss coefficient that stands for each source's pump curve, H = H0 - k q^2.
    """
    from wntr.network.model import WaterNetworkModel

    made: Any = WaterNetworkModel  # WNTR carries no types
    network = made()
    options = network.options.hydraulic
    options.demand_model, options.headloss = "PDD", "H-W"
    options.minimum_pressure, options.required_pressure, options.pressure_exponent = LEAST_M, FULL_M, 0.5
    options.emitter_exponent, options.unbalanced, options.unbalanced_value = 0.5, "CONTINUE", 10
    options.trials, options.accuracy, options.inpfile_units = 100, 1e-4, "LPS"
    network.options.time.duration = 0
    for point, elevation in enumerate(layout.elevation_m.tolist()):
        network.add_junction(f"n{point}", elevation=elevation)
    for source, head, loss in zip(layout.sources.tolist(), head_m.tolist(), pump_loss.tolist(), strict=True):
        first = int(np.flatnonzero((layout.a == source) | (layout.b == source))[0])
        network.add_reservoir(f"r{source}", base_head=head)
        network.add_pipe(
            f"u{source}",
            f"r{source}",
            f"n{source}",
            length=1.0,
            diameter=float(layout.diameter_m[first]),
            roughness=130.0,
            minor_loss=loss,
            check_valve=True,
        )
    for link in range(len(layout.a)):
        network.add_pipe(
            f"p{link}",
            f"n{layout.a[link]}",
            f"n{layout.b[link]}",
            length=float(layout.length_m[link]),
            diameter=float(layout.diameter_m[link]),
            roughness=float(layout.roughness[link]),
        )
    return network


class Engine:
    """One network in the solver.

    Attributes:
        warnings: steps so far that ended with a warning, by EPANET's code (1-6).
    """

    def __init__(self, layout: Layout, *, head_m: Floats, pump_loss: Floats) -> None:
        from wntr.epanet.io import InpFile
        from wntr.epanet.toolkit import ENepanet
        from wntr.epanet.util import EN

        self.layout = layout
        self.warnings: dict[int, int] = {}
        self._codes: Any = EN
        file: Any = InpFile
        toolkit: Any = ENepanet
        with TemporaryDirectory() as folder:
            inp, report = Path(folder, "network.inp"), Path(folder, "network.rpt")
            file().write(str(inp), model(layout, head_m=head_m, pump_loss=pump_loss), units="LPS", version=2.2)
            self._toolkit: Any = toolkit(version=2.2)
            self._toolkit.ENopen(str(inp), str(report), "")
        self._toolkit.ENopenH()
        self._toolkit.ENinitH(0)
        self._free = weakref.finalize(self, _free, self._toolkit)
        self._library: Any = self._toolkit.ENlib
        # thousands of short calls a step: without letting the interpreter's lock go each time, which another busy
        # thread (a broker's client) would make dear
        self._short: Any = ctypes.PyDLL(self._toolkit.ENlib._name)
        self._project = self._toolkit._project
        self._points = [self._toolkit.ENgetnodeindex(f"n{point}") for point in range(layout.points)]
        self._links = [self._toolkit.ENgetlinkindex(f"p{link}") for link in range(len(layout.a))]
        self._pumps = [self._toolkit.ENgetlinkindex(f"u{source}") for source in layout.sources]
        self._head = _Column(self._points)
        self._outflow = _Column(self._points)
        self._flow = _Column(self._links)
        self._pump_flow = _Column(self._pumps)
        self._set: dict[int, Floats] = {}

    @property
    def warned(self) -> int:
        """How many steps so far ended with a warning."""
        return sum(self.warnings.values())

    def set_demand(self, demand_m3_s: Floats) -> None:
        """What people want at each point [m3/s]."""
        self._set_points(self._codes.BASEDEMAND, demand_m3_s * LITRES)

    def set_emitter(self, coefficient: Floats) -> None:
        """Leaks at each point [m3/s per square root of a metre of pressure head]."""
        self._set_points(self._codes.EMITTER, coefficient * LITRES)

    def set_open(self, open_link: NDArray[np.bool_]) -> None:
        """Which links let water through."""
        self._set_links(self._codes.STATUS, open_link.astype(np.float64))

    def set_minor_loss(self, coefficient: Floats) -> None:
        """Loss coefficient of the valves on each link."""
        self._set_links(self._codes.MINORLOSS, coefficient)

    def set_pump_loss(self, coefficient: Floats) -> None:
        """Loss coefficient that stands for each source's pump curve."""
        for link, value in zip(self._pumps, coefficient.tolist(), strict=True):
            self._toolkit.ENsetlinkvalue(link, self._codes.MINORLOSS, value)

    def solve(self) -> Floats:
        """The steady state for what is set: head of each point [m].

        Raises:
            EngineFailed: if EPANET gives up; a mere warning is counted.
        """
        seconds = ctypes.c_long()
        code = self._library.EN_runH(self._project, ctypes.byref(seconds))
        if code >= _FIRST_ERROR:
            self.begin_again()
            code = self._library.EN_runH(self._project, ctypes.byref(seconds))
        if code >= _FIRST_ERROR:
            raise EngineFailed(f"EPANET ended a step with error {code}; see the EPANET 2.2 error codes")
        if code:
            self.warnings[code] = self.warnings.get(code, 0) + 1
        return self._head.read(self._short.EN_getnodevalue, self._project, self._codes.HEAD)

    def begin_again(self) -> None:
        """Forget the flows of the step before: from them the solver may be led nowhere.

        That opens every link (``EN_initH`` resets status, not emitters), so what is shut is shut again.
        """
        self._library.EN_initH(self._project, _FRESH_FLOWS)
        status = self._set.pop(_LINK + int(self._codes.STATUS), None)
        if status is not None:
            self._set_links(self._codes.STATUS, status)

    def flow_m3_s(self) -> Floats:
        """Flow of each link in the last solution [m3/s], from its end a to its end b."""
        return self._flow.read(self._short.EN_getlinkvalue, self._project, self._codes.FLOW) / LITRES

    def pump_flow_m3_s(self) -> Floats:
        """What each source's pumps give in the last solution [m3/s]."""
        return self._pump_flow.read(self._short.EN_getlinkvalue, self._project, self._codes.FLOW) / LITRES

    def outflow_m3_s(self) -> Floats:
        """What leaves the network at each point in the last solution [m3/s], leaks and demand together."""
        return self._outflow.read(self._short.EN_getnodevalue, self._project, self._codes.DEMAND) / LITRES

    def close(self) -> None:
        """Free what the engine holds; forgotten, it happens when nobody holds the engine any more."""
        self._free()

    def _set_points(self, what: int, values: Floats) -> None:
        self._set_column(self._short.EN_setnodevalue, self._points, what, values)

    def _set_links(self, what: int, values: Floats) -> None:
        self._set_column(self._short.EN_setlinkvalue, self._links, what, values)

    def _set_column(self, function: Any, index: list[int], what: int, values: Floats) -> None:
        key = int(what) + (_LINK if index is self._links else 0)
        before = self._set.get(key)
        changed = np.arange(len(values)) if before is None else np.flatnonzero(before != values)
        project, code, number = self._project, int(what), ctypes.c_double
        for row, value in zip(changed.tolist(), values[changed].tolist(), strict=True):
            function(project, index[row], code, number(value))
        self._set[key] = values.copy()


def _free(toolkit: Any) -> None:
    toolkit.ENcloseH()
    toolkit.ENclose()


class _Column:
    """A column of results, read one value at a time because EPANET 2.2 has no call for many."""

    def __init__(self, index: list[int]) -> None:
        self._values = np.zeros(len(index))
        start = self._values.ctypes.data
        self._cells = [(number, ctypes.c_void_p(start + 8 * row)) for row, number in enumerate(index)]

    def read(self, function: Any, project: Any, what: int) -> Floats:
        """All values of the column, by one of the library's functions."""
        code = int(what)
        for number, cell in self._cells:
            function(project, number, code, cell)
        return self._values.copy()
