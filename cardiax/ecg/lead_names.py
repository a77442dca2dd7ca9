"""Parsing of lead and electrode names as they occur in files: pure functions of strings."""

import re
from typing import NamedTuple

from cardiax.ecg.leads import ELECTRODES, LEADS

MILLIVOLTS = {"v": 1e3, "mv": 1.0, "uv": 1e-3, "µv": 1e-3, "μv": 1e-3, "nv": 1e-6}
MILLIVOLTS |= {"volt": 1e3, "volts": 1e3, "millivolt": 1.0, "millivolts": 1.0, "microvolt": 1e-3, "microvolts": 1e-3}
"""Unit in lower case → its value in mV. The micro sign (U+00B5) and the Greek letter mu (U+03BC) both occur."""

_KNOWN = {lead.lower(): lead for lead in LEADS} | {f"c{number}": f"V{number}" for number in range(1, 7)}
_KNOWN |= {f"d{lead.lower()}": lead for lead in LEADS[:3]} | {f"d{number}": LEADS[number - 1] for number in (1, 2, 3)}
_ELECTRODES = {name.lower(): name for name in ELECTRODES} | {"r": "RA", "l": "LA", "f": "LL", "n": "RL"}
_ELECTRODES |= {f"c{number}": f"V{number}" for number in range(1, 7)}
_PREFIX = re.compile(
    r"^((mdc_ecg(_elec_potl|_lead)?|ch|channel|abl|ableitung|derivation)[\s_:.]+|(ecg|ekg|lead)[\s_:.]*)", re.IGNORECASE
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


def parse(name: str) -> Channel:
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
    plain = re.sub(r"[\s_.]", "", text).lower()
    return Channel(_KNOWN.get(plain), _ELECTRODES.get(plain), sign, unit, name)
