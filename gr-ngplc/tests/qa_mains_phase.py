"""mains_phase: zero crossings where they are whatever the blocks, from each reference; none in noise; gaps, a long run."""
import unittest

import flow
import numpy
import pmt
from gnuradio import blocks, gr, ngplc

RATE = 48_000
STEP = 24  # samples of half a millisecond


def voltage(seconds, hz=50.02, turns=0.3, rate=RATE, noise=0.0, seed=1):
    """The voltage of a mains that is at so many turns in sample 0, 0 where it rises through zero."""
    t = numpy.arange(int(seconds * rate)) / rate
    x = numpy.sin(2 * numpy.pi * (hz * t + turns)) + noise * numpy.random.default_rng(seed).standard_normal(len(t))
    return x.astype(numpy.float32)


def run(samples, second=None, chunk=None, tags=(), **parameters):
    """Samples that come out, tags by key as (offset, value), and the block."""
    is_complex = samples.dtype == numpy.complex64
    block = (ngplc.mains_phase_c if is_complex else ngplc.mains_phase_f)(**parameters)
    graph, sink = gr.top_block(), (blocks.vector_sink_c if is_complex else blocks.vector_sink_f)()
    graph.connect(flow.source(samples, chunk, tags), block, sink)
    if second is not None:
        graph.connect(flow.source(second, chunk), (block, 1))
    graph.run()
    found = {}
    for tag in sink.tags():
        found.setdefault(pmt.symbol_to_string(tag.key), []).append((tag.offset, pmt.to_python(tag.value)))
    return numpy.array(sink.data(), samples.dtype), found, block


class MainsPhase(unittest.TestCase):
    def check(self, found, hz, turns, tolerance, rate=RATE, after=0):
        """Every crossing after `after` has one tag, at the first sample behind it, and the phase there is right."""
        at = [(offset, value) for offset, value in found["mains_phase"] if offset >= after]
        self.assertGreater(len(at), 10)
        last = None
        for offset, value in at:
            truth = hz * offset / rate + turns
            error = (value - truth + 0.5) % 1 - 0.5
            self.assertLess(abs(error), tolerance, offset)
            beyond = value % 0.5  # a sample behind the crossing, and what a correction of the loop passed over
            self.assertLess(beyond, hz / rate + 0.015)
            if last is not None:
                self.assertAlmostEqual(offset - last, rate / hz / 2, delta=1 + 2 * tolerance * rate / hz)
            last = offset

    def test_defaults_and_refusals(self):
        for block in (ngplc.mains_phase_f(), ngplc.mains_phase_c("noise")):
            self.assertEqual((block.locked(), block.frequency_hz(), block.locks()), (False, 0, 0))
        for make, wrong, said in [
                (ngplc.mains_phase_f, dict(reference="moon"), "reference is moon, expected samples"),
                (ngplc.mains_phase_c, dict(reference="samples"), "needs float"),
                (ngplc.mains_phase_f, dict(sample_rate_hz=100.0), "sample_rate_hz is 100"),
                (ngplc.mains_phase_f, dict(sample_rate_hz=float("nan")), "sample_rate_hz"),
                (ngplc.mains_phase_f, dict(reference="noise", sample_rate_hz=1000.0), "does not hold"),
                (ngplc.mains_phase_f, dict(profile="nowhere"), "nowhere")]:
            with self.assertRaisesRegex(ValueError, said):
                make(**wrong)

    # A degree, once the loop (damped by 0.7, 0.3 a tenth of a second: a time of 0.7 s) has forgotten that the frequency was
    # found to 0.03 Hz, which is 1.5 degrees in as long. Noise 20 dB below the voltage is far below: 0.1/sqrt(2000) radians.
    # Of 16.7 Hz a tenth of a second is no whole number of cycles, whose rest moves the loop by a degree or two.
    def test_voltage_of_every_mains(self):
        for hz, tolerance in ((50.02, 1 / 360), (59.9, 1 / 360), (16.69, 3 / 360)):
            x = voltage(5, hz, 0.3, noise=0.07)
            out, found, block = run(x, sample_rate_hz=RATE)
            numpy.testing.assert_array_equal(out, x)
            self.check(found, hz, 0.3, tolerance, after=RATE * 3)
            self.assertEqual([v for _, v in found["mains_lock"]], [True])
            # It takes a second, and is said where the next step begins.
            self.assertEqual(found["mains_lock"][0][0] % STEP, 0)
            self.assertLessEqual(found["mains_lock"][0][0], 1.2 * RATE)
            self.assertAlmostEqual(found["mains_frequency"][-1][1], hz, delta=0.02)
            self.assertEqual([o for o, _ in found["mains_frequency"]], [o for o, _ in found["mains_phase"]])
            self.assertTrue(block.locked())
            self.assertAlmostEqual(block.frequency_hz(), hz, delta=0.02)

    def test_voltage_in_a_second_input(self):
        x = numpy.zeros(4 * RATE, numpy.float32)
        out, found, _ = run(x, voltage(4), reference="voltage", sample_rate_hz=RATE, tags=[flow.time_tag(0, 7.0)])
        numpy.testing.assert_array_equal(out, x)
        self.check(found, 50.02, 0.3, 1 / 360, after=RATE * 3)
        self.assertEqual([o for o, _ in found["rx_time"]], [0])

    def test_pulses_at_rising_crossings(self):
        phase = numpy.arange(4 * RATE) * 50.02 / RATE + 0.3
        pulses = numpy.diff(numpy.floor(phase), prepend=0).astype(numpy.float32)
        _, found, _ = run(numpy.zeros(len(pulses), numpy.complex64), pulses, reference="crossings", sample_rate_hz=RATE)
        # Half a value: 0.25 ms. Which pulse of its harmonics is the strongest is chance: the phase may be half a turn off.
        offset, value = found["mains_phase"][-1]
        half = round(2 * (value - offset * 50.02 / RATE - 0.3)) / 2
        self.check(found, 50.02, 0.3 + half, 0.0125, after=RATE * 2)

    # 10 dB for a tenth of every half cycle, as the library's own test of the tracker has it: within 3 degrees there.
    def test_bursts_of_noise(self):
        rng, rate = numpy.random.default_rng(3), 192_000
        x = 0.1 * rng.standard_normal(8 * rate)
        turns = numpy.arange(len(x)) * 50.01 / rate
        x[(2 * turns) % 1 < 0.1] *= 10**0.5
        out, found, _ = run(x.astype(numpy.float32), reference="noise")
        numpy.testing.assert_array_equal(out, x.astype(numpy.float32))
        late = [(o, v) for o, v in found["mains_phase"] if o > 5 * rate]
        self.assertGreater(len(late), 250)
        shift = [(v - o * 50.01 / rate + 0.5 - late[0][1] + late[0][0] * 50.01 / rate) % 1 - 0.5 for o, v in late]
        self.assertLess(numpy.std(shift), 3 / 360)

    def test_blocks_of_any_size(self):
        x = voltage(3, noise=0.1)
        whole = run(x, sample_rate_hz=RATE)[1]
        for chunk in (1, 777, 4800):
            part = x if chunk > 1 else x[:int(1.5 * RATE)]
            found = run(part, chunk=chunk, sample_rate_hz=RATE)[1]
            self.assertEqual(found, {k: [(o, v) for o, v in tags if o < len(part)] for k, tags in whole.items()})

    # Ten looks a second at three grids with 1e-8 each.
    def test_noise_alone(self):
        x = numpy.random.default_rng(2).standard_normal(60 * 4000).astype(numpy.float32)
        self.assertEqual(run(x, sample_rate_hz=4000.0)[1], {})
        self.assertEqual(run(x[:5 * 48_000], reference="noise")[1], {})
        self.assertEqual(run(numpy.zeros(12_000, numpy.float32), sample_rate_hz=4000.0)[1], {})

    def test_not_a_number_and_no_end(self):
        x = voltage(4)
        x[RATE * 2:RATE * 2 + 50] = numpy.nan
        x[RATE * 2 + 100] = numpy.inf
        _, found, _ = run(x, sample_rate_hz=RATE)
        self.check(found, 50.02, 0.3, 3 / 360, after=RATE * 3)

    def test_a_new_time_is_a_new_search(self):
        x = voltage(6)
        cut = 2 * RATE + 17
        _, found, block = run(x, sample_rate_hz=RATE, tags=[flow.time_tag(0, 1.0), flow.time_tag(cut, 9.0)])
        self.assertEqual([v for _, v in found["mains_lock"]], [True, False, True])
        self.assertEqual(found["mains_lock"][1][0], cut)
        again = found["mains_lock"][2][0]
        self.assertAlmostEqual(again - cut, RATE, delta=0.2 * RATE)
        self.assertEqual([o for o, _ in found["mains_phase"] if cut <= o < again], [])
        self.assertEqual([o for o, _ in found["rx_time"]], [0, cut])
        self.assertEqual(block.locks(), 2)

    def test_a_mains_that_ends_is_lost(self):
        x = numpy.concatenate([voltage(2), 0.01 * numpy.random.default_rng(1).standard_normal(3 * RATE).astype(numpy.float32)])
        _, found, block = run(x, sample_rate_hz=RATE)
        self.assertEqual([v for _, v in found["mains_lock"]], [True, False])
        self.assertFalse(block.locked())
        self.assertEqual(block.frequency_hz(), 0)

    def test_started_again_it_begins_anew(self):
        block = ngplc.mains_phase_f(sample_rate_hz=RATE)
        graph, source, sink = gr.top_block(), flow.source(voltage(2)), blocks.vector_sink_f()
        graph.connect(source, block, sink)
        seen = []
        for _ in range(2):
            graph.run()
            seen.append([(t.offset, pmt.to_python(t.value)) for t in sink.tags()])
            source.rewind()
            sink.reset()
        self.assertGreater(len(seen[0]), 50)
        self.assertEqual(seen[0], seen[1])

    def test_long_run(self):
        samples, rate, hz = 10_000_000, 20_000, 50
        cycle = voltage(1 / hz, hz, 0.0, rate)
        block = ngplc.mains_phase_f(sample_rate_hz=rate)
        graph, debug = gr.top_block(), blocks.tag_debug(gr.sizeof_float, "", "mains_phase")
        debug.set_display(False)
        debug.set_save_all(True)
        graph.connect(blocks.vector_source_f(cycle, True), blocks.head(gr.sizeof_float, samples), block, debug)
        graph.run()
        offsets = numpy.array([t.offset for t in debug.current_tags()])
        self.assertEqual(block.locks(), 1)
        self.assertAlmostEqual(len(offsets), 2 * hz * (samples / rate - 1), delta=15)
        # The last ones are where the first were: nothing adds up over 25 000 cycles. A sample is 0.9 degrees.
        self.assertLessEqual(set((offsets[-1000:] % (rate // hz // 2)).tolist()), {0, 1, rate // hz // 2 - 1})


if __name__ == "__main__":
    unittest.main(argv=[__file__])
