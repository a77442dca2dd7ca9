"""The default networks of the 12-lead tasks: a residual trunk with heads for times (ms) and voltages (mV)."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from cardiax.nn.layers import Conv, Dropout, batch_norm, residual_block
from cardiax.nn.shaped_action_potential import Shape, action_potential

LEAD_SCALE = 0.35
"""Spread of a lead in the UCSD/LLNL dataset, mV; inputs of all leads and cases are divided by it."""

FAINT = 1e-3
"""mV; the gain of the normalisation does not grow further for leads whose root mean square is below this."""

MEAN_TIME, TIME_SCALE = 70.0, 30.0
"""Mean and spread of the activation times in the UCSD/LLNL dataset, ms; outputs are predicted in these units."""


class Trunk(nn.Module):
    """A pre-activation residual network (He et al. 2016): twelve leads (B, 500, 12) → features (B, hidden).

    The stem and each stage halve the sampling rate. The last 16 samples are flattened and not averaged, which keeps
    their timing.

    Attributes:
      widths: number of channels of each stage.
      blocks: number of residual blocks per stage.
      kernel: kernel size of the convolutions, samples.
      hidden: number of features.
      dropout_rate: dropout rate before the last layer.
    """

    widths: tuple[int, ...]
    blocks: int
    kernel: int
    hidden: int
    dropout_rate: float
    axis_name: str | None

    @nn.compact
    def __call__(self, leads: jax.Array, train: bool) -> jax.Array:
        """Return features (B, hidden) of leads (B, 500, 12), mV; float32, for a head in ms or mV."""
        x = Conv(self.widths[0], (9,), 2, use_bias=False, name="stem")(leads / LEAD_SCALE)
        for stage, width in enumerate(self.widths):
            for block in range(self.blocks):
                stride, name = 2 if block == 0 else 1, f"stage{stage}_block{block}"
                x = residual_block(x, width, self.kernel, stride, train, self.axis_name, name)
        x = nn.relu(batch_norm(train, self.axis_name, "norm")(x))
        x = Dropout(self.dropout_rate, self.axis_name)(x.reshape(x.shape[0], -1), train)
        return nn.relu(nn.Dense(self.hidden, name="features")(x)).astype(jnp.float32)


class HeartNetwork(nn.Module):
    """A network with `outputs` sites on a `Trunk`, whose fields it has."""

    outputs: int
    widths: tuple[int, ...] = (48, 64, 96, 128)
    blocks: int = 2
    kernel: int = 5
    hidden: int = 1024
    dropout_rate: float = 0.0
    axis_name: str | None = None

    def features(self, leads: jax.Array, train: bool) -> jax.Array:
        """Return the features (B, hidden) of leads (B, 500, 12), mV."""
        fields = (self.widths, self.blocks, self.kernel, self.hidden, self.dropout_rate, self.axis_name)
        return Trunk(*fields, name="trunk")(leads, train)


class ActivationResNet(HeartNetwork):
    """A residual network for activation times (B, outputs), ms, from twelve leads (B, 500, 12), mV.

    Its input is depolarisation only, which ends by 185 ms in the UCSD/LLNL dataset.

    Attributes:
      samples: number of samples used, from the first; they contain depolarisation with a delay of up to 40 ms.
      normalise: True to divide the leads of each case by their common root mean square, so that a gain changes nothing.
    """

    samples: int = 256
    normalise: bool = False

    @nn.compact
    def __call__(self, leads: jax.Array, train: bool) -> jax.Array:
        """Return times (B, outputs), ms; dropout in training needs the key "dropout"."""
        leads = leads[:, : self.samples]
        if self.normalise:
            power = jnp.mean(leads * leads, axis=(1, 2), keepdims=True)
            leads = LEAD_SCALE * leads * jax.lax.rsqrt(power + FAINT**2)
        return MEAN_TIME + TIME_SCALE * nn.Dense(self.outputs, name="times")(self.features(leads, train))


class VoltageTemplate(HeartNetwork):
    """A residual network for transmembrane voltages (B, 500, outputs), mV, from twelve leads (B, 500, 12), mV.

    It predicts activation time, duration, peak and plateau of each site. The voltage is a differentiable action
    potential of these (see `action_potential`), with time constants learnt for each site. The upstroke, 3 ms of 500,
    stays sharp, and the gradient of a voltage error reaches the activation time.
    """

    @nn.compact
    def __call__(self, leads: jax.Array, train: bool) -> jax.Array:
        """Return voltages (B, T, outputs), mV, of leads (B, T, 12); dropout in training needs the key "dropout"."""
        read = nn.Dense(4 * self.outputs, name="sites")(self.features(leads, train)).reshape(
            leads.shape[0], 4, 1, self.outputs
        )

        def learnt(name: str, initial: float) -> jax.Array:
            return initial * jnp.exp(self.param(name, nn.initializers.zeros_init(), (1, 1, self.outputs)))

        shape = Shape(
            start=MEAN_TIME + TIME_SCALE * read[:, 0],
            duration=280.0 + 30.0 * read[:, 1],
            plateau=20.0 + 5.0 * read[:, 2],
            notch=15.0 + 5.0 * read[:, 3],
            rest=-85.5 + 5.0 * self.param("rest", nn.initializers.zeros_init(), (1, 1, self.outputs)),
            notch_time=learnt("notch", 10.0),
            upstroke_time=learnt("upstroke", 1.0),
            repolarisation_time=learnt("repolarisation", 15.0),
            fall=learnt("fall", 0.05),
        )
        return action_potential(shape, leads.shape[1])
