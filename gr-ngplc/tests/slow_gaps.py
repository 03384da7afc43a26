"""100 random gaps in ten minutes: every frame that no gap touches is decoded, at its place in time.

usage: slow_gaps.py NGPLC
"""
import json
import subprocess
import sys
import tempfile
import unittest

import flow
import numpy
import pmt
from gnuradio import gr, ngplc

NGPLC = sys.argv.pop()
RATE = 192_000
SECONDS = 600
GAPS = 100


class Cut(gr.sync_block):
    """A recording of ri16_le without the samples of the gaps; the first sample after each has its time."""

    def __init__(self, path, gaps):
        gr.sync_block.__init__(self, "cut", [], [numpy.float32])
        self.data = numpy.memmap(path, "<i2", "r")
        self.gaps = list(gaps)  # (first missing, length), ascending
        self.at = 0

    def tag(self, offset, sample):
        tag = flow.time_tag(offset, 1000 + sample / RATE)
        self.add_item_tag(0, tag.offset, tag.key, tag.value)

    def work(self, _, output):
        out = output[0]
        if self.at == 0:
            self.tag(0, 0)
        if self.gaps and self.at == self.gaps[0][0]:
            self.at += self.gaps.pop(0)[1]
            self.tag(self.nitems_written(0), self.at)
        end = self.gaps[0][0] if self.gaps else len(self.data)
        count = min(len(out), end - self.at)
        if count == 0:
            return -1
        out[:count] = self.data[self.at:self.at + count] * numpy.float32(1 / 32768)
        self.at += count
        return count


class Gaps(unittest.TestCase):
    def test_gaps(self):
        with tempfile.TemporaryDirectory() as folder:
            made = subprocess.run([NGPLC, "tx", "--nodes", "20", "--interval-s", "10", "--duration-s", str(SECONDS), "--seed", "9", "--json",
                                   f"{folder}/clean"], check=True, capture_output=True, text=True)
            subprocess.run([NGPLC, "channel", f"{folder}/clean", f"{folder}/noisy", "--ebn0-db", "12", "--seed", "9"], check=True, capture_output=True)
            sent = {f["payload"]: f["sample_index"] for f in map(json.loads, made.stdout.splitlines())}
            rng = numpy.random.default_rng(9)
            starts = numpy.sort(rng.choice(numpy.arange(1, SECONDS), GAPS, replace=False)) * RATE + rng.integers(0, RATE // 4, GAPS)
            # From a millisecond to half a second: some are bridged, some begin anew.
            gaps = [(int(s), int(RATE * 10 ** rng.uniform(-3, -0.3))) for s in starts]
            graph = gr.top_block()
            receiver = ngplc.random_access_receiver_f()
            source = Cut(f"{folder}/noisy.sigmf-data", gaps)  # GNU Radio does not keep blocks of Python alive
            graph.connect(source, receiver)
            frames = flow.store(graph, receiver, "frames")
            graph.run()
        found = {bytes(pmt.u8vector_elements(pmt.cdr(m))).hex(): pmt.to_python(pmt.car(m)) for m in flow.messages(frames)}
        length = int(ngplc.frame_lengths_s("cenelec-a")[0] * RATE)
        margin = 64 + 8  # the first and last pulse, the clock
        touched = {p for p, at in sent.items() for start, missing in gaps
                   if at - margin < start + missing and start < at + length + margin}
        lost = set(sent) - touched - set(found)
        print(f"{len(sent)} frames, {len(touched)} touched by {GAPS} gaps, {len(touched & set(found))} of these decoded, {len(lost)} others lost")
        self.assertEqual(lost, set())
        self.assertEqual(set(found) - set(sent), set())
        self.assertEqual(receiver.counters()["gaps"], GAPS)
        for payload, meta in found.items():
            self.assertAlmostEqual(meta["sample_index"], sent[payload], delta=4)
            self.assertAlmostEqual(meta["rx_time"][0] - 1000 + meta["rx_time"][1], sent[payload] / RATE, delta=4 / RATE)


if __name__ == "__main__":
    unittest.main(argv=[__file__])
