"""Every network of `cardiax.models.MODELS` in PyTorch, with the weights of ours.

A twin is made from our module, whose fields it reads, and our variables: `TWINS[name](module, params, statistics)`,
`statistics` being the running means and variances, {} where there are none. It maps (B, channels, samples) to (B,
outputs), or to (B, outputs, samples).
"""

import torch
from torch import nn
from torch.nn import functional

from cardiax.models.heart_networks import LEAD_SCALE, MEAN_TIME, TIME_SCALE
from cardiax.models.reference_scaling import ECG_RANGE, RESTING_VOLTAGE, VOLTAGE_RANGE
from cardiax.models.reference_squeezenet import FIRES

from .torch_layers import bidirectional, convolution, dense, norm, tensor


class ReferenceCNN(nn.Module):
    """Of one beat (B, 1, T), or of its field (B, 1, size, size), as `FieldCNN` has it."""

    def __init__(self, module, params, _statistics):
        super().__init__()
        layers = []
        for index in range(len(module.channels)):
            layers += [convolution(params[f"Conv_{index}"]), nn.LeakyReLU(0.001)]
        pool = nn.MaxPool1d if params["Conv_0"]["kernel"].ndim == 3 else nn.MaxPool2d
        layers += [pool(3, stride=2, padding=1), nn.Dropout(module.dropout_rate), nn.Flatten()]
        for index in range(len(module.widths)):
            layers += [dense(params[f"Dense_{index}"], None if index else module.channels[-1]), nn.LeakyReLU(0.001)]
        self.layers = nn.Sequential(*layers, dense(params[f"Dense_{len(module.widths)}"]))
        self.z_score = getattr(module, "z_score", False)

    def forward(self, x):
        if self.z_score:
            x = (x - x.mean(2, keepdim=True)) / x.std(2, correction=0, keepdim=True)
        return self.layers(x)


class FieldCNN(ReferenceCNN):
    """The same in two dimensions; the field is made in the step, as ours."""

    def __init__(self, module, params, statistics):
        super().__init__(module, params, statistics)
        self.size = module.size

    def forward(self, x):
        x = functional.interpolate(x, self.size, mode="linear", align_corners=True)[:, 0]
        low, high = x.amin(1, keepdim=True), x.amax(1, keepdim=True)
        x = 2 * (x - low) / (high - low) - 1
        sine = (1 - x * x).clamp(min=0).sqrt()
        return self.layers((x[:, :, None] * x[:, None, :] - sine[:, :, None] * sine[:, None, :])[:, None])


class ActivationCNN(nn.Module):
    """Convolutions with batch statistics."""

    def __init__(self, module, params, statistics):
        super().__init__()
        layers = []
        for index in range(len(module.channels)):
            name = f"BatchNorm_{index}"
            layers += [convolution(params[f"Conv_{index}"]), norm(params[name], statistics[name], 0.9)]
            layers += [nn.LeakyReLU(0.01)]
        layers += [nn.MaxPool1d(4), nn.Flatten(), dense(params["Dense_0"], module.channels[-1]), nn.LeakyReLU(0.01)]
        self.layers = nn.Sequential(*layers, dense(params["Dense_1"]))

    def forward(self, x):
        return self.layers(_by_range(x))


class Fire(nn.Module):
    """A narrow convolution, then two beside each other."""

    def __init__(self, params):
        super().__init__()
        self.squeeze, self.expand1, self.expand3 = (
            convolution(params[name]) for name in ("squeeze", "expand1", "expand3")
        )

    def forward(self, x):
        x = functional.relu(self.squeeze(x))
        return functional.relu(torch.cat([self.expand1(x), self.expand3(x)], 1))


class SqueezeNet(nn.Module):
    """What both have in common, for pools of `stride`."""

    def __init__(self, module, params, stride):
        super().__init__()
        pool = nn.MaxPool1d(3, stride=stride, padding=1)
        fires = [Fire(params[f"fire{index}"]) if fire else pool for index, fire in enumerate(FIRES)]
        stem = [convolution(params["stem"], stride), nn.ReLU(), pool]
        self.layers = nn.Sequential(*stem, *fires, nn.Dropout(module.dropout_rate), convolution(params["outputs"]))


class ActivationSqueezeNet(SqueezeNet):
    """The convolutions run along the leads."""

    def __init__(self, module, params, _statistics):
        super().__init__(module, params, 2)

    def forward(self, x):
        return self.layers(_by_range(x).transpose(1, 2)).mean(2)


class TransmembraneSqueezeNet(SqueezeNet):
    """The convolutions run along time."""

    def __init__(self, module, params, _statistics):
        super().__init__(module, params, 1)

    def forward(self, x):
        return RESTING_VOLTAGE.undo(self.layers(_by_range(x)))


class TransmembraneBiLSTM(nn.Module):
    """Convolutions, two bidirectional LSTM layers, a convolution of width 1."""

    def __init__(self, module, params, _statistics):
        super().__init__()
        layers = [layer for i in range(len(module.channels)) for layer in (convolution(params[f"Conv_{i}"]), nn.ReLU())]
        self.before = nn.Sequential(*layers, nn.Dropout(module.dropout_rate))
        self.first, self.second = (bidirectional(params[f"BiLSTM_{index}"]) for index in range(2))
        self.outputs = convolution(params["outputs"])

    def forward(self, x):
        x = self.before(ECG_RANGE.scale(x)).transpose(1, 2)
        x = self.second(self.first(x)[0])[0].transpose(1, 2)
        return VOLTAGE_RANGE.undo(self.outputs(x))


class ResidualBlock(nn.Module):
    """`cardiax.nn.layers.residual_block`."""

    def __init__(self, params, statistics, name, stride):
        super().__init__()
        self.norm0, self.norm1 = (norm(params[f"{name}_{n}"], statistics[f"{name}_{n}"]) for n in ("norm0", "norm1"))
        self.conv0, self.conv1 = convolution(params[f"{name}_conv0"], stride), convolution(params[f"{name}_conv1"])
        shortcut = f"{name}_shortcut"
        self.shortcut = convolution(params[shortcut]) if shortcut in params else None
        self.stride = stride

    def forward(self, x):
        h = functional.relu(self.norm0(x))
        if self.shortcut is not None:
            short = functional.pad(h, (0, -h.shape[-1] % self.stride))
            x = self.shortcut(functional.avg_pool1d(short, self.stride) if self.stride > 1 else h)
        h = functional.relu(self.norm1(self.conv0(h)))
        return x + self.conv1(h)


def _stages(module, params, statistics, stride_of_first):
    layers = [convolution(params["stem"], 2)]
    for stage in range(len(module.widths)):
        for block in range(module.blocks):
            stride = (2 if stage else stride_of_first) if block == 0 else 1
            layers.append(ResidualBlock(params, statistics, f"stage{stage}_block{block}", stride))
    return nn.Sequential(*layers, norm(params["norm"], statistics["norm"]), nn.ReLU())


class ResNet1D(nn.Module):
    """The default classifier; what is padding and the place are computed in the step, as ours."""

    def __init__(self, module, params, statistics):
        super().__init__()
        self.stages = _stages(module, params, statistics, 1)
        self.dropout, self.logits = nn.Dropout(module.dropout_rate), dense(params["logits"])

    def forward(self, x):
        beat = (x != 0).flip(-1).cumsum(-1).flip(-1) > 0
        place = torch.linspace(0, 1, x.shape[-1]).expand_as(x)
        x = self.stages(torch.cat([x, beat.to(x.dtype), place], 1))
        return self.logits(self.dropout(torch.cat([x.mean(2), x.amax(2)], 1)))


class Trunk(nn.Module):
    """Twelve leads to features."""

    def __init__(self, module, params, statistics):
        super().__init__()
        self.layers = nn.Sequential(
            _stages(module, params, statistics, 2),
            nn.Flatten(),
            nn.Dropout(module.dropout_rate),
            dense(params["features"], module.widths[-1]),
            nn.ReLU(),
        )

    def forward(self, x):
        return self.layers(x / LEAD_SCALE)


class ActivationResNet(nn.Module):
    """The default network of `activation`."""

    def __init__(self, module, params, statistics):
        super().__init__()
        self.samples = module.samples
        self.trunk, self.times = Trunk(module, params["trunk"], statistics["trunk"]), dense(params["times"])

    def forward(self, x):
        return MEAN_TIME + TIME_SCALE * self.times(self.trunk(x[:, :, : self.samples]))


class VoltageTemplate(nn.Module):
    """The default network of `transmembrane`."""

    def __init__(self, module, params, statistics):
        super().__init__()
        self.trunk, self.sites = Trunk(module, params["trunk"], statistics["trunk"]), dense(params["sites"])
        names = ("rest", "notch", "fall", "upstroke", "repolarisation")
        self.learnt = nn.ParameterDict({name: tensor(params[name]).reshape(1, -1, 1) for name in names})

    def forward(self, x):
        start, duration, plateau, notch = self.sites(self.trunk(x)).reshape(len(x), 4, -1, 1).unbind(1)
        learnt = self.learnt
        rest = -85.5 + 5 * learnt["rest"]
        time = torch.arange(x.shape[-1], dtype=x.dtype) - (MEAN_TIME + TIME_SCALE * start)
        after = functional.relu(time)
        plateau, duration = 20 + 5 * plateau, 280 + 30 * duration
        spike = (15 + 5 * notch) * torch.exp(-after / (10 * learnt["notch"].exp()))
        amplitude = plateau - rest + spike - 0.05 * learnt["fall"].exp() * after
        upstroke = torch.sigmoid(time / learnt["upstroke"].exp())
        return rest + amplitude * upstroke * torch.sigmoid((duration - time) / (15 * learnt["repolarisation"].exp()))


def _by_range(leads):
    """Each lead (B, 12, T) by its range in the case."""
    span = leads.amax(2, keepdim=True) - leads.amin(2, keepdim=True)
    return leads / torch.where(span > 0, span, 1.0)


TWINS = {
    "reference_cnn": ReferenceCNN,
    "field_cnn": FieldCNN,
    "resnet1d": ResNet1D,
    "activation_cnn": ActivationCNN,
    "activation_squeezenet": ActivationSqueezeNet,
    "activation_resnet": ActivationResNet,
    "transmembrane_bilstm": TransmembraneBiLSTM,
    "transmembrane_squeezenet": TransmembraneSqueezeNet,
    "voltage_template": VoltageTemplate,
}
