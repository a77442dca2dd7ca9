"""Changes of training examples as pure functions on the device.

A beat is float32 (187,), zero-padded after its last sample; twelve leads are float32 (500, 12), mV at 1 kHz.

The length of a beat is the heart's rate (Kaggle's rows end a fifth of an interval after the next R peak), so no
transform may write into the padding or take a beat for padding. Only a change of rate changes the length, and not that
of a beat that fills all 187 samples: the file has cut it, so its end is not known.
"""

import jax
import jax.numpy as jnp
import numpy as np

from cardiax.ecg.leads import ELECTRODES, LEADS, twelve_leads
from cardiax.nn import fast_random

SHARE_GRID = 513
"""Points of the grid from which `smaller_share` reads; enough for alpha up to 1000."""


def padding_mask(beat: jax.Array | np.ndarray) -> jax.Array:
    """True on the samples up to the last one that is not 0: (..., 187) → bool (..., 187)."""
    return jnp.flip(jnp.cumsum(jnp.flip(beat != 0, -1), -1), -1) > 0


def stretch_time(key: jax.Array, beat: jax.Array, limit: float) -> jax.Array:
    """Play a beat faster or slower by a factor drawn from 1 ± `limit`: a change of heart rate, (187,) → (187,).

    The beat's samples are interpolated linearly and its length changes by the same factor; what runs past the last
    sample is cut, as in the file itself. A beat that the file cut is never played faster, which would need the samples
    after the cut: a factor 1 + x is 1 - x there.
    """
    indices = jnp.arange(beat.shape[0], dtype=beat.dtype)
    last = jnp.sum(padding_mask(beat)) - 1
    factor = jax.random.uniform(key, minval=1 - limit, maxval=1 + limit)
    source = indices * jnp.where(last < beat.shape[0] - 1, factor, 1 - jnp.abs(factor - 1))
    return jnp.where(source <= last, jnp.interp(source, indices, beat), 0.0)


def warp_amplitude(key: jax.Array, beat: jax.Array, deviation: float) -> jax.Array:
    """Scale a beat by 1 + a·sin(φ + 2π·f·t), t from 0 to 1, a of standard deviation `deviation`, f from 0.5 to 2.

    A slow change of gain, as breathing makes one; (187,) → (187,).
    """
    phase_key, frequency_key, depth_key = jax.random.split(key, 3)
    phase = jax.random.uniform(phase_key, maxval=2 * jnp.pi)
    frequency = jax.random.uniform(frequency_key, minval=0.5, maxval=2.0)
    depth = deviation * jax.random.normal(depth_key)
    indices = jnp.linspace(0.0, 1.0, beat.shape[0], dtype=beat.dtype)
    return beat * (1 + depth * jnp.sin(phase + 2 * jnp.pi * frequency * indices))


def white_noise(key: jax.Array, beat: jax.Array, limit: float) -> jax.Array:
    """Add white noise of a standard deviation drawn from 0 to `limit`, not to the padding: (187,) → (187,)."""
    level_key, noise_key = jax.random.split(key)
    level = jax.random.uniform(level_key, maxval=limit)
    return jnp.where(padding_mask(beat), beat + level * fast_random.normal(noise_key, beat.shape), 0.0)


def gramian_angular_field(beat: jax.Array, size: int) -> jax.Array:
    """The Gramian angular summation field of a beat (Wang and Oates 2015, arXiv:1506.00327).

    (..., T) → (..., size, size).

    The beat is interpolated linearly to `size` samples and scaled to −1 … 1; with φ = arccos of it the field is
    cos(φ_i + φ_j) = x_i x_j − √(1 − x_i²) √(1 − x_j²). A flat beat has a field of 1.
    """
    indices = jnp.linspace(0.0, beat.shape[-1] - 1.0, size)
    before = jnp.clip(jnp.floor(indices).astype(jnp.int32), 0, beat.shape[-1] - 2)
    share = (indices - before).reshape((1,) * (beat.ndim - 1) + (size,))
    x = (1 - share) * beat[..., before] + share * beat[..., before + 1]
    low, high = jnp.min(x, axis=-1, keepdims=True), jnp.max(x, axis=-1, keepdims=True)
    x = jnp.where(high > low, 2 * (x - low) / jnp.where(high > low, high - low, 1.0) - 1, -1.0)
    room = 1 - x * x
    sine = jnp.where(room > 0, jnp.sqrt(jnp.where(room > 0, room, 1.0)), 0.0)  # whose derivative at 0 is not NaN
    return x[..., :, None] * x[..., None, :] - sine[..., :, None] * sine[..., None, :]


def mix_pairs(
    key: jax.Array, inputs: jax.Array, targets: jax.Array, alpha: float, axis_name: str
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """mixup (Zhang et al. 2018, arXiv:1710.09412) of each example with the one before it in the global batch.

    A mixture keeps the padding of the example whose share is the larger.

    Args:
      key: the same on every device.
      inputs: (B, T, C), one device's share of the batch.
      targets: (B, ...), likewise.
      alpha: the neighbour's share is min(b, 1 - b), b from Beta(alpha, alpha).
      axis_name: the axis over which the batch is divided.

    Returns:
      The mixed inputs (B, T, C), the neighbours' targets (B, ...) and their shares (B,): the loss of an example is
      (1 - share) times that against its own target plus share times that against its neighbour's.
    """
    size = inputs.shape[0]
    start = jax.lax.axis_index(axis_name) * size
    share = jax.lax.dynamic_slice_in_dim(smaller_share(key, alpha, size * jax.lax.axis_size(axis_name)), start, size)

    def of_neighbours(values: jax.Array) -> jax.Array:
        everyone = jnp.roll(jax.lax.all_gather(values, axis_name, tiled=True), 1, axis=0)
        return jax.lax.dynamic_slice_in_dim(everyone, start, size)

    weight = share[:, None, None]
    own = padding_mask(jnp.any(inputs != 0, axis=-1))[..., None]
    mixed = jnp.where(own, (1 - weight) * inputs + weight * of_neighbours(inputs), 0.0)
    return mixed, of_neighbours(targets), share


def smaller_share(key: jax.Array, alpha: float | jax.Array, count: int) -> jax.Array:
    """min(b, 1 - b) of `count` numbers b from Beta(alpha, alpha): (count,), from 0 to 1/2; alpha may be traced.

    The density is summed over a grid and its inverse read off it, which is one pass on any device; `jax.random.beta`
    rejects in loops, for each of which a GPU waits. With x = w^max(1, 1 / alpha) / 2 the density of w, 0 to 1, is
    bounded and smooth: (2 - 2x)^(alpha - 1), times w^(alpha - 1) if alpha > 1, but for a factor.
    """
    grid = jnp.linspace(0.0, 1.0, SHARE_GRID)
    power = jnp.maximum(1.0, 1.0 / alpha)
    share = 0.5 * grid**power
    density = (jnp.where(alpha > 1, grid, 1.0) * (2 - 2 * share)) ** (alpha - 1.0)
    below = jnp.concatenate([jnp.zeros(1), jnp.cumsum(density[1:] + density[:-1])])
    drawn = jax.random.uniform(key, (count,), maxval=below[-1])
    return 0.5 * jnp.interp(drawn, below, grid) ** power


def delay(signal: jax.Array, samples: jax.Array, limit: int) -> jax.Array:
    """A signal (T, C) that begins `samples` later, an integer from 0 to `limit`; before it its first sample lasts."""
    held = jnp.broadcast_to(signal[:1], (limit, signal.shape[1]))
    return jax.lax.dynamic_slice_in_dim(jnp.concatenate([held, signal]), limit - samples, signal.shape[0])


def rescale_time(signal: jax.Array, factor: jax.Array) -> jax.Array:
    """A signal (T, C) that runs `factor` times as long: sample t is what sample t / factor was, interpolated linearly.

    Samples past the end take the last one's value.
    """
    last = signal.shape[0] - 1
    source = jnp.minimum(jnp.arange(signal.shape[0], dtype=signal.dtype) / factor, last)
    before = jnp.clip(jnp.floor(source).astype(jnp.int32), 0, last - 1)
    share = (source - before)[:, None]
    return (1 - share) * signal[before] + share * signal[before + 1]


def electrode_gain(key: jax.Array, leads: jax.Array, deviation: float) -> jax.Array:
    """Scale each electrode's potential by 1 + N(0, `deviation`²), in twelve leads (T, 12), mV.

    Near a source the potential falls with distance, so that a misplaced electrode sees the heart larger or smaller.
    Potentials are taken against the mean of the limbs, which the leads hold whole.
    """
    gains = 1 + deviation * jax.random.normal(key, (1, len(ELECTRODES)), leads.dtype)
    return twelve_leads(leads @ _POTENTIALS * gains)


def _potentials() -> np.ndarray:
    """(12, 10): twelve leads to the electrodes' potentials against Wilson's terminal, RL at 0."""
    back = np.zeros((len(LEADS), len(ELECTRODES)), np.float32)
    for limb in ("R", "L", "F"):
        back[LEADS.index(f"aV{limb}"), "RLF".index(limb)] = 2 / 3
    for chest in range(6):
        back[6 + chest, 4 + chest] = 1
    return back


_POTENTIALS = _potentials()


def lead_noise(key: jax.Array, leads: jax.Array, limit: float) -> jax.Array:
    """Add white noise to each lead (T, L), of up to `limit` times the lead's standard deviation over time.

    One factor, drawn from 0 to `limit`, holds for all leads: a factor of 10^(-s/20) is a signal-to-noise ratio of s dB.
    """
    level_key, noise_key = jax.random.split(key)
    level = jax.random.uniform(level_key, maxval=limit)
    spread = jnp.std(leads, axis=0, keepdims=True)
    return leads + level * spread * fast_random.normal(noise_key, leads.shape)


def noise_at(key: jax.Array, leads: jax.Array, decibels: float) -> jax.Array:
    """Add white noise to each lead (T, L) at a signal-to-noise ratio in dB: that of the lead's variance over time."""
    spread = jnp.std(leads, axis=0, keepdims=True)
    return leads + 10 ** (-decibels / 20) * spread * fast_random.normal(key, leads.shape)


def drop_lead(key: jax.Array, leads: jax.Array, probability: float) -> jax.Array:
    """With that probability one lead of (T, L), each as likely, is 0 throughout, as if its electrode had come off."""
    whether_key, which_key = jax.random.split(key)
    dropped = jax.random.randint(which_key, (), 0, leads.shape[1])
    gone = (jnp.arange(leads.shape[1]) == dropped) & jax.random.bernoulli(whether_key, probability)
    return jnp.where(gone[None, :], 0.0, leads)
