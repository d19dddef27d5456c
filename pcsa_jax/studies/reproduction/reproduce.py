"""From a request to tables and figures: plan, train everything, then read the test subjects, then present."""

from rich.console import Console
from rich.table import Table

from pcsa_jax.errors import UserError
from pcsa_jax.machine.compilation import keep_compiled_programs
from pcsa_jax.machine.processes import find_launch
from pcsa_jax.machine.progress import console, format_duration
from pcsa_jax.studies.reproduction.feasibility import has_mri_only
from pcsa_jax.studies.reproduction.ledger import check_record, write_record
from pcsa_jax.studies.reproduction.plan import Plan, Request, make_plan
from pcsa_jax.studies.reproduction.runner import Progress, estimate_seconds, evaluate_runs, read_training, train_runs
from pcsa_jax.studies.reproduction.targets import present_target


def reproduce(request: Request, *, only_plan: bool = False) -> int:
    """Does what ``request`` asks for and is not done yet; returns the exit status.

    All trainings come before the first evaluation, so that no choice can depend on a test score.

    Returns:
      0: everything is there. 1: some runs failed; what they are not needed for is there. 130, 143: stopped by a signal.

    Raises:
      UserError: for a request that cannot work, before anything is trained.
    """
    check_one_process()
    plan = make_plan(request)
    check_record(plan)
    print_plan(plan)
    if only_plan:
        return 0
    write_record(plan)
    keep_compiled_programs()
    done = train_runs(plan.runs)
    if done.signal_number is not None:
        return 128 + done.signal_number
    done = evaluate_runs(plan.runs, done)
    problems = []
    for target in plan.targets:
        try:
            done = present_target(plan, target, done)
        except UserError as error:
            problems.append(str(error))
    return _conclude(done, problems)


def check_one_process() -> None:
    """Raises UserError under a launcher of several processes: they would all write the same tables."""
    launch = find_launch(None, None, None)
    if launch is not None:
        raise UserError(
            f"reproduce: expected one process, found {launch.num_processes} ({launch.launcher}). Start it once, "
            "without srun or mpirun: it uses all devices of its machine."
        )


def print_plan(plan: Plan) -> None:
    """The runs of each row, how many are finished, and what they cost as far as that was measured."""
    request, out = plan.request, Console(soft_wrap=True, highlight=False)
    done = {run.name: training for run in plan.runs if (training := read_training(run))}
    table = Table(
        title=f"{', '.join(plan.targets)}: {len(plan.rows)} rows × {request.seeds} seeds × {request.folds} folds",
        title_justify="left",
    )
    table.add_column("row", no_wrap=True)
    for heading in ("runs", "finished", "steps each", "measured, each"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in plan.rows:
        runs = [run for run in plan.runs if run.row == row]
        own = [done[run.name] for run in runs if run.name in done]
        steps = sorted({run.num_steps for run in runs})
        seconds = format_duration(sum(one.train_seconds for one in own) / len(own)) if own else "n/a"
        shown = " to ".join(f"{number:,}" for number in dict.fromkeys((steps[0], steps[-1])))
        table.add_row(row, str(len(runs)), str(len(own)), shown, seconds)
    out.print(table)
    left = [run for run in plan.runs if run.name not in done]
    out.print(f"{plan.cohort.name}: {len(plan.cohort.pairs)} pairs of {len(plan.cohort.diagnoses)} participants")
    if left:
        seconds = estimate_seconds(left, plan.runs, done)
        time_left = f"about {format_duration(seconds)}" if seconds else "not known before the first is finished"
        steps = sum(run.num_steps for run in left)
        out.print(f"{len(left)} runs left, {steps:,} steps of {left[0].config.batch_size} volumes; time: {time_left}")
    if "table3" in plan.targets and not has_mri_only(plan.cohort):
        out.print(
            "table3: no subjects without a PET, so classifiers are scored on held-out pairs only. The built-in cohort "
            "gets some with --config.data.mri_only=N."
        )


def _conclude(done: Progress, problems: list[str]) -> int:
    """Says once more what failed; the exit status."""
    if done.failed:
        console.print(f"{len(done.failed)} runs failed; the same command tries them again:")
        for name, reason in done.failed.items():
            console.print(f"  {name}: {reason}", markup=False)
    if problems:
        raise UserError(" ".join(problems))
    return 1 if done.failed else 0
