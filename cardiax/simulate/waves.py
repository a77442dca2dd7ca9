"""The waves of a heartbeat: sums of Gaussians in time, and tables of the waves of each kind of beat.

After McSharry et al. 2003 ("A dynamical model for generating synthetic electrocardiogram signals", IEEE TBME
50(3):289-294, doi 10.1109/TBME.2003.808805). There a point moves around a circle once per beat, and the ECG follows
dz/dt = -sum a Δθ exp(-Δθ²/2b²) - (z - z0). Without the slow relaxation to z0 the integral has a closed form:
z = sum (a b²/ω) exp(-Δθ²/2b²), a Gaussian per wave. Evaluating that sum needs no solver, samples are independent, and
ectopic beats can have their own waves and coupling intervals, which a single limit cycle cannot produce. Units are s
and mV. Tables other than the first are ours, designed to look like beats of MIT-BIH.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

WAVES = ("spike", "P", "Q", "R", "R'", "S", "T")

MCSHARRY = {
    "P": (-np.pi / 3, 1.2, 0.25),
    "Q": (-np.pi / 12, -5.0, 0.1),
    "R": (0.0, 30.0, 0.1),
    "S": (np.pi / 12, -7.5, 0.1),
    "T": (np.pi / 2, 0.75, 0.4),
}
"""Table I of McSharry et al. 2003: angle θ (rad), strength a, width b (rad) of each wave, at 60 beats/min."""

QRS_SCALE = 0.85
"""Factor on the QRS duration: 0.14 s in the table, at most 0.11 s in a normal beat (Surawicz et al. 2009,
doi 10.1161/CIRCULATIONAHA.108.191095)."""

P_SCALE = 0.5
"""Factor on the P amplitude: 0.25 mV in the table, the upper limit of normal; 0.12 mV is usual."""

T_CENTRE = 0.3
"""s: the T peak in the table's row of times; its row of angles gives 0.25 s."""


def _table(waves: dict[str, tuple[float, float, float]]) -> np.ndarray:
    """Return the table (waves, 3) of centre, s, amplitude, mV, and width, s; amplitude 0 for waves not named."""
    return np.array([waves.get(name, (0.0, 0.0, 0.02)) for name in WAVES])


def _from_mcsharry(name: str) -> tuple[float, float, float]:
    """Return centre, s, amplitude, mV (R is 1 mV), and width, s, at 60 beats/min, where 2π rad are 1 s."""
    angle, strength, width = MCSHARRY[name]
    _, r_strength, r_width = MCSHARRY["R"]
    scale = QRS_SCALE if name in "QRS" else 1.0
    amplitude = strength * width**2 / (r_strength * r_width**2)
    if name == "P":
        amplitude *= P_SCALE
    return scale * angle / (2 * np.pi), amplitude, scale * width / (2 * np.pi)


_P, _Q, _R, _S, _T = (_from_mcsharry(name) for name in "PQRST")
_T = (T_CENTRE, *_T[1:])

NORMAL_VARIANTS = {
    "narrow": _table({"P": _P, "Q": _Q, "R": _R, "S": _S, "T": _T}),
    "left axis": _table({"P": _P, "R": (0.0, 0.4, 0.012), "S": (0.032, -0.9, 0.016), "T": _T}),
    "LBBB": _table({"P": _P, "R": (0.0, 0.9, 0.022), "R'": (0.055, 0.75, 0.024), "T": (0.33, -0.35, 0.07)}),
    "RBBB": _table({"P": _P, "Q": _Q, "R": (0.0, 0.8, 0.014), "S": (0.065, -0.3, 0.026), "T": (0.3, 0.3, 0.06)}),
}
"""Normal (AAMI N) waves of a subject, in one lead. Bundle branch blocks count as N and have a wide QRS."""

VENTRICULAR = _table(
    {"R": (0.0, 1.4, 0.034), "R'": (0.06, 0.45, 0.03), "S": (0.14, -0.25, 0.035), "T": (0.33, -0.55, 0.075)}
)
"""A ventricular ectopic beat: no P, a wide QRS and a T of opposite sign; the overall sign depends on the focus."""

PACED = _table(
    {
        "spike": (-0.05, 0.7, 0.004),
        "P": (-0.2, 0.12, 0.03),
        "R": (0.0, 0.8, 0.024),
        "S": (0.085, -0.9, 0.03),
        "T": (0.34, 0.5, 0.07),
    }
)
"""A paced beat: the stimulus (widened by MIT-BIH's 100 Hz low-pass), then a wide QRS from the right ventricle."""


class Waves(NamedTuple):
    """Gaussian waves, as arrays of one shape.

    Attributes:
      centre: time after the R peak, s.
      amplitude: amplitude, mV.
      width: standard deviation, s.
    """

    centre: jax.Array
    amplitude: jax.Array
    width: jax.Array


def gaussian_sum(time: jax.Array, waves: Waves) -> jax.Array:
    """Sum M waves, each field (M,), at times (T,), s after the R peak: (T,), mV."""
    z = (time[None, :] - waves.centre[:, None]) / waves.width[:, None]
    return jnp.sum(waves.amplitude[:, None] * jnp.exp(-0.5 * z * z), axis=0)
