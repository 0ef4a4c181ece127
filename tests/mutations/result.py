"""What became of the mutants: the result of a run, the proofs that nobody could
have caught some of them, and whether the two agree."""

import collections
import re

# A mutant must be caught within so many packets.
PACKETS = 20000
HEADER = "file\tplace\toriginal\tmutated\tpackets\treason"

Proof = collections.namedtuple("Proof", "line file place changes reason rare")


class Proofs:
    """Why mutants cannot be caught. Blocks, separated by empty lines:

      in FILE PLACE
      change ORIGINAL => MUTATED    one or more; in all four * stands for any text
      because SENTENCE              goes on in lines that begin with a space

    `rarely SENTENCE` instead of `because`: it can be caught, but not within
    PACKETS; a scenario states the rule.

    Lines that begin with # are comments.
    """

    def __init__(self, text):
        self.proofs = []
        block = {}
        for number, line in enumerate(text.split("\n") + [""], 1):
            if line.startswith("#"):
                continue
            word, _, rest = line.partition(" ")
            if not line:
                if block:
                    self._add(block)
                block = {}
            elif word == "":
                block["because"] += " " + rest.strip()
            elif word == "in" and not block and rest.count(" ") >= 1:
                block = {"line": number, "in": rest.split(" ", 1), "change": [], "because": "",
                         "rare": False}
            elif word == "change" and block and " => " in rest:
                block["change"].append(rest.rsplit(" => ", 1))
            elif word in ("because", "rarely") and block:
                block["because"] = rest
                block["rare"] = word == "rarely"
            else:
                raise ValueError(f"unreachable.txt:{number}: {line}")
        self.used = set()

    def _add(self, block):
        if not block["change"] or not block["because"]:
            raise ValueError(f"unreachable.txt:{block['line']}: a block without change or because")
        patterns = [(_pattern(original), _pattern(mutated)) for original, mutated in block["change"]]
        self.proofs.append(
            Proof(block["line"], _pattern(block["in"][0]), _pattern(block["in"][1]), patterns,
                  block["because"], block["rare"]))

    def reason(self, mutant):
        """The sentence for this mutant; empty when there is none."""
        proof = self._proof(mutant)
        return proof.reason if proof else ""

    def may_be_caught_after(self, mutant):
        """Packets after which it may be caught all the same; None: never."""
        return PACKETS if self._proof(mutant).rare else None

    def _proof(self, mutant):
        for proof in self.proofs:
            if proof.file.fullmatch(mutant.file) and proof.place.fullmatch(mutant.place):
                for i, (original, mutated) in enumerate(proof.changes):
                    if original.fullmatch(mutant.original) and mutated.fullmatch(mutant.mutated):
                        self.used.add((proof.line, i))
                        return proof
        return None

    def unused(self):
        """Findings: changes that no mutant is, of those asked for."""
        return [f"unreachable.txt:{proof.line}: no mutant is its change {i + 1}"
                for proof in self.proofs for i in range(len(proof.changes))
                if (proof.line, i) not in self.used]


def _pattern(text):
    return re.compile(".*".join(re.escape(part) for part in text.split("*")))


def name(mutant):
    return f"{mutant.file}: {mutant.place}: {mutant.original} => {mutant.mutated}"


def read_caught(text):
    """Packets by number of mutant; 0: never caught."""
    return {int(number): int(packets) for number, packets in (line.split() for line in text.splitlines())}


def _is_caught(packets):
    return 0 < packets <= PACKETS


def judge(mutants, caught, proofs):
    findings = []
    for mutant in mutants:
        packets = caught[mutant.number]
        proved = proofs.reason(mutant) != ""
        limit = proofs.may_be_caught_after(mutant) if proved else None
        if proved and packets > 0 and (limit is None or packets <= limit):
            findings.append(f"said to be unreachable, but caught after {packets}: {name(mutant)}")
        if not proved and not _is_caught(packets):
            after = f" within {PACKETS} but after {packets}" if packets else ""
            findings.append(f"not caught{after}: {name(mutant)}")
    return findings + proofs.unused()


def _cells(mutants):
    """Mutants of each cell together, the others alone, in their order."""
    groups = collections.OrderedDict()
    for mutant in mutants:
        key = (mutant.file, mutant.place, mutant.original) if mutant.cell else mutant.number
        groups.setdefault(key, []).append(mutant)
    return groups.values()


def table(mutants, caught, proofs):
    """A line a mutant; but for a cell all its values that were caught are in one."""
    lines = [HEADER]
    for group in _cells(mutants):
        found = [m for m in group if _is_caught(caught[m.number])]
        if group[0].cell and found:
            slowest = max(caught[m.number] for m in found)
            lines.append(_line(found[0], " ".join(m.mutated for m in found), slowest, ""))
        elif found:
            lines.append(_line(found[0], found[0].mutated, caught[found[0].number], ""))
        free = collections.OrderedDict()
        for mutant in group:
            if not _is_caught(caught[mutant.number]):
                free.setdefault(proofs.reason(mutant), []).append(mutant.mutated)
        for reason, values in free.items():
            text = " ".join(values) if group[0].cell else values[0]
            lines.append(_line(group[0], text, "-", reason))
    return "\n".join(lines) + "\n"


def _line(mutant, mutated, packets, reason):
    return f"{mutant.file}\t{mutant.place}\t{mutant.original}\t{mutated}\t{packets}\t{reason}".rstrip("\t")


def check(mutants, text, proofs):
    """Findings: where the kept result is not about these mutants and proofs."""
    lines = text.split("\n")
    findings = [] if lines[0] == HEADER else ["result.tsv:1: has another header"]
    kept = {}
    for number, line in enumerate(lines[1:], 2):
        if not line:
            continue
        file, place, original, mutated, packets, *reason = line.split("\t")
        values = mutated.split(" ") if place in ("kFromOriginal", "kFromReply") else [mutated]
        for value in values:
            kept[(file, place, original, value)] = (number, packets, reason[0] if reason else "")
    for mutant in mutants:
        entry = kept.pop(mutant[2:6], None)
        if entry is None:
            findings.append(f"no result for {name(mutant)}")
            continue
        number, packets, reason = entry
        if packets != "-" and not _is_caught(int(packets)):
            findings.append(f"result.tsv:{number}: not caught within {PACKETS} packets")
        if reason != proofs.reason(mutant) or (packets == "-") != (reason != ""):
            findings.append(f"result.tsv:{number}: the reason is not that of unreachable.txt")
    findings += [f"result.tsv:{number}: there is no such mutant" for number, _, _ in kept.values()]
    if findings:
        findings.append("run scripts/mutate-tracker, as root, and keep its result")
    return findings + proofs.unused()


def summary(mutants, caught):
    def count(some):
        found = sum(_is_caught(caught[m.number]) for m in some)
        return f"{len(some)} mutants, {found} caught within {PACKETS} packets, {len(some) - found} not"

    lines = []
    for protocol in ("tcp", "sctp"):
        for kind, of_cell in (("table cells", True), ("conditions and statements", False)):
            some = [m for m in mutants if m.protocol == protocol and (m.cell is not None) == of_cell]
            lines.append(f"{protocol}: {kind}: {count(some)}")
    return "\n".join(lines)
