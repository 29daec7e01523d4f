"""Checks that a build is for the processor and the C library of Lambda, or is refused."""

import pathlib
import sys
import tempfile
import unittest
from unittest import mock

from stack import ROOT, Stack

sys.path.insert(0, str(ROOT / "infra"))
sys.path.insert(0, str(ROOT / "infra" / "tools"))
import build  # infra/build.py
import environment  # infra/tools/environment.py


def binary(folder, processor, symbols=b"GLIBC_2.2.5 GLIBC_2.34"):
    """Writes an ELF header for a processor, with the required versions of the C library; returns the path."""
    path = pathlib.Path(folder) / "bootstrap"
    path.write_bytes(b"\x7fELF" + bytes(14) + processor.to_bytes(2, "little") + symbols)
    return path


def machine(system, processor):
    """Returns a patch that makes this machine look like another system and processor."""
    return mock.patch.multiple(
        "platform", system=mock.Mock(return_value=system), machine=mock.Mock(return_value=processor)
    )


class Build(unittest.TestCase):
    def test_macos_builds_for_linux_on_each_processor(self):
        target = pathlib.Path("target")
        for processor in ("arm64", "x86_64"):
            for architecture, triple in (("arm64", "aarch64"), ("x86_64", "x86_64")):
                with (
                    machine("Darwin", processor),
                    mock.patch.object(build, "tools", return_value="the-tools"),
                    mock.patch.object(build, "cargo") as cargo,
                ):
                    built = build.build(architecture, target)
                command, folder, tools = cargo.call_args.args
                self.assertEqual(cargo.call_count, 1, "there must be no build for macOS")
                self.assertEqual(command[:4], ["lambda", "build", "--target", f"{triple}-unknown-linux-gnu.2.34"])
                self.assertEqual((folder, tools), (target, "the-tools"))
                self.assertEqual(built, target / "cargo-lambda" / architecture / "bootstrap" / "bootstrap")

    def test_a_binary_for_macos_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "bootstrap"
            path.write_bytes(bytes.fromhex("cffaedfe0c000001") + bytes(40))
            self.assertIn("is not a binary for arm64", build.complaint(path, "arm64"))

    def test_environments_are_created_if_their_packages_have_wheels(self):
        cases = [
            (name, system, processor, is_made)
            for name in ("cross", "sam", "emulator")
            for system, processor, is_made in (
                ("Linux", "x86_64", True),
                ("Linux", "aarch64", True),
                ("Darwin", "arm64", True),
                ("Darwin", "x86_64", name != "emulator"),
                ("Darwin", "ppc", False),
                ("Windows", "AMD64", False),
            )
        ]
        for name, system, processor, is_made in cases:
            with (
                self.subTest(name=name, system=system, processor=processor),
                tempfile.TemporaryDirectory() as folder,
                machine(system, processor),
                mock.patch.object(environment, "make", lambda venv, _: venv.mkdir()),
            ):
                if is_made:
                    self.assertEqual(environment.commands(name, folder), pathlib.Path(folder).resolve() / name / "bin")
                else:
                    with self.assertRaises(environment.CannotBeMade):
                        environment.commands(name, folder)

    def test_a_binary_that_lambda_cannot_start_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertIsNone(build.complaint(binary(folder, 183), "arm64"))
            self.assertIsNone(build.complaint(binary(folder, 62), "x86_64"))
            self.assertIn("is not a binary for arm64", build.complaint(binary(folder, 62), "arm64"))
            self.assertIn("does not exist", build.complaint(pathlib.Path(folder) / "nothing", "arm64"))
            self.assertIn("2.35", build.complaint(binary(folder, 62, b"GLIBC_2.35"), "x86_64"))

    def test_the_default_processor_is_that_of_the_deployment(self):
        self.assertEqual(build.default_architecture(), Stack().values["Architecture"])
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "template.yaml").write_bytes((ROOT / "template.yaml").read_bytes())
            (root / "samconfig.toml").write_text('parameter_overrides = "Enabled=\\"true\\" Architecture=\\"x86_64\\""\n')
            with mock.patch.object(build, "ROOT", root):
                self.assertEqual(build.default_architecture(), "x86_64")


if __name__ == "__main__":
    unittest.main()
