"""The rules of the house that a program can check.

A rule takes a Tree and returns findings, each "path:line: what is wrong". Every
rule has a bad sample in rules_test.py.
"""

import re

import cpp

LINES_MAX = 800
LINES_REVIEWED = 400
FUNCTION_LINES_MAX = 70
BANNED_WORDS = frozenset(
    "util utils common helper helpers manager impl base misc data info processor handler".split())

# Files of server/ that may include both the wire and the tracker: `convert`
# translates, the services call it. Everything else knows one side.
BOTH_SIDES = re.compile(
    r"server/(convert(_(packets|columns|sparse|connection|event|stored))?|(ingest|connection|watch|admin)_service|connection_(count|explain|export|fields|import|list|lookup|page|writes)|ingest_stream|watcher)\.(h|cc)")

# The file of client/ that may include server/: it asks a saved export with the server's own
# filter, groups and converters, so that there is one of each.
ASKS_SAVED = "client/cli/saved_query.cc"

# Files of tests/ that may sleep, with the reason.
MAY_SLEEP = {
    "tests/bench/paced_ingest.cc": "a pace is kept by waiting for the next batch",
    "tests/bench/watch_bench.cc": "load at half of the maximum comes at its own times",
    "tests/differential/kernel_subject.cc": "Linux has a real clock, so packets wait for their time",
    "tests/testing/fake_watch_server.cc": "gRPC's synchronous calls cannot wait for a cancellation",
}

_CPP = r"(server|client|docs/manual|tests)/.*\.(h|cc)"
# This directory holds samples of what is forbidden.
_NOT_HERE = r"(?!tests/tidy/)"
_SOURCE = _NOT_HERE + r".*(\.(h|cc|proto|py|cmake|yaml|yml|json|sh)|CMakeLists\.txt)|scripts/\w[\w-]*|\.ci/\w+"


def _lines(text, pattern):
    """Numbers and matches of the lines of `text` in which `pattern` occurs."""
    compiled = re.compile(pattern)
    return [(number, match) for number, line in enumerate(text.split("\n"), 1)
            if (match := compiled.search(line))]


def tracker_is_pure(tree):
    """The tracker knows no wire, metrics, log, thread, I/O or clock."""
    findings = []
    # Huge pages have no other door.
    allowed = {("server/tracker/memory.cc", "<sys/mman.h>")}
    forbidden = re.compile(
        r"<(grpc|google/|prometheus|spdlog|fmt/|thread|iostream|fstream|ostream|istream|future|"
        r"condition_variable|stop_token|ctime|time\.h|unistd\.h|sys/|filesystem|pcap)|"
        r'"absl/(time/clock|synchronization|log)')
    clocks = (r"\b(system_clock|steady_clock|high_resolution_clock|clock_gettime|gettimeofday|"
              r"absl::Now|random_device)\b|::now\s*\(|\btime\s*\(\s*(nullptr|NULL|0)\s*\)")
    for path, text in tree.matching(r"server/tracker/.*\.(h|cc)"):
        for number, name in cpp.includes(text):
            ours = name.startswith('"') and not name.startswith(('"server/tracker/', '"absl/'))
            if (ours or forbidden.match(name)) and (path, name) not in allowed:
                findings.append(f"{path}:{number}: the tracker may not include {name}")
        for number, match in _lines(cpp.code(text), clocks):
            findings.append(f"{path}:{number}: the tracker reads no clock: {match.group(0)}")
    return findings


def includes_point_one_way(tree):
    """client knows no server; nobody but tests knows tests; few know both sides."""
    findings = []
    for path, text in tree.matching(_CPP):
        names = cpp.includes(text)
        for number, name in names:
            if path.startswith("client/") and name.startswith('"server/') and path != ASKS_SAVED:
                findings.append(f"{path}:{number}: client may not include {name}")
            if path.startswith("server/") and name.startswith('"client/'):
                findings.append(f"{path}:{number}: server may not include {name}")
            if path.startswith("docs/manual/") and re.match('"(server|client)/', name):
                findings.append(f"{path}:{number}: pages are made for all programs: manual may not include {name}")
            if path.startswith("client/cpp/") and re.match('"client/(cli|sensor)/', name):
                findings.append(f"{path}:{number}: the client library may not include {name}")
            if not path.startswith("tests/") and name.startswith('"tests/'):
                findings.append(f"{path}:{number}: only tests may include {name}")
        wire = any(re.match(r'["<]conntrack/v1/', name) for _, name in names)
        core = any(name.startswith('"server/tracker/') for _, name in names)
        if path.startswith("server/") and wire and core and not BOTH_SIDES.fullmatch(path):
            findings.append(f"{path}:1: includes both the wire and the tracker; convert translates")
    return findings


def includes_name_files(tree):
    """Our own includes are written from the root and exist; headers guard themselves."""
    findings = []
    for path, text in tree.matching(_CPP):
        for number, name in cpp.includes(text):
            inner = name[1:-1]
            if name.startswith('"') and "/" not in inner:
                findings.append(f"{path}:{number}: {name} is not written from the repository root")
            if re.match(r"(server|client|docs/manual|tests)/", inner) and not tree.exists(inner):
                findings.append(f"{path}:{number}: {name} does not exist")
        if path.endswith(".h") and "#pragma once" not in text:
            findings.append(f"{path}:1: no #pragma once")
    return findings


def files_are_short(tree):
    """No source is longer than 800 lines."""
    return [f"{path}:1: {count} lines; at most {LINES_MAX}"
            for path, text in tree.matching(_SOURCE)
            if not path.endswith(".json") and (count := text.count("\n")) > LINES_MAX]


def functions_are_short(tree):
    """A function fits a screen: 70 lines."""
    return [f"{path}:{line}: {name} has {count} lines; at most {FUNCTION_LINES_MAX}"
            for path, text in tree.matching(_CPP)
            for name, line, count in cpp.functions(text) if count > FUNCTION_LINES_MAX]


def _words(name):
    return [w.lower() for w in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]


def names_say_something(tree):
    """File and type names avoid words that fit everything."""
    findings = []
    for path in sorted(tree.paths):
        # Google's names are Google's, and a scenario may be about TCP's data.
        # What overlays change is called a base by Kustomize.
        if path.startswith(("proto/google/", "k8s/kustomize/base/")) or path.endswith(".ct"):
            continue
        for part in path.split("/"):
            for word in BANNED_WORDS.intersection(_words(part)):
                findings.append(f"{path}:1: \"{word}\" in the name of a file says nothing")
    declared = [(p, cpp.types(t)) for p, t in tree.matching(_CPP)]
    declared += [(p, [(n, m.group(1)) for n, m in _lines(t, r"^\s*(?:message|enum|service)\s+(\w+)")])
                 for p, t in tree.matching(r"proto/conntrack/.*\.proto")]
    for path, types in declared:
        for number, name in types:
            for word in BANNED_WORDS.intersection(_words(name)):
                findings.append(f"{path}:{number}: \"{word}\" in {name} says nothing")
    return findings


def tests_are_on(tree):
    """No test is switched off, and every test source is built."""
    findings = [f"{path}:{number}: a test is switched off; mend it or delete it"
                for path, text in tree.matching(_NOT_HERE + r"tests/.*")
                for number, _ in _lines(text, r"\bDISABLED_|^\s*#\s*if\s+0\b")]
    build_files = {p.rpartition("/")[0]: t for p, t in tree.matching(r"(.*/)?CMakeLists\.txt")}
    for path, _ in tree.matching(r"tests/.*_test\.(cc|py)"):
        parts = path.split("/")
        if not any(_builds(build_files.get("/".join(parts[:depth]), ""), "/".join(parts[depth:]))
                   for depth in range(1, len(parts))):
            findings.append(f"{path}:1: no CMakeLists.txt builds or runs it")
    return findings


def _builds(build_file, name):
    """Whether a CMakeLists.txt names a test source, in full or as ${name}_test."""
    stem = re.sub(r"_test\.\w+$", "", name)
    return name in build_file or ("}_test." in build_file and
                                  re.search(rf"(?<![\w/]){re.escape(stem)}\b", build_file) is not None)


def tests_do_not_sleep(tree):
    """A test waits for what it needs, never for time to pass."""
    pattern = r"\b(sleep_for|sleep_until|usleep|nanosleep|SleepFor|sleep)\s*\(|\btime\.sleep\b"
    return [f"{path}:{number}: a test sleeps: {match.group(0)}"
            for path, text in tree.matching(_NOT_HERE + r"tests/.*\.(h|cc)") if path not in MAY_SLEEP
            for number, match in _lines(cpp.code(text), pattern)]


def todos_have_issues(tree):
    """TODO carries the number of an issue: TODO(#12)."""
    return [f"{path}:{number}: {match.group(0)} without the number of an issue"
            for path, text in tree.matching(_SOURCE)
            for number, match in _lines(text, r"\bTODO\b(?!\(#\d+\))|\b(FIXME|XXX)\b")]


def comments_are_prose(tree):
    """No banners, no author tags in comments."""
    return [f"{path}:{number}: {match.group(0).strip()}: a comment is a sentence, not a banner or a tag"
            for path, text in tree.matching(_NOT_HERE + _CPP)
            for number, match in _lines(
                text, r"//+\s*([-=*#~/])\1{3,}|/\*\*|//!|//\s*[@\\](brief|param|return|author)\b")]


def lines_are_clean(tree):
    """No tab, no space at the end of a line, a newline at the end of a file."""
    findings = []
    for path, text in tree.matching(r".*(\.(h|cc|proto|py|cmake|ya?ml|json|md|ct)|CMakeLists\.txt)"
                                    r"|scripts/.*|\.ci/.*|\.(clang-\w+|gitignore|editorconfig)"):
        for number, _ in _lines(text, r"\t"):
            findings.append(f"{path}:{number}: a tab")
        for number, _ in _lines(text, r"[ \r]$"):
            findings.append(f"{path}:{number}: white space at the end")
        if text and not text.endswith("\n"):
            findings.append(f"{path}:{text.count(chr(10)) + 1}: no newline at the end of the file")
    return findings


def paths_are_everyones(tree):
    """No path of somebody's own machine."""
    pattern = r"(?<![\w.$}/-])/(home|root|Users|mnt|media)/\w"
    own = tree.root.split("/")
    standard = {"", "bin", "dev", "etc", "home", "opt", "proc", "root", "run", "src", "srv", "tmp", "usr",
                "var", "Users", "mnt", "media", "app", "data"}
    if len(own) > 2 and own[1] not in standard:
        pattern += rf"|(?<![\w.$}}/-])/{re.escape(own[1])}/"
    return [f"{path}:{number}: a path of one machine: {match.group(0)}"
            for path, text in tree.matching(_NOT_HERE + r".*")
            for number, match in _lines(text, pattern)]


def _expand(path):
    match = re.fullmatch(r"(.*)\{([^}]*)\}(.*)", path)
    if not match:
        return [path]
    return [match.group(1) + middle + match.group(3) for middle in match.group(2).split(",")]


def docs_name_files(tree):
    """A path or link in a page leads somewhere."""
    findings = []
    pattern = re.compile(r"(?<![\w/.<-])(?:server|client|proto|tests|docs|scripts|docker|k8s|\.ci)/"
                         r"(?:[\w./*-]|\{[\w,]+\})+")
    for path, text in tree.matching(r"(.*/)?[\w-]+\.md"):
        folder = path.rpartition("/")[0]
        for number, line in enumerate(text.split("\n"), 1):
            for found in pattern.findall(line):
                for name in _expand(found.rstrip(".")):
                    if not _leads_somewhere(tree, name):
                        findings.append(f"{path}:{number}: {name} does not exist")
            for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", line):
                target = "/".join(_normal((folder + "/" + link).split("/")))
                if "://" not in link and not tree.exists(target):
                    findings.append(f"{path}:{number}: the link to {link} leads nowhere")
    return findings


def _leads_somewhere(tree, name):
    if "*" not in name:
        return tree.exists(name)
    wanted = re.compile(re.escape(name).replace(r"\*", "[^/]*"))
    return any(wanted.match(p) for p in tree.paths)


def _normal(parts):
    normal = []
    for part in parts:
        if part == "..":
            normal[-1:] = []
        elif part not in ("", "."):
            normal.append(part)
    return normal


def packet_path_is_true(tree):
    """docs/architecture.md tells where a packet goes, in files and functions that exist."""
    page = "docs/architecture.md"
    if page not in tree.files:
        return [f"{page}:1: does not exist"]
    text = tree.files[page]
    section = re.search(r"^## Where does a packet go\??\n((?:.|\n)*?)(?=^## |\Z)", text, flags=re.M)
    if not section:
        return [f"{page}:1: has no section \"Where does a packet go\""]
    findings = []
    line = text.count("\n", 0, section.start(1)) + 1
    for paragraph in section.group(1).split("\n\n"):
        files = [p for p in re.findall(r"`([\w./]+\.(?:cc|h|proto))`", paragraph) if p in tree.files]
        for name in re.findall(r"`((?:\w+::)*\w+)\(\)`", paragraph):
            parts = name.split("::")
            if not any(re.search(rf"\b{parts[-1]}\b", tree.files[f]) and
                       all(re.search(rf"\b{p}\b", tree.files[f]) for p in parts[:-1]) for f in files):
                findings.append(f"{page}:{line}: {name}() is in none of: {', '.join(files) or 'no file'}")
        line += paragraph.count("\n") + 2
    return findings


RULES = [
    tracker_is_pure,
    includes_point_one_way,
    includes_name_files,
    files_are_short,
    functions_are_short,
    names_say_something,
    tests_are_on,
    tests_do_not_sleep,
    todos_have_issues,
    comments_are_prose,
    lines_are_clean,
    paths_are_everyones,
    docs_name_files,
    packet_path_is_true,
]


def long_files(tree):
    """Sources that a reviewer should ask about. Not findings."""
    return [(path, count) for path, text in tree.matching(_SOURCE)
            if LINES_REVIEWED < (count := text.count("\n")) <= LINES_MAX]
