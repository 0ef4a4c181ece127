"""Output of conntrack(8) without what two tables cannot have in common: the order of
connections, ids, and the moment. Everything else stays, to the blank."""

import re
import time

# Between two questions a second may begin.
SECONDS_APART = 2
_ICMP_ID_MAX = 65535

# What names a connection in a line of each format.
_ENDS = (
    re.compile(r"(?P<protocol>[a-z0-9]+ +\d+) (?:\d+ )?(?:[A-Z_0-9]+ )?"
               r"(?P<ends>src=\S+ dst=\S+(?: sport=\d+ dport=\d+| type=\d+ code=\d+ id=\d+)?)"),
    re.compile(r" -s \S+ -d \S+ .*?-p [^[]*?(?= --state| \[|$)"),
    re.compile(r"<src>.*?</layer4>"))


def _local(text):
    return time.mktime(time.strptime(text, "%a %b %d %H:%M:%S %Y"))


def _when(text):
    fields = "hour min sec wday day month year".split()
    match = re.fullmatch("".join(rf"<{name}>(\d+)</{name}>" for name in fields), text)
    hour, minute, second, weekday, day, month, year = (int(value) for value in match.groups())
    moment = time.mktime((year, month, day, hour, minute, second, 0, 0, -1))
    # Sunday is 1.
    assert weekday == (time.localtime(moment).tm_wday + 1) % 7 + 1, text
    return moment


# Each has one group, which is taken out; what reads it; and what stands in its place.
_MOMENTS = (
    (r"^\[(\d+\.\d{6})\]\t", float, "[time]\t"),
    (r"(?<=<timeout>)(\d+)(?=<)", int, "timeout"),
    (r"(?<=^-[AUD] -t )(\d+)(?= )", int, "timeout"),
    (r"(?<=delta-time=)(\d+)", int, "age"),
    (r"(?<=<deltatime>)(\d+)", int, "age"),
    (r"(?<=\[start=)([^]]*)", _local, "start"),
    (r"(?<=\[stop=)([^]]*)", _local, "stop"),
    (r"(?<=<start>)(\d+)", lambda text: int(text) / 1e9, "start"),
    (r"(?<=<stop>)(\d+)", lambda text: int(text) / 1e9, "stop"),
    (r"(?<=<when>)(.*)(?=</when>)", _when, "when"),
)
# The timeout of a line stands behind the number of the protocol.
_TIMEOUT = re.compile(r"^((?:\[time\]\t)?(?: *\[[A-Z]+\] )?(?:ipv[46] +\d+ )?[a-z0-9]+ +\d+) (\d+) ")


def _line(text):
    """The line with placeholders, and the moments that were there."""
    moments = []

    def take(read, name):
        def replace(match):
            moments.append(read(match[1]))
            return name
        return replace

    for pattern, read, name in _MOMENTS:
        text = re.sub(pattern, take(read, name), text)
    match = _TIMEOUT.match(text)
    if match:
        moments.append(int(match[2]))
        text = f"{match[1]} timeout {text[match.end():]}"
    text = re.sub(r"(?<= id=)(\d+)", lambda m: "id" if int(m[1]) > _ICMP_ID_MAX else m[1], text)
    text = re.sub(r"(?<=<id>)\d+(?=</id>)", "id", text)
    # Who asked for a change: the kernel names a socket, and a program while it runs.
    text = re.sub(r"(?<=\[USERSPACE\]) portid=\d+( progname=\S+)?$", " portid", text)
    return text, moments


def _place(line):
    """Lines of one connection stay in their order; connections are sorted."""
    if line.startswith("<?xml"):
        return ""
    if line == "</conntrack>":
        return "~"
    for ends in _ENDS:
        match = ends.search(line)
        if match:
            return "".join(match.groupdict().values()) or match[0]
    return line


def output(text):
    """Lines with their moments."""
    return [_line(line) for line in sorted(text.splitlines(), key=_place)]


def complaints(text):
    """What stands on standard error; the name of the program is our own."""
    return re.sub(r"^conntrack v1\.4\.7 \(conntrack-(tools|service)\)", "conntrack", text,
                  flags=re.MULTILINE)


def difference(theirs, ours):
    """The first difference of two outputs, in words; None when they are equal."""
    theirs, ours = output(theirs), output(ours)
    for (their_line, their_moments), (our_line, our_moments) in zip(theirs, ours):
        if their_line != our_line:
            return f"theirs: {their_line}\n  ours:   {our_line}"
        if any(abs(a - b) > SECONDS_APART for a, b in zip(their_moments, our_moments)):
            return f"times {their_moments} and {our_moments} of {their_line}"
    for name, lines, others in (("theirs", theirs, ours), ("ours", ours, theirs)):
        if len(lines) > len(others):
            return f"only {name}: {lines[len(others)][0]}"
    return None
