"""The reference SqueezeNet for transmembrane voltages with weights that PyTorch has saved."""

from pathlib import Path
from typing import Any

import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from cardiax.config import Config, with_overrides
from cardiax.errors import InputError, import_extra
from cardiax.launch.networks.trained import TrainedNetwork, fresh_variables
from cardiax.models.reference_squeezenet import FIRES
from cardiax.recipes import recipe

ENDINGS = (".pth", ".pt")
"""Endings of files that PyTorch writes."""

LAYERS = {
    "features.0": "stem",
    **{
        f"features.{3 + index}.{theirs}": f"fire{index}/{ours}"
        for index, fire in enumerate(FIRES)
        if fire
        for theirs, ours in (("squeeze", "squeeze"), ("expand1x1", "expand1"), ("expand3x3", "expand3"))
    },
    "classifier.1": "outputs",
}
"""Convolution of the reference project (`learn_ecg2vm.py` of Landajuela et al., CinC 2022) → the same of
`cardiax.models.reference_squeezenet.TransmembraneSqueezeNet`."""


def reference_config() -> Config:
    """Return the config of the reference SqueezeNet on the data of its authors."""
    return with_overrides(recipe("transmembrane", "ucsd_intracardiac"), {"model": "transmembrane_squeezenet"})


def pytorch_network(path: Path) -> TrainedNetwork:
    """Return the reference SqueezeNet for voltages with the weights of a file; the errors are of `read_state_dict`."""
    variables = read_state_dict(path)
    predictions = Path("predictions", path.stem)
    return TrainedNetwork(path, reference_config(), predictions, lambda: variables, imported=path.name)


def read_state_dict(path: Path) -> dict[str, Any]:
    """Return the variables of the reference SqueezeNet from `torch.save(model.state_dict(), path)`.

    Only tensors are read (`weights_only`), since a pickled model may run any code. A convolution (outputs, inputs,
    width) becomes a kernel (width, inputs, outputs). Raises `InputError` if PyTorch is not installed, or the file is no
    state dict of this network.
    """
    torch = import_extra("torch", path)
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # a damaged file may raise anything
        raise InputError(
            f"{path}: found no file of tensors alone, expected a state dict, since a pickled model may run any code; "
            "write it in Python by torch.save(model.state_dict(), FILE)"
        ) from error
    if not isinstance(loaded, dict):
        raise InputError(f"{path}: found {type(loaded).__name__}, expected a state dict: tensors by name")
    for name, value in loaded.items():
        if not isinstance(value, torch.Tensor):
            model = next((key for key, entry in loaded.items() if isinstance(entry, dict)), "model")
            raise InputError(
                f"{path}: found {name!r}, which is of the type {type(value).__name__}, expected a state dict: tensors "
                f"by name; if the model's is an entry, write that alone in Python by torch.save(checkpoint[{model!r}], "
                "FILE)"
            )
    found = {name: value.detach().float().numpy() for name, value in loaded.items()}
    shapes: dict[str, Any] = dict(flatten_dict(fresh_variables(reference_config())["params"], sep="/"))
    taken = {}
    for theirs, ours in LAYERS.items():
        for part, name in (("weight", "kernel"), ("bias", "bias")):
            shape = shapes[f"{ours}/{name}"].shape[::-1]
            array = found.pop(f"{theirs}.{part}", None)
            if array is None or array.shape != shape:
                raise InputError(
                    f"{path}: found {theirs}.{part} {'absent' if array is None else array.shape}, expected {shape} of "
                    "the reference SqueezeNet 1.1 for transmembrane voltages; give weights of that network"
                )
            taken[f"{ours}/{name}"] = np.ascontiguousarray(array.T)
    if found:
        raise InputError(
            f"{path}: found {next(iter(found))} too, expected the reference SqueezeNet 1.1 for transmembrane voltages, "
            "which has no such weights; give weights of that network"
        )
    return {"params": unflatten_dict(taken, sep="/")}
