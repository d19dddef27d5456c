"""What each target makes of the evaluated runs: a row set's tables and figures, the disease, the classification."""

from collections.abc import Sequence
from pathlib import Path

from pcsa_jax.data.subjects import counted
from pcsa_jax.errors import UserError
from pcsa_jax.machine.progress import console, progress
from pcsa_jax.presentation.numbers import count
from pcsa_jax.presentation.origin import phantom_mark
from pcsa_jax.presentation.tables import write_table
from pcsa_jax.studies.reproduction.collection import (
    collect_scores,
    complete_rows,
    count_trained,
    describe_context,
    show_subject,
)
from pcsa_jax.studies.reproduction.plan import Plan, Run
from pcsa_jax.studies.reproduction.rowsets import GENERATOR_ROW, TARGETS, make_row_set, rows_of
from pcsa_jax.studies.reproduction.runner import Progress, Training, each_trained
from pcsa_jax.training.trained import open_run


def present_target(plan: Plan, target: str, done: Progress) -> Progress:
    """Writes OUT/TARGET from the runs that came through; returns what came through after that.

    Raises:
      UserError: if no row of it is complete.
    """
    complete, missing = complete_rows(plan, rows_of(target, plan.known_rows), done)
    if missing:
        console.print(f"{target}: left out, as runs are missing: {'; '.join(missing)}")
    if not complete:
        raise UserError(f"{target}: expected at least one row with all of its runs, found none. See the failed runs.")
    if TARGETS[target].title:
        page = _present_rowset(plan, target, complete, done)
    elif TARGETS[target].sizes:
        page = _present_data(plan, target, complete, done)
    elif target == "disease":
        done, page = _present_disease(plan, done)
    else:
        done, page = _present_classification(plan, done)
    console.print(f"{phantom_mark(is_phantom=plan.cohort.is_phantom)}{target}: {page}")
    return done


def _present_rowset(plan: Plan, target: str, rows: Sequence[str], done: Progress) -> Path:
    from pcsa_jax.studies.reproduction.presentation import present

    rowset, folder = make_row_set(target, plan.known_rows), plan.request.out / target
    scores = collect_scores([run for run in plan.runs if run.row in rows])
    write_table(folder / "subjects.tsv", scores)
    panel = show_subject(plan, rowset, scores) if TARGETS[target].shows_subject else None
    return present(folder, rowset, scores, panel=panel, context=describe_context(plan, rows, done))[-1]


def _present_data(plan: Plan, target: str, rows: Sequence[str], done: Progress) -> Path:
    import pandas as pd

    from pcsa_jax.studies.reproduction.learning_page import present_learning

    tables = []
    for size in (*plan.sizes, 0):
        runs = [run for run in plan.runs if run.row in rows and run.size == size]
        tables.append(collect_scores(runs).assign(train_subjects=size or count_trained(runs)))
    labels = {row: plan.known_rows[row].labels.get(target, row) for row in rows}
    steps = [run.num_steps for run in plan.runs if run.row in rows]
    return present_learning(
        plan.request.out / target, pd.concat(tables, ignore_index=True), labels,
        context=describe_context(plan, rows, done), steps=(min(steps), max(steps)), notes=plan.notes,
    )  # fmt: skip


def _present_disease(plan: Plan, done: Progress) -> tuple[Progress, Path]:
    """One page a seed: of one seed each participant is tested once."""
    from pcsa_jax.studies.disease.findings import FoldFindings
    from pcsa_jax.studies.disease.fold import assess_fold
    from pcsa_jax.studies.disease.presentation import present_disease

    runs = [run for run in plan.runs if run.row == GENERATOR_ROW]
    findings = {}

    def assess(run: Run, training: Training) -> None:
        folder = run.workdir.root / "disease"
        found = FoldFindings.read_findings(folder)
        if found is None or found.step != training.best_step:
            with progress("Disease") as report:
                found = assess_fold(open_run(run.workdir.root), run.workdir, progress=report)
            found.write_findings(folder)
        findings[run.name] = found

    done = each_trained("Disease", runs, done, assess)
    context, pages = describe_context(plan, [GENERATOR_ROW], done), []
    for seed in range(plan.request.seeds):
        own = [run for run in runs if run.seed == seed]
        if not all(run.name in findings for run in own):
            continue
        title = f"{GENERATOR_ROW}, {counted(len(own), 'fold')}, seed {seed}"
        pages += present_disease(
            plan.request.out / "disease" / f"seed{seed}", [findings[run.name] for run in own], title=title,
            is_phantom=context.is_phantom, protocol=context.protocol,
        )[-1:]  # fmt: skip
    if not pages:
        raise UserError("disease: expected all folds of at least one seed, found none. See the failed runs.")
    return done, pages[0]


def _present_classification(plan: Plan, done: Progress) -> tuple[Progress, Path]:
    """Classifiers of every generator, then one table of all seeds and folds."""
    import pandas as pd

    from pcsa_jax.studies.classification.context import ClassificationContext
    from pcsa_jax.studies.classification.presentation import present_classification
    from pcsa_jax.studies.classification.protocol import classify

    tables = []

    def classify_run(run: Run, training: Training) -> None:
        config = plan.classifier.copy_and_resolve_references()
        config.seed = run.seed
        table = classify(config.lock(), run.workdir.root, run.workdir.root / "classification")
        tables.append(table.assign(seed=run.seed, fold=run.fold))

    runs = [run for run in plan.runs if run.row == GENERATOR_ROW]
    done = each_trained("Classification", runs, done, classify_run)
    if len(tables) < len(runs):
        raise UserError(f"table3: expected {len(runs)} classifications, found {len(tables)}. See the failed runs.")
    context = describe_context(plan, [GENERATOR_ROW], done)
    protocol = (
        f"{context.protocol} Row {GENERATOR_ROW} made the synthetic PET. Each fold's classifiers were trained on its "
        f"training subjects ({count(plan.classifier.num_epochs)} epochs); its validation subjects chose their "
        "checkpoint and threshold."
    )
    pages = present_classification(
        plan.request.out / "table3", pd.concat(tables, ignore_index=True),
        context=ClassificationContext(context.cohort, context.is_phantom, protocol),
    )  # fmt: skip
    return done, pages[-1]
