"""One member of a sweep: what it trains, and where."""

from dataclasses import dataclass

from cardiax.catalog import NOISE
from cardiax.config import Config
from cardiax.launch.run.run_folder import Workdir


@dataclass(frozen=True)
class Member:
    """One run of a sweep.

    Attributes:
      row: the system, and the values of the grid: what the seeds of one row of the table have in common.
      protocol: as it was asked for; `noise` shares the runs of the protocol that it draws its split by.
      config: the experiment.
      workdir: its folder.
    """

    row: str
    protocol: str
    config: Config
    workdir: Workdir

    @property
    def done(self) -> bool:
        """Whether it was trained and tested."""
        return self.trained and (self.protocol != NOISE or (self.workdir.path / "test_noise.json").exists())

    @property
    def trained(self) -> bool:
        """Whether it was trained and tested without noise."""
        return (self.workdir.path / "test.json").exists()
