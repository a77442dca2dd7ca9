"""Electrode potentials from transmembrane voltage: the lead field of a heart in an infinite homogeneous conductor.

Active tissue is a current dipole density −σ_i ∇V_m; in an unbounded conductor σ its potential at x is
φ(x) = 1/(4πσ) ∫ −σ_i ∇V_m · (x − r)/|x − r|³ dr (Plonsey and Barr, Bioelectricity, 3rd ed., chapter 8). With V_m linear
in each tetrahedron this is one matrix product per beat. The anisotropy of σ_i along the fibres is neglected, and σ_i/σ
is 1 here, absorbed by the gain of `cardiax.simulate.heart_recording`.
"""

import numpy as np
from scipy.sparse import coo_array

from cardiax.simulate.heart_geometry import shape_gradients

ELECTRODE_POSITIONS = np.array(
    [
        [-150.0, -10.0, 170.0],  # RA
        [150.0, -10.0, 170.0],  # LA
        [110.0, 20.0, -260.0],  # LL
        [-110.0, 20.0, -260.0],  # RL
        [-25.0, 105.0, 20.0],  # V1, fourth intercostal space, right of the sternum
        [25.0, 105.0, 20.0],  # V2, the same, left of it
        [55.0, 100.0, 0.0],  # V3, between V2 and V4
        [85.0, 85.0, -20.0],  # V4, fifth intercostal space, midclavicular
        [120.0, 50.0, -20.0],  # V5, same height, anterior axillary
        [140.0, 0.0, -20.0],  # V6, same height, mid-axillary
    ]
)
"""Positions of `cardiax.ecg.leads.ELECTRODES` on a standard adult torso, mm from the centre of the heart's base: x to
the left, y to the front, z up. They follow the clinical placement rules and are not measured on a subject."""


def lead_field(points: np.ndarray, tetrahedra: np.ndarray, electrodes: np.ndarray) -> np.ndarray:
    """Compute the matrix L (X, P) for which L @ V_m (P, ...) are the electrode potentials, mV, for V_m in mV.

    Points (P, 3) are of a mesh of tetrahedra (E, 4) of positive volume, and electrodes (X, 3) outside of it; mm.
    """
    gradients, volume = shape_gradients(points, tetrahedra)
    away = electrodes[:, None] - points[tetrahedra].mean(axis=1)[None]
    kernel = away / np.linalg.norm(away, axis=-1, keepdims=True) ** 3 / (4 * np.pi)
    weights = -np.einsum("xej,ecj,e->xec", kernel, gradients, volume)
    rows = np.broadcast_to(np.arange(len(electrodes))[:, None, None], weights.shape)
    columns = np.broadcast_to(tetrahedra[None], weights.shape)
    matrix = coo_array((weights.ravel(), (rows.ravel(), columns.ravel())), shape=(len(electrodes), len(points)))
    return matrix.toarray()
