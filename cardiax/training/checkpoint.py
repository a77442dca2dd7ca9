"""Checkpoints of a run; the only module that uses Orbax.

`latest` and `best` each hold one complete state and the history of evaluations up to it. A state that is both is
written once, as `best`; the latest checkpoint is the newer of the two. Orbax writes to a temporary folder, which is
synchronised with the disk and renamed at the end, so a killed run or a power cut leaves the previous checkpoint. Each
checkpoint stores the SHA-256 of its arrays, which Orbax does not verify. The seed is not stored, since the config has
it.
"""

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np
import orbax.checkpoint as ocp

from cardiax.durability import publish, remove
from cardiax.errors import DIVERGED, InputError, raise_of_disk, system_error
from cardiax.training.batch_order import fingerprint
from cardiax.training.state import TrainState

Kind = Literal["latest", "best"]
History = list[dict[str, float]]

MARGIN = 2**21
"""Size of a checkpoint's metadata, bytes. It adds to the arrays, which Orbax writes twice before it drops one copy."""


class _Synchronised(ocp.path.atomicity.AtomicRenameTemporaryPath):
    """A temporary folder that is synchronised with the disk before it gets its final name."""

    async def finalize(self) -> None:
        """Write Orbax's last files, synchronise everything, and rename the folder."""
        final = self._final_path
        self._final_path = final.with_name(f"{final.name}.orbax-checkpoint-tmp-whole")
        await super().finalize()
        whole, self._final_path = Path(self._final_path), final
        publish(whole, Path(final))


class Checkpoints:
    """The checkpoints of a run in a folder, which is created if it is absent.

    Each is marked with its `owner`, e.g. the SHA-256 of the run's config, and only restored for the same one.

    With `read_only` nothing is created or removed. The folder of one kind may then be absent, for example in an archive
    or a repository, which do not keep empty folders.
    """

    def __init__(self, folder: Path, read_only: bool = False, owner: str = ""):
        self.folder, self._owner = folder.absolute(), owner
        kinds = [kind for kind in ("latest", "best") if not read_only or (self.folder / kind).is_dir()]
        self._managers = {kind: self._manager(kind, read_only) for kind in kinds}

    def _manager(self, kind: str, read_only: bool) -> ocp.CheckpointManager:
        if read_only:  # Orbax overrides the other options in this mode and warns about each of them.
            options = ocp.CheckpointManagerOptions(read_only=True, create=False, save_interval_steps=0)
        else:
            options = ocp.CheckpointManagerOptions(
                max_to_keep=1, create=True, enable_async_checkpointing=True, temporary_path_class=_Synchronised
            )
            if jax.process_index() == 0:  # what a killed run left: unfinished checkpoints, and one that it was deleting
                folder = self.folder / kind
                steps = sorted(int(path.name) for path in folder.glob("*") if path.name.isdecimal())
                old = [folder / str(step) for step in steps[:-1]]
                for left_over in (*folder.glob("*.orbax-checkpoint-tmp*"), *old):
                    remove(left_over)
        return ocp.CheckpointManager(self.folder / kind, options=options, item_names=("state", "record"))

    def step(self, kind: Kind) -> int | None:
        """Return the step of the checkpoint of a kind, or None if there is none."""
        return self._step_in(self._folder_of(kind))

    def _step_in(self, folder: Kind) -> int | None:
        return self._managers[folder].latest_step() if folder in self._managers else None

    def _folder_of(self, kind: Kind) -> Kind:
        """Return the folder that holds the checkpoint of a kind, since the latest may also be the best."""
        best, latest = self._step_in("best"), self._step_in("latest")
        return "best" if best is not None and (latest is None or best > latest) else kind

    def save(self, kind: Kind, state: TrainState, history: History) -> None:
        """Write a checkpoint in the background; once it is on disk, delete the previous one of its kind.

        The state is copied first, so its buffers may be reused. A save waits for the previous one, so a newer
        checkpoint never exists next to an incomplete one. Checkpoints of this or a later step, left by a killed run,
        are deleted first: Orbax would keep them and write nothing. Raises `OSError` if there is not enough space on the
        disk.
        """
        manager, step = self._managers[kind], int(state.step)
        state = dataclasses.replace(state, seed=None)
        self.wait()
        # Checked in advance, since on a full disk Orbax prints a page of errors for each array, from several threads.
        needed = 2 * sum(leaf.nbytes for leaf in jax.tree.leaves(state)) + MARGIN
        if shutil.disk_usage(self.folder).free < needed:
            raise OSError(errno.ENOSPC, f"no space for a checkpoint of {needed / 2**20:.0f} MiB", str(self.folder))
        for left_over in manager.all_steps():
            if left_over >= step:
                manager.delete(left_over)
        record = {"history": history, "arrays": _described(state), "sha256": _digest(state), "owner": self._owner}
        record["record_sha256"] = _sum(record)
        items = ocp.args.Composite(state=ocp.args.StandardSave(_stored(state)), record=ocp.args.JsonSave(record))
        with _failed_write_is_os_error(self.folder):
            manager.save(step, args=items)

    def drop_superseded(self) -> None:
        """Delete the checkpoint of kind "latest" if the best one is later, e.g. one that an interruption wrote."""
        self.wait()
        if self._folder_of("latest") == "best":
            for step in self._managers["latest"].all_steps():
                self._managers["latest"].delete(step)

    def restore(self, kind: Kind, like: TrainState) -> tuple[TrainState, History]:
        """Return the state of a checkpoint, with the seed of `like`, and its evaluation history.

        `like` has arrays, or their shapes and types, with the sharding that those of the state get. Raises `InputError`
        if there is none, it cannot be read, its arrays differ in type or shape from those of `like`, or their SHA-256
        is not the stored one.
        """
        self.wait()
        seed, like = like.seed, dataclasses.replace(like, seed=None)
        folder, step = self._folder_of(kind), self.step(kind)
        if step is None:
            raise InputError(self._why_none(kind))
        manager, where = self._managers[folder], self.folder / folder / str(step)
        mend = self._mend()
        record, expected = self._record(folder, step), _described(like)
        found, owner = record["arrays"], record["owner"]
        # Checked in advance, since for an array of another shape Orbax prints pages of errors, from several threads.
        other = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
        if other:
            raise InputError(
                f"{where}: found {other[0]} {found.get(other[0], 'absent')}, expected "
                f"{expected.get(other[0], 'none')}: it was written by another version of the model or another "
                "config.json; train in a new --workdir"
            )
        if owner and self._owner and owner != self._owner:
            raise InputError(
                f"{where}: found a checkpoint of another run, whose config.json has the SHA-256 {str(owner)[:12]}…, "
                f"expected {self._owner[:12]}…; put the run's own checkpoints back, or "
                f"remove {self.folder} to train from the start"
            )
        with _corrupt_is_input_error(where, mend):
            abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, _stored(like))
            stored = manager.restore(step, args=ocp.args.Composite(state=ocp.args.StandardRestore(abstract)))["state"]
        state = dataclasses.replace(like, **stored)
        if _digest(state) != record["sha256"]:
            raise InputError(
                f"{where}: found arrays whose SHA-256 differs from the one written, expected the same; {mend}"
            )
        return dataclasses.replace(state, seed=seed), record["history"]

    def _record(self, folder: Kind, step: int) -> dict[str, Any]:
        """Return the metadata of a checkpoint: `history`, `arrays` (types and shapes) and `sha256`."""
        with _corrupt_is_input_error(self.folder / folder / str(step), self._mend()):
            restored = self._managers[folder].restore(step, args=ocp.args.Composite(record=ocp.args.JsonRestore()))
            record = {"owner": ""} | restored["record"]
            if record.pop("record_sha256", None) not in (None, _sum(record)):
                raise ValueError("another SHA-256 of its record")
            return {name: record[name] for name in ("history", "arrays", "sha256", "owner")}

    def _mend(self) -> str:
        # Orbax also finds a file absent if the disk or the network has failed for a moment.
        return f"remove {self.folder} if the same command fails again, to train from the start"

    def _why_none(self, kind: Kind) -> str:
        latest = self._step_in("latest")
        history = [] if latest is None else self._record("latest", latest)["history"]
        if kind == "best" and history:
            return (
                f"{self.folder}: found no finite validation score in {len(history)} evaluations up to step {latest}, "
                f"expected at least one: training diverged; {DIVERGED}"
            )
        return (
            f"{self.folder / kind}: found no checkpoint, expected one; run the command of the run again, which goes on "
            f"with it; if that says that training diverged, {DIVERGED}"
        )

    def wait(self) -> None:
        """Wait until all saves are on disk; raise `OSError` if one cannot be written."""
        with _failed_write_is_os_error(self.folder):
            for manager in self._managers.values():
                manager.wait_until_finished()

    def close(self) -> None:
        """Wait until all saves are on disk and release Orbax's resources; raise `OSError` as `wait` does."""
        with _failed_write_is_os_error(self.folder):
            for manager in self._managers.values():
                manager.close()


@contextlib.contextmanager
def _failed_write_is_os_error(folder: Path) -> Iterator[None]:
    """Turn the errors of a failed write, the system's or TensorStore's, into an `OSError` that names the folder.

    Orbax also raises a `ValueError` for a file that it takes for absent, since the system could not look at it.
    """
    try:
        yield
    except (OSError, ValueError) as error:
        code, what = system_error(error), " ".join(str(error).split())[:160]
        why = os.strerror(code) if code else f"cannot write a checkpoint ({what})"
        raise OSError(code or errno.EIO, why, str(folder)) from error


@contextlib.contextmanager
def _corrupt_is_input_error(where: Path, mend: str) -> Iterator[None]:
    # The exceptions of Orbax and TensorStore have no narrower common class than `Exception`.
    try:
        yield
    except Exception as error:
        raise_of_disk(error, where)
        what = " ".join(str(error).split())[:160] or type(error).__name__
        raise InputError(
            f"{where}: found a checkpoint that cannot be read ({what}), expected a complete one; {mend}"
        ) from error


def _described(state: TrainState) -> dict[str, str]:
    """Return path → type and shape of each array of a state."""
    leaves = jax.tree_util.tree_leaves_with_path(state)
    return {jax.tree_util.keystr(path).lstrip("."): f"{leaf.dtype}{list(leaf.shape)}" for path, leaf in leaves}


def _stored(state: TrainState) -> dict[str, Any]:
    """Return the fields that Orbax writes: all but the seed, which it would list even where it is None."""
    return {field.name: getattr(state, field.name) for field in dataclasses.fields(state) if field.name != "seed"}


def _digest(state: Any) -> str:
    return fingerprint(*(np.asarray(leaf) for leaf in jax.tree.leaves(state)))


def _sum(record: dict[str, Any]) -> str:
    """Return the SHA-256 of a record without its own sum."""
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
