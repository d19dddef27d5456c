"""A published folder is read by its tensors, which vouch for themselves, and refused if what is beside them differs."""

import json

import pytest
from safetensors.numpy import load_file

import pcsa_jax
from pcsa_jax.errors import UserError
from pcsa_jax.synthesis.export import describe_ensemble, tensors_of, write_generator
from pcsa_jax.synthesis.generator_file import member_name, read_generator_file
from pcsa_jax.synthesis.published_folder import CONFIG, FORMAT, TENSORS
from pcsa_jax.synthesis.verification import CARD_HASH, card_hash
from pcsa_jax.training.trained import open_run


@pytest.fixture
def folder(exported, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / TENSORS).write_bytes(exported.read_bytes())
    return tmp_path / "model"


def say(folder, **said):
    card = read_generator_file(folder / TENSORS).card
    (folder / CONFIG).write_text(json.dumps({"format": FORMAT, "generator": card, **said}))


def refused(path):
    with pytest.raises(UserError) as caught:
        pcsa_jax.load_generator(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_tensors_alone_are_enough(folder, exported):
    found = pcsa_jax.load_generator(folder)
    assert found.card == pcsa_jax.load_generator(exported).card and found.members == (found,)


def test_what_is_said_beside_them_must_be_the_same(folder):
    say(folder)
    assert pcsa_jax.load_generator(folder).card["sha256"]
    say(folder, format="pcsa_jax published model 9")
    assert "expected format 'pcsa_jax published model 1', found 'pcsa_jax published model 9'" in refused(folder)
    say(folder, generator={"sha256": "0"})
    assert "found another generator's or a changed one. Download or publish both again" in refused(folder)
    (folder / CONFIG).write_text('{"format": ')
    assert "config.json: expected the config.json of a published model, found no JSON" in refused(folder)


def test_a_damaged_program_is_refused_and_a_missing_one_is_not_missed(folder):
    say(folder, stablehlo={"sha256": {"model.stablehlo": "0" * 64, "../outside": "0" * 64, TENSORS: "0" * 64}})
    assert pcsa_jax.load_generator(folder)
    (folder / "model.stablehlo").write_bytes(b"x")
    assert "model.stablehlo: expected the file that was published, found a damaged" in refused(folder)


@pytest.mark.parametrize("said", [[], "x", {}, {"sha256": ["model.stablehlo"]}, None])
def test_what_is_said_of_the_program_has_its_form(folder, said):
    say(folder, stablehlo=said)
    assert "config.json: expected what it says of the program, found it damaged" in refused(folder)


def test_a_program_by_itself_is_no_generator(folder):
    (folder / "model.stablehlo").write_bytes(b"x")
    assert "found a program without its tensors. Give the published folder" in refused(folder / "model.stablehlo")


@pytest.fixture(scope="module")
def two(tiny_run):
    """Tensors and cards of two generators."""
    from pcsa_jax.synthesis.export import describe_generator

    run = open_run(tiny_run)
    other = run._replace(params={**run.params, "bottleneck": {k: 0.5 * v for k, v in run.params["bottleneck"].items()}})
    runs = [run, other]
    cards = [describe_generator(one, cohort="tiny", is_phantom=True) for one in runs]
    tensors = {f"{member_name(i)}.{name}": a for i, one in enumerate(runs) for name, a in tensors_of(one).items()}
    return cards, tensors


def written(two, path, change=lambda card, tensors: None, *, is_hashed=True):
    cards, tensors = two
    card, tensors = json.loads(json.dumps(describe_ensemble(cards, None))), dict(tensors)
    change(card, tensors)
    if is_hashed:
        card |= {CARD_HASH: card_hash(card)}
    write_generator(path, card, tensors, None)
    return path


def test_a_file_of_several_holds_each(two, tmp_path):
    found = read_generator_file(written(two, tmp_path / "two.safetensors"))
    assert [part.card["sha256"] for part in found.parts] == [card["sha256"] for card in two[0]]
    assert found.card["sha256"] not in {card["sha256"] for card in two[0]} and found.trust is None
    assert load_file(tmp_path / "two.safetensors").keys() == two[1].keys()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda card, tensors: card.update(members=card["members"][:1]), "a card that names no generators"),
        (lambda card, tensors: card.update(members="two"), "a card that names no generators"),
        (lambda card, tensors: card.update(sha256="0" * 64), "a card whose SHA-256 is not that of its generators"),
        (lambda card, tensors: card["members"].reverse(), "a card whose SHA-256 is not that of its generators"),
        (lambda card, tensors: card["members"][1].update(notice="fine"), "a card that was changed since"),
        (lambda card, tensors: tensors.pop("member1.bottleneck.bias"), "expected parameters with SHA-256"),
        (lambda card, tensors: tensors.update({"member2.x": tensors["member1.bottleneck.bias"]}), "'member2.x'"),
    ],
)
def test_a_file_of_several_that_does_not_fit_itself_is_refused(two, tmp_path, change, message):
    path = written(two, tmp_path / "two.safetensors", change)
    assert message in refused(path)


def test_a_changed_card_of_several_is_refused(two, tmp_path):
    path = written(two, tmp_path / "x.safetensors", lambda card, t: card.update(sha256="0" * 64), is_hashed=False)
    assert "a card that was changed since (its SHA-256 is another)" in refused(path)
