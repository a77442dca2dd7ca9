"""The default networks of the 12-lead tasks: a residual trunk, and heads that answer in ms and mV."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from cardiax.nn.bfloat16 import Dense
from cardiax.nn.convolution import Conv
from cardiax.nn.layers import Dropout, batch_norm, residual_block
from cardiax.nn.shaped_action_potential import Shape, action_potential

LEAD_SCALE = 0.35
"""mV, the spread of a lead in the UCSD/LLNL dataset: inputs are divided by it, one number for all leads and cases."""

MEAN_TIME, TIME_SCALE = 70.0, 30.0
"""ms, mean and spread of activation times there: outputs are counted from and in it."""


class Trunk(nn.Module):
    """Twelve leads (B, 500, 12) to features (B, hidden): a pre-activation residual network (He et al. 2016).

    The stem and each stage halve the rate; the last 16 samples are laid end to end, so that nothing of the timing is
    averaged away.

    Attributes:
      widths: channels of each stage.
      blocks: residual blocks a stage.
      kernel: samples that a convolution spans.
      hidden: features.
      dropout_rate: of the features.
      axis_name: axis over which the step divides its batch; None outside of one.
    """

    widths: tuple[int, ...]
    blocks: int
    kernel: int
    hidden: int
    dropout_rate: float
    axis_name: str | None

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """Features (B, hidden) of leads x (B, 500, 12), mV; float32, for a head that answers in ms or mV.

        Raises:
          ValueError: if x is not of shape (B, T, L).
        """
        if x.ndim != 3:
            raise ValueError(f"the trunk wants leads (B, samples, 12): got shape {x.shape}")
        x = Conv(self.widths[0], (9,), 2, use_bias=False, name="stem")(x / LEAD_SCALE)
        for stage, width in enumerate(self.widths):
            for block in range(self.blocks):
                stride, name = 2 if block == 0 else 1, f"stage{stage}_block{block}"
                x = residual_block(x, width, self.kernel, stride, train, self.axis_name, name)
        x = nn.relu(batch_norm(train, self.axis_name, "norm")(x))
        x = Dropout(self.dropout_rate, self.axis_name)(x.reshape(x.shape[0], -1), train)
        return nn.relu(Dense(self.hidden, name="features")(x)).astype(jnp.float32)


class ActivationResNet(nn.Module):
    """Activation times (B, outputs) in ms from twelve leads (B, 500, 12) in mV.

    It looks at depolarisation alone, which ends by 185 ms in the UCSD/LLNL dataset.

    Attributes:
      outputs: sites.
      samples: of the leads that it looks at, from the first; with a delay of up to 40 ms depolarisation lies in them.
      widths, blocks, kernel, hidden, dropout_rate, axis_name: see `Trunk`.
    """

    outputs: int
    samples: int = 256
    widths: tuple[int, ...] = (48, 64, 96, 128)
    blocks: int = 2
    kernel: int = 5
    hidden: int = 1024
    dropout_rate: float = 0.0
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """Times (B, outputs), ms; in training, dropout needs the key `dropout`."""
        trunk = Trunk(
            self.widths, self.blocks, self.kernel, self.hidden, self.dropout_rate, self.axis_name, name="trunk"
        )
        return MEAN_TIME + TIME_SCALE * Dense(self.outputs, name="times")(trunk(x[:, : self.samples], train))


class VoltageTemplate(nn.Module):
    """Transmembrane voltages (B, 500, outputs) in mV from twelve leads (B, 500, 12) in mV, through a template.

    Of each site the network reads activation time, duration, peak and plateau; the voltage is a differentiable action
    potential of them (see `action_potential`), whose time constants are learnt for each site. So the upstroke, 3 ms of
    500, stays sharp, and an error of the voltage pulls at the time that made it.

    Attributes:
      outputs: sites.
      widths, blocks, kernel, hidden, dropout_rate, axis_name: see `Trunk`.
    """

    outputs: int
    widths: tuple[int, ...] = (48, 64, 96, 128)
    blocks: int = 2
    kernel: int = 5
    hidden: int = 1024
    dropout_rate: float = 0.0
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """Voltages (B, T, outputs), mV, for as many samples as the leads have; dropout needs the key `dropout`."""
        trunk = Trunk(
            self.widths, self.blocks, self.kernel, self.hidden, self.dropout_rate, self.axis_name, name="trunk"
        )
        features = trunk(x, train)
        read = Dense(4 * self.outputs, name="sites")(features).reshape(x.shape[0], 4, 1, self.outputs)

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
        return action_potential(shape, x.shape[1])
