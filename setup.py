"""Build step: the wheel carries the starter that `upheld init` copies and the reference policy of `upheld demo`."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SHIPPED = ("starter", "primenumber")


class BuildWithPolicies(build_py):
    """Copy the policies into the package; a clone reads them where they lie."""

    def run(self) -> None:
        """Build, and add the policies unless the installation only points at the clone."""
        super().run()
        if not self.editable_mode:
            for source in sorted(file for name in SHIPPED for file in Path("policies", name).rglob("*")):
                if source.is_file():
                    target = Path(self.build_lib, "upheld", source.relative_to("policies"))
                    self.mkpath(str(target.parent))
                    self.copy_file(str(source), str(target))


setup(cmdclass={"build_py": BuildWithPolicies})
