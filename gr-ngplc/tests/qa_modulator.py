"""modulator: frames where they were asked for, levels, bursts and their tags, refused PDUs, radio."""
import unittest

import flow
import numpy
import pmt
from gnuradio import ngplc

RATE = 192_000


def time(seconds):
    return pmt.make_tuple(pmt.from_uint64(int(seconds)), pmt.from_double(seconds - int(seconds)))


class Modulator(unittest.TestCase):
    def test_defaults(self):
        for block in (ngplc.modulator_f(), ngplc.modulator_c()):
            self.assertEqual(block.counters()["frames"], 0)

    def test_refuses_with_a_reason(self):
        for wrong, said in [(dict(profile="srd868"), "needs complex"), (dict(levels="loud"), "levels"),
                            (dict(amplitude=0.0), "amplitude"), (dict(gap_s=-1.0), "gap_s"),
                            (dict(amplitude=float("nan")), "amplitude")]:
            with self.assertRaisesRegex(ValueError, said):
                ngplc.modulator_f(**wrong)

    def test_idle_is_silence(self):
        x, sent, status, _ = flow.transmit([], 50_000, ngplc.modulator_f())
        self.assertFalse(x.any())
        self.assertEqual((sent, status), ([], []))

    def test_every_profile_and_class_comes_back(self):
        for profile, real in [("cenelec-a", True), ("cenelec-a-low", False), ("srd433", False), ("srd868", False)]:
            make = ngplc.modulator_f if real else ngplc.modulator_c
            rate = {"cenelec-a": 192_000, "cenelec-a-low": 24_000, "srd433": 500_000, "srd868": 500_000}[profile]
            for size in (16, 32, 64):
                with self.subTest(profile=profile, bytes=size):
                    payload = bytes(range(size))
                    block = make(profile, sample_rate_hz=rate)
                    frame_s = (2048 + 128 * size * 7) / {"cenelec-a": 48e3, "cenelec-a-low": 6e3}.get(profile, 125e3)
                    x, sent, _, _ = flow.transmit([flow.pdu(payload, tx_time=time(0.1))], int(rate * (frame_s + 0.3)), block)
                    rng = numpy.random.default_rng(size)
                    noise = 0.01 * rng.standard_normal(len(x) * (1 if real else 2)).astype(numpy.float32)
                    frames, _ = flow.receive(x + (noise if real else noise.view(numpy.complex64)), profile=profile,
                                             sample_rate_hz=rate)
                    self.assertEqual([p for _, p in frames], [payload])
                    self.assertEqual(frames[0][0]["sample_index"], pmt.to_python(pmt.car(sent[0]))["sample_index"])

    def test_time_level_and_own_keys(self):
        pdu = flow.pdu(b"0123456789abcdef", tx_time=time(0.5), level_db=-6.0, sequence=2, colour="red")
        x, sent, _, _ = flow.transmit([pdu], RATE, ngplc.modulator_f(amplitude=0.2))
        meta = pmt.to_python(pmt.car(sent[0]))
        self.assertEqual((meta["sample_index"], meta["level_db"], meta["sequence"], meta["colour"]), (RATE // 2, -6.0, 2, "red"))
        frame = x[RATE // 2:RATE // 2 + 65_000]
        self.assertAlmostEqual(float(numpy.sqrt(numpy.mean(frame**2))), 0.1, delta=0.002)
        self.assertFalse(x[:RATE // 2 - 64].any())

    def test_short_payload_is_filled(self):
        _, sent, _, _ = flow.transmit([flow.pdu(b"abc")], 200_000, ngplc.modulator_f())
        self.assertEqual(bytes(pmt.u8vector_elements(pmt.cdr(sent[0]))), b"abc" + bytes(13))

    def test_one_after_the_other(self):
        block = ngplc.modulator_f(gap_s=0.25)
        pdus = [flow.pdu(bytes(16), tx_time=time(0.1)), flow.pdu(bytes(16), tx_time=time(0.2)), flow.pdu(bytes(16))]
        _, sent, _, _ = flow.transmit(pdus, 4 * RATE, block)
        starts = [pmt.to_python(pmt.car(m))["sample_index"] for m in sent]
        self.assertEqual({b - a for a, b in zip(starts, starts[1:])}, {starts[1] - starts[0]})
        self.assertGreater(starts[1] - starts[0], 65_000 + RATE // 4)
        self.assertEqual(block.counters()["late"], 1)

    def test_bad_pdus_are_counted(self):
        block = ngplc.modulator_f()
        bad = [pmt.intern("text"), pmt.cons(pmt.make_dict(), pmt.init_f32vector(2, [1, 2])), flow.pdu(bytes(65)),
               flow.pdu(b""), flow.pdu(bytes(16), sequence=7), flow.pdu(bytes(16), level_db="loud"),
               flow.pdu(bytes(16), tx_time=1.0), flow.pdu(bytes(16), sequence=pmt.from_complex(1j)),
               flow.pdu(bytes(16), level_db=pmt.from_uint64(2**63)),
               flow.pdu(bytes(16), tx_time=pmt.make_tuple(pmt.from_uint64(1), pmt.from_double(-0.5)))]
        _, sent, status, _ = flow.transmit(bad + [flow.pdu(bytes(16))], 100_000, block)
        self.assertEqual(len(sent), 1)
        self.assertEqual(len(status), len(bad))
        self.assertEqual(block.counters(), {"frames": 1, "late": 0, "not_u8": 2, "bad_length": 2, "bad_metadata": 6, "queue_full": 0})

    def test_bursts(self):
        block = ngplc.modulator_c("srd433", bursts=True)
        pdus = [flow.pdu(bytes(16), tx_time=time(3.0)), flow.pdu(bytes(16)), flow.pdu(bytes(16))]
        _, sent, _, tags = flow.transmit(pdus, 150_000, block)
        found = sorted((t.offset, pmt.symbol_to_string(t.key)) for t in tags)
        length = [offset for offset, key in found if key == "tx_eob"][0] + 1
        self.assertEqual(found, [(0, "tx_sob"), (0, "tx_time"), (length - 1, "tx_eob"), (length, "tx_sob"),
                                 (2 * length - 1, "tx_eob"), (2 * length, "tx_sob")])
        lead = pmt.to_python(pmt.car(sent[0]))["sample_index"]
        time_tag = next(t for t in tags if pmt.symbol_to_string(t.key) == "tx_time")
        self.assertAlmostEqual(sum(pmt.to_python(time_tag.value)), 3.0 - lead / 500_000, places=9)


if __name__ == "__main__":
    unittest.main(argv=[__file__])
