"""Loading of a trained network from its run folder."""

import contextlib
from typing import Any

import flax.linen as nn
import jax
from jax.sharding import Mesh

from cardiax.catalog import find_dataset
from cardiax.config import Config
from cardiax.errors import InputError
from cardiax.launch.run.run_folder import Workdir
from cardiax.tasks import task_of
from cardiax.training.checkpoint import Checkpoints
from cardiax.training.device_mesh import make_mesh, replicated_shapes
from cardiax.training.lookup import network_of
from cardiax.training.optimizer import make_optimizer
from cardiax.training.state import Shapes, TrainState, create_state, evaluated
from cardiax.training.step import AXIS


def load_best(workdir: Workdir, config: Config, shapes: Shapes, model: nn.Module, mesh: Mesh) -> TrainState:
    """Return the state of a run that was best on validation, replicated over the mesh.

    Raises:
      InputError: the run has no checkpoint.
    """
    if not workdir.checkpoints.is_dir():
        raise InputError(
            f"{workdir.checkpoints}: found no checkpoint, expected one; `cardiax train` has not evaluated yet"
        )
    # Orbax needs the types of the arrays to read them, not the arrays; the number of steps does not change them.
    tx = make_optimizer(config.optimizer, steps=1)
    # Their shapes suffice, which cost no memory: a config.json may be of another network, however large.
    fresh = jax.eval_shape(lambda: create_state(model, tx, config.seed, shapes, config.ema > 0))
    with contextlib.closing(Checkpoints(workdir.checkpoints, True, workdir.owner())) as checkpoints:
        state, _ = checkpoints.restore("best", replicated_shapes(fresh, mesh))
    return state


def load_variables(workdir: Workdir, config: Config) -> dict[str, Any]:
    """Return the variables of the run's best network, those of evaluation."""
    shapes = task_of(config).shapes(find_dataset(config.dataset))
    return evaluated(load_best(workdir, config, shapes, network_of(config, AXIS), make_mesh()))
