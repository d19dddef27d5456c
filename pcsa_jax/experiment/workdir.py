"""The files of one run, and the lock that keeps a second process out."""

import contextlib
import dataclasses
import fcntl
from collections.abc import Iterator
from pathlib import Path

from pcsa_jax.data.files import check_plain, names_of_others
from pcsa_jax.errors import UserError


@dataclasses.dataclass(frozen=True)
class Workdir:
    """Paths of a run's files (README.md, "Files of a run"); nothing is created by naming them."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "config.json"

    @property
    def environment(self) -> Path:
        return self.root / "environment.json"

    @property
    def splits(self) -> Path:
        return self.root / "splits.tsv"

    @property
    def inputs(self) -> Path:
        return self.root / "inputs.tsv"

    @property
    def tested(self) -> Path:
        """Which volumes of the test part the first evaluation has read, as ``inputs.tsv``."""
        return self.root / "tested.tsv"

    @property
    def metrics(self) -> Path:
        return self.root / "metrics.jsonl"

    @property
    def events(self) -> Path:
        return self.root / "events.jsonl"

    @property
    def tensorboard(self) -> Path:
        return self.root / "tensorboard"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def arrays(self) -> Path:
        return self.root / "arrays"

    @property
    def prior(self) -> Path:
        return self.root / "prior.safetensors"

    @property
    def trust(self) -> Path:
        """What single images are judged by (``python -m pcsa_jax calibrate``)."""
        return self.root / "trust.safetensors"

    def evaluation(self, split: str) -> Path:
        return self.root / "evaluation" / split

    def open(self) -> bool:
        """Creates the folder; True if it already holds a run.

        Raises:
          UserError: if it holds anything else, or cannot be written.
        """
        if self.config.is_file():
            return True
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            # A start that was cut off leaves these behind; the config is written last and makes it a run.
            own = {".lock", f".{self.arrays.name}.tmp"}
            own |= {path.name for path in (self.splits, self.inputs, self.environment, self.arrays, self.prior)}
            others = names_of_others(self.root, own)
        except OSError as error:
            raise UserError(
                f"--workdir {self.root}: expected a folder that can be written, found {error.strerror}. Choose another."
            ) from error
        if others:
            raise UserError(
                f"--workdir {self.root}: expected an empty folder or a run, found other files ({others[0]}, "
                f"{len(others)} in all). Choose another."
            )
        return False

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Holds the run's lock; the system drops it when the process ends, however it ends.

        Raises:
          UserError: if another process trains in this folder, or it cannot be written.
        """
        path = self.root / ".lock"
        check_plain(path)
        try:
            stream = path.open("w")
        except OSError as error:
            raise UserError(
                f"--workdir {self.root}: expected a folder that can be written, found {error.strerror}. Choose another."
            ) from error
        with stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise UserError(
                    f"--workdir {self.root}: expected no other process, found one that trains there. "
                    "Wait for it, stop it, or choose another folder."
                ) from error
            yield
