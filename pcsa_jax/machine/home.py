"""A path as its user writes it: ``~`` is the home folder, also where the shell leaves it alone (``--out=~/x``)."""

import os
from pathlib import Path

from pcsa_jax.errors import UserError


def user_path(given: str | os.PathLike[str]) -> Path:
    """``given`` with the home folder in place of a leading ``~`` or ``~name``, even if there is a file called ``~``.

    Raises:
      UserError: if there is no such user, or nobody knows the home folder.
    """
    text = os.fspath(given)
    if not text.startswith("~"):
        return Path(text)
    name, _, below = text[1:].partition("/")
    home = os.path.expanduser(f"~{name}")
    if name and not home.startswith("/"):
        raise UserError(
            f"{text}: expected the name of a user of this machine after ~, found {name!r}. Write the whole path, or "
            f"./{text} for a file of that name."
        )
    # An empty HOME would make the root of the disk of it.
    if not home.startswith("/") or (not name and os.environ.get("HOME") == ""):
        raise UserError(f"{text}: expected a home folder for ~, found none. Set HOME, or write the whole path.")
    return Path(home, below.lstrip("/"))
