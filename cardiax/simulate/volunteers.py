"""Sixteen simulated volunteers with different hearts, torsos and conduction.

All parameters depend only on the volunteer's number, so a dataset is the same wherever it is generated.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cardiax.random_streams import standard_normal
from cardiax.simulate.heart_geometry import HeartShape
from cardiax.simulate.lead_field import ELECTRODE_POSITIONS

VOLUNTEERS = 16
SEED = 2026

ELECTRODE_DISTANCES = (0.56, 0.55, 0.71, 1.0, 1.48, 1.43, 1.42, 1.42, 1.49, 1.34)
"""Factors on the electrodes' distances from the heart, fitted to the standard deviations of the UCSD/LLNL dataset's
leads by `cardiax likeness --fit`: with a standard torso the limb leads are too small and the chest leads too large."""

POSE = (78.0, 47.0, 81.0)
"""Pose of the heart, degrees: azimuth of its long axis, forward from the left; its elevation from the vertical; and the
roll around it. Fitted together with the electrode distances."""

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
"""Standard deviation of each dimension between volunteers, as a fraction of its mean."""


@dataclass(frozen=True, eq=False)
class Volunteer:
    """One simulated volunteer.

    Attributes:
      shape: dimensions of the heart.
      rotation: (3, 3), rotation from heart axes to torso axes.
      offset: (3,), mm, position of the centre of the heart's base in the torso.
      electrodes: (10, 3), mm, electrode positions in the torso.
      speed: factor on all conduction speeds.
      purkinje: factor on the speed along the endocardium.
      duration: difference of the action potential duration from the mean, ms.
    """

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
    """Return volunteer `number`, 1 … 16, with individual deviations from electrode distances (10,) and a pose (3,)."""
    draw = normals(number, 64)
    mean = HeartShape()
    shape = HeartShape(
        **{
            name: getattr(mean, name) * (1 + deviation * float(np.clip(draw[i], -2, 2)))
            for i, (name, deviation) in enumerate(_VARIATION.items())
        }
    )
    turn = 8.0 * draw[16:19]
    rotation = pose_rotation(np.asarray(pose) + turn * [1, -1, -1])
    torso = 1 + 0.06 * draw[20:23]
    return Volunteer(
        shape=shape,
        rotation=rotation,
        offset=8.0 * draw[24:27],
        electrodes=ELECTRODE_POSITIONS * np.asarray(distances)[:, None] * torso + 5.0 * draw[30:60].reshape(10, 3),
        speed=float(1 + 0.08 * draw[27]),
        purkinje=float(np.clip(2.5 + 0.4 * draw[28], 1.5, 3.5)),
        duration=float(6.0 * draw[29]),
    )


def pose_rotation(pose: Sequence[float] | np.ndarray = POSE) -> np.ndarray:
    """Return the rotation (3, 3) from heart axes to torso axes of a pose: azimuth, elevation and roll, degrees.

    The apex points to the left, forward and down, the right ventricle forward and right, the lateral wall backward.
    """
    up, forward = np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0])
    azimuth, elevation, roll = pose
    return rotation_about(up, azimuth) @ rotation_about(forward, -elevation) @ rotation_about(up, -roll)


def rotation_about(axis: np.ndarray, degrees: float) -> np.ndarray:
    """Return the rotation matrix about a unit axis, by Rodrigues' formula."""
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    angle = np.radians(degrees)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def normals(stream: int, count: int) -> np.ndarray:
    """Draw standard normal numbers (count,) from the raw bits of NumPy's Philox generator, whose stream is stable."""
    return standard_normal(uniforms(stream, 2 * count))


def uniforms(stream: int, count: int) -> np.ndarray:
    """Draw uniform numbers in [0, 1), (count,), from the raw bits of NumPy's Philox generator."""
    bits = np.random.Philox(key=np.array([SEED, stream], np.uint64)).random_raw(count)
    return (bits >> np.uint64(11)) * 2.0**-53
