"""Results of benchmark programs: medians over their repetitions, beside those of
their yardsticks, as a table and as JSON.

The input is the JSON of Google Benchmark. A benchmark names its yardstick, one
of the same program, in its label: yardstick:NAME.
"""

import collections
import json
import re
import statistics

# Where a benchmark counts items, its figure is their rate, else the time of an
# iteration.
RATE = "items_per_second"
TIME = "time_ns"

# What Google Benchmark writes beside a benchmark's own counters.
_NOT_COUNTERS = frozenset((
    "name", "run_name", "run_type", "repetitions", "repetition_index", "threads", "iterations",
    "real_time", "cpu_time", "time_unit", "label", "items_per_second", "bytes_per_second",
    "family_index", "per_family_instance_index", "error_occurred", "error_message",
    "aggregate_name", "aggregate_unit", "skipped", "skip_message"))
_NANOSECONDS = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}
_YARDSTICK = "yardstick:"
# How a benchmark is timed is no part of its name.
_SUFFIX = re.compile(r"/(manual_time|real_time|process_time|(iterations|repeats|min_time):[^/]+)")

Spread = collections.namedtuple("Spread", "median min max")


class Figure:
    """One benchmark with all its repetitions.

    `values` maps RATE or TIME, and the name of each counter, to a Spread. `yardstick`
    is another Figure or None, `note` what its label says besides, `error` why it
    did not finish, or the empty string.
    """

    def __init__(self, program, name, runs):
        self.program = program
        self.name = name
        self.yardstick = None
        self.error = next((run.get("error_message", "unknown") for run in runs
                           if run.get("error_occurred")), "")
        label = next((run["label"] for run in runs if run.get("label")), "")
        named = label.startswith(_YARDSTICK)
        self.yardstick_name = _SUFFIX.sub("", label.removeprefix(_YARDSTICK)) if named else ""
        self.note = "" if named else label
        self.values = {} if self.error else _values(runs)

    @property
    def main(self):
        """The name of the value that says how fast it is."""
        return RATE if RATE in self.values else TIME

    def ratio(self, value):
        """A value over the yardstick's; of times the other way round, so that more
        is faster. None without a yardstick that has the value too."""
        if self.yardstick is None:
            return None
        own, other = self.values.get(value), self.yardstick.values.get(value)
        if own is None or other is None or own.median == 0 or other.median == 0:
            return None
        return other.median / own.median if value == TIME else own.median / other.median


def _values(runs):
    collected = collections.defaultdict(list)
    for run in runs:
        if RATE in run:
            collected[RATE].append(run[RATE])
        else:
            collected[TIME].append(run["real_time"] * _NANOSECONDS[run["time_unit"]])
        for name, value in run.items():
            if name not in _NOT_COUNTERS:
                collected[name].append(value)
    return {name: Spread(statistics.median(values), min(values), max(values))
            for name, values in collected.items()}


def read(program, output):
    """The figures of one program's JSON, in its order.

    ValueError when a label names a yardstick that the program does not have.
    """
    runs = collections.defaultdict(list)
    for run in output["benchmarks"]:
        if run.get("run_type", "iteration") == "iteration":
            runs[_SUFFIX.sub("", run["run_name"])].append(run)
    # Mixed repetitions end in any order; these numbers keep that of the source.
    order = sorted(runs, key=lambda name: (runs[name][0].get("family_index", 0),
                                           runs[name][0].get("per_family_instance_index", 0)))
    figures = {name: Figure(program, name, runs[name]) for name in order}
    for figure in figures.values():
        if figure.yardstick_name:
            if figure.yardstick_name not in figures:
                raise ValueError(f"{program}: yardstick {figure.yardstick_name} of {figure.name} "
                                 "was not run")
            figure.yardstick = figures[figure.yardstick_name]
    return list(figures.values())


def number(value):
    """Three digits, with k, M or G: 41.2M."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        # What rounds to 1000 of one unit is 1.00 of the next.
        if abs(value) >= size * 0.9995:
            return _digits(value / size) + unit
    return _digits(value)


def _digits(value):
    if value == int(value) and abs(value) < 1000:
        return str(int(value))
    for digits, below in ((2, 9.995), (1, 99.95)):
        if abs(value) < below:
            return f"{value:.{digits}f}"
    return f"{value:.0f}"


def _time(nanoseconds):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if nanoseconds >= size * 0.9995:
            return f"{_digits(nanoseconds / size)} {unit}"
    return f"{_digits(nanoseconds)} ns"


def _shown(value, name):
    if name == RATE:
        return number(value) + "/s"
    return _time(value) if name == TIME else number(value)


def _rows(figure):
    title = f"{figure.program}: {figure.name}"
    if figure.error:
        yield (title, "failed", figure.error, "", "")
        return
    for name in [figure.main] + [n for n in figure.values if n != figure.main]:
        spread = figure.values[name]
        ratio = figure.ratio(name)
        beside = "" if ratio is None else _shown(figure.yardstick.values[name].median, name)
        yield (title if name == figure.main else "    " + name, _shown(spread.median, name),
               f"{_shown(spread.min, name)} - {_shown(spread.max, name)}", beside,
               "" if ratio is None else f"{ratio:.2f}")


def table(figures):
    """One table of all, as text."""
    rows = [("benchmark", "median", "spread", "yardstick", "ratio")]
    for figure in figures:
        rows += _rows(figure)
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])] + [row[i].rjust(widths[i]) for i in range(1, 5)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines) + "\n"


def to_json(figures, context):
    """All figures, and Google Benchmark's description of the machine."""
    return json.dumps({
        "context": context,
        "benchmarks": [{
            "program": figure.program,
            "name": figure.name,
            "yardstick": figure.yardstick_name,
            "note": figure.note,
            "error": figure.error,
            "values": {name: spread._asdict() for name, spread in figure.values.items()},
            "ratios": {name: figure.ratio(name) for name in figure.values
                       if figure.ratio(name) is not None},
        } for figure in figures],
    }, indent=1) + "\n"
