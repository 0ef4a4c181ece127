"""Tests of the table, the JSON and the plot that scripts/bench makes."""

import json
import unittest
import xml.etree.ElementTree

import plot
import results


def run(name, repetition=0, **values):
    """One repetition as Google Benchmark 1.7 writes it."""
    return {"name": name, "family_index": 0, "per_family_instance_index": 0, "run_name": name,
            "run_type": "iteration", "repetitions": 3, "repetition_index": repetition, "threads": 1,
            "iterations": 17, "real_time": 2000.0, "cpu_time": 1990.0, "time_unit": "ns", **values}


def rates(name, per_second, **values):
    """One repetition for each rate."""
    return [run(name, i, items_per_second=rate, **values) for i, rate in enumerate(per_second)]


def read(*runs):
    return results.read("tracker", {"context": {}, "benchmarks": list(runs)})


RECORDED = [
    *rates("Floor/connections:1000", [80e6, 60e6, 100e6], family_index=0),
    *rates("Subject/connections:1000", [40e6, 30e6, 41.2e6], family_index=1,
           label="yardstick:Floor/connections:1000", p99_us=12.5),
    {**run("Subject/connections:1000_median", items_per_second=1.0), "run_type": "aggregate"},
]


class ResultsTest(unittest.TestCase):
    def test_a_figure_is_the_median_and_the_spread_of_its_repetitions(self):
        floor, subject = read(*RECORDED)
        self.assertEqual(floor.values["items_per_second"], results.Spread(80e6, 60e6, 100e6))
        self.assertEqual(subject.values["items_per_second"], results.Spread(40e6, 30e6, 41.2e6))
        self.assertEqual(subject.values["p99_us"].median, 12.5)

    def test_the_ratio_is_over_the_yardstick_that_the_label_names(self):
        floor, subject = read(*RECORDED)
        self.assertIs(subject.yardstick, floor)
        self.assertEqual(subject.ratio("items_per_second"), 0.5)
        self.assertIsNone(floor.ratio("items_per_second"))
        self.assertIsNone(subject.ratio("p99_us"), "the yardstick has no such counter")

    def test_of_times_less_is_the_higher_ratio(self):
        _, subject = read(run("Fast", real_time=1.0, time_unit="us"),
                          run("Slow", real_time=4.0, time_unit="us", label="yardstick:Fast"))
        self.assertEqual(subject.values["time_ns"].median, 4000)
        self.assertEqual(subject.ratio("time_ns"), 0.25)

    def test_mixed_repetitions_come_in_the_order_of_the_source(self):
        figures = read(run("B", family_index=1), run("A/2", per_family_instance_index=1), run("A/1"),
                       run("B", 1, family_index=1))
        self.assertEqual([figure.name for figure in figures], ["A/1", "A/2", "B"])

    def test_how_a_benchmark_is_timed_is_no_part_of_its_name(self):
        floor, subject = read(run("Floor/ip:4/manual_time"),
                              run("A/iterations:3/real_time", label="yardstick:Floor/ip:4/manual_time"))
        self.assertEqual((floor.name, subject.name), ("Floor/ip:4", "A"))
        self.assertIs(subject.yardstick, floor)

    def test_a_yardstick_that_was_not_run_is_an_error(self):
        with self.assertRaisesRegex(ValueError, "yardstick Floor of Subject was not run"):
            read(run("Subject", label="yardstick:Floor"))

    def test_a_label_that_names_no_yardstick_is_a_note(self):
        figure, = read(run("A", label="huge pages off"))
        self.assertEqual((figure.note, figure.yardstick_name), ("huge pages off", ""))

    def test_a_benchmark_that_failed_shows_why(self):
        figure, = read(run("A", error_occurred=True, error_message="not permitted"))
        self.assertEqual(figure.error, "not permitted")
        self.assertIn("failed  not permitted", results.table([figure]))

    def test_numbers_have_three_digits_and_a_unit(self):
        for value, text in ((0, "0"), (7, "7"), (0.4567, "0.46"), (12.34, "12.3"), (123.4, "123"),
                            (999.6, "1.00k"), (41_234_567, "41.2M"), (2.5e9, "2.50G")):
            self.assertEqual(results.number(value), text)

    def test_the_table(self):
        self.assertEqual(results.table(read(*RECORDED)), """\
benchmark                          median           spread  yardstick  ratio
tracker: Floor/connections:1000     80M/s   60M/s - 100M/s
tracker: Subject/connections:1000   40M/s  30M/s - 41.2M/s      80M/s   0.50
    p99_us                           12.5      12.5 - 12.5
""")

    def test_times_are_shown_in_their_unit(self):
        text = results.table(read(run("A", real_time=1500.0), run("B", real_time=2.0, time_unit="s"),
                                  run("C", real_time=12.0)))
        for shown in ("1.50 us", "2 s", "12 ns"):
            self.assertIn(shown, text)

    def test_json_has_everything(self):
        parsed = json.loads(results.to_json(read(*RECORDED), {"num_cpus": 2}))
        self.assertEqual(parsed["context"]["num_cpus"], 2)
        subject = parsed["benchmarks"][1]
        self.assertEqual(subject["yardstick"], "Floor/connections:1000")
        self.assertEqual(subject["values"]["items_per_second"],
                         {"median": 40e6, "min": 30e6, "max": 41.2e6})
        self.assertEqual(subject["ratios"], {"items_per_second": 0.5})


class PlotTest(unittest.TestCase):
    def test_lines_are_nanoseconds_over_connections(self):
        figures = read(*rates("Growth/connections:1000000/ip:4/manual_time", [20e6, 10e6, 40e6]),
                       *rates("Growth/connections:1000/ip:4/manual_time", [50e6]),
                       *rates("Growth/connections:1000/ip:6/manual_time", [25e6]),
                       *rates("Other/connections:1000", [1e6]))
        self.assertEqual(plot.lines(figures, "connections"),
                         {"ip 4": [(1000, 20, 20, 20), (1_000_000, 50, 25, 100)],
                          "ip 6": [(1000, 40, 40, 40)]})

    def test_over_threads_the_cost_is_that_of_all_cores(self):
        figures = read(*rates("Growth/threads:1", [20e6]), *rates("Growth/threads:2", [40e6]))
        self.assertEqual(plot.lines(figures, "threads"),
                         {"tracker": [(1, 50, 50, 50), (2, 50, 50, 50)]})
        self.assertEqual(plot.lines(figures, "connections"), {})

    def test_connections_of_the_benchmarks_over_threads_name_their_line(self):
        figures = read(*rates("Growth/connections:1000/threads:2", [20e6]))
        self.assertEqual(plot.lines(figures, "connections"), {})
        self.assertEqual(list(plot.lines(figures, "threads")), ["connections 1000"])

    def test_the_picture_is_svg_with_a_diagram_for_each_axis(self):
        figures = read(*rates("Growth/connections:1000/ip:4", [50e6, 40e6]),
                       *rates("Growth/connections:10000000/ip:4", [20e6]),
                       *rates("Growth/threads:1", [30e6]))
        svg = xml.etree.ElementTree.fromstring(plot.growth(figures))
        space = "{http://www.w3.org/2000/svg}"
        self.assertEqual(len(svg.findall(f"{space}polyline")), 2)
        self.assertEqual(len(svg.findall(f"{space}circle")), 3)
        texts = [text.text for text in svg.findall(f"{space}text")]
        for text in ("1 k", "10 M", "connections", "threads", "ip 4", "tracker"):
            self.assertIn(text, texts)

    def test_points_lie_inside_and_costs_above_each_other(self):
        figures = read(*rates("Growth/connections:1000", [50e6]),
                       *rates("Growth/connections:1000000", [20e6]))
        svg = xml.etree.ElementTree.fromstring(plot.growth(figures))
        circles = svg.findall("{http://www.w3.org/2000/svg}circle")
        (x1, y1), (x2, y2) = ((float(c.get("cx")), float(c.get("cy"))) for c in circles)
        self.assertLess(x1, x2)
        self.assertGreater(y1, y2, "what costs more lies higher")
        for value, limit in ((x2, svg.get("width")), (y1, svg.get("height"))):
            self.assertTrue(0 < value < float(limit))

    def test_without_growth_there_is_no_picture(self):
        self.assertEqual(plot.growth(read(*RECORDED)), "")


if __name__ == "__main__":
    unittest.main()
