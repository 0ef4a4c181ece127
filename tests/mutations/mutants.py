"""The mutants of the tracker: where its sources could be otherwise.

Found in the sources themselves, so that none is forgotten: every cell of the
transition tables with every other value, every comparison and condition
(negated, moved by one, a term dropped), every term of a sum, every statement and
every label of a switch left out. What nobody can mutate so: declarations in
conditions, headers of loops, constant expressions.
"""

import collections
import pathlib
import re
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "tidy"))

import cpp  # noqa: E402
import expressions  # noqa: E402
from expressions import flat  # noqa: E402

TRACKER = "server/tracker"
SOURCES = {"tcp.cc": "tcp", "tcp_window.h": "tcp", "sctp.cc": "sctp"}
TABLES = ("kFromOriginal", "kFromReply")
NOTHING = "(nothing)"
TCP_CLASSES = ["none", "SYN", "SYN-ACK", "FIN", "ACK", "RST"]

# place: a table or a function. cell: (table's number, row, column, value) or None.
Mutant = collections.namedtuple("Mutant", "number protocol file place original mutated cell")


class Mutated:
    """All mutants, numbered from 1, and the sources with a choice at every one."""

    def __init__(self, root):
        self.mutants = []
        self.sources = {}
        folder = pathlib.Path(root) / TRACKER
        states = _enumerators((folder / "settings.h").read_text(), "SctpState")
        for name, protocol in SOURCES.items():
            text = (folder / name).read_text()
            values = _enumerators(text, "Step") if "enum class Step" in text else states
            if TABLES[0] in text:
                self._add_cells(name, protocol, text, values)
            self.sources[name] = self._rewrite(name, protocol, text)

    def _add(self, protocol, file, place, original, mutated, cell=None):
        number = len(self.mutants) + 1
        self.mutants.append(
            Mutant(number, protocol, file, place, flat(original), flat(mutated), cell))
        return number

    def _add_cells(self, file, protocol, text, values):
        aliases = dict(re.findall(r"^constexpr \w+ (k\w\w) = \w+::(k\w+);", text, flags=re.M))
        for table in TABLES:
            number = TABLES.index(table) + (len(TABLES) if protocol == "sctp" else 0)
            body = re.search(rf"constexpr Transitions {table} = \{{\{{\n(.*?)\n\}}\}};", text, flags=re.S)
            header = re.search(rf"constexpr Transitions kFromOriginal = .*\n *// ([a-z_ ]+)\n", text)
            columns = header.group(1).split() if header else TCP_CLASSES
            rows = re.findall(r"\{(k[^}]*)\},  // (.+)", body.group(1))
            for row, (cells, row_name) in enumerate(rows):
                cells = [aliases[cell.strip()] for cell in cells.split(",")]
                if len(cells) != len(columns):
                    raise ValueError(f"{file}: {table}: {row_name} has {len(cells)} cells")
                for column, cell in enumerate(cells):
                    for value, other in enumerate(values):
                        if other != cell:
                            self._add(protocol, file, table, f"{row_name} {columns[column]}: {cell}",
                                      other, (number, row, column, value))

    def _rewrite(self, file, protocol, text):
        blanked = _blank(text)
        edits = []
        for name, first, count in cpp.functions(text):
            start, end = _lines(blanked, first, count)
            if "constexpr" in blanked[start:blanked.find("{", start)]:
                continue
            seen = collections.Counter()

            def number(original, mutated, name=name, seen=seen):
                # The same text twice in a function is told apart by its place.
                key = (flat(original), flat(mutated))
                seen[key] += 1
                place = name if seen[key] == 1 else f"{name} #{seen[key]}"
                return self._add(protocol, file, place, original, mutated)

            edits += _Body(blanked, start, end, number).edits
        for start, end, changed in sorted(edits, reverse=True):
            text = text[:start] + changed + text[end:]
        if TABLES[0] in text:
            first = len(TABLES) if protocol == "sctp" else 0
            text, count = re.subn(
                r"\btable\[(.+)\]\[(.+)\];",
                rf"MutantCell(&table == &{TABLES[0]} ? {first} : {first + 1}, \1, \2, table[\1][\2]);", text)
            if count != 1:
                raise ValueError(f"{file}: the tables are read at {count} places, not at one")
        return '#include "tests/mutations/mutant.h"\n' + text


def _enumerators(text, name):
    body = re.search(rf"enum class {name} : uint8_t \{{(.*?)\}};", text, flags=re.S).group(1)
    found = re.findall(r"\b(k\w+)(?: = (\d+))?,", body)
    if any(value not in ("", "0") for _, value in found):
        raise ValueError(f"the enumerators of {name} do not count from 0")
    return [enumerator for enumerator, _ in found]


def _blank(text):
    """`text` without comments, every character in its place."""
    return re.sub(r"//[^\n]*", lambda m: " " * len(m.group(0)), text)


def _lines(text, first, count):
    """Start and end of lines, as offsets."""
    starts = [0] + [m.end() for m in re.finditer("\n", text)]
    return starts[first - 1], starts[first - 1 + count]


class _Body:
    """Finds what can be changed in one function, and writes the changes."""

    def __init__(self, text, start, end, number):
        self.text = text
        self.number = number
        self.edits = []
        # Directives and access labels stand between functions.
        begin = start + re.match(r"\s*(?:(?:public|private|protected):\s*)?", text[start:end]).end()
        self.tokens = expressions.tokens(text[:end], begin)
        body = self._body_begin()
        self._initializers(body)
        self._statements(body + 1, len(self.tokens) - 1)

    def _closing(self, at):
        """Index of the bracket that closes the one at `at`."""
        depth = 0
        while True:
            token = self.tokens[at][0]
            depth += (token in ("(", "{", "[")) - (token in (")", "}", "]"))
            if depth == 0:
                return at
            at += 1

    def _body_begin(self):
        """The index of the first brace after the parameters and the initializers."""
        at = next(i for i, token in enumerate(self.tokens) if token[0] == "(")
        while self.tokens[at][0] != "{":
            at = self._closing(at) + 1 if self.tokens[at][0] == "(" else at + 1
        return at

    def _initializers(self, body):
        at = self._closing(next(i for i, token in enumerate(self.tokens) if token[0] == "(")) + 1
        while at < body:
            if self.tokens[at][0] == "(" and self.tokens[at + 1][0] != ")":
                self._edit(at + 1, self._closing(at), boolean=False)
                at = self._closing(at)
            at += 1

    def _render(self, first, last, boolean):
        """Tokens first to last - 1 as a mutated expression."""
        node = expressions.parse(self.text, self.tokens[first][1], self.tokens[last - 1][2])
        return node.render(boolean or node.is_boolean(), self.number)

    def _edit(self, first, last, boolean):
        rendered = self._render(first, last, boolean)
        start, end = self.tokens[first][1], self.tokens[last - 1][2]
        if rendered != self.text[start:end]:
            self.edits.append((start, end, rendered))

    def _statements(self, at, end):
        while at < end:
            token = self.tokens[at][0]
            if token in ("{", "}", "else"):
                at += 1
            elif token in ("if", "for", "switch"):
                closing = self._closing(at + 1)
                self._head(token, at + 2, closing)
                at = closing + 1
            elif token in ("case", "default"):
                while self.tokens[at][0] != ":":
                    at += 1
                at += 1
            else:
                at = self._statement(at) + 1

    def _head(self, keyword, first, last):
        inside = [token for token, _, _ in self.tokens[first:last]]
        if keyword == "if" and not {"=", ";"} & set(inside):
            self._edit(first, last, boolean=True)
        if keyword == "switch":
            labels = []
            for i in range(last + 1, self._closing(last + 1)):
                if self.tokens[i][0] == "case":
                    colon = next(k for k in range(i, len(self.tokens)) if self.tokens[k][0] == ":")
                    label = self.text[self.tokens[i + 1][1]:self.tokens[colon - 1][2]]
                    labels.append(f"{{{self.number(f'case {label}', NOTHING)}, {label}}}")
            start, end = self.tokens[first][1], self.tokens[last - 1][2]
            self.edits.append(
                (start, end, f"MutantSwitch({self.text[start:end]}, {{{', '.join(labels)}}})"))

    def _statement(self, at):
        """The statement from `at`; the index of its semicolon."""
        end, sign = at, None
        while self.tokens[end][0] != ";":
            if re.fullmatch(r"(?:[-+*/&|^]|<<|>>)?=", self.tokens[end][0]):
                sign = end  # The last of `a = b = c`.
            end = self._closing(end) + 1 if self.tokens[end][0] in ("(", "{", "[") else end + 1
        first = self.tokens[at][0]
        if first in ("using", "constexpr", "break") or end == at + 1 and first == "return":
            return end
        if first == "return":
            self._edit(at + 1, end, boolean=False)
        elif self._is_declaration(at, sign if sign is not None else end):
            if sign is not None:
                self._edit(sign + 1, end, boolean=False)
        else:
            start, stop = self.tokens[at][1], self.tokens[end - 1][2]
            number = self.number(self.text[start:stop], NOTHING)
            if sign is not None:
                value = self.tokens[sign + 1][1]
                changed = self.text[start:value] + self._render(sign + 1, end, boolean=False)
            else:
                changed = self._render(at, end, boolean=False)
            self.edits.append((start, stop, f"Mutant({number}) ? void() : void({changed})"))
        return end

    def _is_declaration(self, first, last):
        """Whether a name follows a name or a type."""
        names = [token for token, _, _ in self.tokens[first:last]]
        return len(names) >= 2 and re.match(r"\w", names[0]) is not None and (
            re.match(r"[A-Za-z_]", names[1]) is not None or names[1] in ("&", "*") and re.match(
                r"[A-Za-z_]", names[2]) is not None and names[0][0].isupper())
