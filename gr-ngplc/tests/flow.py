"""What the tests of the blocks share: recordings as arrays, flowgraphs that run to the end of their input."""
import json
import pathlib

import numpy
import pmt
from gnuradio import blocks, gr, ngplc

VECTORS = pathlib.Path(__file__).resolve().parents[2] / "testvectors"
# SigMF type: numpy type, offset, scale, complex
FORMATS = {
    "ri16_le": ("<i2", 0, 1 / 32768, False), "ci16_le": ("<i2", 0, 1 / 32768, True),
    "rf32_le": ("<f4", 0, 1, False), "cf32_le": ("<f4", 0, 1, True), "cu8": ("u1", 127.5, 1 / 127.5, True),
}


class Recording:
    """A SigMF recording: samples as float32 or complex64, and the parameters of a receiver for it."""

    def __init__(self, stem):
        meta = json.loads(pathlib.Path(f"{stem}.sigmf-meta").read_text())
        head = meta["global"]
        kind, offset, scale, is_complex = FORMATS[head["core:datatype"]]
        raw = numpy.fromfile(f"{stem}.sigmf-data", kind)
        x = (raw.astype(numpy.float32) - numpy.float32(offset)) * numpy.float32(scale)
        self.samples = x.view(numpy.complex64) if is_complex else x
        self.parameters = {"profile": head.get("ngplc:profile", "cenelec-a"),
                           "sample_rate_hz": float(head["core:sample_rate"]),
                           "carrier_hz": float(head.get("ngplc:carrier_hz", -1))}
        if is_complex:
            self.parameters["center_hz"] = float(meta["captures"][0].get("core:frequency", -1))


def source(samples, chunk=None, tags=()):
    """A block that gives the samples, at most `chunk` of them at a time."""
    is_complex = samples.dtype == numpy.complex64
    block = (blocks.vector_source_c if is_complex else blocks.vector_source_f)(samples, False, 1, list(tags))
    if not chunk:
        return block
    if not tags:
        block.set_max_noutput_items(chunk)
        return block
    # A source with tags gives all or nothing: what follows it cuts.
    cut = blocks.copy(samples.itemsize)
    cut.set_max_noutput_items(chunk)
    both = gr.hier_block2("source", gr.io_signature(0, 0, 0), gr.io_signature(1, 1, samples.itemsize))
    both.connect(block, cut, both)
    return both


def store(graph, block, port):
    debug = blocks.message_debug()
    graph.msg_connect(block, port, debug, "store")
    return debug


def messages(debug):
    return [debug.get_message(i) for i in range(debug.num_messages())]


def receive(samples, chunk=None, tags=(), buffer=None, **parameters):
    """All frames as (meta, payload) and all status messages of a receiver with these parameters."""
    graph = gr.top_block()
    is_complex = samples.dtype == numpy.complex64
    block = (ngplc.random_access_receiver_c if is_complex else ngplc.random_access_receiver_f)(**parameters)
    first = source(samples, chunk, tags)
    if buffer:
        first.set_min_output_buffer(buffer)
    graph.connect(first, block)
    frames, status = store(graph, block, "frames"), store(graph, block, "status")
    graph.run()
    pdus = [(pmt.to_python(pmt.car(m)), bytes(pmt.u8vector_elements(pmt.cdr(m)))) for m in messages(frames)]
    return pdus, [pmt.to_python(m) for m in messages(status)]


def time_tag(offset, seconds):
    tag = gr.tag_t()
    tag.offset = offset
    tag.key = pmt.intern("rx_time")
    whole = int(seconds // 1)
    tag.value = pmt.make_tuple(pmt.from_uint64(whole), pmt.from_double(seconds - whole))
    return tag


def pdu(payload, **meta):
    data = pmt.make_dict()
    for key, value in meta.items():
        data = pmt.dict_add(data, pmt.intern(key), value if isinstance(value, pmt.pmt_base) else pmt.to_pmt(value))
    return pmt.cons(data, pmt.init_u8vector(len(payload), list(payload)))


def transmit(pdus, samples, block):
    """Samples of a modulator that was given these PDUs, what it sent, its status messages, and its tags."""
    graph = gr.top_block()
    is_complex = isinstance(block, ngplc.modulator_c)
    size = gr.sizeof_gr_complex if is_complex else gr.sizeof_float
    sink = (blocks.vector_sink_c if is_complex else blocks.vector_sink_f)()
    graph.connect(block, blocks.head(size, samples), sink)
    sent, status = store(graph, block, "sent"), store(graph, block, "status")
    for each in pdus:
        block.to_basic_block()._post(pmt.intern("pdus"), each)
    graph.run()
    x = numpy.array(sink.data(), numpy.complex64 if is_complex else numpy.float32)
    return x, messages(sent), [pmt.to_python(m) for m in messages(status)], sink.tags()
