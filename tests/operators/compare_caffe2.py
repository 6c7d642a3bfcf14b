"""Compares operators with the real Caffe2 over random arguments, shapes, layouts and in-place variants.

Wherever that engine is installed (Python 3.9 with torch 1.8.1, numpy<1.24, protobuf<3.21, future, six):
    PYTHON tests/operators/compare_caffe2.py build/release/tests/test_operators [OPERATOR...]
        [--cases=50] [--seed=1] [--verbose]

Each case runs in both: types, shapes, values, gradients and the gradient operators have to be the same.
What Caffe2 refuses may work here; what works there must work here, but for cases that say why not
(Case.refused_here). random_cases/ says what cases there are.
"""
import collections
import concurrent.futures
import concurrent.futures.process
import importlib
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

import golden_files
import make_golden_caffe2
from random_cases import CASES

FOLDER = os.path.dirname(os.path.abspath(__file__))
for file in sorted(os.listdir(os.path.join(FOLDER, "random_cases"))):
    if file.endswith(".py") and file != "__init__.py":
        importlib.import_module("random_cases." + file[:-3])


def tensor(value):
    return json.loads(golden_files._tensor(np.asarray(value)))


def argument(name, value):
    if isinstance(value, (list, tuple)):
        field = "floats" if any(isinstance(v, float) for v in value) else "ints"
        return {"name": name, "field": field, "value": list(value)}
    if isinstance(value, str):
        return {"name": name, "field": "s", "value": value}
    field = "f" if isinstance(value, float) else "i"
    return {"name": name, "field": field, "value": float(value) if field == "f" else int(value)}


def entry_of(op, case):
    names = ["X%d" % i for i in range(len(case.inputs))]
    outputs = ["Y%d" % i for i in range(case.outputs)]
    for i, o in case.inplace:
        outputs[o] = names[i]
    return {"op": op, "args": [argument(k, v) for k, v in case.args.items()], "inputs": [tensor(v) for v in case.inputs],
            "input_names": names, "output_names": outputs, "gradients": [] if case.inplace else list(case.gradients),
            "unchecked": list(case.unchecked)}


def caffe2(entry, cotangent_outputs, seed):
    """(the entry with cotangents, what Caffe2 makes of it or its error)."""
    from caffe2.python import workspace
    rng = np.random.RandomState(seed)
    try:
        if entry["gradients"]:
            # Forward first, to know the shapes that the cotangents need.
            outputs, _, _ = make_golden_caffe2.compute(dict(entry, gradients=[]))
            chosen = cotangent_outputs
            if chosen is None:
                chosen = [i for i, o in enumerate(outputs) if o is not None and o.dtype.kind == "f"]
            entry["cotangents"] = {str(i): tensor(np.round(rng.uniform(-1, 1, outputs[i].shape), 3).astype(np.float32)) for i in chosen}
        outputs, gradients, operators = make_golden_caffe2.compute(entry)
        return entry, {"outputs": [None if o is None else tensor(o) for o in outputs],
                       "gradients": {k: tensor(v) for k, v in gradients.items()}, "operators": operators}
    except Exception as error:  # whatever the engine throws is its answer
        entry["gradients"] = []
        workspace.ResetWorkspace()
        return entry, {"error": str(error).split("\n")[0].split("(Error from")[0]}


def run_caffe2(op, made):
    """In a process of its own per operator: a case that kills the engine is its answer, too."""
    results = []
    pool = None
    for k, case in enumerate(made):
        if pool is None:
            pool = concurrent.futures.ProcessPoolExecutor(1)
        entry = entry_of(op, case)
        try:
            results.append(pool.submit(caffe2, entry, case.cotangents, k).result())
        except concurrent.futures.process.BrokenProcessPool:
            pool = None
            entry["gradients"] = []
            results.append((entry, {"error": "the engine died"}))
    if pool is not None:
        pool.shutdown()
    return results


def difference(found, expected, tolerance):
    """What is wrong, or None."""
    if expected is None:
        return None
    if found["dtype"] != expected["dtype"] or found["shape"] != expected["shape"]:
        return "%s %s instead of %s %s" % (found["dtype"], found["shape"], expected["dtype"], expected["shape"])
    a, b = golden_files.array(found), golden_files.array(expected)
    if a.dtype.kind in "OSU":
        return None if (a == b).all() else "other strings"
    if a.dtype.kind in "iub":
        return None if (a == b).all() else "%s instead of %s" % (a.ravel()[:8], b.ravel()[:8])
    a, b = a.astype(np.float64), b.astype(np.float64)
    bad = ~((a == b) | (np.isnan(a) & np.isnan(b)))
    finite = np.isfinite(a) & np.isfinite(b)
    limit = tolerance * max(1e-30, np.abs(b[np.isfinite(b)]).max() if np.isfinite(b).any() else 0)
    with np.errstate(invalid="ignore"):
        bad &= ~(finite & (np.abs(a - b) <= limit))
    if not bad.any():
        return None
    at = np.unravel_index(np.argmax(bad), bad.shape) if bad.shape else ()
    return "element %s is %.9g instead of %.9g" % (list(map(int, at)), a[at], b[at])


def verdict(case, found, expected):
    """(what kind of result, what is wrong)."""
    if "error" in expected:
        return ("refused by both" if "error" in found else "accepted here only"), None
    if "error" in found:
        if case.refused_here and case.refused_here in found["error"]:
            return "refused here on purpose", None
        return "WRONG", "refused: %s" % found["error"]
    if case.refused_here:
        return "WRONG", "was not refused, expected '%s'" % case.refused_here
    for i, value in enumerate(expected["outputs"]):
        wrong = difference(found["outputs"][i], value, case.tolerance) if i not in case.unchecked else None
        if wrong:
            return "WRONG", "output %d: %s" % (i, wrong)
    for i, value in expected["gradients"].items():
        wrong = difference(found["gradients"][i], value, case.gradient_tolerance)
        if wrong:
            return "WRONG", "gradient of input %s: %s" % (i, wrong)
    if expected["operators"] and not case.own_gradient_operators and found["operators"] != expected["operators"]:
        return "WRONG", "gradient operators %s instead of %s" % (found["operators"], expected["operators"])
    return "equal", None


def main():
    options = dict(a[2:].split("=") if "=" in a else (a[2:], "1") for a in sys.argv[1:] if a.startswith("--"))
    args = [a for a in sys.argv[1:] if not a.startswith("--")]
    if not args:
        sys.exit(__doc__)
    count, seed = int(options.get("cases", 50)), int(options.get("seed", 1))
    failed = 0
    for op in args[1:] or sorted(CASES):
        rng = np.random.RandomState([seed] + [ord(c) for c in op])
        made = [CASES[op](rng, op) for _ in range(count)]
        results = run_caffe2(op, made)
        with tempfile.TemporaryDirectory() as folder:
            cases, answers = os.path.join(folder, "cases.json"), os.path.join(folder, "results.json")
            with open(cases, "w") as f:
                json.dump([entry for entry, _ in results], f)
            subprocess.run([args[0], "--run=" + cases, "--results=" + answers], check=True)
            with open(answers) as f:
                found = json.load(f)
        kinds = collections.Counter()
        for case, (entry, expected), answer in zip(made, results, found):
            kind, wrong = verdict(case, answer, expected)
            kinds[kind] += 1
            if wrong and (kinds[kind] <= 3 or "verbose" in options):
                shapes = ["%s%s" % (t["dtype"], t["shape"]) for t in entry["inputs"]]
                print("  %s %s %s: %s" % (op, case.args, shapes, wrong))
            elif kind != "equal" and "verbose" in options:
                print("  %s %s: %s / %s" % (op, case.args, answer.get("error"), expected.get("error")))
        failed += kinds["WRONG"]
        print("%s: %s" % (op, ", ".join("%d %s" % (n, k) for k, n in sorted(kinds.items()))), flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    make_golden_caffe2.core.GlobalInit(["compare", "--caffe2_log_level=3"])
    main()
