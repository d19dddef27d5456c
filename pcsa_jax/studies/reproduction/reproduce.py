"""From a request to tables and figures: plan, train everything, then read the test subjects, then present."""

from pcsa_jax.errors import UserError
from pcsa_jax.experiment.cohort import open_cohort
from pcsa_jax.machine.compilation import keep_compiled_programs
from pcsa_jax.machine.processes import find_launch
from pcsa_jax.machine.progress import console
from pcsa_jax.studies.reproduction.ledger import check_record, write_record
from pcsa_jax.studies.reproduction.outlook import Outlook
from pcsa_jax.studies.reproduction.plan import Request, make_plan
from pcsa_jax.studies.reproduction.runner import Progress, evaluate_runs, train_runs
from pcsa_jax.studies.reproduction.targets import present_target


def reproduce(request: Request, *, only_plan: bool = False, measure: bool = True) -> int:
    """Does what ``request`` asks for and is not done yet; returns the exit status.

    All trainings come before the first evaluation, so that no choice can depend on a test score.

    Args:
      request: what is asked for.
      only_plan: print what would be run and what it costs; nothing is written but compiled programs, to their cache.
      measure: for that, compile and time a few training steps of each row.

    Returns:
      0: everything is there. 1: some runs failed; what they are not needed for is there. 130, 143: stopped by a signal.

    Raises:
      UserError: for a request that cannot work, before anything is trained.
    """
    check_one_process()
    plan = make_plan(request)
    check_record(plan)
    outlook = Outlook.of(plan)
    outlook.print_plan(with_time=not only_plan)
    if only_plan:
        if measure:
            keep_compiled_programs()
        outlook.print_time(measure=measure)
        return 0
    plan = plan._replace(cohort=open_cohort(plan.runs[0].config.data))  # writes the built-in one
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


def _conclude(done: Progress, problems: list[str]) -> int:
    """Says once more what failed; the exit status."""
    if done.failed:
        console.print(f"{len(done.failed)} runs failed; the same command tries them again:")
        for name, reason in done.failed.items():
            console.print(f"  {name}: {reason}")
    if problems:
        raise UserError(" ".join(problems))
    return 1 if done.failed else 0
