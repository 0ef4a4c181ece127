"""conntrackctl completion, asked of the shells themselves.

usage: completion_test.py CONNTRACKCTL SHELL       bash, zsh or fish
Skips, with 77, when there is no such shell.
"""

import os
import shutil
import subprocess
import sys
import tempfile

VERBS = {"list", "get", "count", "watch", "top", "zones", "completion", "version"}
PANES = {"overview", "talkers", "half-open", "sensors"}

# What is typed, each word apart; and what has to be offered for the last one.
# "=" is a word of its own, as readline has it.
CASES = [
    ([""], VERBS),
    (["co"], {"count", "completion"}),
    (["list", "--pro"], {"--protocol"}),
    (["list", "-p", "ic"], {"icmp", "icmpv6"}),
    (["list", "--state", "SYN"], {"SYN_SENT", "SYN_RECV", "SYN_SENT2"}),
    (["list", "-p", "tcp", "-o", "json"], {"json", "jsonl"}),
    (["--output", "json", "li"], {"list"}),
    (["zones", "s"], {"set"}),
    (["zones", "set", "--tls-c"], {"--tls-ca", "--tls-cert"}),
    (["completion", ""], {"bash", "zsh", "fish"}),
    (["top", "--pane", ""], PANES),
    (["list", "--tls-ca", "so"], {"some file.pem"}),
]
# Typed as one word with "=".
EQUALS = [("list", "--output", "ex", {"extended"}), ("top", "--pane", "t", {"talkers"})]
# Of these, whatever is offered begins as what was typed.
EXACT = {("list", "--pro"), ("list", "-p", "ic"), ("zones", "s"), ("completion", ""), ("top", "--pane", ""),
         ("list", "--tls-ca", "so"), ("zones", "set", "--tls-c"), ("co",)}


def run(command, folder):
    done = subprocess.run(command, cwd=folder, text=True, capture_output=True, timeout=30,
                          env={"PATH": os.environ["PATH"], "HOME": folder, "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert not done.stderr, f"{command} complains: {done.stderr}"
    return done.stdout.splitlines()


def check(asked, offered, wanted):
    missing = wanted - offered
    assert not missing, f"{asked}: {missing} are not among {offered}"
    if tuple(asked) in EXACT:
        assert all(word.startswith(asked[-1]) for word in offered), f"{asked}: {offered}"


def bash(script, folder):
    def complete(words):
        program = ('source "$1"; shift; COMP_WORDS=(conntrackctl "$@"); COMP_CWORD=$#; '
                   '_conntrackctl; printf "%s\\n" "${COMPREPLY[@]}"')
        return set(run(["bash", "--norc", "--noprofile", "-c", program, "bash", script, *words], folder))

    for words, wanted in CASES:
        check(words, complete(words), wanted)
    for verb, option, begin, wanted in EQUALS:
        check([verb, option, "=", begin], complete([verb, option, "=", begin]), wanted)
        check([verb, option, "="], complete([verb, option, "="]), wanted)
    assert complete(["list", "--limit", ""]) == {""}, "of a number nothing is known"
    spec = run(["bash", "--norc", "--noprofile", "-c", 'source "$1"; complete -p conntrackctl', "bash", script],
               folder)
    assert spec == ["complete -F _conntrackctl conntrackctl"], spec
    run(["bash", "-n", script], folder)


def fish(script, folder):
    def complete(line):
        return {row.split("\t")[0] for row in
                run(["fish", "--no-config", "-c", f"source {script}; complete -C '{line}'"], folder)}

    for words, wanted in CASES:
        offered = complete("conntrackctl " + " ".join(words))
        check(words, offered, {word.replace(" ", "\\ ") for word in wanted} if offered - wanted else wanted)
    for verb, option, begin, wanted in EQUALS:
        check([verb, option, begin], complete(f"conntrackctl {verb} {option}={begin}"),
              {f"{option}={word}" for word in wanted})
    run(["fish", "--no-config", "-n", script], folder)


def zsh(script, folder):
    """Its completion answers its line editor alone, so only the loading is tried."""
    run(["zsh", "-f", "-n", script], folder)
    loads = ('autoload -Uz compinit; compinit -u -D; source "$1"; '
             'print -r -- ${_comps[conntrackctl]} ${+functions[_conntrackctl_zones_set]}')
    assert run(["zsh", "-f", "-c", loads, "zsh", script], folder) == ["_conntrackctl 1"]


def main():
    ctl, shell = sys.argv[1:]
    if shutil.which(shell) is None:
        print(f"skipped: there is no {shell}")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        script = os.path.join(folder, "completion-script")
        with open(script, "w", encoding="utf-8") as out:
            subprocess.run([ctl, "completion", shell], stdout=out, check=True, timeout=30)
        with open(os.path.join(folder, "some file.pem"), "w", encoding="utf-8"):
            pass
        {"bash": bash, "zsh": zsh, "fish": fish}[shell](script, folder)
    print(f"{shell} completes")
    return 0


sys.exit(main())
