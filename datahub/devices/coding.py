"""Unified code: one number for every managed object and every device of the city (workflow W4, step 2).

Seventeen digits, held as one integer: the component code of GB/T 30428.2 (six digits of the district, two of the major
class, two of the minor class, six of the ordinal; domain.md 1.2, G, ``unverified``) and one check digit after
ISO/IEC 7064, MOD 11,10. The plans ask for one code for object *and* device (003 Box 5, section 3.1) and leave its
form open, so the length and the check digit are our choice.
"""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from datahub.contract.errors import CitybrainError
from datahub.contract.observations import Ints

ORDINALS: Final = 1_000_000
"""Ordinals run from 1 to this less one, within one district and class."""

DEVICE_MAJOR: Final = "22"
"""Major class of all that observes or acts; the minor class of a device stands with its kind (``Kind.code``)."""

BRIDGE_CLASS: Final = f"{DEVICE_MAJOR}90"
"""Class of bridges to vendors' clouds: a bridge is a node of the city as a gateway is."""

CREATED_CLASS: Final = f"{DEVICE_MAJOR}99"
"""Class of the devices that stand for datastreams which somebody created (SensorThings)."""

RESERVED: Final = MappingProxyType({BRIDGE_CLASS: "bridges", CREATED_CLASS: "created datastreams"})
"""Classes of what has a unified code and is of no kind: no kind and no gateway may take them."""

#: Class of managed object -> major and minor class. 01-06 are numbered as in CJ/T 214-2007 and GB/T 30428.2
#: (domain.md 1.3; minor numbers ``unverified``); from 21 on the standard leaves room for local classes:
#: 21 is what the city owns or serves and the standard does not list, ``DEVICE_MAJOR`` is for devices.
CLASSES: Final = MappingProxyType(
    {
        "hydrant": "0113",
        "lamp_feeder": "0116",
        "pole": "0118",
        "signal_junction": "0210",
        "water_node": "2101",
        "pipe": "2102",
        "valve": "2103",
        "zone": "2104",
        "plant": "2105",
        "pressure_point": "2106",
        "flow_point": "2107",
        "motorised_valve": "2108",
        "meter_point": "2109",
        "hospital": "2110",
    }
)


class CodeError(CitybrainError):
    """A number is no unified code."""


def encode(adcode: str | ArrayLike, class_code: str, ordinal: ArrayLike) -> Ints:
    """Unified codes of things of one class.

    Args:
        adcode: six digits of the district (GB/T 2260), one for all or one for each.
        class_code: four digits: of an object as in ``CLASSES``, of a device as its kind says.
        ordinal: number within district and class, from 1.

    Raises:
        CodeError: if a part does not fit its digits.
    """
    district = np.asarray(int(adcode) if isinstance(adcode, str) else adcode, np.int64)
    number = np.asarray(ordinal, np.int64)
    if not (len(class_code) == 4 and class_code.isascii() and class_code.isdigit()):
        raise CodeError(f"class '{class_code}' is not four digits, two of the major and two of the minor class")
    if number.size and (number.min() < 1 or number.max() >= ORDINALS):
        raise CodeError(
            f"ordinal {number.max()} of class {class_code} does not fit 1 to {ORDINALS - 1}; split the class"
        )
    if district.size and (district.min() < 100_000 or district.max() > 999_999):
        raise CodeError(f"district {district.min()} is not six digits (GB/T 2260)")
    body = (district * 10_000 + int(class_code)) * ORDINALS + number
    return np.atleast_1d(body * 10 + check_digit(body))


def check_digit(body: ArrayLike) -> Ints:
    """Check digit of sixteen digits (ISO/IEC 7064, MOD 11,10: the hybrid system for numeric strings)."""
    rest = np.asarray(body, np.int64)
    steps, carry = _four_digits(), np.full(rest.shape, 10, np.int64)
    for place in (12, 8, 4, 0):
        carry = steps[carry, rest // 10**place % 10_000].astype(np.int64)
    return np.asarray((11 - carry) % 10, np.int64)


@cache
def _four_digits() -> NDArray[np.int8]:
    """What the method's carry (1 to 10) becomes over each four digits: array (11, 10 000)."""
    carry, digits = np.meshgrid(np.arange(11), np.arange(10_000), indexing="ij")
    for place in (3, 2, 1, 0):
        total = (carry + digits // 10**place % 10) % 10
        carry = np.where(total == 0, 10, total) * 2 % 11
    return carry.astype(np.int8)


def valid(code: ArrayLike) -> NDArray[np.bool_]:
    """Whether each number is a unified code: seventeen digits and a check digit that fits."""
    number = np.asarray(code, np.int64)
    long_enough = (number >= 10**16) & (number < 10**17)
    return np.asarray(long_enough & (check_digit(np.abs(number) // 10) == number % 10), np.bool_)


def split(code: ArrayLike) -> tuple[Ints, Ints, Ints]:
    """District, class (as a number, 118 for 0118) and ordinal of each code.

    Raises:
        CodeError: naming the first number that is no code.
    """
    number = np.asarray(code, np.int64)
    good = valid(number)
    if not good.all():
        raise CodeError(f"{np.atleast_1d(number)[~np.atleast_1d(good)][0]} is no unified code (17 digits, MOD 11,10)")
    body = number // 10
    return body // (10_000 * ORDINALS), body // ORDINALS % 10_000, body % ORDINALS


def recode(code: ArrayLike, class_code: str) -> Ints:
    """Codes of another class at the same district and ordinal: the device that watches an object, and back."""
    district, _, ordinal = split(code)
    return encode(district, class_code, ordinal)
