"""Tests of how mutants are found, written and judged."""

import collections
import pathlib
import tempfile
import unittest

import expressions
import mutants
import result

TABLES = """
enum class Step : uint8_t {
  kToNone = 0,
  kToSynSent,
  kInvalid,
};
constexpr Step kSS = Step::kToSynSent;
constexpr Step kIV = Step::kInvalid;
constexpr Transitions kFromOriginal = {{
    {kIV, kSS, kIV, kIV, kIV, kIV},  // none
}};
constexpr Transitions kFromReply = {{
    {kIV, kIV, kIV, kIV, kIV, kIV},  // none
}};
"""
TCP = TABLES + """
Step Look(const Transitions& table, size_t a, size_t b) {
  return table[a][b];
}
"""


def mutated(window):
    """Mutated() of a tracker with these texts."""
    with tempfile.TemporaryDirectory() as root:
        folder = pathlib.Path(root) / mutants.TRACKER
        folder.mkdir(parents=True)
        (folder / "settings.h").write_text("enum class SctpState : uint8_t {\n  kNone = 0,\n};\n")
        (folder / "tcp.cc").write_text(TCP)
        (folder / "tcp_window.h").write_text(window)
        (folder / "sctp.cc").write_text("")
        return mutants.Mutated(root)


def of(window):
    """What can stand for what in tcp_window.h."""
    return [(m.original, m.mutated) for m in mutated(window).mutants if m.file == "tcp_window.h"]


class ExpressionTest(unittest.TestCase):
    def changes(self, text, boolean=False):
        found = []
        expressions.parse(text, 0, len(text)).render(boolean, lambda a, b: found.append((a, b)) or 1)
        return found

    def test_a_comparison_is_negated_and_moved(self):
        self.assertEqual(self.changes("a < b"), [("a < b", "a <= b"), ("a < b", "!(a < b)")])
        self.assertEqual(self.changes("a == b"), [("a == b", "!(a == b)")])

    def test_a_comparison_modulo_2_32_is_negated_and_moved(self):
        self.assertEqual(self.changes("Before(a, b)"),
                         [("Before(a, b)", "!After(a, b)"), ("Before(a, b)", "!Before(a, b)")])

    def test_each_term_is_dropped(self):
        found = self.changes("a && !b && c", boolean=True)
        self.assertEqual(found[:3], [("a && !b && c", "!b && c"), ("a && !b && c", "a && c"),
                                     ("a && !b && c", "a && !b")])
        self.assertEqual(found[3:], [("a", "!a"), ("b", "!b"), ("c", "!c")])

    def test_a_sum_keeps_its_signs(self):
        self.assertEqual([b for _, b in self.changes("a - b + c")], ["a + c", "a - b"])

    def test_casts_and_templates_are_no_comparisons(self):
        self.assertEqual(self.changes("static_cast<uint8_t>(~x)"), [])
        self.assertEqual([b for _, b in self.changes("std::max<uint32_t>(a, 1)")], ["a", "1"])

    def test_a_choice_stands_at_every_place(self):
        text = "(a < b ? c : d) + 1"
        node = expressions.parse(text, 0, len(text))
        rendered = node.render(False, lambda a, b: 7)
        self.assertIn("(Mutant(7) ? (a <= b) : Mutant(7) ? (!(a < b)) : (a < b)) ? c : d", rendered)

    def test_what_is_not_understood_is_an_error(self):
        for text in ("a +", "a b", "[x] { return 1; }"):
            with self.assertRaises(ValueError):
                expressions.parse(text, 0, len(text))


class MutatedTest(unittest.TestCase):
    def test_every_cell_has_every_other_value(self):
        cells = [m for m in mutated("").mutants if m.cell]
        self.assertEqual(len(cells), 2 * 6 * 2)
        self.assertIn(("kFromOriginal", "none SYN: kToSynSent", "kInvalid", (0, 0, 1, 2)),
                      [(m.place, m.original, m.mutated, m.cell) for m in cells])

    def test_the_reading_of_a_table_is_replaced(self):
        self.assertIn("MutantCell(&table == &kFromOriginal ? 0 : 1, a, b, table[a][b]);",
                      mutated("").sources["tcp.cc"])

    def test_statements_conditions_and_labels_are_found(self):
        found = of("void F(int x) {\n  if (x == 1) y_ = 2;\n  switch (x) {\n    case 3:\n      G();\n  }\n}\n")
        self.assertEqual(found, [("x == 1", "!(x == 1)"), ("y_ = 2", "(nothing)"),
                                 ("case 3", "(nothing)"), ("G()", "(nothing)")])

    def test_declarations_and_comments_are_not(self):
        self.assertEqual(of("void F() {\n  // if (a == b) c = d;\n  int y = 2;\n  TcpPeer& z = G();\n}\n"), [])

    def test_the_same_text_twice_has_two_places(self):
        window = "void F() {\n  G();\n  G();\n}\n"
        self.assertEqual([m.place for m in mutated(window).mutants if m.file == "tcp_window.h"],
                         ["F", "F #2"])


PROOFS = "# A comment.\n\nin a.cc F*\nchange x * => *\nbecause It is\n so.\n"
Some = collections.namedtuple("Some", mutants.Mutant._fields)


def mutant(number, original, protocol="tcp"):
    return Some(number, protocol, "a.cc", "F", original, "y", None)


class ResultTest(unittest.TestCase):
    def test_a_proof_fits_by_its_stars(self):
        proofs = result.Proofs(PROOFS)
        self.assertEqual(proofs.reason(mutant(1, "x 1")), "It is so.")
        self.assertEqual(proofs.reason(mutant(1, "z")), "")

    def test_a_proof_without_a_mutant_is_a_finding(self):
        self.assertEqual(len(result.judge([], {}, result.Proofs(PROOFS))), 1)

    def test_bad_blocks_are_errors(self):
        for text in ("in a.cc F\n", "change a => b\n", "in a.cc F\nchange a => b\n", "what\n"):
            with self.assertRaises(ValueError):
                result.Proofs(text)

    def test_what_is_not_caught_must_be_proved_and_the_reverse(self):
        both = [mutant(1, "x 1"), mutant(2, "z")]
        self.assertEqual(result.judge(both, {1: 0, 2: 5}, result.Proofs(PROOFS)), [])
        findings = result.judge(both, {1: 5, 2: 0}, result.Proofs(PROOFS))
        self.assertEqual([f.split(":")[0] for f in findings],
                         ["said to be unreachable, but caught after 5", "not caught"])

    def test_caught_late_is_not_caught(self):
        findings = result.judge([mutant(1, "z")], {1: result.PACKETS + 1}, result.Proofs(""))
        self.assertIn("not caught within 20000 but after 20001", findings[0])

    def test_a_kept_result_is_about_these_mutants(self):
        both = [mutant(1, "x 1"), mutant(2, "z")]
        kept = result.table(both, {1: 0, 2: 5}, result.Proofs(PROOFS))
        self.assertEqual(result.check(both, kept, result.Proofs(PROOFS)), [])
        self.assertTrue(result.check(both + [mutant(3, "new")], kept, result.Proofs(PROOFS)))
        self.assertTrue(result.check(both[:1], kept, result.Proofs(PROOFS)))
        self.assertTrue(result.check(both, kept, result.Proofs(PROOFS.replace("so.", "not."))))


if __name__ == "__main__":
    unittest.main()
