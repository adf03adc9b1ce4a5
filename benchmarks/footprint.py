"""What it costs to keep the house: installed size, memory at rest, CPU of a cold start.

Goals: 270 MB, 135 MB, 5 s; each is printed with its share of the goal.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

GOALS = {"installed_mb": 270.0, "resident_mb": 135.0, "cold_start_cpu_s": 5.0}


def installed_mb(venv: Path) -> float:
    """Add up what stands in a virtual environment, in MB of disk blocks."""
    return sum(os.lstat(path).st_blocks * 512 for path in venv.rglob("*") if not path.is_symlink()) / 1e6


def at_rest(upheld: str, folder: Path, policy: Path) -> tuple[float, float]:
    """Start a server on an empty data folder and give MB resident and CPU seconds when it answers and is at rest."""
    command = [upheld, "serve", "--data", str(folder), "--port", "0", "--policy", str(policy)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        address = next(line.strip() for line in server.stdout if line.startswith("http"))
        with urllib.request.urlopen(address.replace("/privacy", "/readyz"), timeout=20) as answer:
            answer.read()
        cpu = _cpu(server.pid)
        with urllib.request.urlopen(address + "/en", timeout=20) as answer:
            answer.read()
        time.sleep(3)
        return _resident(server.pid), cpu
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=15)


def _cpu(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _resident(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def measure() -> dict[str, float]:
    """Measure all three for the environment this runs in."""
    root = Path(__file__).parent.parent
    with tempfile.TemporaryDirectory() as folder:
        upheld = str(Path(sys.executable).with_name("upheld"))
        resident, cpu = at_rest(upheld, Path(folder) / "data", root / "policies" / "primenumber")
    return {"installed_mb": installed_mb(Path(sys.prefix)), "resident_mb": resident, "cold_start_cpu_s": cpu}


def main() -> None:
    """Print the three figures beside their goals."""
    for name, value in measure().items():
        print(f"{name:<18} {value:8.1f}  goal {GOALS[name]:6.1f}  {value / GOALS[name]:5.2f}")


if __name__ == "__main__":
    main()
