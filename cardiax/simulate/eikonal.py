"""Travel times of the activation wave over a heart from the anisotropic eikonal equation; host code, SciPy.

The wave travels at speed v_f along the fibres, v_s across them in the wall and v_n through the wall, so that a short
step d takes √(dᵀ Q d) with Q = f fᵀ/v_f² + s sᵀ/v_s² + n nᵀ/v_n² (Franzone et al. 1990,
doi:10.1016/0025-5564(90)90067-D); f, s and n are constant in a tetrahedron. The travel time is the shortest path in a
graph whose nodes are the points of the mesh and two more on every edge, and whose edges are the straight lines between
any two nodes of a tetrahedron. The activation time of several stimuli is the minimum over single-stimulus solutions, so
one set of fields serves every pattern. Scaling all speeds scales a field by the inverse factor.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from cardiax.simulate.heart_geometry import Heart, unit

SPEEDS = (0.68, 0.45, 0.295)
"""Conduction speeds along the fibres, across them in the wall, and through the wall, m/s = mm/ms: in the range measured
in ventricles, 0.5 … 0.7 along the fibres and two to three times less across (Clerc 1976,
doi:10.1113/jphysiol.1976.sp011283), and fitted within it to the spread of activation times."""

EDGE_NODES = 2
"""Nodes inside an edge, at which paths can bend too. With 0, 1 and 2 the error against an exact solver is 9, 3 and
2 %."""


def travel_times(
    heart: Heart, sources: np.ndarray, speeds: Sequence[float] = SPEEDS, purkinje: float = 1.0
) -> np.ndarray:
    """Compute travel times from points of a heart, indices `sources` (K,), to all points: float64 (K, P), ms.

    `speeds` are those of conduction along the fibres, across them in the wall, and through the wall, m/s; `purkinje` is
    the factor on the speed along an endocardium, whose Purkinje network conducts fast.
    """
    graph = travel_graph(heart, metric(heart, speeds), purkinje)
    return dijkstra(graph, directed=False, indices=np.asarray(sources))[:, : len(heart.points)]


def metric(heart: Heart, speeds: Sequence[float]) -> np.ndarray:
    """Compute Q of each tetrahedron, (E, 3, 3), ms²/mm²: the inverse of the velocity tensor of other solvers."""
    fibre = unit(heart.fibres[heart.tetrahedra].sum(axis=1))
    normal = heart.normals[heart.tetrahedra].sum(axis=1)
    normal = unit(normal - np.sum(normal * fibre, axis=1, keepdims=True) * fibre)
    directions = (fibre, np.cross(normal, fibre), normal)
    return sum(np.einsum("ei,ej->eij", d, d) / v**2 for d, v in zip(directions, speeds, strict=True))  # pyright: ignore


def travel_graph(heart: Heart, metric: np.ndarray, purkinje: float) -> csr_array:
    """Compute travel times between the nodes of each tetrahedron: sparse (N, N), with the P points first."""
    tetrahedra, points = heart.tetrahedra, heart.points
    ends = np.concatenate([tetrahedra[:, pair] for pair in combinations(range(4), 2)])
    edges, inverse = np.unique(np.sort(ends, axis=1), axis=0, return_inverse=True)
    edge_of = inverse.reshape(6, -1).T  # (E, 6)
    positions, nodes = [points], [tetrahedra]
    lies_on = [heart.endocardium]
    for i in range(EDGE_NODES):
        fraction = (i + 1) / (EDGE_NODES + 1)
        nodes.append(edge_of + len(points) + i * len(edges))
        positions.append((1 - fraction) * points[edges[:, 0]] + fraction * points[edges[:, 1]])
        first, second = heart.endocardium[edges].T
        lies_on.append(np.where(first == second, first, 0))
    position, node, side = np.concatenate(positions), np.concatenate(nodes, axis=1), np.concatenate(lies_on)

    start, end = (node[:, i].ravel() for i in np.triu_indices(node.shape[1], 1))
    start, end = np.minimum(start, end), np.maximum(start, end)
    way = (position[end] - position[start]).reshape(len(tetrahedra), -1, 3)
    time = np.sqrt(np.einsum("emi,eij,emj->em", way, metric, way)).ravel()
    time = np.where((side[start] > 0) & (side[start] == side[end]), time / purkinje, time)
    # An edge of several tetrahedra gets the shortest of its times.
    order = np.lexsort((time, end, start))
    start, end, time = start[order], end[order], time[order]
    quickest = np.append(True, (np.diff(start) != 0) | (np.diff(end) != 0))
    return csr_array((time[quickest], (start[quickest], end[quickest])), shape=(len(position), len(position)))
