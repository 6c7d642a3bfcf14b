#!/usr/bin/env python3
"""Checks the shape of the source tree against the rules of docs/design.md.

    check.py [SOURCE_FOLDER]

Prints every violation as FILE:LINE: what is wrong, and exits with 1 if there is one.
"""
import fnmatch
import re
import sys
from pathlib import Path

# Who may include whom: each folder of the library, and the folders (or paths) it may use beside
# itself. The other top folders may use everything.
MAY_INCLUDE = {
    "core": [],
    "operators": ["core"],
    "graph": ["core", "comm/schedule"],
    "comm": ["core"],
    "net_builders": ["core", "graph"],
    "models": ["core", "graph", "net_builders"],
    "data": ["core"],
}
OUTSIDE = ["tools", "tests", "bench", "examples"]

# Heavy headers, and the only files of the library that may include them. Programs (OUTSIDE) are
# free, but for CUDA.
HEAVY = {
    "CUDA": (r"cuda.*|cu(dnn|blas|blasLt|rand|fft)[\w.]*|nccl.*|nvtx.*",
             ["*.cu", "*.cuh", "*/cuda/*", "comm/nccl*", "tests/*", "bench/*"]),
    "TBB": (r"(oneapi/)?tbb(/.*|\.h)",
            ["core/thread_pool*.cc", "graph/executor*.cc", "graph/executor/*.cc"]),
    "oneDNN": (r"(oneapi/dnnl/)?dnnl.*", ["operators/*.cc", "operators/*dnnl*.h"]),
    "protobuf": (r"google/protobuf/.*|.*\.pb\.h",
                 ["core/proto/*.h", "core/*.cc", "graph/*.cc", "net_builders/*.cc", "models/*.cc",
                  "operators/*.cc", "data/*.cc", "comm/operators/*.cc"]),
    "verbs": (r"infiniband/.*|rdma/.*", ["comm/*verbs*"]),
}

MAX_LINES = 500
SOURCE_SUFFIXES = {".h", ".cc", ".cu", ".cuh"}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')


def matches(path, patterns):
    return any(fnmatch.fnmatch(path, pattern) for pattern in patterns)


def check_include(file, folder, target):
    """What is wrong with FILE (a relative path in FOLDER) including TARGET; None if nothing."""
    other = target.split("/")[0]
    if folder in MAY_INCLUDE:
        if other in OUTSIDE:
            return f"the library includes {target}, which is not part of it"
        allowed = [folder, *MAY_INCLUDE[folder]]
        if other in MAY_INCLUDE and not any(target.startswith(a + "/") for a in allowed):
            return f"{folder}/ may include {', '.join(allowed)}, not {target}"
    for library, (pattern, places) in HEAVY.items():
        if not re.fullmatch(pattern, target):
            continue
        if folder in OUTSIDE and library != "CUDA":
            continue
        if not matches(file, places):
            return f"{library} header {target} belongs into {', '.join(places)} only"
    return None


def check_source(root, path):
    file = path.relative_to(root).as_posix()
    folder = file.split("/")[0]
    lines = path.read_text(encoding="utf-8").splitlines()
    if len(lines) > MAX_LINES:
        yield f"{file}:{len(lines)}: more than {MAX_LINES} lines; it is asking to be two"
    if path.suffix in {".h", ".cuh"} and "#pragma once" not in lines:
        yield f"{file}:1: a header without #pragma once"
    first_include = next((m.group(1) for m in map(INCLUDE.match, lines) if m), None)
    own_header = path.with_suffix(".h")
    if path.suffix == ".cc" and own_header.is_file() and folder in MAY_INCLUDE:
        own = own_header.relative_to(root).as_posix()
        if first_include != own:
            yield f"{file}:1: {own} is not the first include, so nothing shows that it stands alone"
    for number, line in enumerate(lines, 1):
        include = INCLUDE.match(line)
        if include:
            problem = check_include(file, folder, include.group(1))
            if problem:
                yield f"{file}:{number}: {problem}"
        if path.suffix == ".h" and re.match(r"\s*using namespace\b", line):
            yield f"{file}:{number}: using namespace in a header"


def check_tree(root):
    """All violations under ROOT."""
    for folder in [*MAY_INCLUDE, *OUTSIDE]:
        if not (root / folder).is_dir():
            continue
        if not (root / folder / "README.md").is_file():
            yield f"{folder}/README.md:1: missing; say what is in here and how to add to it"
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in SOURCE_SUFFIXES and path.is_file():
                yield from check_source(root, path)


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    if not (root / "core").is_dir():
        print(f"{root} is not the source folder of headrace: it has no core/", file=sys.stderr)
        return 2
    violations = list(check_tree(root))
    print("\n".join(violations) or "the tree is in shape")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
