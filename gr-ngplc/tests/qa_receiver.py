"""random_access_receiver: refusals, noise, gaps, times, wrong rates, candidates, a long run."""
import unittest

import flow
import numpy
import pmt
from gnuradio import blocks, gr, ngplc

RATE = 192_000


def line(frames=3, seconds=2.0, noise=0.01, seed=1):
    """Samples with frames of 16 bytes on a quiet line, and their payloads."""
    payloads = [bytes([seed, k] * 8) for k in range(frames)]
    pdus = [flow.pdu(p, tx_time=pmt.make_tuple(pmt.from_uint64(0), pmt.from_double(0.1 + 0.45 * k)))
            for k, p in enumerate(payloads)]
    x, sent, _, _ = flow.transmit(pdus, int(seconds * RATE), ngplc.modulator_f())
    rng = numpy.random.default_rng(seed)
    return x + noise * rng.standard_normal(len(x)).astype(numpy.float32), payloads, sent


class Receiver(unittest.TestCase):
    def test_defaults(self):
        for block in (ngplc.random_access_receiver_f(), ngplc.random_access_receiver_c()):
            self.assertEqual(block.counters()["frames"], 0)

    def test_refuses_with_a_reason(self):
        for wrong, said in [
                (dict(profile="nope"), "unknown profile"), (dict(profile="srd433"), "needs complex samples"),
                (dict(sample_rate_hz=1000.0), "does not hold"), (dict(sample_rate_hz=float("nan")), "sample_rate_hz"),
                (dict(threads=0), "threads"), (dict(max_clock_ppm=1e6), "max_clock_ppm"),
                (dict(status_interval_s=0.0), "status_interval_s"), (dict(profile="missing.toml"), "missing.toml")]:
            with self.assertRaisesRegex(ValueError, said):
                ngplc.random_access_receiver_f(**wrong)

    def test_frames_and_where_they_are(self):
        x, payloads, sent = line()
        frames, status = flow.receive(x)
        self.assertEqual([p for _, p in frames], payloads)
        for (meta, _), pdu in zip(frames, sent):
            self.assertEqual(meta["sample_index"], pmt.to_python(pmt.car(pdu))["sample_index"])
            self.assertEqual(meta["profile"], "cenelec-a")
            self.assertNotIn("rx_time", meta)
        self.assertEqual(status[-1]["event"], "end")
        self.assertEqual(status[-1]["frames"], len(payloads))

    def test_noise_gives_nothing(self):
        rng = numpy.random.default_rng(5)
        frames, status = flow.receive(0.1 * rng.standard_normal(5 * RATE).astype(numpy.float32))
        self.assertEqual(frames, [])
        self.assertEqual(status[-1]["samples"], 5 * RATE)
        self.assertAlmostEqual(status[-1]["noise_dbfs"], -20, delta=0.5)
        self.assertEqual([s["event"] for s in status], ["status"] * 5 + ["end"])

    def test_not_a_number(self):
        x, payloads, _ = line()
        x[RATE:RATE + 100] = numpy.nan
        frames, status = flow.receive(x)
        self.assertEqual([p for _, p in frames], payloads)
        self.assertEqual(status[-1]["nonfinite_samples"], 100)

    def test_time_of_frames(self):
        x, payloads, _ = line(frames=2)
        frames, status = flow.receive(x, tags=[flow.time_tag(0, 1_700_000_000.25)])
        self.assertEqual(status[-1]["gaps"], 0)
        for k, (meta, _) in enumerate(frames):
            seconds, fraction = meta["rx_time"]
            self.assertAlmostEqual(seconds - 1_700_000_000 + fraction, 0.25 + 0.1 + 0.45 * k, delta=1e-6)

    def test_short_gap_is_bridged(self):
        x, payloads, _ = line()
        cut, missing = int(0.3 * RATE), 1000  # within the first frame
        y = numpy.concatenate([x[:cut], x[cut + missing:]])
        tags = [flow.time_tag(0, 10.0), flow.time_tag(cut, 10.0 + (cut + missing) / RATE)]
        frames, status = flow.receive(y, tags=tags)
        self.assertEqual([p for _, p in frames], payloads)
        gap = [s for s in status if s["event"] == "gap"]
        self.assertEqual([g["missing_samples"] for g in gap], [missing])
        for k, (meta, _) in enumerate(frames):
            self.assertAlmostEqual(meta["sample_index"], (0.1 + 0.45 * k) * RATE, delta=1)
            self.assertEqual(meta["sample_index"] - meta["stream_offset"], missing if k else 0)
            self.assertAlmostEqual(sum(meta["rx_time"]), 10.1 + 0.45 * k, delta=1e-5)

    def test_gap_of_unknown_length_is_a_new_start(self):
        x, payloads, _ = line()
        cut = int(1.02 * RATE)  # within the third frame
        frames, status = flow.receive(x, tags=[flow.time_tag(cut, 99.0)])
        self.assertEqual([p for _, p in frames], payloads[:2])
        self.assertEqual(status[-1]["gaps"], 1)
        self.assertEqual(status[-1]["samples"], len(x))

    def test_wrong_rate_is_said(self):
        tag = gr.tag_t()
        tag.offset, tag.key, tag.value = 0, pmt.intern("rx_rate"), pmt.from_double(48_000)
        _, status = flow.receive(numpy.zeros(RATE, numpy.float32), tags=[tag])
        self.assertEqual(status[-1]["rate_mismatches"], 1)
        self.assertIn("expected 192000", [s for s in status if s["event"] == "rate"][0]["reason"])

    def test_candidates_say_why(self):
        x, _, _ = line(noise=3.0)  # hopeless
        graph = gr.top_block()
        block = ngplc.random_access_receiver_f(trace=True)
        graph.connect(flow.source(x), block)
        died = flow.store(graph, block, "candidates")
        graph.run()
        reasons = {pmt.to_python(m)["stage"] for m in flow.messages(died)}
        self.assertTrue(reasons <= {"detection", "vetting", "decoding", "metric", "decoded"}, reasons)
        self.assertTrue(reasons)

    def test_runs_twice(self):
        graph = gr.top_block()
        block = ngplc.random_access_receiver_f()
        x, payloads, _ = line()
        graph.connect(flow.source(x), block)
        frames = flow.store(graph, block, "frames")
        graph.run()
        graph.disconnect_all()
        graph.connect(flow.source(x), block)
        graph.run()
        found = [pmt.to_python(pmt.car(m))["sample_index"] for m in flow.messages(frames)]
        self.assertEqual(len(found), 2 * len(payloads))
        self.assertEqual([b - a for a, b in zip(found, found[len(payloads):])], [len(x)] * len(payloads))

    def look_inside(self, x, chunk=None, tags=(), ports=("residual", "weights", "correlation")):
        """Frames, and of each port (meta, values) a message."""
        graph, block = gr.top_block(), ngplc.random_access_receiver_f()
        graph.connect(flow.source(x, chunk, tags), block)
        stores = [flow.store(graph, block, port) for port in ("frames", *ports)]
        graph.run()
        frames, *inside = [[pmt.to_python(m) for m in flow.messages(store)] for store in stores]
        return [(meta, bytes(payload)) for meta, payload in frames], dict(zip(ports, inside))

    def joined(self, messages, rate):
        """The values of messages that follow each other without gap, from sample 0 on."""
        at = 0
        for meta, values in messages:
            self.assertEqual(meta["sample_rate_hz"], rate)
            self.assertAlmostEqual(meta["sample_index"] + meta["sample_fraction"], at * RATE / rate, delta=1e-6)
            at += len(values)
        return numpy.concatenate([values for _, values in messages])

    def test_inside_is_the_noise_that_is_left(self):
        x, payloads, _ = line()
        x += 0.05 * numpy.roll(x, RATE // 10)  # frames over frames, 26 dB weaker: the strong ones must go to the noise
        outside, _ = flow.receive(x)
        frames, inside = self.look_inside(x)
        self.assertEqual(frames, outside)
        self.assertEqual(set(p for _, p in frames), set(payloads))
        self.assertEqual(len(frames), 6)
        # A chip of noise has 2 s^2 Rc/fs; over the 16384 chips of a frame that is known to 0.8 %, and three paths of an
        # estimate leave less. Six frames at 5 deviations: 0.2 dB.
        left, weights = self.joined(inside["residual"], 4 * 48_000), self.joined(inside["weights"], 48_000)
        self.assertEqual(len(left), 4 * len(weights))
        self.assertAlmostEqual(len(weights), len(x) / 4, delta=64)
        for meta, _ in frames:
            first = meta["sample_index"]  # as many samples a second
            power = numpy.mean(numpy.abs(left[first:first + 4 * 16_384])**2)
            self.assertAlmostEqual(10 * numpy.log10(power / (2 * 0.01**2 * 48_000 / RATE)), 0, delta=0.2)
        # Exponential(1) on noise at 2 times of 96 000 chips for 8 sequences or so: 1e-6 of it above 30.
        self.assertLess(self.joined(inside["correlation"], 48_000).max(), 30)

    # A frame whose end is missing is not decoded: its preamble, in the middle, stays.
    def test_inside_shows_what_was_not_decoded(self):
        x, _, sent = line(frames=1)
        start = pmt.to_python(pmt.car(sent[0]))["sample_index"]
        preamble = start // 4 + 7168
        frames, inside = self.look_inside(x[:start + 4 * (7168 + 2048 + 4000)])
        self.assertEqual(frames, [])
        correlation = self.joined(inside["correlation"], 48_000)
        self.assertAlmostEqual(int(correlation.argmax()), preamble, delta=1)
        self.assertGreater(correlation.max(), 1000)  # of 2048, 20 dB over the noise, at most a quarter chip off

    def test_inside_blocks_of_any_size_and_gaps(self):
        x, payloads, _ = line()
        cut = int(1.02 * RATE)
        tags = [flow.time_tag(cut, 99.0)]
        whole, part = self.look_inside(x, tags=tags), self.look_inside(x, 1000, tags)
        self.assertEqual(whole[0], part[0])
        self.assertEqual([p for _, p in whole[0]], payloads[:2])
        for port, messages in whole[1].items():
            self.assertEqual([m for m, _ in messages], [m for m, _ in part[1][port]])
            for (_, a), (_, b) in zip(messages, part[1][port]):
                numpy.testing.assert_array_equal(a, b)
        self.assertEqual([m["sample_index"] for m, _ in whole[1]["weights"]].count(cut), 1)

    # What is asked for alone is what it is with all.
    def test_inside_one_port_alone(self):
        x, _, _ = line(frames=1)
        _, every = self.look_inside(x)
        for port in every:
            _, alone = self.look_inside(x, ports=(port,))
            self.assertEqual([m for m, _ in alone[port]], [m for m, _ in every[port]])

    def test_long_run(self):
        graph = gr.top_block()
        block = ngplc.random_access_receiver_f()
        samples = 10_000_000
        graph.connect(blocks.vector_source_f(line(frames=1, seconds=1)[0], True), blocks.head(gr.sizeof_float, samples), block)
        frames = flow.store(graph, block, "frames")
        graph.run()
        counters = block.counters()
        self.assertEqual(counters["samples"], samples)
        self.assertEqual(frames.num_messages(), samples // RATE)
        found = [pmt.to_python(pmt.car(m))["sample_index"] for m in flow.messages(frames)]
        self.assertEqual({b - a for a, b in zip(found, found[1:])}, {RATE})


if __name__ == "__main__":
    unittest.main(argv=[__file__])
