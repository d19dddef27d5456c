"""Where prepared maps wait to be worked on: a file without a name, of which nothing is left however this ends."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pcsa_jax.data.files import reserve
from pcsa_jax.errors import UserError


@contextlib.contextmanager
def waiting_maps(out: Path, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """A float32 array in a file on the disk of ``out``, so that any number of maps fits.

    Raises:
      UserError: if ``out`` cannot be written, or its disk has no room for the array.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        stream = tempfile.TemporaryFile(dir=out)  # noqa: SIM115 (closed below)
    except OSError as error:
        raise UserError(f"--out {out}: could not be written ({error.strerror}). Choose another folder.") from error
    with _removed_if_empty(out), stream:
        needed = 4 * int(np.prod(shape))
        try:
            reserve(stream, needed)
        except OSError as error:
            raise UserError(
                f"--out {out}: expected room for {needed / 2**20:.1f} MiB of maps, found {error.strerror}. Free some "
                "space, choose another folder, or give fewer inputs at a time."
            ) from error
        yield np.memmap(stream, np.float32, "r+", shape=shape)


@contextlib.contextmanager
def _removed_if_empty(folder: Path) -> Iterator[None]:
    """Takes the folder away again if nothing has come into it."""
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # it holds something
            folder.rmdir()
