"""Calls that use a trained generator."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pcsa_jax.calls.places import AnyPath, given
from pcsa_jax.machine.home import user_path

if TYPE_CHECKING:
    from pcsa_jax.publishing import publish as publishing
    from pcsa_jax.synthesis import synthesize as synthesis
    from pcsa_jax.synthesis.loaded import LoadedGenerator


def load_generator(path: AnyPath) -> "LoadedGenerator":
    """Opens a trained generator: a function of an array on its grid, or of a path or nibabel image in MNI152 space.

    Args:
      path: run folder (its best checkpoint), published folder or exported file; no config file is needed, no code of
        theirs is run.

    Raises:
      UserError: if there is nothing, something of another kind or version, or a damaged run or file.
    """
    from pcsa_jax.synthesis.loaded import load_generator as load

    return load(user_path(path))


def synthesize(
    inputs: Sequence[AnyPath],
    generators: Sequence[AnyPath],
    out: AnyPath,
    *,
    fwhm_mm: float | None = None,
    are_raw: bool = False,
    panels: bool = False,
    pages: bool = False,
    convention: str = "neurological",
    colours: str = "hot",
    intervals: bool = False,
    zmaps: bool = False,
    refuse_outside: bool = False,
    calibration: AnyPath | None = None,
    skip_bad: bool = False,
    overwrite: bool = False,
) -> "synthesis.Outcome":
    """Makes FDG-PET of grey-matter maps or raw T1w scans, on each input's own grid.

    Args:
      inputs: NIfTI files, cohort folders, manifests, folders of maps.
      generators: run folders (their best checkpoint), published folders or exported files; of several, mean and SD.
      out: folder to write, outside of the inputs.
      fwhm_mm: what the maps have been smoothed with, if neither cohort nor sidecar says.
      are_raw: files are raw T1w scans (files named ``*_T1w`` always are).
      panels: draw a picture of each.
      pages: write a page to read for each, and ``OUT/index.html``.
      convention, colours: of the pages: ``neurological`` or ``radiological``, ``hot`` or ``grey``.
      intervals: write the ends of each voxel's interval.
      zmaps: write the deviation from cognitively normal people.
      refuse_outside: a map outside of what the generators know is a bad input.
      calibration: file of :func:`pcsa_jax.calibrate` for several generators together.
      skip_bad: leave bad inputs out (``OUT/skipped.tsv``) and go on.
      overwrite: replace outputs of other inputs or generators.

    Returns:
      How many inputs were written, finished before and left out, and the signal that stopped it, if one did.

    Raises:
      UserError: if an input, a generator or the folder cannot be used.
    """
    from pcsa_jax.data.synthesis_inputs import find_inputs
    from pcsa_jax.machine.compilation import keep_compiled_programs
    from pcsa_jax.machine.progress import console
    from pcsa_jax.presentation.viewing import choose_pages
    from pcsa_jax.synthesis.generators import open_generators
    from pcsa_jax.synthesis.synthesize import Synthesis

    note, look = console.print, choose_pages(convention, colours, are_wanted=pages)
    found = find_inputs([user_path(path) for path in inputs], fwhm_mm=fwhm_mm, are_raw=are_raw, note=note)
    keep_compiled_programs()
    ensemble = open_generators([user_path(path) for path in generators], given(calibration))
    return Synthesis(
        ensemble, found, user_path(out), panels=panels, pages=look, intervals=intervals,
        zmaps=zmaps, refuse_outside=refuse_outside, overwrite=overwrite, skip_bad=skip_bad,
    ).run()  # fmt: skip


def export(workdir: AnyPath, out: AnyPath, *, checkpoint: str = "best") -> dict[str, Any]:
    """Writes a trained generator as one self-describing file (safetensors, no pickle).

    Args:
      workdir: folder of the run.
      out: file to write; must not exist.
      checkpoint: ``best`` on validation data or ``latest``.

    Returns:
      The file's card: grid, units, training, hash.

    Raises:
      UserError: if the run cannot be opened or the file not be written.
    """
    from pcsa_jax.experiment.cohort import describe_training
    from pcsa_jax.experiment.workdir import Workdir
    from pcsa_jax.synthesis.export import export_generator, generator_hash
    from pcsa_jax.synthesis.trust_file import trust_of_run
    from pcsa_jax.training.trained import open_run

    trained = open_run(user_path(workdir), checkpoint=checkpoint)
    name, is_phantom = describe_training(trained.config.data, trained.environment)
    trust = trust_of_run(Workdir(user_path(workdir)).trust, generator_hash(trained))
    return export_generator(trained, user_path(out), cohort=name, is_phantom=is_phantom, trust=trust)


def publish(
    runs: Sequence[AnyPath],
    out: AnyPath,
    *,
    name: str = "",
    licence: str = "",
    authors: str = "",
    calibration: AnyPath | None = None,
    checkpoint: str = "best",
    unscored: bool = False,
    without_program: bool = False,
) -> "publishing.Published":
    """Writes trained runs as a published model: a folder that others use, with or without this software.

    Args:
      runs: folders of trained and evaluated runs; several (folds, seeds) are published as their mean.
      out: folder to write; must not exist.
      name: of the model; the folder's name if not given.
      licence: of the weights, as Hugging Face lists them; must be given unless all were trained on a phantom.
      authors: who publishes it.
      calibration: file of :func:`pcsa_jax.calibrate` for several runs together.
      checkpoint: ``best`` on validation data or ``latest``.
      unscored: publish runs whose test part was not evaluated; the card says so.
      without_program: leave the StableHLO program out.

    Returns:
      The folder, the card of the model and what is said of the program.

    Raises:
      UserError: if a run cannot be published, or the folder not be written.
    """
    from pcsa_jax.machine.compilation import keep_compiled_programs
    from pcsa_jax.publishing.publish import publish_model

    keep_compiled_programs()
    return publish_model(
        [user_path(run) for run in runs], user_path(out), name=name, licence=licence, authors=authors,
        calibration=given(calibration), checkpoint=checkpoint, unscored=unscored, without_program=without_program,
    )  # fmt: skip
