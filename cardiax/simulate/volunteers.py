"""Who is simulated: sixteen volunteers of different heart, torso and conduction.

All numbers are functions of a volunteer's number alone, so that a dataset is the same wherever it is made.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cardiax.simulate.heart_geometry import HeartShape
from cardiax.simulate.lead_field import ELECTRODE_POSITIONS

VOLUNTEERS = 16
SEED = 2026

ELECTRODE_DISTANCES = (0.56, 0.55, 0.71, 1.0, 1.48, 1.43, 1.42, 1.42, 1.49, 1.34)
"""Factors on the electrodes' distances from the heart, fitted to the spread of the UCSD/LLNL dataset's leads by
`cardiax likeness --fit`: a standard torso gives limb leads too small and chest leads too large."""

POSE = (78.0, 47.0, 81.0)
"""Degrees by which the heart's long axis points forward from the left and is lifted from the vertical, and is turned on
itself: fitted together with the electrodes' distances."""

_VARIATION = {
    "left_radius": 0.12,
    "left_length": 0.08,
    "left_wall": 0.12,
    "right_width": 0.15,
    "right_wall": 0.12,
    "right_length": 0.05,
    "right_span": 0.06,
    "fibre_endocardium": 0.12,
    "fibre_epicardium": 0.12,
}
"""Standard deviation of each measure between volunteers, as a fraction of its mean."""


@dataclass(frozen=True, eq=False)
class Volunteer:
    """One person.

    Attributes:
      number: 1 … 16.
      shape: measures of the heart.
      rotation: (3, 3), from the heart's axes to the torso's.
      offset: (3,), mm, where the middle of the heart's base lies in the torso.
      electrodes: (10, 3), mm, in the torso.
      speed: factor on all conduction speeds.
      purkinje: speed-up along the endocardium.
      duration: of the action potential at a cycle length of 1 s, ms, as a difference from the mean.
    """

    number: int
    shape: HeartShape
    rotation: np.ndarray
    offset: np.ndarray
    electrodes: np.ndarray
    speed: float
    purkinje: float
    duration: float


def volunteer(
    number: int,
    distances: Sequence[float] | np.ndarray = ELECTRODE_DISTANCES,
    pose: Sequence[float] | np.ndarray = POSE,
) -> Volunteer:
    """The volunteer of that number, 1 … 16, with electrodes (10,) at `distances` times those of the standard torso and
    a heart that lies as `pose` says, but for what is the volunteer's own."""
    draw = normals(number, 64)
    mean = HeartShape()
    shape = HeartShape(
        **{
            name: getattr(mean, name) * (1 + deviation * float(np.clip(draw[i], -2, 2)))
            for i, (name, deviation) in enumerate(_VARIATION.items())
        }
    )
    turn = 8.0 * draw[16:19]
    # The apex points to the left, forward and down, the right ventricle forward and right, the lateral wall backward.
    up, forward = np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0])
    azimuth, elevation, roll = pose
    rotation = (
        _rotation(up, azimuth + turn[0]) @ _rotation(forward, -elevation + turn[1]) @ _rotation(up, -roll + turn[2])
    )
    torso = 1 + 0.06 * draw[20:23]
    factors = np.asarray(distances)
    return Volunteer(
        number=number,
        shape=shape,
        rotation=rotation,
        offset=8.0 * draw[24:27],
        electrodes=ELECTRODE_POSITIONS * factors[:, None] * torso + 5.0 * draw[30:60].reshape(10, 3),
        speed=float(1 + 0.08 * draw[27]),
        purkinje=float(np.clip(2.5 + 0.4 * draw[28], 1.5, 3.5)),
        duration=float(6.0 * draw[29]),
    )


def _rotation(axis: np.ndarray, degrees: float) -> np.ndarray:
    """Rodrigues' rotation about a unit axis."""
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    angle = np.radians(degrees)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def normals(stream: int, count: int) -> np.ndarray:
    """Standard normal numbers (count,) from the bits of NumPy's Philox generator, whose stream never changes."""
    uniform = uniforms(stream, 2 * count)
    # Box and Muller.
    return np.sqrt(-2 * np.log1p(-uniform[:count])) * np.cos(2 * np.pi * uniform[count:])


def uniforms(stream: int, count: int) -> np.ndarray:
    """Numbers (count,) from 0 to below 1, likewise."""
    bits = np.random.Philox(key=np.array([SEED, stream], np.uint64)).random_raw(count)
    return (bits >> np.uint64(11)) * 2.0**-53
