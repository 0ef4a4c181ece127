"""Expressions of C++, as far as the tracker's sources have them, and what can be
changed in them.

A node knows its text and its children; mutants() lists what it could be instead,
render() writes it with a choice at every place that has mutants.
"""

import re

TOKEN = re.compile(
    r"\s+|(?P<token>"
    r"(?:static_cast|std::max|std::min|std::optional|std::array|std::span|std::exchange)<[^<>();]*>"
    r"|[A-Za-z_]\w*(?:::~?\w+)*"
    r"|\d[\w']*"
    r"|<<=|>>=|->|<<|>>|<=|>=|==|!=|&&|\|\||\+\+|--|[-+*/&|^]="
    r"|[-+*/%&|^!~<>=?:.,;(){}\[\]])")

# Looser ones first.
_BINARY = [("||",), ("&&",), ("|",), ("^",), ("&",), ("==", "!="), ("<", "<=", ">", ">="), ("<<", ">>"),
           ("+", "-"), ("*", "/", "%")]
_NEIGHBOUR = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
# Comparisons by name; a neighbour swaps the arguments of the other and negates it.
_NAMED = {"Before": "After", "After": "Before"}
# Numbers whose exact value is a rule.
_CONSTANTS = {"kAckWindowMin", "kScaleMax"}


def tokens(text, start=0):
    """Triples of token, start and end."""
    found = []
    at = start
    while at < len(text):
        match = TOKEN.match(text, at)
        if not match:
            raise ValueError(f"what is {text[at:at + 30]!r}?")
        at = match.end()
        if match.group("token"):
            found.append((match.group("token"), match.start("token"), match.end("token")))
    return found


def flat(text):
    return " ".join(text.split())


class Node:
    """kind: atom, call, unary, ternary, chain (operators of one rank), other."""

    def __init__(self, text, span, kind, children=(), operators=(), name=""):
        self.source = text
        self.start, self.end = span
        self.kind = kind
        self.children = list(children)
        self.operators = list(operators)
        self.name = name

    @property
    def text(self):
        return self.source[self.start:self.end]

    def is_boolean(self):
        """Whether it is, by its form."""
        if self.kind == "chain":
            return self.operators[0] in ("||", "&&", "==", "!=", "<", "<=", ">", ">=")
        if self.kind == "parentheses":
            return self.children[0].is_boolean()
        return (self.kind == "unary" and self.name == "!") or (self.kind == "call" and self.name in _NAMED)

    def mutants(self, boolean):
        """What can stand instead of this node; `boolean`: it is used as a truth value."""
        found = []
        if self.kind == "chain":
            found = self._chain_mutants()
        elif self.kind == "call" and self.name in _NAMED:
            first, second = self.children
            found = [f"!{_NAMED[self.name]}({first.text}, {second.text})", f"!{self.text}"]
        elif self.kind == "call" and re.match(r"std::(max|min)\b", self.name):
            found = [child.text for child in self.children]
        elif self.kind in ("atom", "call", "other") and boolean:
            found = [f"!{self.text}"]
        elif self.kind == "atom" and self.name in _CONSTANTS:
            found = [f"static_cast<std::decay_t<decltype({self.name})>>({self.name} {change})" for change in ("+ 1", "- 1")]
        return found

    def _chain_mutants(self):
        operator = self.operators[0]
        parts = [child.text for child in self.children]
        if operator in ("==", "!=", "<", "<=", ">", ">="):
            found = [f"!({self.text})"]
            if operator in _NEIGHBOUR:
                found.insert(0, f"{parts[0]} {_NEIGHBOUR[operator]} {parts[1]}")
            return found
        if operator in ("||", "&&", "|", "^", "&"):
            return [f" {operator} ".join(parts[:i] + parts[i + 1:]) for i in range(len(parts))]
        # Each of the others drops a term, but for the first before a minus.
        found = []
        for i in range(len(parts)):
            signs = [""] + [f" {o} " for o in self.operators]
            kept = [(signs[k], parts[k]) for k in range(len(parts)) if k != i]
            if i == 0:
                if kept[0][0] != " + ":
                    continue
                kept[0] = ("", kept[0][1])
            found.append("".join(sign + part for sign, part in kept))
        return found

    def _child_contexts(self, boolean):
        if self.kind == "chain" and self.operators[0] in ("||", "&&"):
            return [True] * len(self.children)
        if self.kind == "unary" and self.name == "!":
            return [True]
        if self.kind == "parentheses":
            return [boolean]
        if self.kind == "ternary":
            return [True, False, False]
        return [False] * len(self.children)

    def render(self, boolean, number):
        """The text with choices; number(original, mutated) gives a mutant's number."""
        own = [number(self.text, mutated) for mutated in self.mutants(boolean)]
        text, at = "", self.start
        for child, context in zip(self.children, self._child_contexts(boolean)):
            text += self.source[at:child.start] + child.render(context, number)
            at = child.end
        text += self.source[at:self.end]
        if not own:
            return text
        choices = "".join(f"Mutant({n}) ? ({mutated}) : " for n, mutated in zip(own, self.mutants(boolean)))
        return f"({choices}({text}))"


class _Parser:
    def __init__(self, text, start, end):
        self.text = text
        self.tokens = [t for t in tokens(text[:end], start)] + [("", end, end)]
        self.at = 0

    def peek(self):
        return self.tokens[self.at][0]

    def take(self, wanted=None):
        token = self.tokens[self.at]
        if wanted is not None and token[0] != wanted:
            raise ValueError(f"{wanted} is missing in {self.text[self.tokens[0][1]:self.tokens[-1][1]]}")
        self.at += 1
        return token

    def node(self, start, kind, **more):
        return Node(self.text, (start, self.tokens[self.at - 1][2]), kind, **more)

    def expression(self):
        start = self.tokens[self.at][1]
        condition = self.binary(0)
        if self.peek() != "?":
            return condition
        self.take("?")
        yes = self.expression()
        self.take(":")
        no = self.expression()
        return self.node(start, "ternary", children=[condition, yes, no])

    def binary(self, rank):
        if rank == len(_BINARY):
            return self.unary()
        start = self.tokens[self.at][1]
        children, operators = [self.binary(rank + 1)], []
        while self.peek() in _BINARY[rank]:
            operators.append(self.take()[0])
            children.append(self.binary(rank + 1))
        if not operators:
            return children[0]
        return self.node(start, "chain", children=children, operators=operators)

    def unary(self):
        token, start, _ = self.tokens[self.at]
        if token in ("!", "~", "-", "*", "&", "++", "--"):
            self.take()
            return self.node(start, "unary", children=[self.unary()], name=token)
        return self.postfix()

    def group(self, opening, closing):
        """Skips a bracketed group whose inside is of no interest."""
        self.take(opening)
        while self.peek() != closing:
            if self.peek() in ("(", "{", "["):
                self.group(self.peek(), {"(": ")", "{": "}", "[": "]"}[self.peek()])
            elif self.take()[0] == "":
                raise ValueError(f"{closing} is missing in {self.text}")
        self.take(closing)

    def postfix(self):
        token, start, _ = self.tokens[self.at]
        if token == "(":
            self.take()
            inner = self.expression()
            self.take(")")
            node = self.node(start, "parentheses", children=[inner])
        elif token == "{":
            self.group("{", "}")
            node = self.node(start, "other")
        elif re.match(r"[A-Za-z_\d]", token):
            self.take()
            node = self.node(start, "atom", name=token)
        else:
            raise ValueError(f"an expression starts with {token!r}: {self.text[start:start + 60]!r}")
        while self.peek() in (".", "->", "(", "[", "{"):
            token = self.take()[0]
            if token in (".", "->"):
                self.take()
                node = self.node(start, "other", children=node.children)
            elif token == "(":
                arguments = []
                while self.peek() != ")":
                    arguments.append(self.expression())
                    if self.peek() == ",":
                        self.take()
                self.take(")")
                name = flat(self.text[node.start:node.end])
                node = self.node(start, "call", children=arguments, name=name)
            else:
                self.at -= 1
                self.group(token, {"[": "]", "{": "}"}[token])
                node = self.node(start, "other", children=[] if token == "{" else node.children)
        return node


def parse(text, start, end):
    """The expression text[start:end]."""
    parser = _Parser(text, start, end)
    node = parser.expression()
    if parser.peek() != "":
        raise ValueError(f"{parser.peek()!r} is left over in {text[start:end]!r}")
    return node
