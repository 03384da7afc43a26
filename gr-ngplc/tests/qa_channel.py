"""node_population and mains_channel: refusals, levels, chunk invariance, live changes, and both before a receiver."""
import unittest

import flow
import numpy
import pmt
from gnuradio import blocks, gr, ngplc

RATE = 192_000
# Real samples of white noise with N0 times the chip rate at 0 dB: fs / (2 Rc).
WHITE = RATE / 48_000 / 2


def run(block, samples=None, count=RATE, chunk=None):
    graph = gr.top_block()
    sink = blocks.vector_sink_f()
    if samples is None:
        block.set_max_noutput_items(chunk or 8192)
        graph.connect(block, blocks.head(gr.sizeof_float, count), sink)
    else:
        graph.connect(flow.source(samples, chunk), block, sink)
    sent = flow.store(graph, block, "sent") if "sent" in pmt.to_python(block.message_ports_out()) else None
    graph.run()
    return numpy.array(sink.data(), numpy.float32), flow.messages(sent) if sent else []


def rms(x):
    return float(numpy.sqrt(numpy.mean(numpy.square(x, dtype=numpy.float64))))


class Population(unittest.TestCase):
    def test_defaults(self):
        self.assertGreater(ngplc.node_population_f().load(), 0)
        self.assertGreater(ngplc.node_population_c("srd433").load(), 0)

    def test_refuses_with_a_reason(self):
        for wrong, said in [(dict(nodes=-1), "nodes"), (dict(interval_s=0.0), "interval_s"), (dict(payload_bytes=17), "17 bytes"),
                            (dict(nodes=100_000, interval_s=1.0), "load"), (dict(levels="x"), "levels"),
                            (dict(ebn0_db=1e3), "ebn0_db"), (dict(clock_ppm=999.0), "clock_ppm")]:
            with self.assertRaisesRegex(ValueError, said):
                ngplc.node_population_f(**wrong)

    def test_amplitude_and_what_is_sent(self):
        # 10 dB for 128 bits in 16384 chips, N0 times the chip rate at -40 dB: -40 + 10 - 21.07 dB.
        x, sent = run(ngplc.node_population_f(nodes=10, interval_s=20.0, clock_ppm=0.0), count=8 * RATE)
        self.assertGreater(len(sent), 0)
        meta = pmt.to_python(pmt.car(sent[0]))
        at = meta["sample_index"]
        self.assertFalse(x[:at - 100].any())
        self.assertEqual(len(pmt.u8vector_elements(pmt.cdr(sent[0]))), 16)
        second = pmt.to_python(pmt.car(sent[1]))["sample_index"] if len(sent) > 1 else len(x)
        alone = x[at:min(at + 65_000, second - 100, len(x))]
        self.assertGreater(len(alone), 5_000)
        self.assertAlmostEqual(20 * numpy.log10(rms(alone)), -40 + 10 - 21.07, delta=0.3)

    def test_chunks(self):
        x, _ = run(ngplc.node_population_f(nodes=50), count=RATE)
        y, _ = run(ngplc.node_population_f(nodes=50), count=RATE, chunk=100)
        numpy.testing.assert_array_equal(x, y)

    def test_none(self):
        x, sent = run(ngplc.node_population_f(nodes=0))
        self.assertFalse(x.any())
        self.assertEqual(sent, [])


class Channel(unittest.TestCase):
    def test_defaults(self):
        self.assertEqual(ngplc.mains_channel_f().delay_samples(), ngplc.mains_channel_c().delay_samples())

    def test_refuses_with_a_reason(self):
        for wrong, said in [(dict(scenario="nowhere"), "nowhere"), (dict(noise_dbfs=999.0), "noise_dbfs"),
                            (dict(impulses_per_s=-1.0), "impulses_per_s"), (dict(impulses_per_s=5.0, impulse_level_db=99.0), "level_db"),
                            (dict(tone_hz=-5.0, tone_db=0.0), "frequency_hz"), (dict(profile="srd433"), "needs complex")]:
            with self.assertRaisesRegex(ValueError, said):
                ngplc.mains_channel_f(**wrong)

    def test_a_change_that_is_refused_changes_nothing(self):
        block = ngplc.mains_channel_f()
        with self.assertRaisesRegex(ValueError, "noise_dbfs"):
            block.set_noise_dbfs(float("nan"))
        y, _ = run(block, numpy.zeros(RATE, numpy.float32))
        self.assertAlmostEqual(20 * numpy.log10(rms(y)), -40 + 10 * numpy.log10(WHITE), delta=0.1)

    def test_delay_and_chunks(self):
        x = numpy.random.default_rng(1).standard_normal(50_000).astype(numpy.float32)
        for scenario in ("", "quiet-house"):
            first, _ = run(ngplc.mains_channel_f(scenario, noise_dbfs=-200.0), x)
            again, _ = run(ngplc.mains_channel_f(scenario, noise_dbfs=-200.0), x, chunk=77)
            numpy.testing.assert_array_equal(first, again)
        delay = ngplc.mains_channel_f().delay_samples()
        y, _ = run(ngplc.mains_channel_f(noise_dbfs=-200.0), x)
        numpy.testing.assert_allclose(y[delay:], x[:-delay], atol=1e-6)

    def test_impulses_and_tone(self):
        quiet = numpy.zeros(RATE, numpy.float32)
        plain = rms(run(ngplc.mains_channel_f(), quiet)[0])
        # 100 a second of 0.1 ms at 30 dB: 1 % of the time a thousand times the power.
        noisy = rms(run(ngplc.mains_channel_f(impulses_per_s=100.0), quiet)[0])
        self.assertAlmostEqual((noisy / plain) ** 2, 1 + 0.01 * 999, delta=4)
        tone = rms(run(ngplc.mains_channel_f(tone_db=20.0), quiet)[0])
        self.assertAlmostEqual(20 * numpy.log10(tone), -20, delta=0.3)

    def test_nodes_over_a_line_into_the_receiver(self):
        graph = gr.top_block()
        nodes = ngplc.node_population_f(nodes=20, interval_s=10.0, ebn0_db=12.0)
        line, receiver = ngplc.mains_channel_f(), ngplc.random_access_receiver_f()
        seconds = 10
        graph.connect(nodes, line, blocks.head(gr.sizeof_float, seconds * RATE), receiver)
        frames, sent = flow.store(graph, receiver, "frames"), flow.store(graph, nodes, "sent")
        graph.run()
        where = {bytes(pmt.u8vector_elements(pmt.cdr(m))): pmt.to_python(pmt.car(m))["sample_index"] + line.delay_samples()
                 for m in flow.messages(sent)}
        whole = {p for p, at in where.items() if at + 66_000 < seconds * RATE}
        found = {bytes(pmt.u8vector_elements(pmt.cdr(m))): pmt.to_python(pmt.car(m))["sample_index"] for m in flow.messages(frames)}
        self.assertGreater(len(whole), 8)
        self.assertEqual(whole - set(found), set())
        for payload, at in found.items():
            self.assertAlmostEqual(at, where[payload], delta=4)


if __name__ == "__main__":
    unittest.main(argv=[__file__])
