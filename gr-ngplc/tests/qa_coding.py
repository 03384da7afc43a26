"""polar_encoder, spreader, polar_decoder: golden against the library, noise, and what is no frame.

usage: qa_coding.py NGPLC
"""
import sys
import time
import unittest

import flow
import numpy
import pmt
from gnuradio import gr, ngplc

sys.argv.pop()
PAYLOADS = [bytes(range(16)), bytes(range(100, 132)), bytes(range(7, 71))]


def through(block, into, out, pdus):
    """What a block makes of these messages."""
    graph = gr.top_block()
    debug = flow.store(graph, block, out)
    for each in pdus:
        block.to_basic_block()._post(pmt.intern(into), each)
    graph.start()
    for _ in range(200):  # until all are through: every message is answered or refused
        if debug.num_messages() + block.refused() + (block.failed() if hasattr(block, "failed") else 0) >= len(pdus):
            break
        time.sleep(0.02)
    graph.stop()
    graph.wait()
    return flow.messages(debug)


def with_noise(symbols, sigma, seed):
    x = numpy.array(pmt.f32vector_elements(pmt.cdr(symbols))) + sigma * numpy.random.default_rng(seed).standard_normal(
        len(pmt.f32vector_elements(pmt.cdr(symbols))))
    return pmt.cons(pmt.car(symbols), pmt.init_f32vector(len(x), [float(v) for v in x]))


class Coding(unittest.TestCase):
    def test_chips_are_those_of_the_library(self):
        for profile in ("cenelec-a", "srd868"):
            symbols = through(ngplc.polar_encoder(profile), "pdus", "symbols", [flow.pdu(p, note=5) for p in PAYLOADS])
            self.assertEqual(len(symbols), 3)
            chips = through(ngplc.spreader(profile), "symbols", "chips", symbols)
            for made, payload in zip(chips, PAYLOADS):
                meta = pmt.to_python(pmt.car(made))
                self.assertEqual(meta["note"], 5)  # what it does not know it keeps
                golden = ngplc.frame_chips(profile, meta["sequence"], list(payload))
                numpy.testing.assert_array_equal(pmt.c32vector_elements(pmt.cdr(made)), golden)

    def test_a_sequence_that_is_asked_for(self):
        encoder = ngplc.polar_encoder()
        made = through(encoder, "pdus", "symbols", [flow.pdu(PAYLOADS[0], sequence=1), flow.pdu(PAYLOADS[0], sequence=7)])
        self.assertEqual([pmt.to_python(pmt.car(m))["sequence"] for m in made], [1])
        self.assertEqual(encoder.refused(), 1)  # 7 is of another class

    # Symbols of amplitude 1 in noise of sigma 2: E_s/N_0 is -9.0 dB, E_b/N_0 with 2048 symbols for 128 bits 3.0 dB, less the
    # 1.6 dB at which one in a hundred is lost. Of 20 none is, and the noise passes as no payload.
    def test_frames_in_noise(self):
        symbols = through(ngplc.polar_encoder(), "pdus", "symbols", [flow.pdu(PAYLOADS[0])])[0]
        decoder = ngplc.polar_decoder()
        found = through(decoder, "symbols", "pdus", [with_noise(symbols, 2.0, seed) for seed in range(20)])
        self.assertEqual({bytes(pmt.u8vector_elements(pmt.cdr(m))) for m in found}, {PAYLOADS[0]})
        self.assertEqual((len(found), decoder.decoded(), decoder.failed()), (20, 20, 0))

    def test_noise_alone_fails(self):
        decoder = ngplc.polar_decoder(max_list=8)
        rng = numpy.random.default_rng(1)
        noise = [pmt.cons(pmt.dict_add(pmt.make_dict(), pmt.intern("sequence"), pmt.from_long(0)),
                          pmt.init_c32vector(2048, list(rng.standard_normal(2048) + 0j))) for _ in range(10)]
        self.assertEqual(through(decoder, "symbols", "pdus", noise), [])
        self.assertEqual((decoder.failed(), decoder.refused()), (10, 0))

    def test_what_is_no_frame_is_counted(self):
        other = pmt.cons(pmt.make_dict(), pmt.init_f32vector(3, [1.0, 2.0, 3.0]))
        named = pmt.cons(pmt.dict_add(pmt.make_dict(), pmt.intern("sequence"), pmt.from_long(0)), pmt.init_f32vector(3, [1.0, 2.0, 3.0]))
        odd = pmt.cons(pmt.dict_add(pmt.make_dict(), pmt.intern("sequence"), pmt.intern("x")), pmt.init_u8vector(17, [0] * 17))
        hostile = [pmt.intern("text"), pmt.PMT_NIL, pmt.from_long(3), other, named, odd]
        for block, into, out in ((ngplc.polar_encoder(), "pdus", "symbols"), (ngplc.spreader(), "symbols", "chips"),
                                 (ngplc.polar_decoder(), "symbols", "pdus")):
            self.assertEqual(through(block, into, out, hostile), [])
            self.assertEqual(block.refused(), len(hostile))

    def test_refuses_with_a_reason(self):
        for make in (ngplc.polar_encoder, ngplc.spreader, ngplc.polar_decoder):
            with self.assertRaisesRegex(ValueError, "nowhere"):
                make("nowhere")
        with self.assertRaisesRegex(ValueError, "max_list is 3"):
            ngplc.polar_decoder("cenelec-a", 3)
        with self.assertRaisesRegex(ValueError, "payload has 3 bytes, expected 16"):
            ngplc.frame_chips("cenelec-a", 0, [0] * 3)


if __name__ == "__main__":
    unittest.main(argv=[__file__])
