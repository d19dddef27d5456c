"""The classification end to end: who is read when, what is written, what is resumed, what is refused."""

import contextlib
import json
import os
import shutil
import signal

import nibabel as nib
import numpy as np
import pytest

from pcsa_jax.data import layout, pairs
from pcsa_jax.data.contents import read_known
from pcsa_jax.data.splits import read_splits
from pcsa_jax.errors import UserError
from pcsa_jax.experiment.workdir import Workdir
from pcsa_jax.studies.classification import protocol
from pcsa_jax.studies.classification.arms import ARMS
from pcsa_jax.studies.classification.config import with_arm, with_generator
from pcsa_jax.studies.classification.probabilities import COLUMNS, read_probabilities
from pcsa_jax.studies.classification.protocol import classify
from pcsa_jax.studies.classification.training import TrainedArm
from pcsa_jax.studies.classification.visits import read_pairs
from pcsa_jax.training.checkpoints import state_hash
from pcsa_jax.training.metrics_log import MetricsLog
from pcsa_jax.training.trained import open_run
from tests.conftest import SIZE
from tests.studies.classification.conftest import FOUR_FOLDS, train_generator

STEPS = 6  # 2 epochs of 3 steps


@pytest.fixture(scope="module")
def finished(small_config, generator, tmp_path_factory):
    """A whole classification: its folder and its table."""
    root = tmp_path_factory.mktemp("classification") / "run"
    return root, classify(small_config(), generator, root)


def content(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def people(generator, part):
    return {person for person, split in read_splits(Workdir(generator).splits).items() if split == part}


def test_the_table_has_every_arm_part_and_visit_once(finished, generator):
    root, table = finished
    assert list(table.columns) == list(COLUMNS)
    tested, unpaired = people(generator, "test"), {"sub-0013", "sub-0014"}
    expected = {
        (arm, pet, part, person)
        for arm, own in ARMS.items()
        for pet in own.scored_with
        for part, members in (("pairs", tested), ("mri_only", unpaired))
        for person in members
        if (pet, part) != ("real", "mri_only")
    }
    found = list(table[["arm", "pet", "part", "participant_id"]].itertuples(index=False, name=None))
    assert len(found) == len(expected) == 28 and set(found) == expected
    assert table.probability.between(0, 1, inclusive="neither").all()
    assert (table.groupby("arm").threshold.nunique() == 1).all()
    assert set(table.diagnosis) == {"AD", "CN"} and set(table.session_id) == {""}
    assert read_probabilities(root / "probabilities.tsv").equals(table)


def test_an_arm_is_an_ordinary_run(finished):
    root, _ = finished
    assert sorted(path.name for path in (root / "arms").iterdir()) == sorted(ARMS)
    for name in ARMS:
        workdir = Workdir(root / "arms" / name)
        assert json.loads(workdir.config.read_text())["arm"] == name
        rows = [json.loads(line) for line in workdir.metrics.read_text().splitlines()]
        assert [row["step"] for row in rows if "classifier/cross_entropy" in row] == list(range(1, STEPS + 1))
        scores = {row["step"]: row["validation/cross_entropy"] for row in rows if "validation/cross_entropy" in row}
        lines = (root / "thresholds.tsv").read_text().splitlines()
        step = next(int(line.split("\t")[1]) for line in lines if line.startswith(f"{name}\t"))
        assert set(scores) == {3, 6} and step == min(scores, key=scores.get)


def test_a_probability_is_the_network_s_answer_on_the_files(finished, small_config, generator):
    """Volumes, arm, checkpoint and row put together again by hand, for one person."""
    root, table = finished
    run = open_run(generator)
    cohort = protocol.open_cohort(run.config.data)
    train = read_pairs(run, "train", [s for s in cohort.pairs if s.participant_id in people(generator, "train")])
    person = sorted(people(generator, "test"))[0]
    visits = read_pairs(run, "test", [s for s in cohort.pairs if s.participant_id == person])
    config = with_generator(small_config(), run)
    mean = np.mean(train.pets["real"], axis=0, dtype=np.float64, keepdims=True)
    for name, pet, volume in (
        ("mri+real_pet", "real", visits.pets["real"]),
        ("mri+real_pet", "synthetic", visits.pets["synthetic"]),
        ("mri+mean_pet", "mean", mean.astype(np.float32)),
        ("mri+mri", "mri", visits.mri),
    ):
        arm = TrainedArm(with_arm(config, name), Workdir(root / "arms" / name), train)
        row = table[(table.arm == name) & (table.pet == pet) & (table.participant_id == person)]
        np.testing.assert_allclose(row.probability, arm(visits.mri, volume), rtol=1e-6)


def test_a_finished_classification_is_left_as_it_is(finished, small_config, generator, capsys):
    root, table = finished
    before = content(root)
    assert classify(small_config(), generator, root).equals(table)
    said = capsys.readouterr().err
    assert f"{root}: this classification is finished; nothing to do" in said
    assert "PHANTOM: generator and classifiers are trained and tested on" in said
    assert content(root) == before


def test_one_lost_table_is_made_again_without_training(finished, small_config, generator, tmp_path, capsys):
    root, table = finished
    copied = shutil.copytree(root, tmp_path / "copy")
    (copied / "probabilities.tsv").unlink()
    assert classify(small_config(), generator, copied).equals(table)
    assert capsys.readouterr().err.count("this run is finished (6 steps); nothing to do") == len(ARMS)


def test_a_stopped_classification_goes_on_to_the_same_bits(finished, small_config, generator, tmp_path, monkeypatch):
    root, table = finished
    write = MetricsLog.write

    def write_and_signal(self, step, epoch, values):
        write(self, step, epoch, values)
        if step == 2 and "mri+synthetic_pet" in str(self._stream.name):
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(MetricsLog, "write", write_and_signal)
        with pytest.raises(SystemExit) as caught:
            classify(small_config(), generator, tmp_path / "run")
    assert caught.value.code == 143
    assert sorted(path.name for path in (tmp_path / "run" / "arms").iterdir()) == [
        "mri", "mri+real_pet", "mri+synthetic_pet",
    ]  # fmt: skip
    assert classify(small_config(), generator, tmp_path / "run").equals(table)
    assert (tmp_path / "run" / "thresholds.tsv").read_bytes() == (root / "thresholds.tsv").read_bytes()


def test_those_who_are_scored_are_opened_when_all_else_is_decided(
    small_config, generator, tmp_path, monkeypatch, cohort
):
    root = tmp_path / "run"
    judged = people(generator, "test") | {"sub-0013", "sub-0014"}
    read, opened = pairs.read_judged, []

    def watched(path, modality, *, subject):
        person = subject.split()[0].removesuffix(":")
        opened.append(person)
        if person in judged:
            assert (root / "thresholds.tsv").read_text().count("\n") == 1 + len(ARMS)
            assert all((root / "arms" / name / "checkpoints" / str(STEPS)).is_dir() for name in ARMS)
            raise UserError(f"{subject}: opened")
        return read(path, modality, subject=subject)

    monkeypatch.setattr(pairs, "read_judged", watched)
    with pytest.raises(UserError, match="opened"):
        classify(small_config(), generator, root)
    others = people(generator, "train") | people(generator, "validation")
    assert set(opened) - judged == others and len(others) == 9
    assert not (root / "probabilities.tsv").exists()


def test_more_epochs_make_the_table_anew(finished, small_config, generator, tmp_path, capsys):
    root, table = finished
    copied = shutil.copytree(root, tmp_path / "copy")
    found = classify(small_config({"num_epochs": 3}), generator, copied)
    assert "Resuming with another num_epochs: 2 -> 3" in capsys.readouterr().err
    assert len(found) == len(table) and not found.equals(table)


@pytest.mark.parametrize("name", ["classifier.hidden", "seed"])
def test_another_config_does_not_touch_a_classification(finished, small_config, generator, name):
    root, _ = finished
    before = content(root)
    with pytest.raises(UserError, match=f"{root}: holds a run with {name} = .*, found 9"):
        classify(small_config({name: 9}), generator, root)
    assert content(root) == before


def test_another_generator_does_not_touch_a_classification(finished, small_config, tiny_config, tmp_path):
    root, _ = finished
    other = train_generator(tiny_config(FOUR_FOLDS | {"seed": 1}), tmp_path / "other")
    with pytest.raises(UserError, match=f"{root}: holds a run with generator.parameters_sha256 = '[0-9a-f]+', found"):
        classify(small_config(), other, root)


def test_the_generator_s_parameters_are_in_the_config(finished, generator):
    root, _ = finished
    stored = json.loads((root / "classification.json").read_text())
    assert stored["generator"]["parameters_sha256"] == state_hash(open_run(generator).params)


def test_nobody_without_a_pet_is_no_mistake(small_config, tiny_words, copy_of_cohort, tmp_path, capsys):
    from pcsa_jax.experiment.config import parse_config

    for person in ("sub-0013", "sub-0014"):
        shutil.rmtree(copy_of_cohort / person)
    table = copy_of_cohort / "participants.tsv"
    lines = [line for line in table.read_text().splitlines(True) if not line.startswith(("sub-0013", "sub-0014"))]
    table.unlink()
    table.write_text("".join(lines))
    config = parse_config(tiny_words(FOUR_FOLDS | {"data.root": copy_of_cohort}))
    generator = train_generator(config, tmp_path / "generator")
    found = classify(small_config(), generator, tmp_path / "run")
    assert set(found.part) == {"pairs"}
    message = f"{copy_of_cohort}: nobody with AD or CN and without a PET, so the part mri_only is missing"
    assert message in capsys.readouterr().err


def test_other_voxels_than_the_generator_was_trained_on(small_config, tiny_words, copy_of_cohort, overwrite, tmp_path):
    """Of its training before any arm is trained, of those who are scored when they are opened."""
    from pcsa_jax.experiment.config import parse_config

    config = parse_config(tiny_words(FOUR_FOLDS | {"data.root": copy_of_cohort}))
    generator = train_generator(config, tmp_path / "generator")
    who = sorted(people(generator, "validation"))[0]
    path = layout.pet_path(copy_of_cohort, who, size=SIZE)
    image = nib.load(path)
    nib.Nifti1Image(0.9 * image.get_fdata(dtype=np.float32), image.affine).to_filename(tmp_path / "other.nii.gz")
    overwrite(path, (tmp_path / "other.nii.gz").read_bytes())
    with pytest.raises(UserError) as caught:
        classify(small_config(), generator, tmp_path / "run")
    assert str(caught.value) == (
        f"{generator / 'inputs.tsv'}: expected the voxels and grids that were read before, found others in 1 of 18 "
        f"volumes ({who} PET). Put the former files back, or start a new run in another --workdir."
    )
    assert not (tmp_path / "run" / "arms").exists()


def test_a_classification_keeps_what_it_was_scored_on(finished, generator):
    table = read_known(Workdir(generator).tested).contents
    assert {key.participant_id for key in table} == people(generator, "test")


def test_a_part_with_one_diagnosis_is_refused_before_anything_is_read(
    small_config, tiny_config, cohort, tmp_path, monkeypatch
):
    generator = train_generator(tiny_config(FOUR_FOLDS | {"data.num_folds": 3}), tmp_path / "generator")
    monkeypatch.setattr(pairs, "read_judged", None)
    with pytest.raises(UserError) as caught:
        classify(small_config(), generator, tmp_path / "run")
    assert str(caught.value) == (
        f"cohort {cohort}: expected AD and CN in the generator's validation part, found 2 CN. Train a generator with "
        "more people, or another data.split_seed or data.validation_fraction."
    )


def test_a_cohort_that_has_lost_its_diagnoses(small_config, tiny_words, copy_of_cohort, overwrite, tmp_path):
    from pcsa_jax.experiment.config import parse_config

    config = parse_config(tiny_words(FOUR_FOLDS | {"data.root": copy_of_cohort}))
    generator = train_generator(config, tmp_path / "generator")
    table = copy_of_cohort / "participants.tsv"
    overwrite(table, table.read_text().replace("\tAD", "\tn/a").replace("\tCN", "\tn/a"))
    with pytest.raises(UserError) as caught:
        classify(small_config(), generator, tmp_path / "run")
    assert str(caught.value).startswith(
        f"{copy_of_cohort}: expected visits with a GM map, an FDG-PET and the diagnosis "
    )
    assert "; diagnoses none (" in str(caught.value)


def test_a_folder_that_is_no_run_and_one_that_holds_something_else(small_config, generator, tmp_path):
    with pytest.raises(UserError) as caught:
        classify(small_config(), tmp_path / "nothing", tmp_path / "run")
    assert str(caught.value).startswith(f"{tmp_path / 'nothing'}: expected a run with a config.json, found none.")
    before = content(generator)
    with pytest.raises(UserError) as caught:
        classify(small_config(), generator, generator)
    assert f"--workdir {generator}: expected an empty folder or a classification, found other files (" in str(
        caught.value
    )
    assert content(generator) == before


def test_a_start_that_was_killed_while_it_wrote_its_config_is_no_obstacle(small_config, tmp_path):
    (tmp_path / f".{protocol.CONFIG}.q4h6q5qh.tmp").touch()
    with contextlib.ExitStack() as held:
        protocol._enter(small_config(), tmp_path, held)
    assert (tmp_path / protocol.CONFIG).is_file()
