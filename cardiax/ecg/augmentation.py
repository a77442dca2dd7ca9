"""Augmentation of training examples, as pure functions on the device.

A beat is float32 (187,), zero-padded after its last sample; twelve leads are float32 (500, 12), mV at 1 kHz.

The length of a beat encodes the heart rate (Kaggle's rows end a fifth of an RR interval after the next R peak), so no
transform may write into the padding or zero out samples of the beat. Only a change of heart rate changes the length. A
beat that fills all 187 samples keeps its length: the file has truncated it, so its end is not known.
"""

import zlib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cardiax.ecg.leads import ELECTRODES, LEADS, twelve_leads
from cardiax.errors import check_new, unknown

SHARE_GRID = 513
"""Number of points in the grid of `smaller_share`; enough for alpha up to 1000."""


Inputs = dict[str, jax.Array]

Augmentation = Callable[[jax.Array, Inputs, jax.Array, float], tuple[Inputs, jax.Array]]
"""Function from a key, the inputs of one training example by name, its target and a strength to inputs and target."""

EXTRA: dict[str, Augmentation] = {}
"""Registered augmentations, which the config field `augmentation.extra` enables."""


def register(name: str, function: Augmentation) -> None:
    """Add an augmentation of your own, for `--augmentation.extra name=strength`.

    Raises `ValueError` if another one has that name.
    """
    check_new("registered augmentation", EXTRA, name, function)
    EXTRA[name] = function


def check_extra(extra: Mapping[str, float]) -> None:
    """Raise `InputError` if an augmentation of `extra`, name → strength, is not registered."""
    for name in extra:
        if name not in EXTRA:
            raise unknown("augmentation.extra", name, EXTRA)


def augment_extra(
    keys: jax.Array, inputs: Inputs, target: jax.Array, extra: Mapping[str, float]
) -> tuple[Inputs, jax.Array]:
    """Apply registered augmentations, `extra` name → strength, to a batch in the order of their names, unless 0.

    Inputs by name and target are (B, ...), and keys (B,); an augmentation uses `fold_in(key, crc32(name))`.
    """
    for name, strength in sorted(extra.items()):
        if strength:
            own = jax.vmap(lambda key, name=name: jax.random.fold_in(key, zlib.crc32(name.encode())))(keys)
            inputs, target = jax.vmap(EXTRA[name], (0, 0, 0, None))(own, inputs, target, strength)
    return inputs, target


def padding_mask(beat: jax.Array | np.ndarray) -> jax.Array:
    """Return the mask of a beat: True up to its last nonzero sample, (..., 187) → bool (..., 187)."""
    return jnp.flip(jnp.cumsum(jnp.flip(beat != 0, -1), axis=-1), -1) > 0


def stretch_time(key: jax.Array, beat: jax.Array, limit: float) -> jax.Array:
    """Change the heart rate of a beat by a factor drawn uniformly from 1 ± `limit`: (187,) → (187,).

    The samples are interpolated linearly and the length of the beat changes with them; samples past the last one are
    cut off, as in the file itself. A truncated beat is never sped up, which would need the samples after the cut: its
    factor 1 + x becomes 1 - x.
    """
    indices = jnp.arange(beat.shape[0], dtype=beat.dtype)
    last = jnp.sum(padding_mask(beat)) - 1
    factor = jax.random.uniform(key, minval=1 - limit, maxval=1 + limit)
    source = indices * jnp.where(last < beat.shape[0] - 1, factor, 1 - jnp.abs(factor - 1))
    return jnp.where(source <= last, jnp.interp(source, indices, beat), 0.0)


def warp_amplitude(key: jax.Array, beat: jax.Array, deviation: float) -> jax.Array:
    """Scale a beat by 1 + a·sin(φ + 2π·f·t): a slow change of gain, as from breathing, (187,) → (187,).

    t runs from 0 to 1 over the row; a ~ N(0, `deviation`²), f is uniform in 0.5 … 2 and φ in 0 … 2π.
    """
    phase_key, frequency_key, depth_key = jax.random.split(key, 3)
    phase = jax.random.uniform(phase_key, maxval=2 * jnp.pi)
    frequency = jax.random.uniform(frequency_key, minval=0.5, maxval=2.0)
    depth = deviation * jax.random.normal(depth_key)
    indices = jnp.linspace(0.0, 1.0, beat.shape[0], dtype=beat.dtype)
    return beat * (1 + depth * jnp.sin(phase + 2 * jnp.pi * frequency * indices))


def white_noise(key: jax.Array, beat: jax.Array, limit: float) -> jax.Array:
    """Add white noise, with a standard deviation drawn from 0 to `limit`, outside the padding: (187,) → (187,)."""
    level_key, noise_key = jax.random.split(key)
    level = jax.random.uniform(level_key, maxval=limit)
    return jnp.where(padding_mask(beat), beat + level * jax.random.normal(noise_key, beat.shape), 0.0)


def gramian_angular_field(beat: jax.Array, size: int) -> jax.Array:
    """Compute the Gramian angular summation field of a beat: (..., T) → (..., size, size).

    The beat is interpolated linearly to `size` samples and scaled to −1 … 1; with φ = arccos x the field is
    cos(φ_i + φ_j) = x_i x_j − √(1 − x_i²) √(1 − x_j²) (Wang and Oates 2015, arXiv:1506.00327). The field of a flat beat
    is 1.
    """
    indices = jnp.linspace(0.0, beat.shape[-1] - 1.0, size)
    before = jnp.clip(jnp.floor(indices).astype(jnp.int32), 0, beat.shape[-1] - 2)
    share = (indices - before).reshape((1,) * (beat.ndim - 1) + (size,))
    x = (1 - share) * beat[..., before] + share * beat[..., before + 1]
    low, high = jnp.min(x, axis=-1, keepdims=True), jnp.max(x, axis=-1, keepdims=True)
    x = jnp.where(high > low, 2 * (x - low) / jnp.where(high > low, high - low, 1.0) - 1, -1.0)
    room = 1 - x * x
    sine = jnp.where(room > 0, jnp.sqrt(jnp.where(room > 0, room, 1.0)), 0.0)  # its derivative at 0 is not NaN
    return x[..., :, None] * x[..., None, :] - sine[..., :, None] * sine[..., None, :]


def mix_pairs(
    key: jax.Array, inputs: dict[str, jax.Array], targets: jax.Array, alpha: float, axis_name: str
) -> tuple[dict[str, Any], jax.Array, jax.Array]:
    """Apply mixup (Zhang et al. 2018, arXiv:1710.09412) to each example and the one before it in the global batch.

    A mixture keeps the padding of the example with the larger weight.

    Args:
      key: random key, the same on every device.
      inputs, targets: one device's part of the batch: signals (B, T, C) and features (B, F) by name, and (B, ...).
      alpha: parameter of the Beta distribution; the weight of the neighbour is min(b, 1 - b), b ~ Beta(alpha, alpha).
      axis_name: name of the mapped axis over which the batch is sharded.

    Returns:
      The mixed inputs, the neighbours' targets (B, ...) and their weights (B,). The loss of an example is
      (1 - weight) · loss(own target) + weight · loss(neighbour's target).
    """
    size = targets.shape[0]
    start = jax.lax.axis_index(axis_name) * size
    share = jax.lax.dynamic_slice_in_dim(smaller_share(key, alpha, size * jax.lax.axis_size(axis_name)), start, size)

    def of_neighbours(values: jax.Array) -> jax.Array:
        everyone = jnp.roll(jax.lax.all_gather(values, axis_name, tiled=True), 1, axis=0)
        return jax.lax.dynamic_slice_in_dim(everyone, start, size)

    signals = jnp.concatenate([values for values in inputs.values() if values.ndim == 3], axis=-1)
    own = padding_mask(jnp.any(signals != 0, axis=-1))[..., None]

    def mix(values: jax.Array) -> jax.Array:
        weight = share.reshape(-1, *[1] * (values.ndim - 1))
        mixed = (1 - weight) * values + weight * of_neighbours(values)
        return jnp.where(own, mixed, 0.0) if values.ndim == 3 else mixed

    return jax.tree.map(mix, inputs), of_neighbours(targets), share


def smaller_share(key: jax.Array, alpha: float, count: int) -> jax.Array:
    """Draw min(b, 1 - b) for `count` values b ~ Beta(alpha, alpha): (count,), in 0 … 1/2.

    Inverts the cumulative distribution on a grid, in one pass on any device; `jax.random.beta` uses rejection loops, on
    which a GPU waits. With x = w^max(1, 1 / alpha) / 2 the density of w in 0 … 1 is bounded and smooth: proportional
    to (2 - 2x)^(alpha - 1), times w^(alpha - 1) if alpha > 1.
    """
    grid = jnp.linspace(0.0, 1.0, SHARE_GRID)
    power = jnp.maximum(1.0, 1.0 / alpha)
    share = 0.5 * grid**power
    density = (jnp.where(alpha > 1, grid, 1.0) * (2 - 2 * share)) ** (alpha - 1.0)
    below = jnp.concatenate([jnp.zeros(1), jnp.cumsum(density[1:] + density[:-1])])
    drawn = jax.random.uniform(key, (count,), maxval=below[-1])
    return 0.5 * jnp.interp(drawn, below, grid) ** power


def delay(signal: jax.Array, samples: jax.Array, limit: int) -> jax.Array:
    """Delay a signal (T, C) by `samples`, an integer in 0 … `limit`; its first sample fills the start."""
    held = jnp.broadcast_to(signal[:1], (limit, signal.shape[1]))
    return jax.lax.dynamic_slice_in_dim(jnp.concatenate([held, signal]), limit - samples, signal.shape[0])


def rescale_time(signal: jax.Array, factor: jax.Array) -> jax.Array:
    """Stretch a signal (T, C) in time by `factor`: sample t is the old sample t / factor, interpolated linearly.

    Samples past the end take the value of the last one.
    """
    last = signal.shape[0] - 1
    source = jnp.minimum(jnp.arange(signal.shape[0], dtype=signal.dtype) / factor, last)
    before = jnp.clip(jnp.floor(source).astype(jnp.int32), 0, last - 1)
    share = (source - before)[:, None]
    return (1 - share) * signal[before] + share * signal[before + 1]


def electrode_gain(key: jax.Array, leads: jax.Array, deviation: float) -> jax.Array:
    """Scale the potential of each electrode by 1 + N(0, `deviation`²), in twelve leads (T, 12), mV.

    Near a source the potential falls with distance, so a misplaced electrode records the heart larger or smaller. The
    potentials are relative to the mean of the limb electrodes; the leads determine them exactly.
    """
    gains = 1 + deviation * jax.random.normal(key, (1, len(ELECTRODES)), leads.dtype)
    return twelve_leads(leads @ _POTENTIALS * gains)


def electrode_mixing(key: jax.Array, leads: jax.Array, deviation: float) -> jax.Array:
    """Add to the potential of each electrode those of the others, by factors N(0, `deviation`²): (T, 12) → (T, 12), mV.

    So the leads change together, at all times alike, as they do when the heart moves in the chest with breathing, or
    lies otherwise in another chest; here at random.
    """
    count = len(ELECTRODES)
    factors = deviation * jax.random.normal(key, (count, count), leads.dtype) * (1 - np.eye(count, dtype=np.float32))
    potentials = leads @ _POTENTIALS
    return twelve_leads(potentials + potentials @ factors)


def _potentials() -> np.ndarray:
    """Return the matrix (12, 10) from the twelve leads to electrode potentials against Wilson's terminal, RL at 0."""
    back = np.zeros((len(LEADS), len(ELECTRODES)), np.float32)
    for limb in ("R", "L", "F"):
        back[LEADS.index(f"aV{limb}"), "RLF".index(limb)] = 2 / 3
    for chest in range(6):
        back[6 + chest, 4 + chest] = 1
    return back


_POTENTIALS = _potentials()


def lead_noise(key: jax.Array, leads: jax.Array, limit: float) -> jax.Array:
    """Add white noise to each lead of (T, L), of up to `limit` times the lead's standard deviation over time.

    One factor, drawn from 0 to `limit`, applies to all leads; a factor of 10^(-s/20) is a signal-to-noise ratio of
    s dB.
    """
    level_key, noise_key = jax.random.split(key)
    level = jax.random.uniform(level_key, maxval=limit)
    spread = jnp.std(leads, axis=0, keepdims=True)
    return leads + level * spread * jax.random.normal(noise_key, leads.shape)


def noise_at(key: jax.Array, leads: jax.Array, decibels: float) -> jax.Array:
    """Add white noise to each lead of (T, L) at a signal-to-noise ratio in dB, relative to its variance over time."""
    spread = jnp.std(leads, axis=0, keepdims=True)
    return leads + 10 ** (-decibels / 20) * spread * jax.random.normal(key, leads.shape)


def lead_rotation(key: jax.Array, probability: float) -> jax.Array:
    """Return the matrix (2, 2) that rotates two leads (T, 2) by a uniform angle with the given probability: T × 2 @ it.

    A lead is the projection of the heart's dipole onto the axis of its electrodes, so that two combined leads are what
    two others would have recorded of a dipole that moves in their plane.
    """
    whether_key, angle_key = jax.random.split(key)
    angle = jax.random.uniform(angle_key, maxval=2 * jnp.pi) * jax.random.bernoulli(whether_key, probability)
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    return jnp.stack([cosine, -sine, sine, cosine]).reshape(2, 2)


def drop_lead(key: jax.Array, leads: jax.Array, probability: float, first: int = 0) -> jax.Array:
    """Set one lead of (T, L), chosen uniformly from lead `first` on, to 0 with the given probability.

    This is what a lead looks like whose electrode has come off, or that was not recorded.
    """
    whether_key, which_key = jax.random.split(key)
    dropped = jax.random.randint(which_key, (), first, leads.shape[1])
    gone = (jnp.arange(leads.shape[1]) == dropped) & jax.random.bernoulli(whether_key, probability)
    return jnp.where(gone[None, :], 0.0, leads)
