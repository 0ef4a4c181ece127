#!/usr/bin/env python3
"""Mutants of the tracker, by command:

  mutate.py list             prints them
  mutate.py write DIRECTORY  writes mutated sources and mutants.txt for run_mutants
  mutate.py judge FILE       reads what run_mutants printed, writes result.tsv
  mutate.py check            the kept result is about the sources as they are

Exit status 0; 1 when a mutant was not caught and is not said to be unreachable,
one said to be unreachable was caught, or the lists do not fit.
"""

import pathlib
import sys

import mutants
import result

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
RESULT = HERE / "result.tsv"
UNREACHABLE = HERE / "unreachable.txt"


def write(directory, mutated):
    directory = pathlib.Path(directory)
    # As in the project, so that a header can stand for the original.
    sources = directory / mutants.TRACKER
    sources.mkdir(parents=True, exist_ok=True)
    for name, text in mutated.sources.items():
        (sources / name).write_text(text)
    with open(directory / "mutants.txt", "w") as file:
        for mutant in mutated.mutants:
            where = " ".join(map(str, mutant.cell)) if mutant.cell else "condition"
            file.write(f"{mutant.number} {mutant.protocol} {where}\n")


def main(arguments):
    mutated = mutants.Mutated(ROOT)
    command = arguments[0] if arguments else ""
    if command == "list" and len(arguments) == 1:
        for mutant in mutated.mutants:
            print(*mutant[:6], sep="\t")
        return 0
    if command == "write" and len(arguments) == 2:
        write(arguments[1], mutated)
        return 0
    proofs = result.Proofs(UNREACHABLE.read_text())
    if command == "judge" and len(arguments) == 2:
        caught = result.read_caught(pathlib.Path(arguments[1]).read_text())
        findings = result.judge(mutated.mutants, caught, proofs)
        RESULT.write_text(result.table(mutated.mutants, caught, proofs))
        print(result.summary(mutated.mutants, caught))
    elif command == "check" and len(arguments) == 1:
        findings = result.check(mutated.mutants, RESULT.read_text(), proofs)
    else:
        print(__doc__)
        return 2
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
