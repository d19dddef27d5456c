"""The files of a published model, and reading one: what ``python -m pcsa_jax publish`` writes, wherever it went."""

from pathlib import Path

from pcsa_jax.data.fingerprints import file_hash
from pcsa_jax.data.json_objects import read_object
from pcsa_jax.errors import UserError
from pcsa_jax.experiment.config import PUBLISHED
from pcsa_jax.synthesis.generator_file import GeneratorFile, read_generator_file

TENSORS, CONFIG, CARD, METADATA = "model.safetensors", "config.json", "README.md", "metadata.json"
PREVIEW, SCRIPT = "preview.png", "pet.py"

FORMAT = f"{PUBLISHED} 1"
"""First key of ``config.json``."""


def is_published(folder: Path) -> bool:
    """Whether a folder holds a published model; a run's has checkpoints, and parameters nowhere else."""
    return (folder / TENSORS).exists() and not (folder / "checkpoints").exists()


def read_published(folder: Path) -> GeneratorFile:
    """Reads the generators of a published folder; of its other files, ``config.json`` must say the same of them.

    A copy without ``config.json`` is read too: ``model.safetensors`` vouches for itself.

    Raises:
      UserError: if a file is damaged, or one was exchanged.
    """
    file = read_generator_file(folder / TENSORS)
    path = folder / CONFIG
    if not path.exists():
        return file
    said = read_object(path, {}, expected="the config.json of a published model")
    if said.get("format") != FORMAT:
        raise UserError(
            f"{path}: expected format {FORMAT!r}, found {str(said.get('format'))[:60]!r}. Publish again with this "
            "version."
        )
    if said.get("generator") != file.card:
        raise UserError(
            f"{path}: expected what {TENSORS} beside it says of itself, found another generator's or a changed one. "
            "Download or publish both again."
        )
    program = said.get("stablehlo", {"sha256": {}})
    hashes = program.get("sha256") if isinstance(program, dict) else None
    if not isinstance(hashes, dict):
        raise UserError(f"{path}: expected what it says of the program, found it damaged. Download it again.")
    for name, digest in hashes.items():
        _check_beside(folder, name, digest)
    return file


def _check_beside(folder: Path, name: str, digest: str) -> None:
    """Raises UserError if a program beside the tensors is not the one that was published; it may be left out."""
    path = folder / name
    if path.name != name or name == TENSORS or not path.is_file():
        return
    if file_hash(path) != digest:
        raise UserError(
            f"{path}: expected the file that was published, found a damaged or changed one. Download it again."
        )
