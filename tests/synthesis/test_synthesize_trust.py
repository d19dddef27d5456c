"""synthesize judges every image: the table always, intervals and z-maps where asked for, in marked files."""

import copy
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from pcsa_jax.commands import run_command
from pcsa_jax.data.cohort import read_cohort
from pcsa_jax.data.derivatives import CALIBRATION, TABLE
from pcsa_jax.data.files import write_text
from pcsa_jax.data.synthesis_inputs import find_inputs
from pcsa_jax.data.synthetic_mark import read_mark
from pcsa_jax.data.trust.statistics import Trust
from pcsa_jax.errors import UserError
from pcsa_jax.presentation.viewing import USUAL
from pcsa_jax.synthesis import page as page_module
from pcsa_jax.synthesis import pictures
from pcsa_jax.synthesis.generators import Ensemble, open_generators
from pcsa_jax.synthesis.synthesize import Outcome, Synthesis
from pcsa_jax.synthesis.trust_file import write_trust

KINDS = ("Low", "High", "Z")


@pytest.fixture(scope="module")
def ensemble(trusted):
    return open_generators([trusted])


@pytest.fixture
def maps(cohort):
    return [subject.mri for subject in read_cohort(cohort).subjects[:2]]


@pytest.fixture
def odd_map(cohort, tmp_path):
    """Somebody's map by another segmentation's idea of partial volumes."""
    image = nib.load(read_cohort(cohort).subjects[2].mri)
    path = tmp_path / "sub-odd_space-MNI152NLin6Asym_label-GM_probseg.nii.gz"
    nib.Nifti1Image(np.asarray(image.dataobj) ** 3, image.affine).to_filename(path)
    return path


def synthesize(ensemble, inputs, out, **options):
    return Synthesis(ensemble, find_inputs(inputs, fwhm_mm=8.0), out, **options).run()


def volumes(out, kind=""):
    return sorted(out.rglob(f"*_desc-synthetic{kind}_pet.nii.gz"))


def card_of(path):
    return json.loads(path.with_name(path.name.replace(".nii.gz", ".json")).read_text())


def values(path):
    return np.asarray(nib.load(path).dataobj)


def one_line(error):
    assert "\n" not in str(error.value)
    return str(error.value)


def test_intervals_and_z_maps_are_volumes_with_sidecars_and_marks(ensemble, maps, tmp_path):
    out = tmp_path / "out"
    assert synthesize(ensemble, maps, out, intervals=True, zmaps=True) == Outcome(2, 0, 0, None)
    for path in volumes(out):
        own = {kind: path.with_name(path.name.replace("synthetic_", f"synthetic{kind}_")) for kind in KINDS}
        pet, low, high, z = map(values, (path, *own.values()))
        assert (low <= high).all() and low.min() >= 0 and np.isfinite(z).all() and z.min() < 0 < z.max()
        inside = (low <= pet + 1e-6) & (pet <= high + 1e-6)
        assert inside.mean() > 0.5  # the errors of a network that has hardly learnt are not about 0
        for kind, other in own.items():
            image, card = nib.load(other), card_of(other)
            assert read_mark(image.header).content == f"synthetic{kind}"
            np.testing.assert_array_equal(image.affine, nib.load(path).affine)
            assert card["Synthetic"] is True and card["Familiarity"] and card["ZMap"]["Subjects"] == 24
            assert card["Units"] == "arbitrary"
        assert card_of(own["Z"])["UnitsDescription"].startswith("z: deviation from the cognitively normal")
        assert card_of(own["Low"])["Intervals"]["Level"] == 0.9
        assert card_of(path)[CALIBRATION] == ensemble.calibration


def test_what_an_interruption_left_is_finished_and_nothing_twice(ensemble, maps, tmp_path):
    out = tmp_path / "out"
    assert synthesize(ensemble, maps, out).written == 2
    assert not any(volumes(out, kind) for kind in KINDS)
    assert synthesize(ensemble, maps, out, intervals=True, zmaps=True).written == 2, "they are asked for now"
    before = {path: path.read_bytes() for path in out.rglob("*_pet.nii.gz")}
    volumes(out, "High")[0].unlink()
    assert synthesize(ensemble, maps, out, intervals=True, zmaps=True) == Outcome(1, 1, 0, None)
    assert {path: path.read_bytes() for path in out.rglob("*_pet.nii.gz")} == before
    assert synthesize(ensemble, maps, out, intervals=True, zmaps=True) == Outcome(0, 2, 0, None)
    volumes(out, "Low")[0].write_bytes(b"mine")
    with pytest.raises(UserError, match=r"syntheticLow_pet.nii.gz: expected .* found one that was changed since"):
        synthesize(ensemble, maps, out, intervals=True, zmaps=True)


def test_a_later_calibration_reaches_what_was_made_before(ensemble, exported, maps, tmp_path):
    """The remedy that a page names works with the same command again."""
    out, without = tmp_path / "out", open_generators([exported])
    assert without.hashes == ensemble.hashes
    assert synthesize(without, maps, out).written == 2
    assert "NotKnown" in card_of(volumes(out)[0]) and not (out / TABLE).exists()
    before = [path.read_bytes() for path in volumes(out)]
    assert synthesize(without, maps, out) == Outcome(0, 2, 0, None)
    assert synthesize(ensemble, maps, out) == Outcome(2, 0, 0, None)
    assert [path.read_bytes() for path in volumes(out)] == before
    assert "NotKnown" not in card_of(volumes(out)[0]) and (out / TABLE).exists()
    assert synthesize(ensemble, maps, out) == Outcome(0, 2, 0, None)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("intervals", "--intervals: expected generators that can say it, found none. How sure the PET is cannot be"),
        ("zmaps", "--zmap: expected generators that can say it, found none. Whether the PET is abnormal cannot be"),
        (
            "refuse_outside",
            "--refuse-outside: expected generators that can say it, found none. Whether the model knows",
        ),
    ],
)
def test_what_a_generator_without_statistics_cannot_do_is_refused_with_the_remedy(
    exported, maps, tmp_path, option, words
):  # fmt: skip
    with pytest.raises(UserError) as told:
        synthesize(open_generators([exported]), maps, tmp_path / "out", **{option: True})
    assert one_line(told).startswith(words) and one_line(told).endswith("python -m pcsa_jax calibrate RUN adds it.")
    assert not (tmp_path / "out").exists()


def test_why_a_part_is_missing_is_the_reason_that_is_given(ensemble, maps, tmp_path):
    """Not the remedy that would not help, nor another part's reason."""
    about = {"training_people": 6, "calibration_people": 2, "norm_missing": "no CN"}
    few = copy.copy(ensemble)
    few.trust = Trust(about=about)
    for option, why in {
        "intervals": "2 people that it has not learnt from are fewer than 9", "zmaps": "no CN",
        "refuse_outside": "6 training maps are fewer than 20",
    }.items():  # fmt: skip
        with pytest.raises(UserError) as told:
            synthesize(few, maps, tmp_path / "out", **{option: True})
        assert one_line(told).endswith(f": {why}.")


def test_who_is_odd_is_told_and_stands_first_in_the_table(ensemble, maps, odd_map, tmp_path, capsys):
    out = tmp_path / "out"
    assert synthesize(ensemble, [*maps, odd_map], out).written == 3
    assert "1 of 3 maps are outside for the generator (sub-odd): familiarity.tsv" in " ".join(
        capsys.readouterr().err.split()
    )
    table = pd.read_csv(out / TABLE, sep="\t", keep_default_na=False)
    assert list(table.verdict) == ["outside", "as trained", "as trained"]
    assert table.file[0].startswith("sub-odd/") and (out / table.file[0]).is_file()
    assert list(table.oddity) == sorted(table.oddity, reverse=True) and table.reasons[0]
    assert card_of(out / table.file[0])["Familiarity"]["Verdict"] == "outside"


def test_a_map_outside_is_a_bad_input_where_it_is_refused(ensemble, maps, odd_map, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(UserError, match=r"sub-odd: .* found one outside of them \(.*\)\. Look at it"):
        synthesize(ensemble, [*maps, odd_map], out, refuse_outside=True)
    assert not out.exists()
    found = synthesize(ensemble, [*maps, odd_map], out, refuse_outside=True, skip_bad=True)
    assert found == Outcome(2, 0, 1, None)
    assert "outside of them" in (out / "skipped.tsv").read_text() and len(volumes(out)) == 2
    assert "sub-odd" not in (out / TABLE).read_text()


def test_ages_and_sexes_of_the_data_set_are_those_of_the_z_maps(ensemble, copy_of_cohort, overwrite, tmp_path):
    people = read_cohort(copy_of_cohort).subjects[:2]
    table = copy_of_cohort / "participants.tsv"
    rows = pd.read_csv(table, sep="\t", dtype=str, keep_default_na=False)
    rows.loc[rows.participant_id == people[0].participant_id, ["age", "sex"]] = "70.0", "F"
    rows.loc[rows.participant_id == people[1].participant_id, ["age", "sex"]] = "n/a"
    overwrite(table, rows.to_csv(sep="\t", index=False))
    synthesize(ensemble, [copy_of_cohort], tmp_path / "out", zmaps=True)
    notes = {
        path.name.split("_")[0]: card_of(path)["ZMap"]["Notes"] for path in volumes(tmp_path / "out", "Z")
    }  # fmt: skip
    assert notes[people[0].participant_id] == []
    assert [note.split(":")[0] for note in notes[people[1].participant_id]] == ["age not known", "sex not known"]


def test_a_page_shows_what_is_known(ensemble, exported, maps, tmp_path, monkeypatch):
    def draw(path, *_, **__):
        path.write_bytes(b"png")
        return path

    monkeypatch.setattr(page_module, "draw_mosaic", draw)
    monkeypatch.setattr(page_module, "draw_comparison", draw)
    monkeypatch.setattr("pcsa_jax.presentation.zmap_page.draw_zmap_page", draw)
    out = tmp_path / "out"
    synthesize(open_generators([exported]), maps[:1], out, pages=USUAL)
    html = next(out.rglob("*_page.html")).read_text()
    for line in Trust().missing():
        assert f"{line}." in html
    synthesize(ensemble, maps[:1], out, pages=USUAL)
    html = next(out.rglob("*_page.html")).read_text()
    assert "cannot be said" not in html and ensemble.trust.intervals.describe() in html
    assert "Deviation from 24 cognitively normal training subjects" in html
    assert not volumes(out, "Low"), "a page alone writes no volumes"
    assert not pictures.ONE_AT_A_TIME.locked()


def test_a_calibration_of_other_generators_is_refused(trusted, tiny_trust, exported, maps, tmp_path, capsys):
    file = tmp_path / "other.safetensors"
    write_trust(file, tiny_trust, ["b" * 64, "a" * 64])
    words = [f"--generator={exported}", f"--calibration={file}", f"--out={tmp_path / 'out'}", str(maps[0])]
    assert run_command("synthesize", words, prog="pcsa_jax synthesize") == 1
    told = " ".join(capsys.readouterr().err.split())
    own = open_generators([exported]).hashes[0][:12]
    assert f"--calibration {file}: expected that of the generators given ({own}), found that of aaaaaaaaaaaa" in told
    assert "Calibrate these together: python -m pcsa_jax calibrate RUN ... --out=FILE" in told
    assert not (tmp_path / "out").exists()
    write_trust(file, tiny_trust, open_generators([exported]).hashes)
    assert run_command("synthesize", [*words, "--intervals"], prog="pcsa_jax synthesize") == 0
    assert len(volumes(tmp_path / "out", "Low")) == 1


def test_of_several_generators_the_errors_are_nobody_s(trusted, ensemble, maps, tmp_path):
    other = copy.copy(ensemble.members[0])
    other.card = other.card | {"sha256": "c" * 64}
    both = Ensemble([trusted, Path("other")], [ensemble.members[0], other])
    assert both.trust.intervals is None and both.trust.familiarity is not None
    with pytest.raises(UserError) as told:
        synthesize(both, maps, tmp_path / "out", intervals=True)
    assert one_line(told).endswith("need a file of theirs: python -m pcsa_jax calibrate RUN ... --out=FILE.")


def test_a_sidecar_of_an_earlier_version_is_in_nobodys_way(ensemble, maps, tmp_path):
    out = tmp_path / "out"
    synthesize(ensemble, maps, out)
    path = next(out.rglob("*_desc-synthetic_pet.json"))
    card = json.loads(path.read_text())
    del card["Familiarity"], card[CALIBRATION]
    write_text(path, json.dumps(card))
    assert synthesize(ensemble, maps, out) == Outcome(1, 1, 0, None)
    assert "Familiarity" in json.loads(path.read_text())
