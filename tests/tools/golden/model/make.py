"""A model as the real Caffe2 exports it, an input and its output (a Python with Caffe2: 3.9 with torch 1.8.1):
    python tests/tools/golden/model/make.py
"""
import os

import numpy as np
from caffe2.python import brew, core, model_helper, workspace
from caffe2.python.predictor import predictor_exporter

os.chdir(os.path.dirname(os.path.abspath(__file__)))
core.GlobalInit(["make", "--caffe2_log_level=2"])
model = model_helper.ModelHelper(name="tiny")
brew.fc(model, "data", "hidden", 4, 3)
brew.relu(model, "hidden", "active")
brew.fc(model, "active", "out", 3, 2)
workspace.RunNetOnce(model.param_init_net)
random = np.random.RandomState(1)
for blob in model.params:
    shape = workspace.FetchBlob(blob).shape
    workspace.FeedBlob(blob, random.uniform(-1, 1, shape).astype(np.float32))
workspace.FeedBlob("data", random.uniform(-1, 1, (2, 4)).astype(np.float32))
workspace.CreateNet(model.net)
workspace.RunNet(model.net)
for blob in ("data", "out"):
    np.save(blob + ".npy", workspace.FetchBlob(blob))
if os.path.exists("model.minidb"):
    os.remove("model.minidb")
predictor_exporter.save_to_db("minidb", "model.minidb", predictor_exporter.PredictorExportMeta(
    predict_net=model.net.Proto(), parameters=[str(blob) for blob in model.params],
    inputs=["data"], outputs=["out"]))
