"""Asks the real Caffe2 what it makes of every damaged use that damage_test.cc tries.

Wherever that engine is installed (see compare_caffe2.py):
    build/release/tests/test_operators --dump-damages=damages.json
    PYTHON tests/operators/damage_caffe2.py damages.json [OPERATOR...]

Writes golden/damages.json: for each operator and use a letter per damage, in the order of damages_of():
a accepted, r refused, d the engine died, h it hung. Operators that are named are asked anew, the others are
kept. Takes a minute or two.

    PYTHON tests/operators/damage_caffe2.py --compare=build/release/tests/test_operators damages.json

compares the outputs instead, of all uses with empty operands that both take.
"""
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile

from caffe2.python import core, workspace

import compare_caffe2
import golden_files
import make_golden_caffe2

FOLDER = os.path.dirname(os.path.abspath(__file__))
SECONDS = 20


def results(entry):
    for arg in entry["args"]:
        if arg["field"] == "f":
            arg["value"] = float(arg["value"])
    try:
        return make_golden_caffe2.compute(entry)[0]
    finally:
        workspace.ResetWorkspace()


def answer(entry):
    """A letter, or the outputs where they are asked for."""
    try:
        if entry["values"]:
            return [json.loads(golden_files._tensor(value)) for value in results(entry)]
        results(dict(entry, unchecked=list(range(len(entry["output_names"])))))
        return "a"
    except Exception:  # whatever the engine throws is its answer
        return "r"


def work(connection):
    core.GlobalInit(["damage", "--caffe2_log_level=3"])
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    while True:
        entry = connection.recv()
        if entry is None:
            return
        connection.send(answer(entry))


class Engine:
    """Caffe2 in a process of its own, for it may die of a question."""

    def __init__(self):
        self.process = None

    def ask(self, entry):
        if self.process is None:
            self.here, there = multiprocessing.Pipe()
            self.process = multiprocessing.Process(target=work, args=(there,))
            self.process.start()
            there.close()
        try:
            self.here.send(entry)
            if self.here.poll(SECONDS):
                return self.here.recv()
            letter = "h"
        except (EOFError, OSError):
            letter = "d"
        self.process.kill()
        self.process.join()
        self.process = None
        return letter

    def stop(self):
        if self.process is not None:
            self.here.send(None)
            self.process.join()


def compare(program, entries):
    """Prints where outputs differ, and gives the number."""
    entries = [entry for entry in entries if entry["damage"].endswith("empty")]
    with tempfile.TemporaryDirectory() as folder:
        cases, answers = os.path.join(folder, "cases.json"), os.path.join(folder, "results.json")
        with open(cases, "w") as f:
            json.dump(entries, f)
        subprocess.run([program, "--run=" + cases, "--results=" + answers], check=True)
        with open(answers) as f:
            found = json.load(f)
    engine = Engine()
    same = different = 0
    for entry, ours in zip(entries, found):
        theirs = engine.ask(dict(entry, values=True)) if "error" not in ours else "r"
        if isinstance(theirs, str):
            continue
        wrong = [compare_caffe2.difference(a, b, 1e-5) for a, b in zip(ours["outputs"], theirs)]
        same += not any(wrong)
        if any(wrong):
            different += 1
            print("%s '%s', %s: %s" % (entry["op"], entry["use"], entry["damage"], wrong))
    engine.stop()
    print("%d equal, %d differ" % (same, different))
    return different


def main():
    options = [a for a in sys.argv[1:] if a.startswith("--compare=")]
    names = [a for a in sys.argv[1:] if not a.startswith("--")]
    if not names:
        sys.exit(__doc__)
    with open(names[0]) as f:
        entries = [e for e in json.load(f) if not names[1:] or e["op"] in names[1:]]
    if options:
        sys.exit(1 if compare(options[0].split("=")[1], entries) else 0)
    path = os.path.join(FOLDER, "golden", "damages.json")
    answers = {}
    if os.path.exists(path):
        with open(path) as f:
            answers = json.load(f)
    engine = Engine()
    asked = {}
    for entry in entries:
        letters = asked.setdefault(entry["op"], {})
        letters[entry["use"]] = letters.get(entry["use"], "") + engine.ask(dict(entry, values=False))
    engine.stop()
    if not names[1:]:
        answers = {}
    answers.update(asked)
    with open(path, "w") as f:
        f.write("{\n" + ",\n".join(
            " %s: {\n%s\n }" % (json.dumps(op), ",\n".join("  %s: %s" % (json.dumps(use), json.dumps(letters))
                                                        for use, letters in sorted(uses.items())))
            for op, uses in sorted(answers.items())) + "\n}\n")


if __name__ == "__main__":
    main()
