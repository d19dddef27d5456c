"""Self-attention against the dense score matrix: time where both fit, memory where only one does."""

from benchmarks.contender import Contender, ContenderError
from benchmarks.duel import Entry, Say, duel
from benchmarks.results import Row, exact

PAPER_GPU_GB = 40.0
CASES = {4: (192, 64), 16: (96, 4096)}
"""Edge of the features (voxels) -> (channels there in the paper's generator, tokens)."""


def measure_attention(say: Say) -> list[Row]:
    """Forward + backward of the layer, and the memory that the compiled programs ask for."""
    rows = []
    for edge, (channels, tokens) in CASES.items():
        options = {"batch": 2, "edge": edge, "channels": channels}
        entries = {
            "ours": Entry("benchmarks.programs.attention:layer", options),
            "dense": Entry("benchmarks.programs.attention:layer", options | {"dense": True}),
        }
        name = f"self-attention forward + backward, {tokens} tokens, {channels} channels, batch 2"
        found = duel(entries, repetitions=9, say=lambda text, name=name: say(f"{name}: {text}"))
        times = dict(found.times)
        rows.append(Row(name, "s", times.pop("ours", None), times, target=1.0, note=found.note()))
    rows += _layer_memory(say)
    rows.append(_step_memory(say))
    return rows


def _layer_memory(say: Say) -> list[Row]:
    """The layer's working memory at growing token counts: 8 times the tokens, about 8 times the bytes if linear."""
    rows, previous = [], None
    for edge in (8, 16, 32):
        options = {"batch": 1, "edge": edge, "channels": 24}
        name = f"self-attention working memory, {edge**3} tokens, 24 channels, batch 1"
        say(name)
        sizes = {kind: _memory("layer_memory", options | {"dense": kind == "dense"}) for kind in ("ours", "dense")}
        ours = sizes["ours"][0]
        note = "; ".join(f"{kind}: {why}" for kind, (_, why) in sizes.items() if why)
        if ours and previous:
            note = f"{ours / previous:.1f} times the row before, for 8 times the tokens" + (f"; {note}" if note else "")
        dense = {"dense": exact(sizes["dense"][0])} if sizes["dense"][0] else {}
        rows.append(Row(name, "GB", exact(ours) if ours else None, dense, note=note))
        previous = ours
    return rows


def _step_memory(say: Say) -> Row:
    """The whole training step of row ``sa32``, compiled for the CPU and not run."""
    name = "whole step of sa32, 64^3, batch 16: memory of the program compiled for the CPU"
    say(f"{name}: ours")
    ours, why = _memory("step_memory", {"row": "sa32", "batch": 16, "size": 64, "dense": False})
    say(f"{name}: dense")
    dense, dense_why = _memory("step_memory", {"row": "sa32", "batch": 16, "size": 64, "dense": True})
    note = "; ".join(text for text in (why, dense_why and f"dense: {dense_why}") if text)
    return Row(
        name, "GB", exact(ours) if ours else None, {"dense": exact(dense)} if dense else {}, PAPER_GPU_GB, "ours", note
    )


def _memory(function: str, options: dict) -> tuple[float | None, str]:
    """Gigabytes, or None and why not."""
    try:
        with Contender(f"benchmarks.programs.attention:{function}", options) as contender:
            return contender.facts["gb"], ""
    except ContenderError as error:
        return None, str(error)
