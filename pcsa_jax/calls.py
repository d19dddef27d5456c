"""The commands as Python calls: ``pcsa_jax.train("demo", "runs/demo")``.

Each does what the command of its name does, progress on stderr included, and raises UserError where the command would
end with one line. Nothing heavy is imported before a call.
"""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pcsa_jax.errors import UserError
from pcsa_jax.experiment.words import config_words
from pcsa_jax.machine.home import user_path

if TYPE_CHECKING:
    from pcsa_jax.data.inspection import Inspection
    from pcsa_jax.synthesis import synthesize as synthesis
    from pcsa_jax.synthesis.export import LoadedGenerator
    from pcsa_jax.training.loop import Outcome

AnyPath = str | PathLike[str]


def phantom(
    out: AnyPath, *, pairs: int = 356, mri_only: int = 328, first: int = 1, size: int = 64, seed: int = 0,
    jobs: int | None = None,
) -> Path:  # fmt: skip
    """Writes the built-in cohort: paired grey-matter maps and FDG-PET made from the MNI152 templates. A phantom.

    Args:
      out: folder to write; must not hold anything.
      pairs: subjects with both modalities.
      mri_only: subjects without PET.
      first: number of the first subject; other numbers are other people.
      size: voxels along each axis, a multiple of 16.
      seed: of the cohort; a subject is a function of seed and number.
      jobs: processes; all cores if not given.

    Returns:
      ``out``.

    Raises:
      UserError: for a number out of range or a folder that cannot be written.
    """
    from pcsa_jax.data.phantom.cohort import write_cohort
    from pcsa_jax.machine.progress import progress

    numbers = {"pairs": pairs, "mri_only": mri_only, "first": first, "size": size, "seed": seed}
    try:
        with progress("Phantom") as report:
            return write_cohort(user_path(out), **numbers, jobs=jobs, progress=report)
    except OSError as error:
        raise UserError(f"--out {out}: could not be written ({error.strerror}). Choose a folder with space.") from error


def check(
    cohort: AnyPath, *, participants: AnyPath | None = None, tracer: str = "", diagnosis: str = "any",
    fwhm_mm: float | None = None, accept_suspicious: bool = False, report: AnyPath | None = None,
    jobs: int | None = None, one_grid: bool = False,
) -> "Inspection":  # fmt: skip
    """Reads every file of a cohort to its end and lists every problem of every file.

    Args:
      cohort: folder (BIDS derivatives, CAPS) or manifest (.tsv); never written to.
      participants: ``participants.tsv`` or its folder, if it is not in the cohort.
      tracer, diagnosis, fwhm_mm, accept_suspicious: what files leave open, see
        :class:`pcsa_jax.data.subjects.Reading`.
      report: TSV file for all problems.
      jobs: files read at a time; all cores, at most 8, if not given.
      one_grid: files of one modality on different grids are a problem; else each is brought to the cohort's by itself.

    Returns:
      What was found; the cohort is sound if its ``problems`` are empty.

    Raises:
      UserError: if there is no cohort at all, or ``report`` cannot be written.
    """
    from pcsa_jax.data.cohort import Reading
    from pcsa_jax.preprocessing.checking import check_cohort

    reading = Reading(_path(participants), tracer, diagnosis, fwhm_mm, accept_suspicious)
    return check_cohort(user_path(cohort), reading, report=_path(report), jobs=jobs, one_grid=one_grid)


def train(
    config: AnyPath, workdir: AnyPath, *, cohort: AnyPath | None = None, participants: AnyPath | None = None,
    overrides: Mapping[str, Any] | Sequence[str] = (), coordinator: str | None = None,
    num_processes: int | None = None, process_id: int | None = None,
) -> "Outcome":  # fmt: skip
    """Trains, or resumes the run in ``workdir``.

    Args:
      config: config file or name, and row, as in ``pcsa:sa16``.
      workdir: folder of the run.
      cohort: folder or manifest, in place of the config's ``data.root``.
      participants: ``participants.tsv`` or its folder, if it is not in the cohort.
      overrides: ``{"group.field": value}``, or the words ``--config.group.field=value``.
      coordinator, num_processes, process_id: of several processes that srun or mpirun did not start.

    Returns:
      The last step, and the signal that stopped the training if one did.

    Raises:
      UserError: for a mistake in config, cohort or folder, or if a loss becomes NaN or infinite.
    """
    from pcsa_jax.experiment.config import parse_config

    resolved = parse_config(config_words(config, overrides, cohort=cohort, participants=participants))
    from pcsa_jax.machine.processes import start_processes

    start_processes(coordinator, num_processes, process_id)
    from pcsa_jax.experiment.workdir import Workdir
    from pcsa_jax.machine.compilation import keep_compiled_programs
    from pcsa_jax.training import train as training

    keep_compiled_programs()
    return training.train(resolved, Workdir(user_path(workdir)))


def evaluate(
    workdir: AnyPath, *, split: str = "test", out: AnyPath | None = None, cohort: AnyPath | None = None,
    participants: AnyPath | None = None, tracer: str = "", diagnosis: str = "any", fwhm_mm: float | None = None,
    other_people: bool = False, checkpoint: str = "best", convention: str = "neurological", colours: str = "hot",
) -> dict[str, Any]:  # fmt: skip
    """Scores a trained run beside trivial predictors; writes tables, figures and a report.

    Args:
      workdir: folder of the run.
      split: part of its cohort to score, ``test`` or ``validation``.
      out: where to write; ``WORKDIR/evaluation/SPLIT`` if not given.
      cohort: score all pairs of this other cohort instead; needs ``out``.
      participants: ``participants.tsv`` of that cohort or its folder, if it is not in there.
      tracer, diagnosis, fwhm_mm: of that cohort, as for :func:`check`.
      other_people: nobody of that cohort was trained on, though ids coincide.
      checkpoint: ``best`` on validation data or ``latest``.
      convention, colours: of the pictures of many planes, as for :func:`synthesize`.

    Returns:
      The content of ``summary.json``.

    Raises:
      UserError: if the run or the cohort cannot be read, or somebody of the other cohort was trained on.
    """
    from pcsa_jax.data.cohort import Reading, read_cohort
    from pcsa_jax.evaluation.assessment import assess_run
    from pcsa_jax.experiment.workdir import Workdir
    from pcsa_jax.machine.compilation import keep_compiled_programs
    from pcsa_jax.presentation.viewing import choose_viewing
    from pcsa_jax.training.trained import open_run

    external, viewing = None, choose_viewing(convention, colours)
    for option, given in (("--other-people", other_people), ("--participants", participants is not None)):
        if given and cohort is None:
            raise UserError(f"{option}: expected --cohort=PATH beside it, found none. It says who is in that cohort.")
    if cohort is not None:
        if out is None:
            raise UserError("--cohort: expected --out=DIR beside it, found none. Say where its evaluation goes.")
        external = read_cohort(user_path(cohort), Reading(_path(participants), tracer, diagnosis, fwhm_mm))
    keep_compiled_programs()
    folder = Workdir(user_path(workdir))
    trained = open_run(folder.root, checkpoint=checkpoint)
    out = folder.evaluation(split) if out is None else user_path(out)
    return assess_run(
        trained, folder, split=split, out=out, external=external, other_people=other_people, viewing=viewing
    )


def synthesize(
    inputs: Sequence[AnyPath], generators: Sequence[AnyPath], out: AnyPath, *, fwhm_mm: float | None = None,
    are_raw: bool = False, panels: bool = False, pages: bool = False, convention: str = "neurological",
    colours: str = "hot", skip_bad: bool = False, overwrite: bool = False,
) -> "synthesis.Outcome":  # fmt: skip
    """Makes FDG-PET of grey-matter maps or raw T1w scans, on each input's own grid.

    Args:
      inputs: NIfTI files, cohort folders, manifests, folders of maps.
      generators: run folders (their best checkpoint) or exported files; of several, mean and SD.
      out: folder to write, outside of the inputs.
      fwhm_mm: what the maps have been smoothed with, if neither cohort nor sidecar says.
      are_raw: files are raw T1w scans (files named ``*_T1w`` always are).
      panels: draw a picture of each.
      pages: write a page to read for each, and ``OUT/index.html``.
      convention, colours: of the pages: ``neurological`` or ``radiological``, ``hot`` or ``grey``.
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
    ensemble = open_generators([user_path(path) for path in generators])
    options = {"panels": panels, "pages": look, "overwrite": overwrite, "skip_bad": skip_bad}
    return Synthesis(ensemble, found, user_path(out), **options).run()


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
    from pcsa_jax.synthesis.export import export_generator
    from pcsa_jax.training.trained import open_run

    trained = open_run(user_path(workdir), checkpoint=checkpoint)
    name, is_phantom = describe_training(trained.config.data, trained.environment)
    return export_generator(trained, user_path(out), cohort=name, is_phantom=is_phantom)


def load_generator(path: AnyPath) -> "LoadedGenerator":
    """Opens a trained generator: a function of an array on its grid, or of a path or nibabel image in MNI152 space.

    Args:
      path: run folder (its best checkpoint) or exported file; no config file is needed, no code of theirs is run.

    Raises:
      UserError: if there is nothing, something of another kind or version, or a damaged run or file.
    """
    from pcsa_jax.synthesis.export import load_generator as load

    return load(user_path(path))


def reproduce(
    target: str,
    out: AnyPath,
    *,
    config: AnyPath = "pcsa",
    folds: int = 5,
    seeds: int = 1,
    cohort: AnyPath | None = None,
    participants: AnyPath | None = None,
    classifier_config: str = "",
    overrides: Mapping[str, Any] | Sequence[str] = (),
    only_plan: bool = False,
    measure: bool = True,
) -> int:
    """Trains the rows of a table or figure of the paper under one protocol, evaluates them, and makes it.

    Args:
      target: ``fig3``, ``table1``, ...; ``all``.
      out: folder of runs, tables and figures.
      config: config file or name, of the rows.
      folds: by participant; all are run.
      seeds: trainings of each row and fold.
      cohort: folder or manifest, in place of the config's.
      participants: ``participants.tsv`` or its folder, if it is not in the cohort.
      classifier_config: of ``table3``; the one beside ``config`` if not given.
      overrides: ``{"group.field": value}`` for every row, or the words ``--config.group.field=value``.
      only_plan: print what would be run and what it costs, write nothing, and stop.
      measure: with ``only_plan``, time a few steps of each row on this machine.

    Returns:
      0: everything is there. 1: some runs failed. 130, 143: stopped by a signal.

    Raises:
      UserError: for a request that cannot work, before anything is trained.
    """
    from pcsa_jax.studies.reproduction import reproduce as reproduction
    from pcsa_jax.studies.reproduction.plan import Request

    _, *words = config_words(config, overrides, cohort=cohort, participants=participants)
    request = Request(target, str(config), tuple(words), folds, seeds, user_path(out), classifier_config)
    return reproduction.reproduce(request, only_plan=only_plan, measure=measure)


def _path(path: AnyPath | None) -> Path | None:
    return None if path is None else user_path(path)
