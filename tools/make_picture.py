"""Writes docs/images/diagnosis.png: what a terminal shows of `netwright demo`. Needs scikit-learn and Chromium.

python tools/make_picture.py [path to chromium]
"""

import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

WIDTH = 100
OUT = Path(__file__).resolve().parent.parent / "docs" / "images" / "diagnosis.png"


def main() -> None:
    """Run the demo in a folder of its own and picture what it says."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(WIDTH), "PYTHONWARNINGS": "ignore"}
        command = [sys.executable, "-m", "netwright", "demo"]
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=True
        )
        page = str(Path(folder).resolve())
        said = done.stderr.replace(page + "/", "").partition("\nnetwright: open")[0]
        lines = ["$ netwright demo", *done.stdout.splitlines()[-2:], *said.splitlines()[2:]]
        console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
        console.print(Text.from_ansi("\n".join(lines)))
        svg = console.export_svg(title="netwright", theme=MONOKAI)
        draw(svg, Path(folder), sys.argv[1] if len(sys.argv) > 1 else "chromium")
    print(f"wrote {OUT}")


def draw(svg: str, folder: Path, chromium: str) -> None:
    """The SVG as a PNG, twice as fine."""
    width, height = svg.partition('viewBox="0 0 ')[2].partition('"')[0].split()
    page = folder / "picture.html"
    page.write_text(f"<body style='margin:0;background:#fff'>{svg}</body>", encoding="utf-8")
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--force-device-scale-factor=1.5",
    ]
    size = f"--window-size={round(float(width))},{round(float(height)) + 1}"
    subprocess.run(
        [chromium, *flags, size, f"--screenshot={OUT}", page.as_uri()], check=True, capture_output=True
    )


if __name__ == "__main__":
    main()
