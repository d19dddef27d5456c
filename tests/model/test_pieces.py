"""The pieces that stand alone: what importing one brings in, and the examples of docs/pieces.md."""

import ast
import re
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcsa_jax.model.blockwise_attention import attend
from pcsa_jax.model.platform_convolution import convolve
from tests.command_lines import code_blocks
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "pieces.md").read_text(encoding="utf-8")
EXAMPLES = [block for language, block in code_blocks(PAGE) if language == "python"]
PIECES = {
    "pcsa_jax.model.ssim": {"pcsa_jax.model.metrics"},
    "pcsa_jax.model.metrics": set(),
    "pcsa_jax.model.platform_convolution": {"pcsa_jax.model.cpu_convolution"},
    "pcsa_jax.model.blockwise_attention": set(),
}
"""Module -> what else of ours it needs."""
REST = {"flax", "optax", "orbax", "ml_collections", "nibabel", "nilearn", "matplotlib", "pandas", "scipy", "rich"}


@pytest.mark.parametrize("piece", PIECES)
def test_a_piece_brings_in_nothing_of_the_rest(piece):
    # What jax brings in by itself does not count.
    script = f"import sys, jax\nbefore = set(sys.modules)\nimport {piece}\nprint(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    loaded = set(ast.literal_eval(done.stdout))
    own = {name for name in loaded if name.split(".")[0] == "pcsa_jax"}
    assert own == {"pcsa_jax", "pcsa_jax.model", piece} | PIECES[piece]
    assert not {name.split(".")[0] for name in loaded} & REST


def test_the_page_names_the_pieces_and_what_they_need():
    rows = re.findall(r"^\| \[.*\]\(#[\w-]+\) \| `([\w.]+)` \| (?:`([\w.]+)` )?\|$", PAGE, re.MULTILINE)
    assert {module: {also} - {""} for module, also in rows} == PIECES


@pytest.mark.parametrize("example", EXAMPLES, ids=[f"example {number}" for number in range(1, len(EXAMPLES) + 1)])
def test_every_example_runs(example, capsys):
    exec(compile(example, "docs/pieces.md", "exec"), {"__name__": "example"})
    printed = capsys.readouterr().out
    assert len(printed.splitlines()) >= example.count("print(") and "nan" not in printed


def test_the_pieces_can_be_mapped():
    rng = np.random.default_rng(0)
    x, kernel = (jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in ((2, 1, 5, 4, 6, 3), (3, 3, 3, 3, 4)))
    mapped = jax.vmap(lambda each: convolve(each, kernel))(x)
    np.testing.assert_allclose(mapped, jnp.stack([convolve(each, kernel) for each in x]), atol=1e-5)
    heads = jnp.asarray(rng.normal(size=(3, 1, 12, 4)), jnp.float32)
    mapped = jax.vmap(lambda head: attend(head, head, head, block=4))(heads)
    np.testing.assert_allclose(mapped, jnp.stack([attend(h, h, h, block=4) for h in heads]), atol=1e-6)
