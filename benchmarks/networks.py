"""Generator and whole training step on the CPU: ours, PyTorch's variants, plain flax."""

from benchmarks.duel import Duel, Entry, Say, duel
from benchmarks.results import Row, exact

TORCH = {"torch contiguous": "contiguous", "torch channels_last_3d": "channels_last"}
COMPILE_LIMIT_S = 90.0
PLAIN_LIMIT_S = 200.0


def measure_networks(say: Say) -> list[Row]:
    """The generator, forward and forward + backward, at 64^3."""
    rows = []
    for batch in (1, 2):
        for backward in (False, True):
            options = {"batch": batch, "size": 64, "backward": backward}
            entries = _ours_and_torch("forward", options)
            name = f"generator {'forward + backward' if backward else 'forward'}, 64^3, batch {batch}"
            rows.append(_row(name, duel(entries, repetitions=7, say=lambda text, name=name: say(f"{name}: {text}"))))
    return rows


def measure_slow_peers(say: Say) -> list[Row]:
    """What the other tables leave out because it takes long to prepare or to run: torch.compile, plain flax."""
    rows = []
    for backward in (False, True):
        options = {"batch": 2, "size": 64, "backward": backward}
        entries = {
            "ours": Entry("benchmarks.programs.ours:forward", options),
            "torch.compile": Entry(
                "benchmarks.programs.torch_runs:forward", options | {"variant": "compile"}, COMPILE_LIMIT_S
            ),
            "plain flax": Entry("benchmarks.programs.ours:forward", options | {"plain": True}, PLAIN_LIMIT_S, 1),
        }
        name = f"generator {'forward + backward' if backward else 'forward'}, 64^3, batch 2"
        found = duel(entries, repetitions=3, say=lambda text, name=name: say(f"{name}: {text}"))
        rows.append(_row(name, found, target=None))
    return rows


def measure_step(say: Say) -> list[Row]:
    """One step of D and G at 64^3 and, the demo's, at 32^3; and how long ours takes to compile."""
    rows = []
    for size, batch in ((64, 1), (64, 2), (32, 1)):
        options = {"batch": batch, "size": size}
        entries = _ours_and_torch("step", options)
        name = f"training step, {size}^3, batch {batch}"
        found = duel(entries, repetitions=7, say=lambda text, name=name: say(f"{name}: {text}"))
        rows.append(_row(name, found))
        if "ours" in found.facts:
            facts = found.facts["ours"]
            parts = f"trace {facts['trace_s']:.1f} s + XLA {facts['compile_s']:.1f} s"
            rows.append(Row(f"{name}: compile time", "s", exact(facts["trace_s"] + facts["compile_s"]), note=parts))
    return rows


def _ours_and_torch(function: str, options: dict) -> dict[str, Entry]:
    entries = {"ours": Entry(f"benchmarks.programs.ours:{function}", options)}
    for name, variant in TORCH.items():
        entries[name] = Entry(f"benchmarks.programs.torch_runs:{function}", options | {"variant": variant})
    return entries


def _row(name: str, found: Duel, target: float | None = 1.0) -> Row:
    times = dict(found.times)
    ours = times.pop("ours", None)
    return Row(name, "s", ours, times, target=target, note=found.note())
