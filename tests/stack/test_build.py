"""What is built is for the processor and the C library that it will run on, or it is refused."""

import pathlib
import sys
import tempfile
import unittest
from unittest import mock

from stack import ROOT, Stack

sys.path.insert(0, str(ROOT / "infra"))
import build  # infra/build.py


def binary(folder, processor, symbols=b"GLIBC_2.2.5 GLIBC_2.34"):
    """Writes the head of a binary for a processor, and what it asks of the C library."""
    path = pathlib.Path(folder) / "bootstrap"
    path.write_bytes(b"\x7fELF" + bytes(14) + processor.to_bytes(2, "little") + symbols)
    return path


class Build(unittest.TestCase):
    def test_what_lambda_would_not_start_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertIsNone(build.complaint(binary(folder, 183), "arm64"))
            self.assertIsNone(build.complaint(binary(folder, 62), "x86_64"))
            self.assertIn("no binary for arm64", build.complaint(binary(folder, 62), "arm64"))
            self.assertIn("is not", build.complaint(pathlib.Path(folder) / "nothing", "arm64"))
            self.assertIn("2.35", build.complaint(binary(folder, 62, b"GLIBC_2.35"), "x86_64"))

    def test_it_is_built_for_what_is_deployed_to(self):
        self.assertEqual(build.deployed_to(), Stack().values["Architecture"])
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "template.yaml").write_bytes((ROOT / "template.yaml").read_bytes())
            (root / "samconfig.toml").write_text('parameter_overrides = "Enabled=\\"true\\" Architecture=\\"x86_64\\""\n')
            with mock.patch.object(build, "ROOT", root):
                self.assertEqual(build.deployed_to(), "x86_64")


if __name__ == "__main__":
    unittest.main()
