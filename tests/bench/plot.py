"""The growth of the tracker's cost as a picture: nanoseconds of a core for each
packet, over the number of connections and over threads.

Drawn are the benchmarks named Growth/connections:N and Growth/threads:N, whatever
arguments follow, which name the lines.
"""

import math
from xml.sax.saxutils import escape

_WIDTH, _HEIGHT = 560, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 40, 60
_COLOURS = ("#1f6fb4", "#d1495b", "#2e8b57", "#8e6bbf", "#c78500", "#4a4a4a")


def _arguments(name):
    """{"connections": 1000, "ip": "4"} of Growth/connections:1000/ip:4; None of
    other benchmarks."""
    parts = name.split("/")
    if parts[0] != "Growth":
        return None
    return {key: value for key, _, value in (part.partition(":") for part in parts[1:])}


def lines(figures, axis):
    """Of all growth benchmarks along an axis, "connections" or "threads": {name of
    a line: [(x, median, min, max)]} in ns of a core for each packet."""
    found = {}
    for figure in figures:
        arguments = _arguments(figure.name)
        if arguments is None or axis not in arguments or figure.main != "items_per_second":
            continue
        # Over threads the connections stay the same.
        if axis == "connections" and "threads" in arguments:
            continue
        x = int(arguments.pop(axis))
        cores = x if axis == "threads" else 1
        title = " ".join(f"{key} {value}" for key, value in arguments.items()) or "tracker"
        rate = figure.values["items_per_second"]
        found.setdefault(title, []).append(
            (x, *(cores * 1e9 / value for value in (rate.median, rate.max, rate.min))))
    return {title: sorted(points) for title, points in found.items()}


def _ticks(top):
    """Round numbers from 0 to the first at or above `top`; four to seven."""
    step = 10 ** math.floor(math.log10(top / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if top / (step * factor) <= 6)
    return [step * i for i in range(math.ceil(top / step) + 1)]


def _count(x):
    for size, unit in ((10**6, " M"), (10**3, " k")):
        if x >= size and x % size == 0:
            return f"{x // size}{unit}"
    return str(x)


class _Panel:
    """One diagram at a place from the left; its x axis is logarithmic."""

    def __init__(self, left, title, drawn):
        self._left = left + _LEFT
        self._drawn = drawn
        self._xs = sorted({point[0] for points in drawn.values() for point in points})
        self._ticks = _ticks(max(point[3] for points in drawn.values() for point in points))
        self.parts = [self._text(left + _WIDTH / 2, 20, title, "middle", "font-weight='bold'")]

    @staticmethod
    def _text(x, y, text, anchor, more=""):
        return f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' {more}>{escape(text)}</text>"

    def _x(self, value):
        low, high = math.log(self._xs[0]), math.log(self._xs[-1])
        share = (math.log(value) - low) / (high - low) if high > low else 0.5
        return self._left + share * (_WIDTH - _LEFT - _RIGHT)

    def _y(self, value):
        return _HEIGHT - _BOTTOM - value / self._ticks[-1] * (_HEIGHT - _TOP - _BOTTOM)

    def draw(self, axis):
        right = self._left + _WIDTH - _LEFT - _RIGHT
        for tick in self._ticks:
            y = self._y(tick)
            self.parts.append(f"<line x1='{self._left}' y1='{y:.1f}' x2='{right}' y2='{y:.1f}' "
                              "stroke='#dddddd'/>")
            self.parts.append(self._text(self._left - 8, y + 4, f"{tick:g}", "end"))
        for x in self._xs:
            self.parts.append(
                self._text(self._x(x), _HEIGHT - _BOTTOM + 18, _count(x), "middle"))
        self.parts.append(self._text((self._left + right) / 2, _HEIGHT - _BOTTOM + 36, axis, "middle"))
        self.parts.append(self._text(self._left - 8, _TOP - 10, "ns", "end"))
        for number, (title, points) in enumerate(self._drawn.items()):
            self._line(title, points, number)
        return "\n".join(self.parts)

    def _line(self, title, points, number):
        colour = _COLOURS[number % len(_COLOURS)]
        path = " ".join(f"{self._x(x):.1f},{self._y(median):.1f}" for x, median, _, _ in points)
        self.parts.append(f"<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='2'/>")
        for x, median, low, high in points:
            at = self._x(x)
            self.parts.append(f"<line x1='{at:.1f}' y1='{self._y(low):.1f}' x2='{at:.1f}' "
                              f"y2='{self._y(high):.1f}' stroke='{colour}'/>")
            self.parts.append(f"<circle cx='{at:.1f}' cy='{self._y(median):.1f}' r='3' fill='{colour}'>"
                              f"<title>{escape(title)}, {_count(x)}: {median:.1f} ns</title></circle>")
        y = _TOP + 16 * (number + 1)
        self.parts.append(self._text(self._left + 12, y, title, "start", f"fill='{colour}'"))


def growth(figures):
    """The picture as SVG; empty when nothing was measured that it shows."""
    panels = []
    for axis, title in (("connections", "Cost of a packet over connections"),
                        ("threads", "Cost of a packet over threads")):
        drawn = lines(figures, axis)
        if drawn:
            panels.append(_Panel(_WIDTH * len(panels), title, drawn).draw(axis))
    if not panels:
        return ""
    width = _WIDTH * len(panels)
    return (f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{_HEIGHT}' "
            f"viewBox='0 0 {width} {_HEIGHT}' font-family='sans-serif' font-size='12'>\n"
            f"<rect width='{width}' height='{_HEIGHT}' fill='white'/>\n" + "\n".join(panels) +
            "\n</svg>\n")
