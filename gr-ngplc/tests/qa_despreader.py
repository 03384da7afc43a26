"""despreader and preamble_taps: the symbols that were sent, whatever the clock; the preamble where it is."""
import subprocess
import sys
import tempfile
import unittest

import flow
import numpy
import pmt
from gnuradio import blocks, gr, ngplc

NGPLC = sys.argv.pop()
RATE = 192_000


def symbols_of(samples, chunk=None, **parameters):
    graph = gr.top_block()
    is_complex = samples.dtype == numpy.complex64
    receiver = (ngplc.random_access_receiver_c if is_complex else ngplc.random_access_receiver_f)(**parameters)
    despreader = (ngplc.despreader_c if is_complex else ngplc.despreader_f)(**parameters)
    first = flow.source(samples, chunk)
    # Zeros behind it: the receiver tells a frame up to some frame lengths after its end.
    tail = blocks.null_source(samples.itemsize)
    joined = blocks.stream_mux(samples.itemsize, [len(samples), 3 * RATE])
    graph.connect(first, (joined, 0))
    graph.connect(tail, (joined, 1))
    head = blocks.head(samples.itemsize, len(samples) + 3 * RATE)
    graph.connect(joined, head, receiver)
    graph.connect(head, blocks.throttle(samples.itemsize, 20 * RATE), despreader)
    graph.msg_connect(receiver, "frames", despreader, "frames")
    debug = flow.store(graph, despreader, "symbols")
    graph.run()
    return [numpy.array(pmt.c32vector_elements(pmt.cdr(m))) for m in flow.messages(debug)], despreader


class Despreader(unittest.TestCase):
    def test_defaults_and_refusals(self):
        self.assertEqual((ngplc.despreader_f().frames(), ngplc.despreader_c().missed()), (0, 0))
        with self.assertRaisesRegex(ValueError, "needs complex samples"):
            ngplc.despreader_f("srd433")

    def test_symbols(self):
        at = pmt.make_tuple(pmt.from_uint64(0), pmt.from_double(0.1))
        x, _, _, _ = flow.transmit([flow.pdu(bytes(range(16)), tx_time=at)], RATE, ngplc.modulator_f())
        x += 0.01 * numpy.random.default_rng(3).standard_normal(len(x)).astype(numpy.float32)
        found, despreader = symbols_of(x)
        self.assertEqual([len(s) for s in found], [2048])
        self.assertEqual(despreader.missed(), 0)
        # Amplitude 0.1 of real samples, noise 0.01: chips 23 dB over the noise, symbols 7 chips: 1/sqrt(2 * 7 * 200) = 0.02.
        self.assertLess(float(numpy.max(numpy.abs(numpy.abs(found[0].real) - 1))), 0.2)
        self.assertLess(float(numpy.std(found[0].imag)), 0.05)

    def test_clock_is_followed(self):
        for ppm in (-80, 80):
            with tempfile.TemporaryDirectory() as folder:
                subprocess.run([NGPLC, "tx", "--random", "1", "--clock-ppm", str(ppm), "--amplitude-dbfs", "-20", "--payload-bytes",
                                "64", f"{folder}/x"], check=True, capture_output=True)
                x = flow.Recording(f"{folder}/x").samples
            x = x + 0.01 * numpy.random.default_rng(4).standard_normal(len(x)).astype(numpy.float32)
            found, _ = symbols_of(x)
            self.assertEqual([len(s) for s in found], [8192])
            for part in numpy.array_split(found[0], 8):  # from the first to the last
                self.assertLess(float(numpy.max(numpy.abs(numpy.abs(part.real) - 1))), 0.4)
                self.assertLess(float(numpy.std(part.imag)), 0.1)

    def test_taps(self):
        with self.assertRaisesRegex(ValueError, "sequence is 99"):
            ngplc.preamble_taps("cenelec-a", 99)
        self.assertEqual(len(ngplc.frame_lengths_s("cenelec-a")), 8)
        at = pmt.make_tuple(pmt.from_uint64(0), pmt.from_double(0.1))
        for sequence in (0, 3):
            taps = numpy.array(ngplc.preamble_taps("cenelec-a", sequence))
            x, _, _, _ = flow.transmit([flow.pdu(bytes(16), tx_time=at, sequence=sequence)], RATE, ngplc.modulator_f())
            power = numpy.abs(numpy.convolve(x, taps))**2
            # Its first chip is chip 7168 of the frame; the filter's output peaks when all of it is in.
            expected = 0.1 * RATE + 7168 * 4 + (len(taps) - 1) - 64
            self.assertAlmostEqual(float(numpy.argmax(power)), expected, delta=2)
            self.assertGreater(numpy.max(power), 500 * numpy.median(power))


if __name__ == "__main__":
    unittest.main(argv=[__file__])
