"""Activation patterns of simulated beats, and the plan of the beats of each volunteer."""

from dataclasses import dataclass

import numpy as np

from cardiax.ecg.leads import SITE_NAMES
from cardiax.simulate.volunteers import normals, uniforms

PATTERNS = 29
CYCLE_LENGTHS = (600, 800, 1000, 1200)
"""Cycle lengths, ms."""

IKR = (50, 75, 100, 150)
"""Rapid delayed rectifier currents, percent of normal."""


@dataclass(frozen=True, eq=False)
class Plan:
    """The parameters of one recording.

    Attributes:
      volunteer: number of the volunteer, 1 … 16.
      pattern: activation pattern, 0 … 28, or -1 if a single site is stimulated.
      innerindex: index of the stimulated site, 0 … 74, or -1.
      repetition: number of previous beats of the volunteer with this pattern or site.
      bcl: cycle length, ms.
      gkr: rapid delayed rectifier current, percent of normal.
      onsets: (75,), ms, stimulus time of each site; infinite if not stimulated.
      speed: factor on the conduction speeds.
      moved: (10, 3), mm, displacement of the electrodes.
    """

    volunteer: int
    pattern: int
    innerindex: int
    repetition: int
    bcl: int
    gkr: int
    onsets: np.ndarray
    speed: float
    moved: np.ndarray


def plan(volunteer: int, number: int) -> Plan:
    """Plan beat `number` = 0, 1, … of a volunteer: stimulation of a single site and activation patterns in turn.

    Beats differ in conduction speed (± 10 %), stimulus times (3 ms) and electrode positions (3 mm).
    """
    stream = 1000 * volunteer + number
    drawn, uniform = normals(stream, 128), uniforms(stream + 500_000, 3)
    sites = len(SITE_NAMES)
    stimulated = number % 2 == 0
    innerindex = (number // 2 * 7) % sites if stimulated else -1
    pattern = -1 if stimulated else (number // 2) % PATTERNS
    onsets = np.where(np.arange(sites) == innerindex, 0.0, np.inf) if stimulated else pattern_onsets(pattern)
    return Plan(
        volunteer=volunteer,
        pattern=pattern,
        innerindex=innerindex,
        repetition=number // 2 // (sites if stimulated else PATTERNS),
        bcl=CYCLE_LENGTHS[int(uniform[0] * len(CYCLE_LENGTHS))],
        gkr=IKR[int(uniform[1] * len(IKR))],
        onsets=onsets + 3.0 * drawn[:sites],
        speed=0.9 + 0.2 * float(uniform[2]),
        moved=3.0 * drawn[sites : sites + 30].reshape(10, 3),
    )


def pattern_onsets(pattern: int) -> np.ndarray:
    """Return the stimulus time of each site in an activation pattern 0 … 28: float64 (75,), ms, infinite if none.

    - 0 … 9: sinus rhythm with breakthroughs on both endocardia (Durrer et al. 1970, doi:10.1161/01.CIR.41.6.899), in
      different orders.
    - 10 … 14: left bundle branch block, with stimuli in the right ventricle only.
    - 15 … 19: right bundle branch block, with stimuli in the left ventricle only.
    - 20 … 28: one or two ectopic foci.
    """
    times = np.full(len(SITE_NAMES), np.inf)
    for name, time in _PATTERNS[pattern].items():
        times[SITE_NAMES.index(name)] = time
    return times


_LEFT = {"AHA08": 0.0, "AHA09": 2.0, "AHA07": 6.0, "AHA10": 8.0, "AHA14": 3.0}
_RIGHT = {"RV07": 8.0, "RV11": 6.0, "RV13": 5.0}

_PATTERNS: tuple[dict[str, float], ...] = (
    _LEFT | _RIGHT,
    _LEFT | {"RV07": 0.0, "RV11": 2.0},
    {"AHA08": 0.0, "AHA10": 3.0, "AHA15": 6.0} | _RIGHT,
    {"AHA09": 0.0, "AHA07": 3.0, "AHA12": 8.0} | _RIGHT,
    {"AHA14": 0.0, "AHA08": 4.0, "AHA11": 12.0, "RV13": 4.0, "RV08": 10.0},
    {"AHA07": 0.0, "AHA10": 0.0, "AHA09": 5.0, "RV06": 8.0, "RV12": 8.0},
    {"AHA13": 0.0, "AHA15": 4.0, "AHA08": 6.0, "RV11": 4.0},
    {"AHA03": 0.0, "AHA09": 4.0, "AHA16": 10.0, "RV12": 5.0, "RV07": 12.0},
    {"AHA08": 0.0, "AHA16": 5.0, "AHA11": 9.0, "RV13": 0.0, "RV07": 5.0},
    {"AHA14": 0.0, "AHA17": 4.0, "AHA09": 8.0, "RV11": 2.0, "RV12": 4.0},
    {"RV07": 0.0, "RV11": 2.0, "RV13": 4.0},
    {"RV07": 0.0, "RV12": 0.0},
    {"RV13": 0.0, "RV06": 6.0},
    {"RV11": 0.0, "RV12": 4.0},
    {"RV10": 0.0, "RV08": 8.0},
    {"AHA08": 0.0, "AHA09": 2.0, "AHA07": 6.0, "AHA10": 8.0},
    {"AHA14": 0.0, "AHA08": 3.0, "AHA16": 8.0},
    {"AHA09": 0.0, "AHA10": 4.0, "AHA11": 8.0},
    {"AHA08": 0.0, "AHA12": 6.0, "AHA13": 6.0},
    {"AHA03": 0.0, "AHA07": 5.0, "AHA15": 5.0},
    {"RV01": 0.0},
    {"RV03": 0.0},
    {"AHA17": 0.0},
    {"EPI_AHA01": 0.0},
    {"EPI_AHA05": 0.0},
    {"AHA15": 0.0, "EPI_AHA12": 10.0},
    {"EPI_AHA11": 0.0, "RV13": 0.0},
    {"EPI_AHA12": 0.0, "RV11": 20.0},
    {"EPI_RV07": 0.0, "AHA11": 25.0},
)
