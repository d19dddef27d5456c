"""What is planned, and what is refused before anything is trained."""

import json
from pathlib import Path

import pytest

from pcsa_jax.data.splits import make_splits
from pcsa_jax.data.subjects import Cohort, Subject
from pcsa_jax.errors import UserError
from pcsa_jax.experiment.config import flatten
from pcsa_jax.studies.reproduction.feasibility import check_cohort, has_mri_only
from pcsa_jax.studies.reproduction.ledger import check_record, write_record
from pcsa_jax.studies.reproduction.plan import Request, make_plan
from pcsa_jax.studies.reproduction.rowsets import TARGETS, rows_of
from tests.conftest import ROOT
from tests.studies.reproduction.quick_reproduction import CONFIG
from tests.studies.reproduction.tiny_rows import AGAIN

CLASSIFIER = str(ROOT / "configs" / "classifier.py")


@pytest.fixture
def request_of(cohort, tmp_path):
    def request_of(target="fig3", *overrides, folds=2, seeds=1, config=CONFIG, **more):
        words = (f"--config.data.root={cohort}", *overrides)
        return Request(target, str(config), words, folds, seeds, tmp_path / "out", **{"classifier": CLASSIFIER, **more})

    return request_of


def people(**counts):
    """A cohort of pairs, by diagnosis; nobody reads its files."""
    subjects = [
        Subject(f"sub-{diagnosis}{i}", "", diagnosis, Path("mri"), Path("pet"))
        for diagnosis, count in counts.items()
        for i in range(count)
    ]
    return Cohort(Path("cohort"), "cohort", False, tuple(subjects))


def refused(request):
    with pytest.raises(UserError) as caught:
        make_plan(request)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_row_is_run_with_every_seed_and_fold(request_of, tmp_path):
    plan = make_plan(request_of(folds=3, seeds=2))
    assert [(run.row, run.seed, run.fold) for run in plan.runs] == [
        (row, seed, fold) for row in ("pcsa", "pca", "sa") for seed in range(2) for fold in range(3)
    ]
    assert plan.targets == ("fig3",)
    run = next(run for run in plan.runs if (run.row, run.seed, run.fold) == ("pca", 1, 2))
    assert run.workdir.root == tmp_path / "out" / "runs" / "pca" / "seed1" / "fold2"
    assert (run.config.row, run.config.seed, run.config.data.fold, run.config.data.num_folds) == ("pca", 1, 2, 3)
    assert run.config.generator.attention_sizes == ()
    assert not (tmp_path / "out").exists()


def test_runs_differ_in_row_seed_and_fold_alone(request_of):
    first, other = (make_plan(request_of(seeds=2)).runs[i] for i in (0, 3))
    old, new = flatten(first.config), flatten(other.config)
    assert {name for name in old if old[name] != new[name]} == {"seed", "data.fold"}


def test_steps_are_those_of_the_training(request_of):
    # Two folds of twelve: 6 tested, 2 validate, 4 train; two steps of two volumes an epoch, two epochs.
    assert {run.num_steps for run in make_plan(request_of()).runs} == {4}
    assert {run.num_steps for run in make_plan(request_of("fig3", "--config.num_epochs=5")).runs} == {10}


def test_a_row_that_several_targets_need_is_planned_once(request_of):
    plan = make_plan(request_of("all"))
    assert plan.targets == tuple(target for target in TARGETS if target != "data")
    assert len(plan.rows) == len({row for target in plan.targets for row in rows_of(target, plan.known_rows)})
    assert set(plan.known_rows) - set(plan.rows) == {"sa4", "mae_ms_ssim"}  # other names of one row
    # The page is of all rows.
    assert f"| {len(plan.rows) + len(AGAIN)} rows; `pcsa` (also" in (ROOT / "docs" / "reproduction.md").read_text()
    names = [run.name for run in plan.runs]
    assert len(names) == len(set(names)) == 2 * len(plan.rows)


@pytest.mark.parametrize(
    ("target", "rows"),
    [("table1", ("pcsa", "sa16", "sa32")), ("table3", ("pcsa",)), ("disease", ("pcsa",))],
)
def test_rows_of_a_target(request_of, target, rows):
    assert make_plan(request_of(target)).rows == rows


@pytest.mark.parametrize(
    ("arguments", "changes", "message"),
    [
        (
            ["fig9"], {},
            "ROWSET: expected one of fig3, table1, table2, table2_weights, fig5, table3, disease, data, all, found "
            "'fig9'.",
        ),
        (["fig3"], {"folds": 1}, "--folds: expected at least 2, found 1."),
        (["fig3"], {"seeds": 0}, "--seeds: expected at least 1, found 0."),
        (
            ["fig3"], {"config": "configs/pcsa.py:pca"},
            "--config: expected a config file without a row, found configs/pcsa.py:pca. ROWSET says which rows are "
            "run.",
        ),
        (
            ["fig3"], {"config": "none.py"},
            "--config: expected a config file or one of classifier, demo, pcsa, found 'none.py'. Try --config=pcsa.",
        ),
        (
            ["fig3", "--config.seed=3"], {},
            "--config.seed: expected no override, found one. Use --seeds.",
        ),
        (
            ["fig3", "--config.data.num_folds=3"], {},
            "--config.data.num_folds: expected no override, found one. Use --folds.",
        ),
        (
            ["table1", "--config.generator.attention_sizes=(1,)"], {},
            "--config.generator.attention_sizes: expected a field that all rows share, found one in which they differ "
            "(pcsa has (1,), sa16 has (4,)). An override would make them alike: change it in a config file of your "
            "own.",
        ),
        (
            ["fig5", "--config.generator.residual_blocks=2"], {},
            "row cgan_unet: --config.generator.residual_blocks: is not a field. Near it: ",
        ),
        (
            ["table3"], {"classifier": "none.py:demo"},
            "table3: expected the classifiers' config at none.py:demo, found none. Name it: --classifier-config.",
        ),
        (
            ["fig3"], {"folds": 5},
            "cohort {cohort}: expected at least 5 participants of a diagnosis, one for each of 5 folds, found 4 AD and "
            "8 CN. --folds=4 can be run.",
        ),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_in_one_line(request_of, cohort, arguments, changes, message):
    found = refused(request_of(*arguments, **changes))
    assert found.startswith(message.replace("{cohort}", str(cohort)))


def test_a_classifier_must_see_both_diagnoses_in_every_part(request_of):
    message = refused(request_of("table3", "--config.data.validation_fraction=0.2"))
    assert message == (
        "split: expected AD and CN in every part for table3, found no AD in validation of fold 0. Raise "
        "--config.data.validation_fraction (now 0.2) or use fewer folds; fig3, table1, table2, table2_weights, fig5 "
        "and disease can be run as it is."
    )
    assert len(make_plan(request_of("fig3", "--config.data.validation_fraction=0.2")).runs) == 6


def test_nobody_with_a_diagnosis_is_refused():
    with pytest.raises(UserError) as caught:
        check_cohort(people(MCI=9), ("fig3",), 3)
    assert str(caught.value) == (
        "cohort cohort: expected participants with GM map, PET and a diagnosis of AD or CN, found none. Nothing can be "
        "reproduced on it; python -m pcsa_jax synthesize needs neither PET nor diagnoses."
    )


def test_one_class_is_enough_for_images_alone():
    cohort = people(CN=9)
    check_cohort(cohort, ("fig3", "table1"), 3)
    with pytest.raises(UserError) as caught:
        check_cohort(cohort, ("fig3", "table3", "disease"), 3)
    assert str(caught.value) == (
        "cohort cohort: expected participants of both diagnoses for table3 and disease, found 0 AD and 9 CN. "
        "fig3, table1, table2, table2_weights, fig5 can be run on it."
    )


def test_a_diagnosis_of_one_person_cannot_be_in_two_folds():
    with pytest.raises(UserError, match="Take that participant out, or add others of the diagnosis"):
        check_cohort(people(AD=1, CN=9), ("fig3",), 2)


def test_subjects_without_pet_are_noticed():
    cohort = people(AD=3, CN=3)
    alone = Subject("sub-x", "", "CN", Path("mri"), None)
    assert not has_mri_only(cohort)
    assert has_mri_only(Cohort(cohort.root, "cohort", False, (*cohort.subjects, alone)))


def test_the_same_folds_for_every_row_and_seed(request_of):
    plan = make_plan(request_of(seeds=2))
    parts = {
        (run.fold, json.dumps(make_splits(
            plan.cohort.diagnoses, fold=run.fold, num_folds=run.config.data.num_folds,
            validation_fraction=run.config.data.validation_fraction, seed=run.config.data.split_seed,
        )))
        for run in plan.runs
    }  # fmt: skip
    assert len(parts) == 2


def conflict(request):
    with pytest.raises(UserError) as caught:
        check_record(make_plan(request))
    return str(caught.value)


def test_a_folder_of_other_files_is_left_alone(request_of, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".plan.json.q4h6q5qh.tmp").touch()  # a start that was killed while it wrote its plan
    check_record(make_plan(request_of()))
    (tmp_path / "out" / "thesis.tex").touch()
    assert conflict(request_of()) == (
        f"--out {tmp_path / 'out'}: expected a new folder or a former reproduction, found other files. Choose another."
    )


@pytest.mark.parametrize(
    ("arguments", "changes", "message"),
    [
        (["fig3", "--config.num_epochs=3"], {}, "config.num_epochs (row pcsa) = 2, found 3"),
        (["table1", "--config.batch_size=1"], {}, "config.batch_size (row pcsa) = 2, found 1"),
        (["fig3"], {"folds": 3}, "--folds = 2, found 3"),
        (["table3"], {"classifier": f"{CLASSIFIER}:demo"}, "config.batch_size (classifier) = 8, found 4"),
    ],
)
def test_another_experiment_is_refused(request_of, tmp_path, arguments, changes, message):
    write_record(make_plan(request_of("table3")))
    write_record(make_plan(request_of()))
    assert conflict(request_of(*arguments, **changes)) == (
        f"--out {tmp_path / 'out'}: holds runs with {message}. Use the same to go on, or another --out."
    )


def test_other_people_are_refused(request_of, tmp_path):
    plan = make_plan(request_of())
    write_record(plan)
    fewer = Cohort(plan.cohort.root, plan.cohort.name, True, plan.cohort.subjects[1:])
    with pytest.raises(UserError, match=r"holds runs with cohort = .*\(12 participants, .*found .*\(11 participants"):
        check_record(plan._replace(cohort=fewer))


def test_what_changes_no_result_may_change(request_of):
    write_record(make_plan(request_of()))
    check_record(make_plan(request_of("fig3", "--config.log_every_steps=1")))


def test_a_plan_of_before_a_field_existed_meant_its_default(request_of, tmp_path):
    write_record(make_plan(request_of()))
    path = tmp_path / "out" / "plan.json"
    record = json.loads(path.read_text())
    for row in record["rows"].values():
        del row["data"]["train_subjects"], row["recipe"]["flip"]
    path.write_text(json.dumps(record))
    check_record(make_plan(request_of()))
    assert "config.data.train_subjects (row pcsa) = 0, found 3." in conflict(
        request_of("fig3", "--config.data.train_subjects=3")
    )


def test_other_rows_and_more_seeds_may_follow_but_not_fewer(request_of, tmp_path):
    write_record(make_plan(request_of()))
    more = make_plan(request_of("table1", seeds=2))
    check_record(more)
    write_record(more)
    record = json.loads((tmp_path / "out" / "plan.json").read_text())
    assert set(record["rows"]) == {"pcsa", "pca", "sa", "sa16", "sa32"}
    assert conflict(request_of(seeds=1)).startswith(
        f"--out {tmp_path / 'out'}: holds runs of 2 seeds, found --seeds=1. Give as many or more"
    )


def test_a_damaged_record_is_told(request_of, tmp_path):
    write_record(make_plan(request_of()))
    (tmp_path / "out" / "plan.json").write_text('{"folds": 2}')
    assert "expected a plan in JSON, found no seeds. Restore it" in conflict(request_of())
