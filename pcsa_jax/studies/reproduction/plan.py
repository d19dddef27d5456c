"""What a reproduction runs: rows x seeds x folds, checked against configs, cohort and output before anything heavy."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from pcsa_jax.data.subjects import Cohort
from pcsa_jax.errors import UserError
from pcsa_jax.experiment.cohort import look_at_cohort
from pcsa_jax.experiment.config import flatten, parse_config
from pcsa_jax.experiment.config_files import find_config, read_rows
from pcsa_jax.experiment.rows import Row
from pcsa_jax.experiment.workdir import Workdir
from pcsa_jax.studies.classification.config import CLASSIFIER
from pcsa_jax.studies.reproduction.feasibility import check_cohort, split_folds
from pcsa_jax.studies.reproduction.rowsets import ALL, GENERATOR_ROW, TARGETS, rows_of, whole_part_targets
from pcsa_jax.studies.reproduction.sizes import choose_sizes, train_on
from pcsa_jax.training import loop

_OWN_FIELDS = {
    "row": "Name a ROWSET",
    "system": "Name a ROWSET",
    "seed": "Use --seeds",
    "data.fold": "Every fold is run",
    "data.num_folds": "Use --folds",
}
"""Fields that the plan sets, and what to do instead of overriding them."""


class Request(NamedTuple):
    """What the user asks for.

    Attributes:
      target: key of :data:`~pcsa_jax.studies.reproduction.rowsets.TARGETS`, or :data:`ALL`.
      config: config file or name, without a row.
      overrides: ``--config.FIELD=VALUE`` words, for every row.
      folds: by participant; each is tested once.
      seeds: trainings of each row and fold, seeds from 0.
      out: folder of runs, tables and figures.
      classifier: config file of the classifiers and its row; empty: the one beside ``config``.
    """

    target: str
    config: str
    overrides: tuple[str, ...]
    folds: int
    seeds: int
    out: Path
    classifier: str = ""


class Run(NamedTuple):
    """One training of the plan.

    Attributes:
      row: of the config file.
      seed: of parameters and data order.
      fold: that is tested.
      config: with all of it.
      workdir: OUT/runs/ROW/seedS/foldF, or OUT/runs/ROW/trainN/seedS/foldF.
      num_steps: of the whole training.
      size: participants that are trained on; 0: all of the training part.
    """

    row: str
    seed: int
    fold: int
    config: ConfigDict
    workdir: Workdir
    num_steps: int
    size: int = 0

    @property
    def name(self) -> str:
        people = f"{self.size} training subjects, " if self.size else ""
        return f"row {self.row}, {people}seed {self.seed}, fold {self.fold}"


class Plan(NamedTuple):
    """Everything that a request leads to.

    Attributes:
      request: as given.
      targets: what is presented, in this order.
      known_rows: of the config file.
      runs: row by row, so that a table's rows are complete as early as possible.
      cohort: that all runs share.
      classifier: config of the classifiers; None if there are none to train.
      parts: fold by fold, part -> number of its pairs.
      notes: a line for each size that is not run.
    """

    request: Request
    targets: tuple[str, ...]
    known_rows: Mapping[str, Row]
    runs: tuple[Run, ...]
    cohort: Cohort
    classifier: ConfigDict | None = None
    parts: tuple[Mapping[str, int], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def sizes(self) -> tuple[int, ...]:
        """Participants to train on, as far as they are fewer than all."""
        return tuple(sorted({run.size for run in self.runs} - {0}))

    @property
    def rows(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(run.row for run in self.runs))


def make_plan(request: Request) -> Plan:
    """The plan of a request; nothing is written: who is in the built-in cohort is known before it is.

    Raises:
      UserError: if anything of it cannot work: target, config, cohort, number of folds, or the output folder.
    """
    if request.target not in (*TARGETS, ALL):
        raise UserError(f"ROWSET: expected one of {', '.join((*TARGETS, ALL))}, found {request.target!r}.")
    for option, number, least in (("--folds", request.folds, 2), ("--seeds", request.seeds, 1)):
        if number < least:
            raise UserError(f"{option}: expected at least {least}, found {number}.")
    targets = whole_part_targets() if request.target == ALL else (request.target,)
    known = _read_rows(request, targets)
    rows = tuple(dict.fromkeys(row for target in targets for row in rows_of(target, known)))
    configs = _row_configs(request, rows)
    classifier = _classifier_config(request) if "table3" in targets else None
    cohort = look_at_cohort(configs[rows[0]].data)
    check_cohort(cohort, targets, request.folds)
    data = configs[rows[0]].data
    splits = split_folds(data, cohort, request.folds, targets)
    sizes, notes = choose_sizes(targets, data, splits)
    by_size = {
        size: _count_pairs(cohort, split_folds(data, cohort, request.folds, targets, size)) for size in (0, *sizes)
    }
    runs = tuple(
        _run(request.out, configs[row], seed, fold, by_size, size)
        for row in rows
        for size in by_size
        for seed in range(request.seeds)
        for fold in range(request.folds)
    )
    return Plan(request, targets, known, runs, cohort, classifier, by_size[0], notes)


def _count_pairs(cohort: Cohort, splits: Sequence[Mapping[str, str]]) -> tuple[Mapping[str, int], ...]:
    """Fold by fold, part -> number of its pairs."""
    return tuple(Counter(own[subject.participant_id] for subject in cohort.pairs) for own in splits)


def _read_rows(request: Request, targets: Sequence[str]) -> dict[str, Row]:
    """The rows of the config file.

    Raises:
      UserError: if a row is given, or the file has none of a row set among ``targets``.
    """
    if find_config(request.config)[1] is not None:
        raise UserError(
            f"--config: expected a config file without a row, found {request.config}. ROWSET says which rows are run."
        )
    rows = read_rows(request.config)
    for target in targets:
        labelled = [name for name, row in rows.items() if target in row.labels]
        if TARGETS[target].title and GENERATOR_ROW not in labelled:
            raise UserError(
                f"--config {request.config}: expected ROWS with {GENERATOR_ROW} and others of {target}, found "
                f"{', '.join(labelled) or 'none'}. Take them from configs/pcsa.py, as configs/demo.py does."
            )
    return rows


def _row_configs(request: Request, rows: Sequence[str]) -> dict[str, ConfigDict]:
    """Row -> its config with all overrides."""
    file = request.config
    plain = {row: flatten(_parse(file, row, ())) for row in rows}
    for word in request.overrides:
        _check_override(word.partition("=")[0].removeprefix("--config."), plain)
    words = (*request.overrides, f"--config.data.num_folds={request.folds}")
    return {row: _parse(file, row, words) for row in rows}


def _parse(file: str, row: str, words: Sequence[str]) -> ConfigDict:
    try:
        return parse_config([f"--config={file}:{row}", *words])
    except UserError as error:
        raise UserError(f"row {row}: {error}") from error


def _classifier_config(request: Request) -> ConfigDict:
    rows, _ = find_config(request.config)
    beside = rows.with_name("classifier.py")
    given = request.classifier or (f"{beside}:demo" if rows.name == "demo.py" else str(beside))
    try:
        find_config(given)
    except UserError as error:
        raise UserError(
            f"table3: expected the classifiers' config at {given}, found none. Name it: --classifier-config."
        ) from error
    return parse_config([f"--config={given}"], CLASSIFIER)


def _check_override(name: str, plain: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuses to override what the plan sets or what makes the rows differ."""
    if name in _OWN_FIELDS:
        raise UserError(f"--config.{name}: expected no override, found one. {_OWN_FIELDS[name]}.")
    values = {row: fields[name] for row, fields in plain.items() if name in fields}
    distinct = {repr(value): row for row, value in reversed(values.items())}
    if len(distinct) > 1:
        examples = ", ".join(f"{row} has {value}" for value, row in list(reversed(distinct.items()))[:2])
        raise UserError(
            f"--config.{name}: expected a field that all rows share, found one in which they differ ({examples}). "
            "An override would make them alike: change it in a config file of your own."
        )


def _run(
    out: Path,
    row_config: ConfigDict,
    seed: int,
    fold: int,
    by_size: Mapping[int, Sequence[Mapping[str, int]]],
    size: int,
) -> Run:
    config = row_config.copy_and_resolve_references()
    config.seed, config.data.fold = seed, fold
    whole, own = (by_size[of][fold]["train"] for of in (0, size))
    folder = out / "runs" / config.row
    if size:
        train_on(config, size, num_pairs=own, num_pairs_of_all=whole)
        folder /= f"train{size}"
    workdir = Workdir(folder / f"seed{seed}" / f"fold{fold}")
    return Run(config.row, seed, fold, config.lock(), workdir, loop.Plan.of(config, own).num_steps, size)
