"""Reading C for the lints: files of a tree, and their code without comments and strings."""
import os
import re
import sys

TOKEN = re.compile(r"""
    /\*.*?\*/            |   # comment
    //[^\n]*             |   # comment to the end of the line
    "(?:\\.|[^"\\\n])*"  |   # string
    '(?:\\.|[^'\\\n])*'      # character
""", re.VERBOSE | re.DOTALL)


def blank(text):
    """The same text with comments, strings and characters blanked; line numbers and columns stay."""
    return TOKEN.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)


def files(root, *tops):
    """Paths, from root, of the C files below each top folder."""
    for top in tops:
        for folder, folders, names in os.walk(os.path.join(root, top)):
            folders.sort()
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    yield os.path.relpath(os.path.join(folder, name), root)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def root_from_args():
    """--root DIR, for the lints' own tests; else the tree this file is in."""
    if len(sys.argv) == 3 and sys.argv[1] == "--root":
        return sys.argv[2]
    if len(sys.argv) != 1:
        sys.exit(f"usage: {sys.argv[0]} [--root DIR]")
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
