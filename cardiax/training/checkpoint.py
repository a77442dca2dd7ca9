"""Checkpoints of a run: the only module that knows Orbax.

`latest` and `best` each hold one whole state and the history of evaluations up to it. A state that is both is written
once, as `best`: the latest is the newer of the two. Orbax writes into a temporary folder and renames it when all is on
disk, so a killed run leaves the checkpoint before. Each checkpoint carries the SHA-256 of its arrays, which Orbax
itself does not check.
"""

import contextlib
import errno
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np
import orbax.checkpoint as ocp

from cardiax.errors import InputError
from cardiax.training.batch_order import fingerprint
from cardiax.training.state import TrainState

Kind = Literal["latest", "best"]
History = list[dict[str, float]]

MARGIN = 2**21
"""Bytes of a checkpoint besides its arrays, which Orbax writes twice before it drops one copy: its own tables."""


class Checkpoints:
    """The checkpoints in a folder, made where it is absent: of a run, or of a population.

    The state of a population has one more axis in front, of members that are all at the same step.

    With `read_only` nothing is made or removed, and a folder of one kind may be absent, as from an archive or a
    repository, which keep no empty folders.
    """

    def __init__(self, folder: Path, read_only: bool = False):
        self.folder = folder.absolute()
        logging.getLogger("absl").setLevel(logging.ERROR)
        kinds = [kind for kind in ("latest", "best") if not read_only or (self.folder / kind).is_dir()]
        self._managers = {kind: self._manager(kind, read_only) for kind in kinds}

    def _manager(self, kind: str, read_only: bool) -> ocp.CheckpointManager:
        if read_only:  # without what Orbax would take back, with a warning each
            options = ocp.CheckpointManagerOptions(read_only=True, create=False, save_interval_steps=0)
        else:
            options = ocp.CheckpointManagerOptions(max_to_keep=1, create=True, enable_async_checkpointing=True)
        return ocp.CheckpointManager(self.folder / kind, options=options, item_names=("state", "record"))

    def step(self, kind: Kind) -> int | None:
        """The step of the checkpoint of that kind, None where there is none."""
        return self._step_in(self._folder_of(kind))

    def _step_in(self, folder: Kind) -> int | None:
        return self._managers[folder].latest_step() if folder in self._managers else None

    def _folder_of(self, kind: Kind) -> Kind:
        """Where the checkpoint of that kind lies: the latest may be the best, too."""
        best, latest = self._step_in("best"), self._step_in("latest")
        return "best" if best is not None and (latest is None or best > latest) else kind

    def save(self, kind: Kind, state: TrainState, history: History) -> None:
        """Write a checkpoint in the background and, once it is on disk, drop the one before of its kind.

        The state is copied first, so that its buffers may be reused. A save waits for the one before: a newer
        checkpoint never lies beside one that is not written whole. Checkpoints of this step or a later one, which a
        killed run left, are dropped first: Orbax would keep them and write nothing.
        """
        manager, step = self._managers[kind], int(np.max(state.step))
        self.wait()
        # Told before: Orbax meets a full disk with a page of errors for each array, from several threads.
        needed = 2 * sum(leaf.nbytes for leaf in jax.tree.leaves(state)) + MARGIN
        if shutil.disk_usage(self.folder).free < needed:
            raise OSError(errno.ENOSPC, f"no space for a checkpoint of {needed / 2**20:.0f} MiB", str(self.folder))
        for left_over in manager.all_steps():
            if left_over >= step:
                manager.delete(left_over)
        record = {"history": history, "arrays": _described(state), "sha256": _digest(state)}
        manager.save(
            step, args=ocp.args.Composite(state=ocp.args.StandardSave(state), record=ocp.args.JsonSave(record))
        )

    def restore(self, kind: Kind, like: TrainState) -> tuple[TrainState, History]:
        """The checkpoint of that kind, placed as `like` is, and the history of evaluations up to it.

        Raises:
          InputError: there is none, or it cannot be read, or its arrays are not those that were written.
        """
        self.wait()
        folder, step = self._folder_of(kind), self.step(kind)
        if step is None:
            raise InputError(self._why_none(kind))
        manager, where = self._managers[folder], self.folder / folder / str(step)
        mend = f"remove {self.folder} to train anew"
        record, expected = self._record(folder, step), _described(like)
        found = record["arrays"]
        # Told before: Orbax meets one array of another shape with pages of errors, from several threads.
        other = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
        if other:
            raise InputError(
                f"{where}: found {other[0]} {found.get(other[0], 'absent')}, expected "
                f"{expected.get(other[0], 'none')}: it was written by another version of the model or another "
                "config.json; train in a new --workdir"
            )
        with _corrupt_is_input_error(where, mend):
            abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
            state = manager.restore(step, args=ocp.args.Composite(state=ocp.args.StandardRestore(abstract)))["state"]
        if _digest(state) != record["sha256"]:
            raise InputError(f"{where}: found arrays with another SHA-256 than was written, expected equal; {mend}")
        return state, record["history"]

    def _record(self, folder: Kind, step: int) -> dict[str, Any]:
        """What lies beside the state: history, and what the arrays are."""
        with _corrupt_is_input_error(self.folder / folder / str(step), f"remove {self.folder} to train anew"):
            restored = self._managers[folder].restore(step, args=ocp.args.Composite(record=ocp.args.JsonRestore()))
            return {name: restored["record"][name] for name in ("history", "arrays", "sha256")}

    def _why_none(self, kind: Kind) -> str:
        latest = self._step_in("latest")
        history = [] if latest is None else self._record("latest", latest)["history"]
        if kind == "best" and history:
            return (
                f"{self.folder}: found no finite validation score in {len(history)} evaluations up to step {latest}, "
                "expected one at least: training diverged; try a lower --optimizer.learning_rate in a new --workdir"
            )
        return f"{self.folder / kind}: found no checkpoint, expected one; train first"

    def wait(self) -> None:
        """Wait until all that was saved is on disk."""
        for manager in self._managers.values():
            manager.wait_until_finished()

    def close(self) -> None:
        """Wait until all is written, and release what Orbax holds."""
        for manager in self._managers.values():
            manager.close()


@contextlib.contextmanager
def _corrupt_is_input_error(where: Path, mend: str) -> Iterator[None]:
    # Orbax and TensorStore raise whatever their readers meet: there is no narrower common class.
    try:
        yield
    except Exception as error:
        what = " ".join(str(error).split())[:160] or type(error).__name__
        raise InputError(
            f"{where}: found a checkpoint that cannot be read ({what}), expected a whole one; {mend}"
        ) from error


def _described(state: TrainState) -> dict[str, str]:
    """Type and shape of each array of a state, by its place."""
    leaves = jax.tree_util.tree_leaves_with_path(state)
    return {jax.tree_util.keystr(path).lstrip("."): f"{leaf.dtype}{list(leaf.shape)}" for path, leaf in leaves}


def _digest(state: Any) -> str:
    return fingerprint(*(np.asarray(leaf) for leaf in jax.tree.leaves(state)))
