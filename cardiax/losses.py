"""Losses: pure functions of a batch that return one value per example, to be masked, weighted and averaged."""

import jax
import jax.numpy as jnp
import optax
from jax import lax


def cross_entropy(logits: jax.Array, labels: jax.Array, label_smoothing: float | jax.Array = 0.0) -> jax.Array:
    """Compute the softmax cross entropy (B,), nats, of logits (B, C) with integer labels (B,); NaN for a label ≥ C.

    The target distribution is (1 − a) · one_hot(label) + a / C with a the smoothing (Szegedy et al., 2016, "Rethinking
    the Inception Architecture", section 7), so the loss is (1 − a) · −log p[label] + a · mean over classes of −log p.
    """
    of_label = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    of_all_classes = jax.nn.logsumexp(logits, axis=-1) - jnp.mean(logits, axis=-1)
    return (1.0 - label_smoothing) * of_label + label_smoothing * of_all_classes


def _total(x: jax.Array) -> jax.Array:
    """Sum each example of x (B, ..., S) → (B,).

    The last axis is summed by a product with ones: on XLA's CPU backend 5 ms faster than `jnp.sum` for 32 × 500 × 75
    voltages and their mask.
    """
    rows = jnp.matmul(x, jnp.ones(x.shape[-1], x.dtype), precision=lax.Precision.HIGHEST)
    return jnp.sum(rows, axis=range(1, rows.ndim))


def mean_huber(prediction: jax.Array, target: jax.Array, delta: float) -> jax.Array:
    """Compute the Huber loss (B,), in the unit of the target, over the elements of (B, ...) whose target is not NaN.

    For an error e = prediction − target it is e²/(2·delta) if |e| ≤ delta and |e| − delta/2 otherwise (Huber 1964,
    divided by delta). It is 0 for an example without a finite target. A shape that differs is a `ValueError`.
    """
    if prediction.shape != target.shape:
        raise ValueError(f"mean_huber expects two arrays of one shape: got {prediction.shape} and {target.shape}")
    counts = jnp.isfinite(target)
    losses = optax.huber_loss(jnp.where(counts, prediction, 0.0), jnp.where(counts, target, 0.0), delta=delta) / delta
    return _total(losses) / jnp.maximum(_total(counts.astype(losses.dtype)), 1)
