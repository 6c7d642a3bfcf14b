"""Files that Load must read, written by the real Caffe2 (a Python with Caffe2: 3.9 with torch 1.8.1):
    python tests/operators/golden/files/make.py
"""
import os

import numpy as np
from caffe2.python import core, workspace

here = os.path.dirname(os.path.abspath(__file__))
core.GlobalInit(["make", "--caffe2_log_level=2"])
blobs = {
    "matrix": np.arange(6, dtype=np.float32).reshape(2, 3) / 4,
    "bytes": np.array([1, 255], dtype=np.uint8),
    "small": np.array([1, -5], dtype=np.int8),
    "flags": np.array([True, False]),
    "text": np.array(["x", "yz"], dtype=object),
    "long": np.array([1 << 40], dtype=np.int64),
    "double": np.array([0.1]),
    "empty": np.zeros((0, 2), dtype=np.float32),
}
for name, value in blobs.items():
    workspace.FeedBlob(name, value)
path = os.path.join(here, "caffe2.minidb")
if os.path.exists(path):
    os.remove(path)
workspace.RunOperatorOnce(core.CreateOperator("Save", list(blobs), [], db=path, db_type="minidb", absolute_path=1, chunk_size=4))
