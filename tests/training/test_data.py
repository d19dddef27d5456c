"""From a cohort to a training's volumes: what was read is written down, what cannot be compared is refused."""

import json
import shutil

import nibabel as nib
import numpy as np
import pytest

from pcsa_jax.data import layout
from pcsa_jax.data.cohort import read_cohort
from pcsa_jax.data.splits import UNUSED, make_splits, read_splits
from pcsa_jax.errors import UserError
from pcsa_jax.experiment.config import parse_config
from pcsa_jax.training.data import load_training_data
from pcsa_jax.training.train import train
from tests.conftest import SIZE
from tests.data.cohort_layouts import visits, write_caps
from tests.training import quick_training


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    quick_training.install(monkeypatch)


def test_what_was_read_is_written_down(tiny_config, workdir):
    train(tiny_config({"num_epochs": 1}), workdir)
    table = [line.split("\t") for line in workdir.inputs.read_text().splitlines()]
    assert table[0][:4] == ["participant_id", "session_id", "modality", "file"]
    splits = read_splits(workdir.splits)
    assert len(table) == 1 + 2 * 8
    assert {splits[row[0]] for row in table[1:]} == {"train", "validation"}
    assert {row[table[0].index("steps")] for row in table[1:]} == {"n/a"}


@pytest.mark.parametrize("resident_gib", [4.0, 0.0])
def test_whom_a_smaller_training_leaves_out_is_not_read(tiny_config, workdir, resident_gib):
    train(tiny_config({"num_epochs": 1, "data.train_subjects": 3, "data.resident_gib": resident_gib}), workdir)
    splits = read_splits(workdir.splits)
    parts = {part: {person for person, split in splits.items() if split == part} for part in ("train", UNUSED)}
    assert (len(parts["train"]), len(parts[UNUSED])) == (3, 3)
    table = [line.split("\t") for line in workdir.inputs.read_text().splitlines()]
    assert {row[0] for row in table[1:] if splits[row[0]] != "validation"} == parts["train"]


def test_more_training_subjects_than_there_are_stop_before_anything_is_written(tiny_config, workdir):
    with pytest.raises(UserError, match=r"^config.data.train_subjects: expected at most 6, .* of fold 0, found 7\."):
        train(tiny_config({"data.train_subjects": 7}), workdir)
    assert not workdir.config.exists()


def recorded_cohort(workdir):
    return json.loads(workdir.environment.read_text())["cohort"]


def test_a_run_records_what_it_was_trained_on(tiny_config, workdir):
    train(tiny_config({"num_epochs": 1}), workdir)
    name = "pcsa_jax phantom, version 5: simulated grey-matter maps and FDG-PET"
    assert recorded_cohort(workdir) == {"name": name, "is_phantom": True, "is_modulated": False}


def test_a_phantom_that_lost_its_sidecars_is_recorded_as_one(tiny_words, cohort, tmp_path, workdir, capsys):
    """In a table of a user's own, under other names: only the headers are left to say it."""
    rows = ["participant_id\tdiagnosis\tmri\tpet\tmri_fwhm_mm\tpet_fwhm_mm"]
    for number, subject in enumerate(read_cohort(cohort).pairs):
        for kind, path in (("gm", subject.mri), ("fdg", subject.pet)):
            shutil.copy(path, tmp_path / f"{kind}{number}.nii.gz")
        rows.append(f"P{number}\t{subject.diagnosis}\tgm{number}.nii.gz\tfdg{number}.nii.gz\t8\t8")
    (tmp_path / "mine.tsv").write_text("\n".join(rows) + "\n")
    train(parse_config(tiny_words({"data.root": tmp_path / "mine.tsv", "num_epochs": 1})), workdir)
    assert recorded_cohort(workdir)["is_phantom"] is True
    assert (
        f"PHANTOM, not people: simulated volumes in {tmp_path / 'mine.tsv'}, by their headers"
        in capsys.readouterr().err
    )


def test_a_run_on_people_records_that_too(tiny_words, tmp_path, workdir):
    seven = visits()
    with_pet = [visit for visit in seven[1:] if visit.pet is not None]
    more = [
        visit._replace(participant_id=f"sub-1{visit.participant_id[-3:]}", mri=0.98 * visit.mri, pet=0.98 * visit.pet)
        for visit in with_pet
    ]
    caps = write_caps(tmp_path / "caps", (*seven, *more))
    words = {"data.root": caps, "num_epochs": 1, "data.num_folds": 2, "data.validation_fraction": 0.4}
    train(parse_config(tiny_words(words)), workdir)
    assert recorded_cohort(workdir) == {"name": "Stand-in", "is_phantom": False, "is_modulated": False}


@pytest.mark.parametrize("resident_gib", [4.0, 0.0])
def test_a_cohort_on_another_grid_is_resampled_and_said(tiny_words, copy_of_cohort, workdir, capsys, resident_gib):
    for path in copy_of_cohort.rglob("*_probseg.nii.gz"):
        turned = nib.load(path).as_reoriented([[0, -1], [1, 1], [2, 1]])
        path.unlink()
        nib.save(nib.Nifti1Image(np.pad(turned.get_fdata(dtype=np.float32), 1), turned.affine
                                 @ nib.affines.from_matvec(np.eye(3), [-1, -1, -1])), path)  # fmt: skip
        layout.sidecar(path).unlink()
        layout.sidecar(path).write_text('{"SmoothingFWHM": 8}')
    table = copy_of_cohort / "participants.tsv"
    text = table.read_text().replace("sub-0001\tAD", "sub-0001\tMCI").replace("sub-0001\tCN", "sub-0001\tMCI")
    table.unlink()
    table.write_text(text)
    train(parse_config(tiny_words({"data.root": copy_of_cohort, "data.resident_gib": resident_gib})), workdir)
    said = capsys.readouterr().err
    assert f"{copy_of_cohort}: read as BIDS derivatives (it holds sub-* folders)" in said
    assert "Not trained on: 1 visit neither AD nor CN (1 MCI)" in said
    assert "Not trained on: 2 visits without a PET (sub-0013, sub-0014)" in said
    count = len(workdir.inputs.read_text().splitlines()) - 1
    assert f"Of {count} volumes, {count // 2} were resampled, {count // 2} were turned to RAS axes." in said
    assert "sub-0001" not in read_splits(workdir.splits)


@pytest.mark.parametrize("resident_gib", [4.0, 0.0])
def test_two_grids_in_one_cohort_are_said_or_refused_before_anything_is_written(
    tiny_words, copy_of_cohort, workdir, capsys, resident_gib
):
    config = parse_config(
        tiny_words({"data.root": copy_of_cohort, "data.resident_gib": resident_gib, "data.one_grid": True})
    )
    splits = make_splits(
        read_cohort(copy_of_cohort).diagnoses, fold=0, num_folds=3, validation_fraction=0.25, seed=config.seed
    )
    for person in (person for person, split in splits.items() if split == "validation"):
        path = layout.pet_path(copy_of_cohort, person, size=SIZE)
        image = nib.load(path).slicer[:, 1:]
        path.unlink()
        nib.save(nib.Nifti1Image(image.get_fdata(dtype=np.float32), image.affine), path)
    with pytest.raises(
        UserError, match=r"PET: expected one grid for the whole cohort, found 2: 6 of 16x16x16 .* 2 of 16"
    ):
        train(config, workdir)
    assert not workdir.config.exists() and not workdir.arrays.exists()
    config.data.one_grid = False
    capsys.readouterr()
    found = load_training_data(config, workdir, is_resume=False)
    assert found.validation.pet.shape[1:] == (SIZE,) * 3
    said = " ".join(capsys.readouterr().err.split())
    assert "PET: 2 grids, each volume brought to the cohort's by itself: 6 on 16x16x16 voxels of 12x12x12 mm, " in said
    assert said.count(" grids, ") == 1


@pytest.mark.parametrize("region", ["pons", "cerebellum"])
def test_a_caps_trains_on_suvr_with_the_tables_of_its_bids_folder(tiny_words, tmp_path, workdir, capsys, region):
    caps = write_caps(tmp_path / "caps", decoys=False)
    (tmp_path / "bids").mkdir()
    (caps / "participants.tsv").rename(tmp_path / "bids" / "participants.tsv")
    changes = {
        "data.root": caps, "data.participants": tmp_path / "bids", "data.normalisation": "suvr",
        "data.reference_region": region, "data.validation_fraction": 0.4, "num_epochs": 1,
    }  # fmt: skip
    train(parse_config(tiny_words(changes)), workdir)
    said = capsys.readouterr().err
    assert f"{caps}: read as Clinica CAPS (it holds subjects/sub-* folders)" in said
    rows = [line.split("\t") for line in workdir.inputs.read_text().splitlines()]
    low, high = rows[0].index("low"), rows[0].index("high")
    pet = [row for row in rows[1:] if row[2] == "pet"]
    assert pet and all(row[low] == "0" and 2 < float(row[high]) < 4 for row in pet)
