"""What the rules look at: the project's own text files, by path from the root."""

import os
import pathlib
import re
import subprocess


class Tree:
    """Files by path. Plain: a sample of a test is a Tree of two lines."""

    def __init__(self, files, paths=None, root=""):
        self.files = dict(files)
        # Every path that exists, binary files too.
        self.paths = set(paths if paths is not None else self.files)
        # Where the checkout lies on this machine; empty in samples.
        self.root = root

    def matching(self, pattern):
        """Pairs of path and text, by path, of paths that match the whole pattern."""
        compiled = re.compile(pattern)
        return [(p, self.files[p]) for p in sorted(self.files) if compiled.fullmatch(p)]

    def exists(self, path):
        path = path.rstrip("/")
        return path in self.paths or any(p.startswith(path + "/") for p in self.paths)


def load(root):
    """The tree at `root`: what git tracks or would, or all files without git."""
    root = pathlib.Path(root).resolve()
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "-C", str(root), "ls-files", "-z", "--cached", "--others",
         "--exclude-standard"],
        capture_output=True, check=False) if (root / ".git").exists() else None
    if listing and listing.returncode == 0:
        paths = [p for p in listing.stdout.decode().split("\0") if p]
    else:
        paths = []
        for directory, names, files in os.walk(root):
            names[:] = [n for n in names if n not in ("build", ".git", "node_modules", ".cache")]
            paths += [str((pathlib.Path(directory) / f).relative_to(root)) for f in files]
    paths = [p for p in paths if (root / p).is_file()]
    files = {}
    for path in paths:
        content = (root / path).read_bytes()
        if b"\0" in content:
            continue
        try:
            files[path] = content.decode()
        except UnicodeDecodeError:
            continue
    return Tree(files, paths, str(root))
