"""A path without special characters to any folder, for Orbax, which does not take every path as it is written."""

import contextlib
import glob
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pcsa_jax.errors import UserError


def is_plain(path: Path) -> bool:
    r"""Whether Orbax takes ``path`` as it is written.

    It looks for the parts of a checkpoint with a pattern that begins with the path, so that ``*``, ``?`` and ``[`` in
    it stand for other names; TensorStore below it takes ``\`` for ``/`` and no name that is not UTF-8. The writing says
    nothing of that: the checkpoint lacks its arrays when it is read.
    """
    name = os.fsencode(path)
    try:
        name.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return glob.escape(name) == name and b"\\" not in name


@contextlib.contextmanager
def plainly_named(folder: Path) -> Iterator[Path]:
    """Yields the absolute path of ``folder``, or that of a link to it for as long as the block runs.

    Raises:
      UserError: if the temporary folder, where the link is made, has such a name too.
    """
    folder = folder.absolute()
    if is_plain(folder):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="pcsa_jax-") as scratch:
        if not is_plain(Path(scratch)):
            raise UserError(
                f"{folder}: expected a path without * ? [ \\ and with UTF-8 names, or such a temporary folder to link "
                f"it from, found TMPDIR {tempfile.gettempdir()}. Rename a folder, or set TMPDIR to another."
            )
        link = Path(scratch, "checkpoints")
        link.symlink_to(folder, target_is_directory=True)
        yield link
