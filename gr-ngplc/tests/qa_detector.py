"""preamble_detector: tags in their places whatever the blocks, false alarms as often as theory says, started again.

usage: qa_detector.py NGPLC
"""
import json
import subprocess
import sys
import tempfile
import unittest

import flow
import numpy
import pmt
from gnuradio import blocks, gr, ngplc

NGPLC = sys.argv.pop()
PREAMBLE_START = {16: 7168, 32: 14336, 64: 28672}  # chip of cenelec-a's frames: half of 2048, 4096, 8192 symbols of 7 chips


def run(graph, detector, sink):
    graph.run()
    found = [(t.offset, pmt.to_python(t.value)) for t in sink.tags() if pmt.symbol_to_string(t.key) == "preamble"]
    return numpy.array(sink.data(), numpy.float32), found


def detect(samples, chunk=None, tags=(), **parameters):
    """The output without its delay, the tags (offset in the input, value), the block."""
    detector = ngplc.preamble_detector_f(**parameters)
    delay = detector.delay_samples()
    graph = gr.top_block()
    sink = blocks.vector_sink_f()
    padded = numpy.concatenate([samples, numpy.zeros(delay, numpy.float32)])
    graph.connect(flow.source(padded, chunk, tags), detector, sink)
    out, found = run(graph, detector, sink)
    return out[delay:], [(offset - delay, value) for offset, value in found], detector, sink.tags()


class Detector(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([NGPLC, "tx", "--random", "1", "--seed", "7", "--amplitude-dbfs", "-20", "--gap-s", "0.2", f"{folder}/x"],
                           check=True, capture_output=True)
            cls.x = flow.Recording(f"{folder}/x").samples
            with open(f"{folder}/x.sigmf-meta") as meta:
                frame = json.load(meta)["annotations"][0]
        cls.start = frame["ngplc:start"] + 4 * PREAMBLE_START[16]
        cls.sequence = frame["ngplc:sequence"]
        # E_c/N_0 of 0.1 (rms of the frame) in real noise of 0.2: a chip's noise is 2 s^2 Rc/fs = 0.02, -3 dB; the statistic of a
        # preamble of 2048 chips is some 2048 * 0.33.
        cls.x = cls.x + 0.2 * numpy.random.default_rng(1).standard_normal(len(cls.x)).astype(numpy.float32)

    def test_a_tag_at_the_first_chip(self):
        mark = flow.time_tag(12345, 3.0)
        out, found, detector, tags = detect(self.x, tags=[mark])
        numpy.testing.assert_array_equal(out, self.x)
        strongest = max(found, key=lambda tag: tag[1]["detection"])
        self.assertEqual(strongest[1]["sequence"], self.sequence)
        # A quarter chip is the grid of the search: one sample.
        self.assertAlmostEqual(strongest[0] + strongest[1]["sample_fraction"], self.start, delta=1)
        self.assertGreater(strongest[1]["detection"], 300)
        self.assertEqual(detector.detections(), len(found))
        moved = [t.offset for t in tags if pmt.symbol_to_string(t.key) == "rx_time"]
        self.assertEqual(moved, [12345 + detector.delay_samples()])

    def test_blocks_of_any_size(self):
        whole = detect(self.x)[1]
        for chunk in (1000, 4097):
            found = detect(self.x, chunk)[1]
            self.assertEqual([(at, v["sequence"]) for at, v in found], [(at, v["sequence"]) for at, v in whole])
            for (_, a), (_, b) in zip(found, whole):
                self.assertAlmostEqual(a["detection"], b["detection"], delta=1e-3 * b["detection"])

    def test_started_again_it_begins_anew(self):
        detector = ngplc.preamble_detector_f()
        delay = detector.delay_samples()
        padded = numpy.concatenate([self.x, numpy.zeros(delay, numpy.float32)])
        graph, source, sink = gr.top_block(), flow.source(padded), blocks.vector_sink_f()
        graph.connect(source, detector, sink)
        first, found = run(graph, detector, sink)
        source.rewind()
        sink.reset()
        second, again = run(graph, detector, sink)
        numpy.testing.assert_array_equal(first, second)
        self.assertEqual([v["sequence"] for _, v in found], [v["sequence"] for _, v in again])

    # 20 s of noise at threshold 9. Theory for continuous time is what noise_detections_per_s() gives; the grid of a quarter chip
    # misses some of its peaks (lower bound: half), and none is found that is not there (upper bound: theory), with five
    # Poisson deviations either side.
    def test_noise_alone(self):
        x = numpy.random.default_rng(2).standard_normal(20 * 192000).astype(numpy.float32)
        _, found, detector, _ = detect(x, threshold=9.0)
        expected = 20 * detector.noise_detections_per_s()
        self.assertGreater(expected, 100)
        self.assertLess(len(found), expected + 5 * expected**0.5)
        self.assertGreater(len(found), expected / 2 - 5 * (expected / 2)**0.5)
        self.assertEqual(detect(x[:5 * 192000])[1], [])

    def test_complex_samples(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([NGPLC, "tx", "--profile", "srd868", "--random", "1", "--amplitude-dbfs", "-20", f"{folder}/x"], check=True,
                           capture_output=True)
            recording = flow.Recording(f"{folder}/x")
        detector = ngplc.preamble_detector_c(threshold=100.0, **recording.parameters)
        graph, sink = gr.top_block(), blocks.vector_sink_c()
        padded = numpy.concatenate([recording.samples, numpy.zeros(detector.delay_samples(), numpy.complex64)])
        rng = numpy.random.default_rng(3)
        noise = 0.01 * (rng.standard_normal(len(padded)) + 1j * rng.standard_normal(len(padded)))
        graph.connect(flow.source((padded + noise).astype(numpy.complex64)), detector, sink)
        graph.run()
        self.assertGreater(detector.detections(), 0)

    def test_refuses_with_a_reason(self):
        for wrong, said in [(dict(threshold=4.0), "threshold is 4"), (dict(profile="nowhere"), "nowhere"), (dict(profile="srd433"), "complex")]:
            with self.assertRaisesRegex(ValueError, said):
                ngplc.preamble_detector_f(**wrong)


if __name__ == "__main__":
    unittest.main(argv=[__file__])
