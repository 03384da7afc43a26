"""The loopback with windows: runs under Xvfb, its sliders are moved while it runs, and something is to be seen.

With NGPLC_SCREENSHOT=FILE.png in the environment the window is kept there.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = pathlib.Path(tempfile.mkdtemp(prefix="ngplc-gui-"))

# Runs in the display: what a person would do, then a picture and what the blocks counted.
DRIVER = """
import json, sys
sys.path.insert(0, sys.argv[1])
import loopback
from PyQt5 import Qt
app = Qt.QApplication([])
window = loopback.loopback()
loopback.snippets_main_after_init(window)
window.start()
window.show()
def move():
    window.set_impulses_per_s(20)
    window.set_tone_db(20)
    window.set_nodes(30)
    window.set_ebn0_db(12)
def look():
    # On a busy machine the signal is slower than its time.
    global looks
    looks += 1
    if looks < 12 or (window.monitor.counts["decoded"] < 6 and looks < 60):
        return
    timer.stop()
    picture = window.grab().toImage()
    picture.save(sys.argv[2])
    colours = {picture.pixel(x, y) for x in range(0, picture.width(), 3) for y in range(0, picture.height(), 3)}
    window.stop()
    window.wait()
    print(json.dumps({"width": picture.width(), "height": picture.height(), "colours": len(colours), **window.monitor.counts,
                      "despread": window.despreader.frames(), "missed": window.despreader.missed()}))
    app.quit()
looks = 0
Qt.QTimer.singleShot(8000, move)
timer = Qt.QTimer()
timer.timeout.connect(look)
timer.start(1000)
app.exec_()
"""


class Gui(unittest.TestCase):
    @unittest.skipUnless(shutil.which("xvfb-run"), "xvfb-run is not installed (Debian: xvfb, xauth)")
    def test_loopback(self):
        subprocess.run(["/usr/bin/grcc", "-o", OUT, ROOT / "flowgraphs/loopback.grc"], check=True, capture_output=True)
        (OUT / "driver.py").write_text(DRIVER)
        picture = os.environ.get("NGPLC_SCREENSHOT", str(OUT / "loopback.png"))
        command = ["xvfb-run", "-a", "-s", "-screen 0 1660x1000x24", sys.executable, OUT / "driver.py", OUT, picture]
        run = subprocess.run(command, capture_output=True, text=True, timeout=200, stdin=subprocess.DEVNULL)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertNotIn("error", run.stderr.lower())
        seen = json.loads(run.stdout.splitlines()[-1])
        self.assertGreaterEqual(seen["width"], 1600)
        self.assertGreater(seen["colours"], 200)
        self.assertGreater(seen["decoded"], 5, seen)
        self.assertGreater(seen["despread"], 0.5 * seen["decoded"], seen)


if __name__ == "__main__":
    unittest.main(argv=[__file__])
