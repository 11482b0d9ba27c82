#!/usr/bin/env python3
"""random-stack.py SEED COUNT BASE FILE: a docker-archive of an image `stack:1`: COUNT layers that each change a small tree at
random in every way a layer can, over a first one that holds BASE bytes of one file and what the others may hide."""
import hashlib
import io
import json
import random
import sys
import tarfile

NAMES = "abc"


class Layer:
    def __init__(self):
        self.bytes = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.bytes, mode="w", format=tarfile.PAX_FORMAT)
        self.names = set()

    def add(self, rng, name, type, text="", **fields):
        info = tarfile.TarInfo(name)
        info.type = type
        info.mode = rng.choice((0o755, 0o711, 0o1777, 0o2700) if type == tarfile.DIRTYPE else (0o644, 0o755, 0o600, 0o4711))
        info.uid, info.gid, info.mtime = int(name != './') * rng.randrange(3), rng.randrange(3), rng.randrange(10**9) + 0.25
        for key, value in fields.items():
            setattr(info, key, value)
        info.size = len(text)
        if type in (tarfile.REGTYPE, tarfile.DIRTYPE) and rng.random() < 0.2:
            info.pax_headers = {"SCHILY.xattr.user.note": str(rng.random())}
        self.tar.addfile(info, io.BytesIO(text.encode()))

    def done(self):
        self.tar.close()
        return self.bytes.getvalue()


def change(layer, rng, path, depth):
    """One name of the tree: what it becomes. A name is said once in a layer."""
    what = rng.choice(("file", "file", "dir", "dir", "dir", "gone", "gone", "link", "fifo", "char", "opaque", "hard", "none"))
    if what == "gone":
        where, _, base = path.rpartition("/")
        layer.add(rng, (where + "/" if where else "") + ".wh." + base, tarfile.REGTYPE)
    elif what == "file":
        layer.add(rng, path, tarfile.REGTYPE, "x" * rng.choice((0, 1, 3000, 9000)))
    elif what == "link":
        layer.add(rng, path, tarfile.SYMTYPE, linkname=rng.choice(("a", "../b", "/c/a")))
    elif what == "fifo":
        layer.add(rng, path, tarfile.FIFOTYPE)
    elif what == "char":
        layer.add(rng, path, tarfile.CHRTYPE, devmajor=1, devminor=5)
    elif what == "hard":
        layer.add(rng, path, tarfile.REGTYPE, str(rng.random()))
        layer.add(rng, path + "2", tarfile.LNKTYPE, linkname=path)
    elif what in ("dir", "opaque"):
        if rng.random() < 0.7 or what == "opaque":
            layer.add(rng, path, tarfile.DIRTYPE)
        if what == "opaque":
            layer.add(rng, path + "/.wh..wh..opq", tarfile.REGTYPE)
        for name in NAMES:
            if depth < 3 and rng.random() < 0.5:
                change(layer, rng, path + "/" + name, depth + 1)


def main():
    seed, count, base, out = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    rng = random.Random(seed)
    layers = []
    for i in range(count + 1):
        layer = Layer()
        if i == 0:
            layer.add(rng, "large", tarfile.REGTYPE, "l" * base)
        elif rng.random() < 0.3:
            layer.add(rng, "./", tarfile.DIRTYPE)
        for name in NAMES:
            if i == 0 or rng.random() < 0.4:
                change(layer, rng, name, 0)
        layer.add(rng, "layer%d" % i, tarfile.REGTYPE, str(i))
        layers.append(layer.done())
    config = {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["sh"]},
              "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(one).hexdigest() for one in layers]}}
    names = ["layer%03d.tar" % i for i in range(len(layers))]
    manifest = [{"Config": "config.json", "RepoTags": ["stack:1"], "Layers": names}]
    with tarfile.open(out, "w") as tar:
        for name, data in [("config.json", json.dumps(config).encode()), ("manifest.json", json.dumps(manifest).encode()),
                           *zip(names, layers)]:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


main()
