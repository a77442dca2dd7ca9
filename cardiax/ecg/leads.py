"""The 12-lead ECG from electrode potentials, and the names of electrodes, leads and sites."""

import re
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

if TYPE_CHECKING:
    import jax

Array = TypeVar("Array", "jax.Array", np.ndarray)

ELECTRODES = ("RA", "LA", "LL", "RL", "V1", "V2", "V3", "V4", "V5", "V6")
"""Channels of a `pECGData` file of the UCSD/LLNL dataset, in order."""

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
"""The standard 12-lead ECG, in the order of the UCSD/LLNL dataset's reference code."""

_FREE_WALL_AHA = (1, 4, 5, 6, 7, 10, 11, 12, 13, 15, 16, 17)
_FREE_WALL_RV = (1, 2, 3, 6, 7, 8, 11, 12)

SITE_NAMES = (
    *(f"AHA{i:02d}" for i in range(1, 18)),
    *(f"RV{i:02d}" for i in range(1, 14)),
    *(f"EPI_AHA{i:02d}" for i in _FREE_WALL_AHA),
    *(f"EPI_RV{i:02d}" for i in _FREE_WALL_RV),
    *(f"MID_AHA{i:02d}" for i in _FREE_WALL_AHA),
    *(f"MID_RV{i:02d}" for i in _FREE_WALL_RV),
    *("SEPTM_AHA02_RV05", "SEPTM_AHA03_RV04", "SEPTM_AHA08_RV10", "SEPTM_AHA09_RV09", "SEPTM_AHA14_RV13"),
)
"""The 75 sites of a `VmData` file, in order: endocardium of the left ventricle by AHA segment (Cerqueira et al. 2002)
and of the right ventricle, epicardium and mid-wall of both free walls, and the middle of the septum."""

SEPTAL_RV = {4: 3, 5: 2, 9: 9, 10: 8, 13: 14}
"""Sites of the right ventricle on the septum → the AHA segment that they face."""

SEGMENTS = {
    "anterior left ventricle": (1, 7, 13),
    "lateral left ventricle": (5, 6, 11, 12, 16),
    "inferior left ventricle": (4, 10, 15),
    "apex": (17,),
    "septum": (2, 3, 8, 9, 14),
}
"""Wall of the left ventricle → its AHA segments."""


def _wall(site: str) -> str:
    region = site.rpartition("_")[2]
    if site.startswith("SEPTM") or region in (f"RV{i:02d}" for i in SEPTAL_RV):
        return "septum"
    if region.startswith("RV"):
        return "right ventricle"
    return next(wall for wall, segments in SEGMENTS.items() if int(region[3:]) in segments)


WALLS = {
    wall: tuple(i for i, site in enumerate(SITE_NAMES) if _wall(site) == wall)
    for wall in (*SEGMENTS, "right ventricle")
}
"""Wall of the heart → the indices of its sites in `SITE_NAMES`; each site is of one wall."""


def twelve_leads(electrodes: Array) -> Array:
    """Compute the 12-lead ECG from electrode potentials against any reference: (..., 10) → (..., 12), mV.

    With Wilson's central terminal W = (RA + LA + LL)/3: I = LA − RA, II = LL − RA, III = LL − LA (Einthoven); aVR, aVL,
    aVF = 3/2 · (RA, LA, LL − W) (Goldberger); V1 … V6 are the chest potentials minus W. RL, the ground, enters no lead.
    The channels are in the order of `ELECTRODES`. Raises `ValueError` if the last axis does not have length 10.
    """
    if electrodes.shape[-1] != len(ELECTRODES):
        raise ValueError(
            f"twelve_leads expects the electrodes {', '.join(ELECTRODES)} along the last axis: "
            f"got shape {electrodes.shape}"
        )
    xp: Any = electrodes.__array_namespace__()
    right_arm, left_arm, left_leg = (electrodes[..., i] for i in range(3))
    wilson = (right_arm + left_arm + left_leg) / 3
    limbs = [
        left_arm - right_arm,
        left_leg - right_arm,
        left_leg - left_arm,
        *(1.5 * (limb - wilson) for limb in (right_arm, left_arm, left_leg)),
    ]
    return xp.concat([xp.stack(limbs, axis=-1), electrodes[..., 4:] - wilson[..., None]], axis=-1)


MILLIVOLTS = {"v": 1e3, "mv": 1.0, "uv": 1e-3, "µv": 1e-3, "μv": 1e-3, "nv": 1e-6}
MILLIVOLTS |= {"microv": 1e-3, "uvolt": 1e-3, "µvolt": 1e-3, "μvolt": 1e-3}
MILLIVOLTS |= {"volt": 1e3, "volts": 1e3, "millivolt": 1.0, "millivolts": 1.0, "microvolt": 1e-3, "microvolts": 1e-3}
"""Unit in lower case → its value in mV. The micro sign (U+00B5) and the Greek letter mu (U+03BC) both occur."""

_KNOWN = {lead.lower(): lead for lead in LEADS} | {f"c{number}": f"V{number}" for number in range(1, 7)}
_KNOWN |= {f"d{lead.lower()}": lead for lead in LEADS[:3]} | {f"d{number}": LEADS[number - 1] for number in (1, 2, 3)}
_ELECTRODES = {name.lower(): name for name in ELECTRODES} | {"r": "RA", "l": "LA", "f": "LL", "n": "RL"}
_ELECTRODES |= {f"c{number}": f"V{number}" for number in range(1, 7)}
_PREFIX = re.compile(
    r"^((mdc_ecg(_elec_potl|_lead)?|(ch|channel|kanal)\d*|abl|ableitung|derivation)[\s_:.]+"
    r"|(ecg|ekg|lead)(-(?!avr)|[\s_:.]*))",  # before aVR, a hyphen may be a minus
    re.IGNORECASE,
)


class Channel(NamedTuple):
    """The parsed name of a channel.

    Attributes:
      lead: lead name in `LEADS`, or None.
      electrode: electrode name in `ELECTRODES`, or None. A chest channel has both.
      sign: -1 if the name marks the lead as inverted, e.g. `-aVR` of the Cabrera sequence; else 1.
      unit: unit in the name, in lower case, or None.
      name: the name without its unit.
    """

    lead: str | None
    electrode: str | None
    sign: int
    unit: str | None
    name: str


def parse_name(name: str) -> Channel:
    """Parse a channel name, e.g. `DI`, `I (mV)`, `I_uV`, `MDC_ECG_LEAD_I`, `C4` or `-aVR`."""
    text = name.strip().strip("'\"").strip()
    unit = None
    found = re.search(r"(?<=.)[\(\[{]\s*([^\(\[{]+?)\s*[\)\]}]$|[\s_/,:]+([nuµμm]?v)$", text, re.IGNORECASE)
    if found:
        unit, text = (found[1] or found[2]).lower(), text[: found.start()].strip()
    text = name = text.strip("()[]{}")
    sign = 1
    if text[:1] in "-−–" and text:
        sign, text = -1, text[1:]
    while (shorter := _PREFIX.sub("", text)) != text:
        text = shorter
    plain = re.sub(r"[\s_.]+raw$|[\s_.]", "", text.lower())
    return Channel(_KNOWN.get(plain), _ELECTRODES.get(plain), sign, unit, name)
