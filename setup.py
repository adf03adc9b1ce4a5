"""Build step: the wheel carries policies/starter, the folder that `upheld init` copies."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithStarter(build_py):
    """Copy the starter policy into the package; a clone reads it where it lies."""

    def run(self) -> None:
        """Build, and add the starter unless the installation only points at the clone."""
        super().run()
        if not self.editable_mode:
            for source in sorted(Path("policies/starter").rglob("*")):
                if source.is_file():
                    target = Path(self.build_lib, "upheld", source.relative_to("policies"))
                    self.mkpath(str(target.parent))
                    self.copy_file(str(source), str(target))


setup(cmdclass={"build_py": BuildWithStarter})
