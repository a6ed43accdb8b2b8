"""The street: lamps on their poles, the noise and the air around them.

A lamp burns when its feeder has power, its own circuit is closed at the pole, the city's lighting is switched on (sun),
and it is not broken. Damaged insulation of that circuit leaks to earth until it is opened or mended. LED lamps die
at a constant rate (unverified; CJJ 89 asks for 98 % of main-road lamps lit, domain.md 5, G). Noise follows traffic by
10 lg of its volume; its levels lie around GB 3096 class 4a, 70/55 dBA (domain.md 5, V2 [S125][S126]). Fine dust is a
background of the coast in summer plus what traffic adds (unverified).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from datahub.contract.city import ObjectTable
from datahub.contract.clock import DAY_MS, HOUR_MS, of_day
from datahub.contract.observations import Floats, Ints
from sensors.chance import Seeds
from sensors.world import trait
from sensors.world.power import Power
from sensors.world.sun import Sun
from sensors.world.traffic import Traffic
from sensors.world.weather import Weather

#: Failures of LED lamps per lamp and year (drivers mostly; unverified).
FAILURES_PER_YEAR = 0.03
#: What a dimmed lamp draws: part that stays, and part that follows the level (unverified).
STANDING_SHARE = 0.08
#: Mean illuminance under a burning lamp [lx] (CJJ 45: 10 lx on a secondary road, domain.md 5, V2 [S111]).
LAMP_LX = 10.0
#: Noise at the kerb in the peak hour by road class 0-3 [dBA], and what is left without traffic [dBA] (unverified).
PEAK_DBA = np.array([54.0, 60.0, 65.5, 69.5])
QUIET_DBA = 44.0
#: Background of fine dust [ug/m3] and what peak traffic adds by road class (unverified).
PM_BACKGROUND, PM_TRAFFIC = 16.0, np.array([1.0, 3.0, 6.0, 10.0])
#: Shares of what breaks a lamp, in this order (unverified).
CAUSES = (("driver", 0.6), ("led_module", 0.2), ("wiring", 0.12), ("controller", 0.08))

NEVER = np.iinfo(np.int64).max


class Street:
    """Street lamps by their row in the register of poles, at the world's time."""

    def __init__(
        self,
        poles: ObjectTable | None,
        seeds: Seeds,
        *,
        power: Power,
        sun: Sun,
        weather: Weather,
        traffic: Traffic,
        start: int,
    ) -> None:
        self.now = start
        self._power, self._sun, self._weather, self._traffic = power, sun, weather, traffic
        columns = poles.columns if poles is not None else {}
        self._code: Ints = poles.code if poles is not None else np.zeros(0, np.int64)
        n = len(self._code)
        self._lon = poles.lon if poles is not None else np.zeros(0)
        self._lat = poles.lat if poles is not None else np.zeros(0)
        self._feeder = np.asarray(columns.get("feeder", np.zeros(n)), np.int64)
        self._class = np.clip(np.asarray(columns.get("road_class", np.full(n, 2)), np.int64), 0, 3)
        rated = np.asarray(columns.get("lamp_w", np.full(n, 100.0)), np.float64)
        self._lamp_w = rated * (1 + 0.02 * trait.normal(self._code, trait.salt(seeds, "street", "lamp")))
        self._life_salt = trait.salt(seeds, "street", "life")
        self._cause_salt = trait.salt(seeds, "street", "cause")
        self._quirk = trait.normal(self._code, trait.salt(seeds, "street", "quirk"))
        self._repairs = np.zeros(n, np.int64)
        self.fails_at: Ints = start + self._life_ms(np.arange(n))
        self.dimming_ratio: Floats = np.ones(n)
        self.closed: NDArray[np.bool_] = np.ones(n, np.bool_)
        self._fault_a: Floats = np.zeros(n)
        self._haze_rng = seeds.rng("street", "haze")
        self._haze: list[float] = []
        self._haze_from = start // HOUR_MS - 1

    def advance(self, t: int) -> None:
        """Go to city time ``t`` [ms]."""
        self.now = t

    @property
    def broken(self) -> NDArray[np.bool_]:
        """Whether each pole's lamp is broken (it may have power and yet not burn)."""
        return self.fails_at <= self.now

    def fail(self, row: int) -> None:
        """The lamp of one pole breaks now."""
        self.fails_at[row] = min(int(self.fails_at[row]), self.now)

    def repair(self, row: int) -> str:
        """The lamp of one pole and its circuit are mended; tells what it was (``CAUSES``), "" if it was sound."""
        self._fault_a[row], self.closed[row] = 0.0, True
        cause = self.cause(row)
        if cause:
            self._repairs[row] += 1
            self.fails_at[row] = self.now + self._life_ms(np.array([row]))[0]
        return cause

    def leak(self, row: int, *, current_a: float) -> None:
        """The insulation of one lamp's circuit is damaged: so much current [A] runs to earth while it is live."""
        self._fault_a[row] = current_a

    def cause(self, row: int) -> str:
        """What broke the lamp of one pole, "" if it is sound."""
        if self.fails_at[row] > self.now:
            return ""
        draw = trait.uniform(self._code[[row]], self._cause_salt + int(self._repairs[row]))[0]
        total = 0.0
        for name, share in CAUSES:
            total += share
            if draw < total:
                return name
        return CAUSES[-1][0]

    def lit(self, rows: Ints, *, test: bool = False) -> NDArray[np.bool_]:
        """Whether lamps burn now; with ``test``, whether they would if a worker switched them on."""
        able = ~self.broken[rows] & self._power.energised(self._feeder[rows]) & self.closed[rows]
        wanted = test or self._sun.lamps_burn()
        return able & (self.dimming_ratio[rows] > 0) if wanted else np.zeros(len(rows), np.bool_)

    def lamp_power_w(self, rows: Ints) -> Floats:
        """What each lamp draws now [W]."""
        draw = self._lamp_w[rows] * (STANDING_SHARE + (1 - STANDING_SHARE) * self.dimming_ratio[rows])
        return np.where(self.lit(rows), draw, 0.0)

    def illuminance_lx(self, rows: Ints) -> Floats:
        """Light at each pole now [lx]: the sky's, and the lamp's own."""
        sky = self._sun.illuminance_lx(cloud_ratio=self._weather.cloud_ratio())
        return sky + np.where(self.lit(rows), LAMP_LX * self.dimming_ratio[rows], 0.0)

    def noise_dba(self, rows: Ints) -> Floats:
        """Equivalent sound level at each pole now [dBA]: energy sum of traffic and of a quiet city."""
        traffic = PEAK_DBA[self._class[rows]] + self._quirk[rows] + 10 * np.log10(self._traffic.load_ratio())
        return np.asarray(10 * np.log10(10 ** (traffic / 10) + 10 ** (QUIET_DBA / 10)), np.float64)

    def pm2_5_ug_m3(self, rows: Ints) -> Floats:
        """Fine dust at each pole now [ug/m3]: the region's haze, worse in still night air, and traffic's part."""
        hour = of_day(self.now) / HOUR_MS
        mixing = 1 + 0.18 * np.cos(2 * np.pi * (hour - 5) / 24)
        still = 1.3 / (0.5 + 0.25 * self._weather.wind_m_s())
        part = PM_TRAFFIC[self._class[rows]] * (1 + 0.15 * self._quirk[rows]) * self._traffic.load_ratio() * still
        return np.asarray(PM_BACKGROUND * self._haze_factor() * mixing + np.maximum(part, 0.0), np.float64)

    def cabinet_temperature_c(self, rows: Ints) -> Floats:
        """Temperature inside each pole's cabinet now [C]: air, sun on the steel, and the lamp's driver (unverified)."""
        air = self._weather.air_temperature_c(self._lon[rows], self._lat[rows])
        sun = 9.0 * max(0.0, np.sin(np.radians(self._sun.elevation_deg()))) * (1 - 0.6 * self._weather.cloud_ratio())
        return np.asarray(air + sun + 2.0 + 0.006 * self.lamp_power_w(rows), np.float64)

    def leakage_current_a(self, rows: Ints) -> Floats:
        """Current to earth at each pole now [A]: some milliamperes, more when damp (trip at 30 mA, domain.md 5, G)."""
        damp = self._weather.humidity_percent(self._lon[rows], self._lat[rows]) / 100
        live = self._power.energised(self._feeder[rows])
        usual = 0.002 * np.exp(0.4 * self._quirk[rows]) * (0.5 + damp)
        return np.where(live, usual + self.fault_current_a(rows), 0.0)

    def fault_current_a(self, rows: Ints) -> Floats:
        """What runs to earth through each pole's damaged insulation now [A]."""
        live = self._power.energised(self._feeder[rows]) & self.closed[rows]
        return np.where(live, self._fault_a[rows], 0.0)

    def tilt_deg(self, rows: Ints) -> Floats:
        """Tilt of each pole [deg]; as built, well under the warning of 3 deg (domain.md 5, G)."""
        return np.asarray(np.minimum(1.8, 0.6 * np.abs(self._quirk[rows])), np.float64)

    def _life_ms(self, rows: Ints) -> Ints:
        draw = trait.uniform(self._code[rows] * 31 + self._repairs[rows], self._life_salt)
        return (-np.log(draw) / FAILURES_PER_YEAR * 365.25 * DAY_MS).astype(np.int64)

    def _haze_factor(self) -> float:
        place = self.now / HOUR_MS - self._haze_from
        while len(self._haze) <= place + 1:
            before = self._haze[-1] if self._haze else 0.0
            self._haze.append(0.95 * before + float(self._haze_rng.normal(0, 0.25 * (1 - 0.95**2) ** 0.5)))
        low = int(place)
        return float(np.exp(self._haze[low] * (1 - place + low) + self._haze[low + 1] * (place - low)))
