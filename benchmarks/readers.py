"""Every reader of this software with sound files for it, and how :mod:`benchmarks.fuzz` damages such files."""

import copy
import gzip
import hashlib
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.headers import HEADERS, beside_cohort, header_bytes, write_headers

Damage = Callable[[bytes, random.Random], bytes]

NASTY = (
    None, True, "", "x", "../../x", "n/a", "\x00", "ä" * 3, "1", -1, 0, 1, 2**31, 2**63, 10**30, 0.5, -0.0, 1e308,
    float("nan"), float("inf"), [], {}, [[]], {"a": {}}, "x" * 5000, [1] * 500,
)  # fmt: skip
WORDS = (
    b"", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\t", b"\n", b"\r", b'"', b"-1", b"0", b"nan", b"1e999", b"../",
    b"n/a", b"AD", b"9" * 400, b"\xe2\x80\xae", b"{", b"[" * 3000, b"null", b"sub-0001", b"\x00\x00\x80\x7f",
    b"\xff\xff\xff\x7f", b"\xff" * 8,
)  # fmt: skip
METADATA = "pcsa_jax"
HEADER = 400
"""Bytes at the start of a file that are damaged as often as all others together: there the fields are."""


class Target(NamedTuple):
    """Files of one reader.

    Attributes:
      pattern: which, below the folder of sound files.
      read: folder and file -> what was read, as text: the same for the same content.
      damages: how they are damaged, besides any bytes.
      is_vouched: True if a checksum covers the content: no other may be accepted.
      damages_only: any bytes are not changed: content that carries the checksum of what it then says, or a part.
    """

    pattern: str
    read: Callable[[Path, Path], str]
    damages: tuple[Damage, ...] = ()
    is_vouched: bool = False
    damages_only: bool = False


def any_bytes(content: bytes, rng: random.Random) -> bytes:
    """One to four changes anywhere: bits, bytes, words, pieces cut out, doubled or moved, the end cut off."""
    spoilt = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        end = len(spoilt) if rng.random() < 0.5 else min(len(spoilt), HEADER)
        at, length = rng.randrange(end + 1), rng.choice((1, 2, 4, 8, 64, 1024))
        kind = rng.randrange(6)
        if kind == 0 and at < len(spoilt):
            spoilt[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            spoilt[at : at + length] = rng.randbytes(length)
        elif kind == 2:
            word = rng.choice(WORDS)
            spoilt[at : at + rng.choice((0, len(word)))] = word
        elif kind == 3:
            del spoilt[at : at + length]
        elif kind == 4:
            spoilt[at:at] = spoilt[at : at + length]
        else:
            del spoilt[rng.choice((0, at)) :]
    return bytes(spoilt)


def inside_gzip(content: bytes, rng: random.Random) -> bytes:
    return gzip.compress(any_bytes(gzip.decompress(content), rng), compresslevel=1, mtime=0)


def cells(content: bytes, rng: random.Random) -> bytes:
    """One cell of a table, its heading included, is another word, or a line is doubled."""
    lines = content.split(b"\n")
    row = rng.randrange(len(lines))
    fields = lines[row].split(b"\t")
    fields[rng.randrange(len(fields))] = rng.choice(WORDS)
    lines[row] = b"\t".join(fields)
    return b"\n".join(lines + [rng.choice(lines)] * rng.randrange(2))


def values(content: bytes, rng: random.Random) -> bytes:
    """One value of a JSON object at any depth is another, is gone, or stands under another name."""
    return json.dumps(_other_value(json.loads(content), rng)).encode()


def _other_value(root: Any, rng: random.Random) -> Any:
    root, nodes = copy.deepcopy(root), []
    queue = [root]
    while queue:
        node = queue.pop()
        keys = list(node) if isinstance(node, dict) else list(range(len(node))) if isinstance(node, list) else []
        nodes += [(node, key) for key in keys]
        queue += [node[key] for key in keys]
    if not nodes or rng.random() < 0.05:
        return rng.choice(NASTY)
    node, key = rng.choice(nodes)
    kind = rng.random()
    if kind < 0.2:
        del node[key]
    elif kind < 0.3 and isinstance(node, dict):
        node[f"{key}_"] = node.pop(key)
    else:
        node[key] = rng.choice(NASTY)
    return root


def tensor_header(content: bytes, rng: random.Random) -> bytes:
    """The header of a safetensors file, with the length that it then has."""
    end = 8 + int.from_bytes(content[:8], "little")
    spoilt = values(content[8:end], rng)
    return len(spoilt).to_bytes(8, "little") + spoilt + content[end:]


def hostile_card(content: bytes, rng: random.Random) -> bytes:
    """An export whose card says something else and carries the checksum of that."""
    from pcsa_jax.synthesis.verification import CARD_HASH, card_hash

    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    card = _other_value(json.loads(header["__metadata__"][METADATA]), rng)
    if isinstance(card, dict):
        card[CARD_HASH] = card_hash(card)
    header["__metadata__"][METADATA] = json.dumps(card)
    spoilt = json.dumps(header).encode()
    return len(spoilt).to_bytes(8, "little") + spoilt + content[end:]


def _volume(folder: Path, path: Path) -> str:
    from pcsa_jax.data.volumes import read_volume

    found = read_volume(path, subject="sub-0001: MRI")
    return hashlib.sha256(found.data.tobytes() + found.affine.tobytes()).hexdigest()


def _cohort(folder: Path, path: Path) -> str:
    from pcsa_jax.data.cohort import read_cohort

    found = read_cohort(path if path.name == "manifest.tsv" else folder / "cohort")
    return f"{found.name} {found.is_phantom} {found.subjects} {found.without_mri}"


def _splits(folder: Path, path: Path) -> str:
    from pcsa_jax.data.splits import read_splits

    return str(sorted(read_splits(path).items()))


def _metrics(folder: Path, path: Path) -> str:
    from pcsa_jax.training.metrics_log import read_metrics

    return str(read_metrics(path))


def _export(folder: Path, path: Path) -> str:
    from pcsa_jax.synthesis.loaded import load_generator

    found = load_generator(path)
    arrays = [array.tobytes() for _, array in sorted(found.infer.tensors.items())]
    arrays += [array.tobytes() for _, array in sorted(found.trust.arrays().items())]
    return json.dumps(found.card, sort_keys=True) + hashlib.sha256(b"".join(arrays)).hexdigest()


def _published(folder: Path, path: Path) -> str:
    return _export(folder, folder / "published")


def _run(folder: Path, path: Path) -> str:
    from pcsa_jax.errors import UserError
    from pcsa_jax.machine.progress import console
    from pcsa_jax.training.checkpoints import state_hash
    from pcsa_jax.training.prior import prior_hash
    from pcsa_jax.training.trained import open_run

    with console.capture() as said:
        found = open_run(folder / "run")
    if "warning: " in said.get():  # another checkpoint, and the user is told why
        raise UserError(said.get().strip().splitlines()[0])
    prior = found.prior and prior_hash(found.prior)
    return f"{found.step} {state_hash(found.params)} {prior} {found.splits_sha256} {found.config.to_json()}"


def _config(folder: Path, path: Path) -> str:
    from pcsa_jax.experiment.config import read_config

    return read_config(path).to_json()


def _environment(folder: Path, path: Path) -> str:
    from pcsa_jax.experiment.cohort import describe_training
    from pcsa_jax.experiment.config import read_config
    from pcsa_jax.experiment.environment import read_environment

    found = read_environment(path)
    return f"{found} {describe_training(read_config(path.with_name('config.json')).data, found)}"


READERS: dict[str, tuple[Target, ...]] = {
    "volumes": (Target("volumes/*.nii.gz", _volume, (inside_gzip,)), Target("volumes/*.nii", _volume)),
    HEADERS: (Target(f"{HEADERS}/*.nii", beside_cohort, (header_bytes,), damages_only=True),),
    "tables": (
        Target("cohort/participants.tsv", _cohort, (cells,)),
        Target("cohort/quality.tsv", _cohort, (cells,)),
        Target("manifest/manifest.tsv", _cohort, (cells,)),
        Target("run/splits.tsv", _splits, (cells,)),
        Target("run/metrics.jsonl", _metrics),
    ),
    "sidecars": (Target("cohort/**/*.json", _cohort, (values, values)),),
    "exports": (
        Target("*.safetensors", _export, (tensor_header,), is_vouched=True),
        Target("*.safetensors", _export, (hostile_card,) * 3, damages_only=True),
    ),
    "published": (
        Target("published/model.*", _published, is_vouched=True),
        Target("published/config.json", _published, (values, values), is_vouched=True),
    ),
    "checkpoints": (
        Target("run/checkpoints/**/*", _run, is_vouched=True),
        Target("run/prior.safetensors", _run, (tensor_header,), is_vouched=True),
    ),
    "configs": (
        Target("run/config.json", _config, (values, values)),
        Target("run/environment.json", _environment, (values, values)),
    ),
}


def write_sound(folder: Path, config: Path) -> None:
    """Writes sound files of every kind to ``folder``; the run and its export start from closed-form predictors."""
    import pcsa_jax
    from pcsa_jax.data.quality_table import Quality, Reason, write_quality

    cohort, run = folder / "cohort", folder / "run"
    pcsa_jax.phantom(cohort, pairs=12, mri_only=2, size=16, jobs=1)
    maps = sorted(cohort.rglob("*probseg.nii.gz"))
    (folder / "volumes").mkdir()
    shutil.copy(maps[0], folder / "volumes" / "map.nii.gz")
    (folder / "volumes" / "map.nii").write_bytes(gzip.decompress(maps[0].read_bytes()))
    write_headers(folder / HEADERS, cohort)
    (folder / "manifest").mkdir()
    lines = ["participant_id\tdiagnosis\tmri\tpet\tmri_fwhm_mm"]
    for number, path in enumerate(maps[:12]):
        (pet,) = path.parents[1].glob("pet/*res-16_pet.nii.gz")
        lines.append(f"{path.name.split('_')[0]}\t{('AD', 'CN')[number % 2]}\t{path}\t{pet}\t8")
    (folder / "manifest" / "manifest.tsv").write_text("\n".join(lines) + "\n")
    reason = Reason("gm_correlation", "0.6", "below 0.75")
    visits = [Quality(f"sub-000{i}", "", {"gm_correlation": "0.6"}, (reason,), i < 3) for i in (1, 2, 3)]
    pcsa_jax.train(f"{config}:best", run, cohort=cohort)
    write_quality(cohort, visits, ["gm_correlation"])
    pcsa_jax.export(run, folder / "generator.safetensors")
    pcsa_jax.publish([run], folder / "published", unscored=True)
