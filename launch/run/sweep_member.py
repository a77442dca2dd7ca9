"""One run of a sweep: its config and its folder."""

from dataclasses import dataclass

from cardiax.catalog import NOISE
from cardiax.config import Config
from cardiax.launch.run.run_folder import Workdir


@dataclass(frozen=True)
class Member:
    """One run of a sweep.

    Attributes:
      row: name of the model and values of the grid, shared by the seeds of one row of the table.
      protocol: requested protocol; `noise` shares the runs of the protocol that draws its split.
    """

    row: str
    protocol: str
    config: Config
    workdir: Workdir

    @property
    def done(self) -> bool:
        """True if the run was trained and tested."""
        return self.trained and (self.protocol != NOISE or (self.workdir.path / "test_noise.json").exists())

    @property
    def trained(self) -> bool:
        """True if the run was trained and tested without noise."""
        return self.workdir.finished()
