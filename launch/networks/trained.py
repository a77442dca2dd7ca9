"""Trained networks for use: of a run folder, of a bundle, or of the weights that come with cardiax."""

import contextlib
import dataclasses
import functools
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import cardiax
from cardiax.config import Config
from cardiax.errors import InputError
from cardiax.launch.networks.bundle_files import CONFIG, check_bundle, is_bundle, read_weights
from cardiax.launch.networks.trust import Trust, read_trust
from cardiax.launch.run.run_folder import CALIBRATION, Workdir, read_config, read_json
from cardiax.stats.class_trust import ClassTrust

PRETRAINED = Path(cardiax.__file__).parent / "pretrained"
"""Folder of the bundles that come with cardiax."""


@dataclasses.dataclass(frozen=True)
class TrainedNetwork:
    """A trained network and where it is, the folder `path` of the run or bundle.

    Attributes:
      predictions: folder for the predictions that are made with it.
      variables: function that reads its variables, those of evaluation.
      trust: calibration of its classes; by default nothing is known of it.
      imported: name of the file of PyTorch that its weights were imported from; empty if cardiax has trained it.
    """

    path: Path
    config: Config
    predictions: Path
    variables: Callable[[], Any]
    trust: ClassTrust = dataclasses.field(default_factory=ClassTrust)
    imported: str = ""

    @property
    def origin(self) -> str:
        """Where its weights come from, in words."""
        if self.imported:
            return f"imported from {self.imported}; the training data are not known"
        return f"trained on {self.config.dataset}"

    @property
    def notes(self) -> tuple[str, ...]:
        """What a prediction of classes says of the network: that nothing is uncertain, if it has no calibration."""
        if (self.path / CALIBRATION).exists():
            return ()
        command = shlex.join(["cardiax", "evaluate", str(self.path)])
        how = f"`{command}` writes it, where the data of its training are prepared"
        if is_bundle(self.path):
            how = "export the bundle again from a run that has it"
        return (f"no class is marked as uncertain, since the network has no {CALIBRATION}; {how}",)

    def function(self, variables: Any) -> Callable[..., Any]:
        """Return the network with these variables as a function of its inputs by name, each (n, ...)."""
        from cardiax.training.lookup import network_of

        model = network_of(self.config)
        return lambda **inputs: model.apply(variables, **inputs, train=False)

    def predictor(self) -> Callable[[dict[str, np.ndarray]], np.ndarray]:
        """Return the network as a function from inputs, name → (n, ...), to outputs (n, ...), compiled."""
        import jax

        from cardiax.models import TREES
        from cardiax.training.lookup import network_of

        if self.config.model in TREES:
            from cardiax.launch.networks.boosted_trees import load_trees

            trees, booster = network_of(self.config), load_trees(Workdir(self.path))
            return lambda inputs: trees.logits(booster, inputs["leads"])
        apply = jax.jit(self.function(self.variables()))
        return lambda inputs: np.asarray(apply(**inputs))

    def time_trust(self) -> Trust | None:
        """Return how far its activation times can be trusted; None of a run, or of a bundle without that."""
        return read_trust(self.path)

    def gradient(self) -> Callable[[dict[str, np.ndarray], np.ndarray], dict[str, np.ndarray]]:
        """Return the function from inputs, name → (n, ...), and weights of the outputs (n, ...) to gradients.

        Each, name → (n, ...), is that of the sum of an example's outputs times their weights; compiled.
        """
        import jax

        apply = self.function(self.variables())
        of_inputs = jax.jit(jax.grad(lambda inputs, weights: (weights * apply(**inputs)).sum()))
        return lambda inputs, weights: {name: np.asarray(one) for name, one in of_inputs(inputs, weights).items()}


def list_pretrained() -> list[str]:
    """Return the names of the weights that come with cardiax; `load` and `predict` take them."""
    return sorted(path.name for path in PRETRAINED.iterdir() if is_bundle(path))


def find_network(source: str | Path) -> TrainedNetwork:
    """Find a trained network, by a name in `list_pretrained` or the folder of a run or of a bundle.

    A folder of such a name is meant if it is written as a path, e.g. `./arrhythmia`. Raises `InputError` if there is no
    such network, or the bundle is damaged.
    """
    if isinstance(source, str) and source in list_pretrained():
        # A test holds that these weights fit; the shapes of a network take a third of a second to find.
        return _of_bundle(PRETRAINED / source, Path("predictions", source), is_known=True)
    path = Path(source)
    if not source or not path.is_dir():  # an empty text would be the working directory
        names, what = ", ".join(list_pretrained()), "a file" if source and path.exists() else "no such folder"
        shown = source or "''"
        raise InputError(f"{shown}: found {what}, expected a run, a bundle, or trained weights by name: {names}")
    outputs = Path("predictions", path.resolve().name)  # nothing is written into a bundle
    return _of_bundle(path, outputs) if is_bundle(path) else _of_run(Workdir(path))


def _of_bundle(path: Path, predictions: Path, is_known: bool = False) -> TrainedNetwork:
    check_bundle(path)
    config = read_config(path / CONFIG)
    variables = functools.cache(lambda: read_weights(path, None if is_known else fresh_variables(config)))
    imported = read_json(path / CONFIG)["bundle"].get("imported", "")
    return TrainedNetwork(path, config, predictions, variables, _trust(path), imported)


def _of_run(workdir: Workdir) -> TrainedNetwork:
    config, path = workdir.config(), workdir.path
    variables = functools.cache(lambda: load_variables(workdir, config))
    return TrainedNetwork(path, config, path / "predictions", variables, _trust(path))


def load_best(workdir: Workdir, config: Config, shapes: Any, model: Any, mesh: Any) -> Any:
    """Return the state of a run that was best on validation, replicated over the mesh; `InputError` if it has none.

    `shapes` are those of each input of one example; `model` is the network for use inside a mapped step.
    """
    import jax

    from cardiax.training.checkpoint import Checkpoints
    from cardiax.training.device_mesh import replicated_shapes
    from cardiax.training.optimizer import make_optimizer
    from cardiax.training.state import create_state

    if not workdir.checkpoints.is_dir():
        raise InputError(
            f"{workdir.checkpoints}: found no checkpoint, expected one; `cardiax train` has not evaluated yet"
        )
    # Orbax needs the types of the arrays to read them, not the arrays; the number of steps does not change them.
    tx = make_optimizer(config.optimizer, steps=1)
    # Their shapes suffice, which cost no memory: a config.json may be of another network, however large.
    fresh = jax.eval_shape(lambda: create_state(model, tx, config.seed, shapes, config.ema > 0))
    with contextlib.closing(Checkpoints(workdir.checkpoints, True, workdir.owner())) as checkpoints:
        return checkpoints.restore("best", replicated_shapes(fresh, mesh))[0]


def load_variables(workdir: Workdir, config: Config) -> dict[str, Any]:
    """Return the variables of the run's best network, those of evaluation."""
    from cardiax.tasks import input_shapes
    from cardiax.training.device_mesh import make_mesh
    from cardiax.training.lookup import network_of
    from cardiax.training.state import evaluated
    from cardiax.training.step import AXIS

    return evaluated(load_best(workdir, config, input_shapes(config), network_of(config, AXIS), make_mesh()))


def fresh_variables(config: Config) -> Any:
    """Return the shapes and types of the network's variables."""
    import jax

    from cardiax.tasks import input_shapes
    from cardiax.training.lookup import network_of

    inputs = {name: jax.ShapeDtypeStruct((1, *shape), np.float32) for name, shape in input_shapes(config).items()}
    return jax.eval_shape(lambda inputs: network_of(config).init(jax.random.key(0), **inputs, train=False), inputs)


def _trust(folder: Path) -> ClassTrust:
    """Return the calibration of a run or bundle; an older one has none."""
    path = folder / CALIBRATION
    if not path.exists():
        return ClassTrust()
    found = read_json(path)
    with contextlib.suppress(TypeError, KeyError):
        trust = ClassTrust(**{field.name: found[field.name] for field in dataclasses.fields(ClassTrust)})
        if trust.temperature > 0 and 0 <= trust.uncertain_below <= 1 and 0 <= (trust.usual_share or 0) <= 1:
            return trust
    raise InputError(
        f"{path}: found no valid calibration, expected temperature, uncertain_below and usual_share as cardiax writes "
        "them; `cardiax evaluate` writes it again for a run"
    )
