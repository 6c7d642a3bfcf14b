#!/usr/bin/env python3
"""Checks that a build with CUDA compiles every CUDA source of the tree.

    cuda_sources.py SOURCE_FOLDER BUILD_FOLDER

Prints the sources that are left out, and exits with 1 if there is one, or if there are none at all.
"""
import json
import sys
from pathlib import Path


def main():
    root, build = (Path(argument).resolve() for argument in sys.argv[1:3])
    commands = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    compiled = {Path(command["directory"], command["file"]).resolve() for command in commands}
    sources = [path for path in sorted(root.rglob("*.cu"))
               if not any(part == "build" or part.startswith(".")
                          for part in path.relative_to(root).parts)]
    left_out = [path for path in sources if path not in compiled]
    for path in left_out:
        print(f"{path.relative_to(root)}:1: no target of the build compiles this")
    print(f"{len(sources) - len(left_out)} of {len(sources)} CUDA sources are compiled")
    return 1 if left_out or not sources else 0


if __name__ == "__main__":
    sys.exit(main())
