"""The bands and sizes that the code keeps to: data <- model <- run, small files, no pickle."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "pcsa_jax"
MODULES = sorted(PACKAGE.rglob("*.py"))
IDS = [str(path.relative_to(PACKAGE)) for path in MODULES]
LARGEST_FILE, LARGEST_FUNCTION = 300, 60
JAX = {"jax", "jaxlib", "flax", "optax", "orbax"}
CONFIG = {"ml_collections", "absl"}
FILES = {"os", "pathlib", "io", "shutil", "tempfile", "logging", "nibabel", "sys", "subprocess"}
NAMELESS = {"utils", "util", "common", "helpers", "helper", "base", "misc"}


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> set[str]:
    """Every dotted name that ``path`` imports, at the top or inside functions."""
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def touches(names: set[str], forbidden: set[str]) -> set[str]:
    return {name for name in names for other in forbidden if name == other or name.startswith(f"{other}.")}


def band(name: str) -> list[Path]:
    found = sorted((PACKAGE / name).rglob("*.py"))
    assert len(found) > 5
    return found


@pytest.mark.parametrize("path", band("data"), ids=lambda path: path.name)
def test_data_band_knows_neither_jax_nor_what_is_right_of_it(path):
    assert not touches(imports(path), JAX | CONFIG | {"pcsa_jax.model", "pcsa_jax.run"})


@pytest.mark.parametrize("path", band("model"), ids=lambda path: path.name)
def test_model_band_is_pure(path):
    assert not touches(imports(path), CONFIG | FILES | {"pcsa_jax.run", "pcsa_jax.data"})
    nodes = list(ast.walk(tree(path)))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    assert not names & {"open", "print", "input", "exec", "eval"}
    assert not [node for node in nodes if isinstance(node, ast.Global)]


def test_the_error_type_needs_nothing():
    assert imports(PACKAGE / "errors.py") == set()


def test_the_rules_see_a_breach(tmp_path):
    path = tmp_path / "breach.py"
    path.write_text("def f():\n    from pcsa_jax.run import config\n    import jax.numpy as jnp\n")
    assert touches(imports(path), {"pcsa_jax.run"}) == {"pcsa_jax.run", "pcsa_jax.run.config"}
    assert touches(imports(path), JAX) == {"jax.numpy"}


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_every_module_has_a_noun_for_a_name(path):
    assert path.stem not in NAMELESS and path.parent.name not in NAMELESS


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_files_and_functions_are_small(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LARGEST_FILE
    functions = [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert [f"{node.name}: {node.end_lineno - node.lineno + 1} lines" for node in functions
            if node.end_lineno - node.lineno + 1 > LARGEST_FUNCTION] == []  # fmt: skip


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_nothing_is_pickled(path):
    assert not touches(imports(path), {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"})
    keywords = [node for node in ast.walk(tree(path)) if isinstance(node, ast.keyword) and node.arg == "allow_pickle"]
    assert all(isinstance(node.value, ast.Constant) and node.value.value is False for node in keywords)
