"""Samples in, golden files out: what make_golden.py and make_golden_caffe2.py share."""
import json
import os
import sys

import numpy as np

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")
_DTYPES = {"bool": np.bool_, "string": object}


def array(value):
    """A tensor of the samples file as a NumPy array (strings as bytes objects)."""
    name = value["dtype"]
    dtype = _DTYPES.get(name) or np.dtype(name)
    data = [d.encode() for d in value["data"]] if name == "string" else [float(d) for d in value["data"]]
    if name not in ("string", "bool") and np.issubdtype(dtype, np.integer):
        data = [int(d) for d in data]
    return np.array(data, dtype=dtype).reshape(value["shape"])


def _number(value, dtype):
    if dtype == np.float32:
        text = str(np.float32(value))
    elif dtype == np.float64:
        text = "%.11g" % value
    else:
        return str(int(value))
    return text if np.isfinite(value) else '"%s"' % text


def _tensor(value):
    """One tensor as JSON text on one line."""
    if value is None:
        return "null"
    value = np.asarray(value)
    if value.dtype.kind in "OSU":
        data = [json.dumps(v.decode() if isinstance(v, bytes) else str(v)) for v in value.ravel()]
        name = "string"
    else:
        data = [_number(v, value.dtype) for v in value.ravel()]
        name = value.dtype.name
    return '{"dtype": "%s", "shape": %s, "data": [%s]}' % (name, json.dumps(list(value.shape)), ", ".join(data))


def _write(path, entries):
    blocks = []
    for name in sorted(entries):
        entry = entries[name]
        lines = ['   "%s": %s' % (key, json.dumps(entry[key])) for key in ("reference", "fingerprint")]
        outputs = ",\n    ".join(_tensor(t) for t in entry["outputs"])
        lines.append('   "outputs": [\n    %s\n   ]' % outputs if outputs else '   "outputs": []')
        if entry.get("gradients"):
            items = ('    "%s": %s' % (k, _tensor(v)) for k, v in sorted(entry["gradients"].items()))
            lines.append('   "gradients": {\n%s\n   }' % ",\n".join(items))
        if "gradient_operators" in entry:
            lines.append('   "gradient_operators": %s' % json.dumps(entry["gradient_operators"]))
        blocks.append("  %s: {\n%s\n  }" % (json.dumps(name), ",\n".join(lines)))
    with open(path, "w") as f:
        f.write('{\n "samples": {\n%s\n }\n}\n' % ",\n".join(blocks))


def _read(path):
    if not os.path.exists(path):
        return {}
    with open(path) as f:
        entries = json.load(f)["samples"]
    for entry in entries.values():
        entry["outputs"] = [None if t is None else array(t) for t in entry["outputs"]]
        entry["gradients"] = {k: array(v) for k, v in entry.get("gradients", {}).items()}
    return entries


def make(reference, name, compute):
    """Computes all samples of the file named on the command line that ask for `reference` and are
    not in the golden files yet; `--all` computes them again. compute(sample) gives (outputs,
    gradients by input, gradient operators or None)."""
    args = [a for a in sys.argv[1:] if not a.startswith("--")]
    everything = "--all" in sys.argv[1:]
    if not args:
        sys.exit("usage: %s SAMPLES.json [OPERATOR...] [--all]\nSee README.md." % sys.argv[0])
    with open(args[0]) as f:
        samples = json.load(f)
    operators = sorted({s["op"] for s in samples if s["reference"] == reference and (len(args) == 1 or s["op"] in args[1:])})
    failed = 0
    for operator in operators:
        path = os.path.join(FOLDER, operator + ".json")
        old = _read(path)
        entries = {}
        made = 0
        for sample in (s for s in samples if s["op"] == operator):
            key = sample["sample"]
            fresh = key in old and old[key]["fingerprint"] == sample["fingerprint"]
            if sample["reference"] != reference or (fresh and not everything):
                if fresh:
                    entries[key] = old[key]
                continue
            try:
                outputs, gradients, gradient_operators = compute(sample)
            except Exception as error:  # one bad sample must not hide the others
                print("%s '%s': %s" % (operator, key, error), file=sys.stderr)
                failed += 1
                continue
            entry = {"reference": name, "fingerprint": sample["fingerprint"], "gradients": gradients,
                     "outputs": [None if i in sample["unchecked"] else o for i, o in enumerate(outputs)]}
            if gradient_operators is not None:
                entry["gradient_operators"] = gradient_operators
            entries[key] = entry
            made += 1
        if made or set(entries) != set(old):
            _write(path, entries)
            print("%s: %d made, %d kept" % (operator, made, len(entries) - made))
    sys.exit(1 if failed else 0)
