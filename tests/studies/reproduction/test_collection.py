"""From evaluated runs to the long table, the words about the protocol and the subject that is shown."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pcsa_jax.data.splits import make_splits
from pcsa_jax.errors import UserError
from pcsa_jax.evaluation.summary import METRICS, ROW_COLUMNS, SCORE_COLUMNS
from pcsa_jax.presentation.tables import write_table
from pcsa_jax.studies.reproduction import collection
from pcsa_jax.studies.reproduction.collection import (
    COLUMNS,
    collect_scores,
    complete_rows,
    describe_protocol,
    show_subject,
)
from pcsa_jax.studies.reproduction.plan import Request, make_plan
from pcsa_jax.studies.reproduction.runner import Progress, Training
from tests.studies.reproduction.quick_reproduction import CONFIG
from tests.studies.reproduction.reproduction_data import row_set


@pytest.fixture
def plan(cohort, tmp_path):
    return make_plan(Request("fig3", str(CONFIG), (f"--config.data.root={cohort}",), 2, 1, tmp_path / "out"))


def held_out(plan, run):
    data = run.config.data
    splits = make_splits(
        plan.cohort.diagnoses, fold=run.fold, num_folds=data.num_folds, validation_fraction=data.validation_fraction,
        seed=data.split_seed,
    )  # fmt: skip
    return [person for person, split in splits.items() if split == "test"]


def evaluate(run, persons, values):
    """The ``subjects.tsv`` of an evaluation, with one value for all metrics of a person."""
    folder = run.workdir.evaluation("test")
    folder.mkdir(parents=True)
    rows = [
        {"participant_id": person, "session_id": "", "diagnosis": "CN", "predictor": predictor,
         **dict.fromkeys(METRICS, value)}
        for person, value in zip(persons, values, strict=True)
        for predictor in ("model", "linear")
    ]  # fmt: skip
    pd.DataFrame(rows, columns=ROW_COLUMNS).to_csv(folder / "subjects.tsv", sep="\t", index=False, na_rep="n/a")


def test_the_long_table_holds_every_line_of_every_run(plan, tmp_path):
    for run in plan.runs:
        people = held_out(plan, run)
        evaluate(run, people, np.arange(len(people)) / 10 + run.fold)
    scores = collect_scores(plan.runs)
    assert tuple(scores.columns) == COLUMNS
    assert len(scores) == 3 * 12 * 2
    # Everybody is tested once by every row.
    assert (scores[scores.predictor == "model"].groupby(["row", "participant_id"]).size() == 1).all()
    own = scores[(scores.row == "pca") & (scores.fold == 1) & (scores.predictor == "linear")]
    assert own.mae_brain.tolist() == pytest.approx([1.0, 1.1, 1.2, 1.3, 1.4, 1.5])
    assert set(own.seed) == {0} and set(own.session_id) == {""}
    write_table(tmp_path / "subjects.tsv", scores)
    assert (tmp_path / "subjects.tsv").read_text().splitlines()[0].split("\t") == list(COLUMNS)


def test_columns_that_no_table_is_made_from_may_be_there_or_not(plan):
    """An evaluation made before a measure existed is read like one made after."""
    run = plan.runs[0]
    evaluate(run, ["sub-a"], [0.5])
    path = run.workdir.evaluation("test") / "subjects.tsv"
    full = collect_scores([run])
    table = pd.read_csv(path, sep="\t", keep_default_na=False)
    assert "identification" in table and "identification" not in full
    table[list(SCORE_COLUMNS)].to_csv(path, sep="\t", index=False, na_rep="n/a")
    pd.testing.assert_frame_equal(collect_scores([run]), full)


def test_what_is_missing_in_a_table_stays_missing(plan):
    run = plan.runs[0]
    evaluate(run, ["sub-a"], [0.5])
    path = run.workdir.evaluation("test") / "subjects.tsv"
    path.write_text(path.read_text().replace("0.5", "n/a"))
    assert collect_scores([run]).mae.isna().all()


def test_a_participant_in_two_folds_is_refused(plan):
    for run in plan.runs[:2]:
        evaluate(run, ["sub-a", f"sub-b{run.fold}"], [0.1, 0.2])
    with pytest.raises(UserError) as caught:
        collect_scores(plan.runs[:2])
    assert str(caught.value) == (
        "row pcsa, seed 0: expected sub-a in the test part of one fold, found it in 2. "
        "The runs were not made with the same folds: use another --out."
    )


def test_a_damaged_table_is_told(plan):
    run = plan.runs[0]
    evaluate(run, ["sub-a"], [0.1])
    path = run.workdir.evaluation("test") / "subjects.tsv"
    path.write_text(path.read_text().replace("psnr_db", "psnr"))
    with pytest.raises(UserError, match=r"expected the scores of an evaluation, found the columns .*psnr"):
        collect_scores([run])
    path.unlink()
    with pytest.raises(UserError, match=r"No such file or directory.*it is evaluated again"):
        collect_scores([run])


def test_only_rows_with_all_of_their_runs_are_complete(plan):
    done = {run.name: Training(4, 4, 1.0, 10) for run in plan.runs if run.name != "row pca, seed 0, fold 1"}
    complete, missing = complete_rows(plan, ("pcsa", "pca", "sa"), Progress(done, {}))
    assert complete == ["pcsa", "sa"]
    assert missing == ["pca (seed 0 fold 1)"]


def test_the_protocol_is_that_of_the_config(plan):
    text = describe_protocol(plan, plan.runs)
    assert text.startswith(f"{plan.cohort.name}: 12 participants (4 AD, 8 CN) at 16³ voxels. 2 folds by participant")
    assert "and one seed" in text
    assert "30 % validate: they alone chose the checkpoint" in text
    assert "2 epochs of 2 volumes a step (4 steps)" in text
    longer = [*plan.runs, plan.runs[0]._replace(num_steps=1200)]
    assert "(4 to 1,200 steps)" in describe_protocol(plan, longer)


def test_the_subject_shown_has_the_lower_median_error_of_the_reference(plan, monkeypatch):
    people = held_out(plan, plan.runs[0])
    errors = {"pcsa": [0.6, 0.1, 0.5, 0.2, 0.4, 0.3], "pca": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]}
    runs = [run for run in plan.runs if run.row in errors and run.fold == 0]
    for run in runs:
        evaluate(run, people, errors[run.row])
    monkeypatch.setattr(collection, "open_run", lambda root: SimpleNamespace(row=root.parts[-3]))
    monkeypatch.setattr(collection, "synthesise", lambda run, pairs: pairs.pet * {"pcsa": 0.5, "pca": 0.25}[run.row])
    panel = show_subject(plan, row_set("fig3"), collect_scores(runs))
    # Sorted errors of pcsa: 0.1 0.2 0.3 | 0.4 0.5 0.6; the third is the last person's.
    assert panel.participant == people[5]
    assert list(panel.synthetic) == ["pcsa", "pca"]
    assert panel.pet.shape == panel.mri.shape == (16, 16, 16)
    np.testing.assert_array_equal(panel.synthetic["pca"], panel.pet * 0.25)
    # Without the reference row the first that there is decides.
    only = show_subject(plan, row_set("fig3"), collect_scores(runs[1:]))
    assert only.participant == people[2]
