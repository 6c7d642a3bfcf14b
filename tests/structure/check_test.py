#!/usr/bin/env python3
"""The structure check finds what it is there to find: one small tree per rule."""
import tempfile
import unittest
from pathlib import Path

import check


def violations(files):
    """What the check says of a tree with these files: {path: content}."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for path, content in files.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            (root / path.split("/")[0] / "README.md").touch()
            file.write_text(content)
        return list(check.check_tree(root))


class StructureCheck(unittest.TestCase):
    def assert_fine(self, path, content):
        self.assertEqual(violations({path: content}), [])

    def assert_wrong(self, path, content, what):
        found = violations({path: content})
        self.assertEqual(len(found), 1, found)
        self.assertIn(path, found[0])
        self.assertIn(what, found[0])

    def test_folders(self):
        self.assert_fine("operators/relu.cc", '#include "core/tensor.h"\n')
        self.assert_wrong("operators/relu.cc", '#include "graph/plan.h"\n', "operators/ may include")
        self.assert_wrong("graph/plan.cc", '#include "operators/relu.h"\n', "graph/ may include")
        self.assert_wrong("core/tensor.cc", '#include "graph/plan.h"\n', "core/ may include core,")
        self.assert_fine("graph/plan.cc", '#include "comm/schedule/ring.h"\n')
        self.assert_wrong("graph/plan.cc", '#include "comm/tcp.h"\n', "graph/ may include")
        self.assert_wrong("core/tensor.cc", '#include "tests/support/x.h"\n', "not part of it")
        self.assert_fine("tools/run.cc", '#include "operators/x.h"\n#include "graph/plan.h"\n')

    def test_heavy_headers(self):
        self.assert_fine("core/cuda/memory.cc", "#include <cuda_runtime.h>\n")
        self.assert_fine("operators/relu.cu", "#include <cuda_fp16.h>\n")
        self.assert_wrong("core/tensor.cc", "#include <cuda_runtime.h>\n", "CUDA header")
        self.assert_wrong("tools/run.cc", "#include <cudnn.h>\n", "CUDA header")
        self.assert_wrong("operators/relu.cc", "#include <tbb/parallel_for.h>\n", "TBB header")
        self.assert_wrong("graph/plan.cc", "#include <oneapi/tbb/task.h>\n", "TBB header")
        self.assert_fine("bench/flow.cc", "#include <tbb/flow_graph.h>\n")
        self.assert_fine("operators/conv.cc", "#include <oneapi/dnnl/dnnl.hpp>\n")
        self.assert_wrong("graph/plan.cc", "#include <dnnl.hpp>\n", "oneDNN header")
        self.assert_wrong("graph/plan.h", '#pragma once\n#include "core/proto/net.pb.h"\n',
                          "protobuf header")

    def test_headers(self):
        self.assert_wrong("core/a.h", "int f();\n", "#pragma once")
        self.assert_wrong("core/a.h", "#pragma once\nusing namespace std;\n", "using namespace")
        self.assert_fine("core/a.cc", "using namespace std;\n")

    def test_own_header_first(self):
        tree = {"core/a.h": "#pragma once\n", "core/a.cc": '#include <map>\n#include "core/a.h"\n'}
        self.assertEqual(len(violations(tree)), 1)
        tree["core/a.cc"] = '#include "core/a.h"\n#include <map>\n'
        self.assertEqual(violations(tree), [])

    def test_length(self):
        self.assert_fine("core/a.cc", "\n" * check.MAX_LINES)
        self.assert_wrong("core/a.cc", "\n" * (check.MAX_LINES + 1), "more than 500 lines")

    def test_readme(self):
        with tempfile.TemporaryDirectory() as name:
            (Path(name) / "core").mkdir()
            self.assertEqual(len(list(check.check_tree(Path(name)))), 1)


if __name__ == "__main__":
    unittest.main()
