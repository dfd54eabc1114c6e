"""The page of the figures: a table from what was measured, between the paragraphs of the template."""

from collections.abc import Iterable
from importlib.resources import files
from string import Template
from typing import Final

from daybook.bench.figures import TPC_B, Measured, Results, Scale
from daybook.bench.targets import is_met, targets_of

ITEMS: Final = {
    "": "the yardstick",
    "a": "(a) the write path, without HTTP",
    "b": "(b) few accounts",
    "c": "(c) one transfer a request, over HTTP",
    "d": "(d) many transfers a request, over HTTP",
    "e": "(e) reads: p99 over one connection",
    "f": "(f) rebuild and replay",
    "g": "(g) a real bank brought in",
    "h": "(h) five years, in three sizes",
    "i": "(i) the end of a day",
    "memory": "memory",
    "disk": "disk",
}
HEADER: Final = "| what | median | min to max | p50 ms | p99 ms | times TPC-B | target | met |"
RULE: Final = "| --- | ---: | ---: | ---: | ---: | ---: | --- | --- |"


def page(results: Results) -> str:
    """The whole page, in Markdown."""
    template = Template((files("daybook.bench") / "benchmarks.template.md").read_text("utf-8"))
    return template.substitute(
        when=f"{results.began_at:%Y-%m-%d}",
        took=f"{results.seconds / 60:.0f} minutes"
        if results.seconds > 90
        else f"{results.seconds:.0f} seconds",
        machine="\n".join(f"| {name} | {value} |" for name, value in results.machine.items()),
        table=table(results.measured),
        accounts=f"{results.scale.accounts:,}",
        rounds=_rounds(results.scale),
    )


def table(measured: list[Measured]) -> str:
    """A table an item, in the order of the items; what has no rows is left out."""
    by_key = {each.key: each for each in measured}
    parts = []
    for item, title in ITEMS.items():
        rows = [_row(each, by_key) for each in measured if each.item == item]
        if rows:
            parts.append("\n".join((f"### {title[0].upper()}{title[1:]}", "", HEADER, RULE, *rows)))
    return "\n\n".join(parts)


def _row(measured: Measured, by_key: dict[str, Measured]) -> str:
    targets = targets_of(measured)
    met = ["yes" if is_met(target, measured, by_key) else "**no**" for target in targets]
    is_rate = measured.unit in ("transactions/s", "transfers/s")
    ratio = None
    if is_rate and TPC_B in by_key:
        ratio = measured.median / (measured.tpc_b or by_key[TPC_B].median)
    spread = ""
    if len(measured.values) > 1:
        spread = f"{_number(min(measured.values))} to {_number(max(measured.values))}"
    return _cells(
        _label(measured),
        f"{_number(measured.median)} {measured.unit}",
        spread,
        _middle(measured.p50_ms),
        _middle(measured.p99_ms),
        "" if ratio is None else f"{ratio:.2f}",
        "; ".join(map(str, targets)),
        "; ".join(met),
    )


def _label(measured: Measured) -> str:
    notes = [measured.note] if measured.note else []
    if measured.refused:
        notes.append(f"{measured.refused:,} refused")
    if measured.failed:
        notes.append(f"{measured.failed:,} wrong answers")
    return measured.label + (f" ({'; '.join(notes)})" if notes else "")


def _middle(values: list[float]) -> str:
    return _number(sorted(values)[len(values) // 2]) if values else ""


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _cells(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _rounds(scale: Scale) -> str:
    if scale.rounds == 1:
        return f"Every figure is of one round, mostly of {scale.seconds:g} seconds."
    return (
        f"Every figure is the median of {scale.rounds} rounds, mostly of {scale.seconds:g} seconds, "
        "that took turns, and stands beside its smallest and largest."
    )


def line(measured: Measured) -> str:
    """A figure in a line, for whoever waits at the terminal."""
    told = f"{measured.label}: {_number(measured.median)} {measured.unit}"
    if measured.p99_ms:
        told += f", p50 {_middle(measured.p50_ms)} ms, p99 {_middle(measured.p99_ms)} ms"
    return told + (f", {measured.failed} wrong answers" if measured.failed else "")


def lines(measured: Iterable[Measured]) -> str:
    return "\n".join(f"  {line(each)}" for each in measured)
