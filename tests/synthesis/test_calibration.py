"""Errors come from people whom a generator has not learnt from; a run's test people stay closed."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import pcsa_jax
from pcsa_jax.commands import run_command
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.normalisation import IntensityRange
from pcsa_jax.data.pairs import Pairs
from pcsa_jax.errors import UserError
from pcsa_jax.experiment.workdir import Workdir
from pcsa_jax.synthesis import calibration
from pcsa_jax.synthesis.calibration import fit_trust, held_out_errors
from pcsa_jax.synthesis.trust_file import read_trust, write_trust

SIZE = 16


def pairs(count, sessions=1):
    rng = np.random.default_rng(0)
    people = [f"sub-{i:02}" for i in range(count) for _ in range(sessions)]
    mri, pet = rng.random((2, len(people), SIZE, SIZE, SIZE), np.float32)
    none = (None,) * len(people)
    full = (IntensityRange(0, 1),) * len(people)
    return Pairs(tuple(people), ("",) * len(people), ("CN",) * len(people), mri, pet, None, None, full, (), none, none)


def run(number, parts):
    """A generator that gives the map times its number."""
    config = SimpleNamespace(data=SimpleNamespace(size=SIZE))
    return SimpleNamespace(number=number, splits=parts, config=config)


@pytest.fixture(autouse=True)
def generators(monkeypatch):
    fake = SimpleNamespace(of_run=lambda run: lambda mri: run.number * mri)
    monkeypatch.setattr(calibration, "Inference", fake)


def parts(train, validation, test=()):
    return dict.fromkeys(train, "train") | dict.fromkeys(validation, "validation") | dict.fromkeys(test, "test")


def test_errors_are_those_of_the_generators_that_have_not_learnt_from_a_person():
    own = pairs(20)
    first, second = own.participant_ids[:10], own.participant_ids[10:]
    runs = [run(1, parts(first, second)), run(3, parts(second, first))]
    found = held_out_errors(runs, own, Grid(SIZE))
    np.testing.assert_allclose(found.volumes[:10], own.pet[:10] - 3 * own.mri[:10], atol=1e-6)
    np.testing.assert_allclose(found.volumes[10:], own.pet[10:] - own.mri[10:], atol=1e-6)
    assert found.spreads is None  # one generator each


def test_generators_that_share_their_people_have_a_spread():
    own = pairs(20)
    own_parts = parts(own.participant_ids[:10], own.participant_ids[10:])
    found = held_out_errors([run(1, own_parts), run(3, own_parts)], own, Grid(SIZE))
    assert len(found.volumes) == 10
    np.testing.assert_allclose(found.volumes, own.pet[10:] - 2 * own.mri[10:], atol=1e-6)
    np.testing.assert_allclose(found.spreads, np.sqrt(2) * own.mri[10:], atol=1e-4)


def test_a_person_counts_once():
    own = pairs(12, sessions=2)
    found = held_out_errors([run(1, parts([], own.participant_ids))], own, Grid(SIZE))
    assert len(found.volumes) == 12
    np.testing.assert_array_equal(found.volumes, own.pet[::2] - own.mri[::2])


def test_too_few_people_give_no_intervals_but_the_rest():
    own = pairs(26)
    trust = fit_trust([run(1, parts(own.participant_ids[:20], own.participant_ids[20:]))], own)
    assert trust.intervals is None
    assert trust.familiarity is not None
    assert trust.norm.count == 20
    assert trust.about["training_people"] == 20
    assert any("6 people that it has not learnt from are fewer than 9" in line for line in trust.missing())


def test_further_visits_do_not_make_a_person_look_usual():
    """Beside another visit of the same person every map would be near the others, and a new person's would not."""
    own = pairs(22, sessions=2)
    trust = fit_trust([run(1, parts(own.participant_ids, []))], own)
    assert trust.about["training_people"] == len(trust.familiarity.oddities) == 22
    few = pairs(15, sessions=2)
    assert fit_trust([run(1, parts(few.participant_ids, []))], few).familiarity is None


def test_one_training_subject_gives_what_can_be_given():
    own = pairs(1)
    trust = fit_trust([run(1, parts(own.participant_ids, []))], own)
    assert trust.familiarity is None and trust.norm is None and trust.intervals is None
    assert trust.trivial is not None
    assert "1 training maps are fewer than 20" in trust.missing()[0]
    assert "at least 3 CN training subjects, found 1" in trust.missing()[2]


class TestOfARun:
    @pytest.fixture(autouse=True)
    def generators(self):
        """The run's own."""

    def test_it_lies_beside_the_checkpoints_and_opens_no_test_subject(self, tiny_run, tmp_path, monkeypatch, capsys):
        opened, load = [], calibration.load_pairs
        monkeypatch.setattr(
            calibration, "load_pairs",
            lambda subjects, **how: opened.extend(one.participant_id for one in subjects) or load(subjects, **how),
        )  # fmt: skip
        splits = pcsa_jax.training.trained.open_run(tiny_run).splits
        out = tmp_path / "trust.safetensors"
        assert run_command("calibrate", [str(tiny_run), f"--out={out}"], prog="pcsa_jax calibrate") == 0
        assert {splits[who] for who in opened} == {"train", "validation"}
        found = read_trust(out)
        assert found.generators == (pcsa_jax.load_generator(tiny_run).card["sha256"],)
        assert found.trust.trivial is not None
        assert not Workdir(tiny_run).trust.exists()
        assert "cannot be said" in capsys.readouterr().err

    def test_several_runs_need_a_place_and_are_not_the_same(self, tiny_run, tmp_path):
        with pytest.raises(UserError, match=r"--out: expected a file for what several runs have in common, found none"):
            pcsa_jax.calibrate([tiny_run, tiny_run])
        with pytest.raises(UserError, match=r"expected another generator, found that of .*\. Give it once"):
            pcsa_jax.calibrate([tiny_run, tiny_run], out=tmp_path / "both.safetensors")

    def test_a_damaged_file_is_made_again_by_the_command_that_its_message_names(self, tiny_run, tmp_path, capsys):
        own = Path(shutil.copytree(tiny_run, tmp_path / "run"))
        place = Workdir(own).trust
        place.write_bytes(b"no tensors")
        with pytest.raises(UserError, match=r"found a damaged one .*\. Make it again: python -m pcsa_jax calibrate"):
            pcsa_jax.load_generator(own)
        assert run_command("calibrate", [str(own)], prog="pcsa_jax calibrate") == 0
        told = capsys.readouterr().err
        assert f"{place}: expected a file of python -m pcsa_jax calibrate, found a damaged one" in " ".join(
            told.split()
        )
        assert read_trust(place).trust.trivial is not None
        before = place.read_bytes()
        write_trust(place, read_trust(place).trust, ["a" * 64])
        assert run_command("calibrate", [str(own)], prog="pcsa_jax calibrate") == 0
        assert f"{place}: was another checkpoint's, and is fitted anew" in " ".join(capsys.readouterr().err.split())
        assert place.read_bytes() == before
        assert run_command("calibrate", [str(own)], prog="pcsa_jax calibrate") == 0
        assert place.read_bytes() == before, "what is whole is left as it is"
