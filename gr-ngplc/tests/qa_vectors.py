"""Every recording of testvectors through the receiver block, for several buffer sizes: the frames of `ngplc rx` bit for bit
and at the same samples. Measured numbers agree to rounding with another process, whose FFT plans are others, and exactly
between buffer sizes.

usage: qa_vectors.py NGPLC
"""
import json
import subprocess
import sys
import unittest

import flow

NGPLC = sys.argv.pop()
EXACT = ["sample_index", "sequence", "code_bits"]
MEASURED = ["sample_fraction", "snr_db", "ebn0_db", "carrier_offset_hz", "clock_offset_ppm", "residual_db",
            "corrected_bits", "detection"]


def library_frames(stem):
    run = subprocess.run([NGPLC, "rx", "--json", f"{stem}.sigmf-meta"], check=True, capture_output=True, text=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


class Vectors(unittest.TestCase):
    def check(self, frames, expected):
        self.assertEqual([payload.hex() for _, payload in frames], [f["payload"] for f in expected])
        for (meta, _), want in zip(frames, expected):
            self.assertEqual({k: meta[k] for k in EXACT}, {k: want[k] for k in EXACT})
            self.assertEqual(meta["stream_offset"], want["sample_index"])
            for key in MEASURED:
                self.assertAlmostEqual(meta[key], want[key], delta=1e-3 * max(abs(want[key]), 1) + (key == "corrected_bits"),
                                       msg=key)

    def test_vectors(self):
        stems = sorted(path.with_suffix("") for path in flow.VECTORS.glob("*.sigmf-meta"))
        self.assertGreaterEqual(len(stems), 24)
        for stem in stems:
            expected = library_frames(stem)
            recording = flow.Recording(stem)
            first = None
            # The scheduler's own choice, a network packet, large buffers, a few samples at a time where that is quick.
            sizes = [{}, dict(chunk=363), dict(buffer=200_000)]
            for size in sizes + [dict(chunk=7)] * (len(recording.samples) < 110_000):
                with self.subTest(recording=stem.name, **size):
                    frames, status = flow.receive(recording.samples, **size, **recording.parameters)
                    self.assertEqual(status[-1]["event"], "end")
                    self.assertEqual(status[-1]["samples"], len(recording.samples))
                    self.check(frames, expected)
                    first = first or frames
                    self.assertEqual(frames, first)


if __name__ == "__main__":
    unittest.main()
