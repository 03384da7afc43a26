"""noise_front_end: samples as they came, weights where bursts are, a spectrum that shows lines; whatever the blocks, at gaps, for long."""
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
RATE, CHIP_RATE, CARRIER, BINS = 192_000, 48_000, 63_000, 1024


def noise(seconds, seed=1):
    return 0.1 * numpy.random.default_rng(seed).standard_normal(int(seconds * RATE)).astype(numpy.float32)


def run(samples, chunk=None, tags=(), outputs=3, **parameters):
    """Samples, weights without the delay, spectra as rows, tags (offset in the input, key), the block."""
    is_complex = samples.dtype == numpy.complex64
    block = (ngplc.noise_front_end_c if is_complex else ngplc.noise_front_end_f)(**parameters)
    delay = block.delay_samples()
    graph, out = gr.top_block(), (blocks.vector_sink_c if is_complex else blocks.vector_sink_f)()
    weights, spectra = blocks.vector_sink_f(), blocks.vector_sink_f(BINS)
    graph.connect(flow.source(numpy.concatenate([samples, noise(delay / RATE + 1e-4, 99)[:delay].astype(samples.dtype)]), chunk, tags),
                  block, out)
    if outputs > 1:
        graph.connect((block, 1), weights)
    if outputs > 2:
        graph.connect((block, 2), spectra)
    graph.run()
    seen = [(t.offset - delay, pmt.symbol_to_string(t.key)) for t in out.tags()]
    return (numpy.array(out.data(), samples.dtype)[delay:], numpy.array(weights.data())[delay:],
            numpy.array(spectra.data()).reshape(-1, BINS), seen, block)


class NoiseFrontEnd(unittest.TestCase):
    def test_defaults_and_refusals(self):
        for block in (ngplc.noise_front_end_f(), ngplc.noise_front_end_c()):
            self.assertEqual((block.spectrum_bins(), block.noise_class()), (BINS, "white"))
        for wrong, said in [(dict(profile="nope"), "unknown profile"), (dict(profile="srd433"), "needs complex samples"),
                            (dict(sample_rate_hz=1000.0), "does not hold"), (dict(spectrum_interval_s=0.0), "spectrum_interval_s")]:
            with self.assertRaisesRegex(ValueError, said):
                ngplc.noise_front_end_f(**wrong)

    # White noise: every weight is 1 exactly (weights that gain nothing are), no line is seen: a bin is the median of those around.
    def test_white_noise(self):
        x = noise(4)
        out, weights, spectra, tags, block = run(x, tags=[flow.time_tag(0, 3.0), flow.time_tag(4321, 3.0 + 4321 / RATE)])
        numpy.testing.assert_array_equal(out, x)
        self.assertEqual(tags, [(0, "rx_time"), (4321, "rx_time")])
        self.assertEqual(len(weights), len(x))
        self.assertGreater(numpy.mean(weights == 1), 0.99)
        self.assertGreater(len(spectra), 25)
        self.assertLess(numpy.abs(spectra[-1]).max(), 1)
        self.assertEqual(block.noise_class(), "white")

    # 20 dB for 2 ms every 20 ms: a burst's chips count for a hundredth. 3 chips either side are of both.
    def test_bursts(self):
        x = noise(4)
        burst = numpy.arange(len(x)) % (RATE // 50) < RATE // 500
        x[burst] *= 10
        out, weights, _, _, block = run(x)
        numpy.testing.assert_array_equal(out, x)
        late = numpy.arange(len(x)) > RATE
        edge = numpy.convolve(burst, numpy.ones(25), "same") % 25 != 0
        self.assertAlmostEqual(10 * numpy.log10(numpy.mean(weights[late & burst & ~edge])), -20, delta=1.5)
        self.assertAlmostEqual(10 * numpy.log10(numpy.mean(weights[late & ~burst & ~edge])), 0, delta=0.7)
        self.assertEqual(block.noise_class(), "bursts")

    # The library's receiver is asked for the same line.
    def test_a_line_is_where_the_receiver_sees_it(self):
        x = noise(5)
        x += 0.05 * numpy.cos(2 * numpy.pi * 70_200 / RATE * numpy.arange(len(x))).astype(numpy.float32)
        out, _, spectra, _, block = run(x)
        numpy.testing.assert_array_equal(out, x)
        self.assertEqual(block.noise_class(), "lines")
        at = CARRIER - CHIP_RATE / 2 + CHIP_RATE / BINS * spectra[-1].argmax()
        self.assertAlmostEqual(at, 70_200, delta=0.6 * CHIP_RATE / BINS)
        with tempfile.TemporaryDirectory() as folder:
            x.tofile(f"{folder}/x.sigmf-data")
            with open(f"{folder}/x.sigmf-meta", "w") as meta:
                json.dump({"global": {"core:datatype": "rf32_le", "core:version": "1.0.0", "core:sample_rate": RATE},
                           "captures": [{"core:sample_start": 0}], "annotations": []}, meta)
            run_ = subprocess.run([NGPLC, "rx", f"{folder}/x", "--profile", "cenelec-a", "--json", "--status"], capture_output=True, text=True, check=True)
        lines = json.loads(run_.stdout.splitlines()[-1])["noise"]["lines"]
        self.assertEqual(len(lines), 1)
        self.assertAlmostEqual(lines[0]["frequency_hz"], at, delta=1)
        self.assertAlmostEqual(lines[0]["over_background_db"], spectra[-1].max(), delta=1)

    def test_blocks_of_any_size(self):
        x = noise(2)
        x[numpy.arange(len(x)) % 3840 < 384] *= 10
        whole = run(x)
        for chunk in (100, 4097):
            found = run(x, chunk)
            for a, b in zip(found[:3], whole[:3]):
                numpy.testing.assert_array_equal(a, b)

    # The samples alone, or with weights, are what they are with all.
    def test_outputs_that_are_not_connected(self):
        x = noise(1)
        x[numpy.arange(len(x)) % 3840 < 384] *= 10
        whole = run(x)
        numpy.testing.assert_array_equal(run(x, outputs=1)[0], whole[0])
        numpy.testing.assert_array_equal(run(x, outputs=2)[1], whole[1])

    def test_a_new_time_is_learned_anew(self):
        x = noise(4)
        x[numpy.arange(len(x)) % 3840 < 384] *= 10
        cut = 2 * RATE + 7
        out, weights, spectra, _, _ = run(x, tags=[flow.time_tag(0, 1.0), flow.time_tag(cut, 77.0)])
        numpy.testing.assert_array_equal(out, x)
        alone = run(x[cut:])
        numpy.testing.assert_array_equal(weights[cut:], alone[1])
        numpy.testing.assert_array_equal(spectra[-1], alone[2][-1])

    def test_started_again_it_begins_anew(self):
        block = ngplc.noise_front_end_f()
        x = noise(1)
        x[numpy.arange(len(x)) % 3840 < 384] *= 10
        graph, source, sink = gr.top_block(), flow.source(x), blocks.vector_sink_f()
        graph.connect(source, block, blocks.null_sink(gr.sizeof_float))
        graph.connect((block, 1), sink)
        seen = []
        for _ in range(2):
            graph.run()
            seen.append(numpy.array(sink.data()))
            source.rewind()
            sink.reset()
        numpy.testing.assert_array_equal(seen[0], seen[1])

    def test_not_a_number(self):
        x = noise(3)
        x[RATE:RATE + 100] = numpy.nan
        out, weights, _, _, _ = run(x)
        numpy.testing.assert_array_equal(out, x)
        self.assertEqual(set(weights[2 * RATE:]), {1.0})

    def test_complex_samples(self):
        rng = numpy.random.default_rng(1)
        x = (0.1 * (rng.standard_normal(500_000) + 1j * rng.standard_normal(500_000))).astype(numpy.complex64)
        out, weights, spectra, _, _ = run(x, profile="srd868")
        numpy.testing.assert_array_equal(out, x)
        self.assertEqual(len(weights), len(x))
        self.assertGreater(len(spectra), 0)

    def test_long_run(self):
        samples = 10_000_000
        block = ngplc.noise_front_end_f()
        graph, last = gr.top_block(), blocks.vector_sink_f()
        graph.connect(blocks.vector_source_f(noise(1), True), blocks.head(gr.sizeof_float, samples), block,
                      blocks.skiphead(gr.sizeof_float, samples - RATE), last)
        ones = blocks.vector_sink_f()
        graph.connect((block, 1), blocks.skiphead(gr.sizeof_float, samples - RATE), ones)
        graph.run()
        self.assertEqual((len(last.data()), len(ones.data())), (RATE, RATE))
        at = (samples - RATE - block.delay_samples()) % RATE
        numpy.testing.assert_array_equal(numpy.array(last.data(), numpy.float32), numpy.roll(noise(1), -at))
        self.assertGreater(numpy.mean(numpy.array(ones.data()) == 1), 0.99)


if __name__ == "__main__":
    unittest.main(argv=[__file__])
