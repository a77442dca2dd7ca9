"""Split conformal prediction: how large errors are, from cases that training has not seen."""

import numpy as np


def conformal_quantile(scores: np.ndarray, level: float) -> np.ndarray:
    """Compute the ⌈(n + 1) · level⌉-th smallest of n scores, which a further score exceeds with probability 1 − level.

    At most 1 − level, if the scores and the further one are exchangeable, whatever their distribution (Vovk et al.
    2005, doi:10.1007/b106715; Lei et al. 2018, doi:10.1080/01621459.2017.1307116, theorem 2.2). Cases of one heart are
    not exchangeable with those of another: of few hearts, the probability is not known.

    Scores are (n, ...), e.g. absolute errors; NaN is left out, so n may differ from site to site. The quantile (...) is
    infinite where there are too few scores for the level.
    """
    ordered = np.sort(np.asarray(scores, np.float64), axis=0)  # NaN is last
    count = np.sum(~np.isnan(ordered), axis=0)
    # 0.9 is a little more than nine tenths in binary: (n + 1) · level of 9 is not to become 10.
    rank = np.ceil((count + 1) * level - 1e-9).astype(int)
    padded = np.concatenate([ordered, np.full((1, *ordered.shape[1:]), np.inf)])
    index = np.where(rank > count, len(ordered), np.maximum(rank, 1) - 1)
    return np.take_along_axis(padded, index[None], axis=0)[0]
