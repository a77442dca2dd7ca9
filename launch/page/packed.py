"""Arrays as short text for JSON: whole numbers of a step, as differences, compressed."""

import base64
import zlib
from typing import Any

import numpy as np


def packed(values: Any, step: float = 1.0) -> dict[str, Any]:
    """Encode numbers (..., n), NaN where unknown, as the page's script reads them (`unpack` in script/shared/base.js).

    Values are rounded to multiples of `step`. Along the last axis, the first one and the differences are written as
    whole numbers of 2 or 4 bytes: the sign in the lowest bit, all lowest bytes first, then all next ones, compressed by
    DEFLATE (RFC 1951) and written in base64. The least whole number stands for NaN. Raises `ValueError` if a value is
    infinite, or larger than 2^30 steps.
    """
    values = np.asarray(values, np.float64)
    known = np.isfinite(values)
    if np.isinf(values).any() or (np.abs(values[known]) > 2**30 * step).any():
        raise ValueError(f"packed expects finite values below 2^30 steps of {step:g}, or NaN")
    units = np.rint(np.where(known, values, 0.0) / step).astype(np.int64)
    size = 2 if np.abs(units).max(initial=0) < 2**15 else 4
    kind = np.dtype(f"<i{size}")
    units[~known] = np.iinfo(kind).min
    first = np.zeros((*units.shape[:-1], 1), np.int64)
    changes = np.diff(units, axis=-1, prepend=first).astype(kind)  # wraps around, and so does their sum
    signed = (changes << 1) ^ (changes >> (8 * size - 1))
    planes = signed.ravel().view(np.uint8).reshape(-1, size).T.tobytes()
    deflate = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    text = base64.b64encode(deflate.compress(planes) + deflate.flush()).decode()
    return {"shape": list(values.shape), "step": step, "bytes": size, "deflate": text}
