"""Just enough of C++ to find includes, types and functions in formatted code."""

import re

_TOKEN = re.compile(
    r'R"(?P<mark>[^\s()\\]{0,16})\((?:.|\n)*?\)(?P=mark)"'  # Raw strings first.
    r'|"(?:\\.|[^"\\\n])*"'
    # A quote between digits separates them: it starts no character.
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])*'"
    r"|//[^\n]*"
    r"|/\*(?:.|\n)*?\*/")


def code(text):
    """`text` with comments and the content of literals blanked, lines kept."""

    def blank(match):
        token = match.group(0)
        if token.startswith(("//", "/*")):
            return "\n" * token.count("\n")
        return '""' + "\n" * token.count("\n")

    return _TOKEN.sub(blank, text)


def includes(text):
    """Pairs of line number and what is included, with its quotes or brackets."""
    pattern = re.compile(r'^\s*#\s*include\s*(<[^>]+>|"[^"]+")')
    return [(number, match.group(1)) for number, line in enumerate(text.split("\n"), 1)
            if (match := pattern.match(line))]


def types(text):
    """Pairs of line number and name of every class, struct, enum and union."""
    pattern = re.compile(r"\b(?:class|struct|union|enum(?:\s+(?:class|struct))?)\s+"
                         r"(?:[A-Z_]+(?:\([^)]*\))?\s+)*([A-Z]\w*)\s*(?:final\s*)?(?::[^:;{]*)?\{")
    blanked = code(text)
    return [(blanked.count("\n", 0, m.start()) + 1, m.group(1)) for m in pattern.finditer(blanked)]


def _kind(head, outer):
    """What a brace after `head` opens, in a scope of kind `outer`."""
    head = re.sub(r"^(?:template\s*<[^{;]*?>\s*|(?:public|private|protected)\s*:\s*)+", "", head)
    if re.match(r"(?:inline\s+)?namespace\b|extern\b\s*\"\"$", head):
        return "scope"
    if re.match(r"(?:typedef\s+)?(?:class|struct|union|enum)\b", head) and not re.search(
            r"\)\s*(?:const|noexcept|override|final|\s)*$", head):
        return "scope"
    if outer == "scope" and "(" in head and not re.search(r"=\s*$", head):
        return "function"
    return "other"


def functions(text):
    """Triples of name, first line and number of lines of every function body.

    A body starts where its signature does. A heuristic: it knows that formatted
    code opens scopes, types and functions with a brace, and nothing about
    macros.
    """
    blanked = re.sub(r"^\s*#(?:[^\n]*\\\n)*[^\n]*$", lambda m: "\n" * m.group(0).count("\n"),
                     code(text), flags=re.M)
    found = []
    stack = []  # (kind, start of the head)
    head_start = 0
    parens = 0
    for position, character in enumerate(blanked):
        if character in "()":
            parens += 1 if character == "(" else -1
        elif character == "{":
            outer = stack[-1][0] if stack else "scope"
            # A brace between parentheses is an argument.
            kind = _kind(blanked[head_start:position].strip(), outer) if parens == 0 else "argument"
            stack.append((kind, head_start))
            if kind != "argument":
                head_start = position + 1
        elif character == "}" and stack:
            kind, start = stack.pop()
            if kind == "argument":
                continue
            if kind == "function" and re.match(r"\s*[,{]", blanked[position + 1:position + 80]):
                # That was a member `x_{1}` of a constructor's list; the body is still to come.
                head_start = start
                continue
            if kind == "function":
                # Without the parameters of a template: `Type<kValue>::Function`.
                head = re.sub(r"<\w+>(?=::)", "", blanked[start:position])
                name = re.findall(r"(operator\W+?|[~\w:]+)\s*\(", head)
                first = blanked.count("\n", 0, start + len(head) - len(head.lstrip())) + 1
                last = blanked.count("\n", 0, position) + 1
                found.append((name[0], first, last - first + 1))
            head_start = position + 1
        elif character == ";" and parens == 0:
            head_start = position + 1
    return found
