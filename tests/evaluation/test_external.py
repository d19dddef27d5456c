"""Nobody who was trained on is scored in another cohort: people are told apart by scans, not by ids."""

import dataclasses
import gzip
from types import SimpleNamespace

import pandas as pd
import pytest

from pcsa_jax.commands import run_command
from pcsa_jax.data.cohort import read_cohort
from pcsa_jax.data.contents import Known
from pcsa_jax.data.phantom.cohort import write_cohort
from pcsa_jax.data.splits import read_splits
from pcsa_jax.errors import UserError
from pcsa_jax.evaluation import illustration
from pcsa_jax.evaluation.assessment import assess_run
from pcsa_jax.evaluation.external import outsiders
from pcsa_jax.experiment.workdir import Workdir
from pcsa_jax.training.trained import open_run


@pytest.fixture(scope="module")
def trained(tiny_run):
    """Ids of the tiny run's training participants."""
    return sorted(person for person, part in read_splits(Workdir(tiny_run).splits).items() if part == "train")


@pytest.fixture(scope="module")
def phantom_of(tmp_path_factory):
    folder = tmp_path_factory.mktemp("others")

    def phantom_of(**options):
        name = "-".join(f"{key}{value}" for key, value in options.items())
        if not (folder / name).exists():
            write_cohort(folder / name, **{"pairs": 12, "mri_only": 0, "size": 16, "jobs": 1, **options})
        return folder / name

    return phantom_of


@pytest.fixture
def evaluate(tiny_run, tmp_path, monkeypatch):
    """Evaluates the tiny run on another cohort; returns the folder of the outputs."""
    monkeypatch.setattr(illustration, "draw_all", lambda *arguments: [])

    def evaluate(path, **options):
        out = tmp_path / "out"
        assess_run(open_run(tiny_run), Workdir(tiny_run), split="test", out=out, external=read_cohort(path), **options)
        return out

    return evaluate


@pytest.fixture
def refusal(evaluate, tmp_path):
    def refusal(path, **options):
        with pytest.raises(UserError) as caught:
            evaluate(path, **options)
        assert not (tmp_path / "out").exists()
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return refusal


@pytest.fixture
def manifest(tmp_path):
    """A manifest of pairs, {participant_id: (GM map, PET, diagnosis)}: nobody's phantom."""

    def manifest(pairs):
        lines = ["participant_id\tsession_id\tdiagnosis\tmri\tpet\tmri_fwhm_mm\tpet_fwhm_mm"]
        lines += [f"{name}\tn/a\t{who.diagnosis}\t{who.mri}\t{who.pet}\t8\t8" for name, who in pairs.items()]
        path = tmp_path / "manifest.tsv"
        path.write_text("\n".join(lines) + "\n")
        return path

    return manifest


def ids_in(out):
    return set(pd.read_csv(out / "subjects.tsv", sep="\t").participant_id)


def test_a_phantom_of_another_seed_is_other_people(evaluate, phantom_of):
    out = evaluate(phantom_of(seed=1))
    # The run has these ids too: nobody may take one for the other.
    assert ids_in(out) == {f"other:sub-{number:04d}" for number in range(1, 13)}
    assert set(pd.read_csv(out / "regions.tsv", sep="\t").participant_id) == ids_in(out)
    report = (out / "report.html").read_text()
    assert (
        "6 ids of this cohort are ids of training participants too; they are other people (a phantom of seed 1, not "
        "0), and every id of this cohort begins with other: here." in report
    )


def test_later_numbers_of_the_same_phantom_are_other_people(evaluate, phantom_of):
    out = evaluate(phantom_of(first=15, pairs=3))
    assert ids_in(out) == {"sub-0015", "sub-0016", "sub-0017"}
    assert "<dt>Participants</dt>" not in (out / "report.html").read_text()


def test_the_same_phantom_is_the_same_people_on_any_grid(refusal, phantom_of, trained):
    finer = phantom_of(size=32)
    expected = (
        f"cohort {finer}: expected nobody whom the run was trained on, found 6 of its training participants "
        f"({', '.join(trained[:5])}, ...): a phantom of the same seed (0) holds the same people. Make others: python "
        "-m pcsa_jax phantom --first=15."
    )
    assert refusal(finer) == expected
    assert refusal(finer, other_people=True) == expected  # they are not, whatever the user says


def test_a_training_scan_is_found_under_any_id(refusal, manifest, cohort, phantom_of, trained, tmp_path):
    by_id = {who.participant_id: who for who in read_cohort(cohort).pairs}
    others = read_cohort(phantom_of(seed=1)).pairs
    mine = by_id[trained[0]]
    loose = tmp_path / "x.nii"  # another name and no compression
    loose.write_bytes(gzip.decompress(mine.mri.read_bytes()))
    renamed = dataclasses.replace(mine, mri=loose)
    path = manifest({"sub-a": others[0], "sub-b": renamed, trained[1]: by_id[trained[1]]})
    expected = (
        f"cohort {path}: expected nobody whom the run was trained on, found 2 of its training scans, voxel for voxel "
        f"(sub-b, in training {trained[0]}; {trained[1]}). Take those participants out."
    )
    assert sorted(refusal(path).partition("(")[2]) == sorted(expected.partition("(")[2])
    assert refusal(path, other_people=True).startswith(expected.partition("(")[0])


def test_equal_ids_with_other_scans_are_other_people(evaluate, manifest, phantom_of, trained, capsys):
    others = read_cohort(phantom_of(seed=1)).pairs
    path = manifest({trained[0]: others[0], "sub-new": others[1]})
    out = evaluate(path)
    assert ids_in(out) == {f"other:{trained[0]}", "other:sub-new"}
    assert (
        f"{path}: 1 id of training participants with other scans ({trained[0]}), taken for other people. If they are "
        "other visits of the same people, take them out: that is no test." in " ".join(capsys.readouterr().err.split())
    )
    report = (out / "report.html").read_text()
    assert "they are other people (their scans are others; other visits of the same people would be no test)" in report
    evaluate(path, other_people=True)
    assert "taken for other people" not in capsys.readouterr().err
    assert "they are other people (as --other-people says)" in (out / "report.html").read_text()


def test_other_scans_in_the_run_s_own_cohort_are_its_people_s(cohort, trained, tmp_path):
    """There an id is one person's: another visit is no test."""
    own = read_cohort(cohort)
    later = dataclasses.replace(own.pairs[0], participant_id=trained[1], session_id="ses-2")
    found = outsiders(dataclasses.replace(own, root=tmp_path, subjects=(later,)), own, trained, other_people=False)
    nothing = SimpleNamespace(inputs=())
    with pytest.raises(UserError) as caught:
        found.check(nothing, nothing, Known(tmp_path, {}))
    assert str(caught.value) == (
        f"cohort {tmp_path}: expected nobody whom the run was trained on, found other scans of its training "
        f"participants in the run's own cohort ({trained[1]} ses-2). Another visit of the same person is no test; if "
        "they are other people, pass --other-people."
    )


def test_one_pet_under_another_id_is_enough(refusal, manifest, cohort, phantom_of, trained):
    mine = {who.participant_id: who for who in read_cohort(cohort).pairs}[trained[0]]
    other = read_cohort(phantom_of(seed=1)).pairs[0]
    path = manifest({"sub-new": dataclasses.replace(other, pet=mine.pet)})
    assert f"1 of its training scans, voxel for voxel (sub-new, in training {trained[0]})" in refusal(path)


def test_who_validates_is_known_under_another_id(refusal, manifest, cohort, tiny_run):
    splits = read_splits(Workdir(tiny_run).splits)
    who = next(one for one in read_cohort(cohort).pairs if splits[one.participant_id] == "validation")
    path = manifest({"sub-new": who})
    assert f"(sub-new, in training {who.participant_id})" in refusal(path)


def test_who_was_not_trained_on_may_be_scored(evaluate, manifest, cohort, trained):
    others = [who for who in read_cohort(cohort).pairs if who.participant_id not in trained]
    out = evaluate(manifest({who.participant_id: who for who in others[:3]}))
    assert ids_in(out) == {who.participant_id for who in others[:3]}


def test_what_the_files_of_another_cohort_leave_open_is_said_to_evaluate(tiny_run, cohort, tmp_path, capsys):
    words = [f"--workdir={tiny_run}", f"--cohort={cohort}", f"--out={tmp_path / 'out'}"]
    for option in ("--tracer=FDG", "--fwhm=8"):
        assert run_command("evaluate", [*words, option], prog="evaluate.py") == 1
        assert f"{option}: expected " in capsys.readouterr().err
    assert run_command("evaluate", [words[0], f"--participants={cohort}"], prog="evaluate.py") == 1
    assert "--participants: expected --cohort=PATH beside it, found none" in capsys.readouterr().err


def test_a_cohort_without_pairs_has_nobody_to_score(cohort):
    found = read_cohort(cohort)
    empty = dataclasses.replace(found, subjects=tuple(who for who in found.subjects if who.pet is None))
    with pytest.raises(UserError, match=r"the diagnosis AD or CN, found none: .* Scores need a measured PET"):
        outsiders(empty, found, [], other_people=False)


def test_the_flag_belongs_to_another_cohort(tiny_run, capsys):
    assert run_command("evaluate", [f"--workdir={tiny_run}", "--other-people"], prog="evaluate.py") == 1
    assert capsys.readouterr().err == (
        "evaluate.py: error: --other-people: expected --cohort=PATH beside it, found none. It says who is in that "
        "cohort.\n"
    )


def test_the_command(tiny_run, phantom_of, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(illustration, "draw_all", lambda *arguments: [])
    words = [f"--workdir={tiny_run}", f"--cohort={phantom_of(size=32)}", f"--out={tmp_path / 'out'}"]
    assert run_command("evaluate", [*words, "--other-people"], prog="evaluate.py") == 1
    assert "phantom --first=15" in capsys.readouterr().err
    words[1] = f"--cohort={phantom_of(first=15, pairs=3)}"
    assert run_command("evaluate", words, prog="evaluate.py") == 0
    assert (tmp_path / "out" / "report.html").is_file()
