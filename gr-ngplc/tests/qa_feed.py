"""frame_feed_sink with a real hub: every frame is stored once, and waits for a hub that is away.

usage: qa_feed.py NGPLC
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

import flow
import pmt
from gnuradio import gr, ngplc

HUB = pathlib.Path(sys.argv.pop()).parents[1] / "hub/ngplc-hub"


def play(feed):
    """A vector through the receiver into the feed; its payloads."""
    recording = flow.Recording(flow.VECTORS / "several-nodes")
    graph = gr.top_block()
    receiver = ngplc.random_access_receiver_f(**recording.parameters)
    graph.connect(flow.source(recording.samples, tags=[flow.time_tag(0, 1_700_000_000.5)]), receiver)
    graph.msg_connect(receiver, "frames", feed, "frames")
    frames = flow.store(graph, receiver, "frames")
    graph.run()
    return [(pmt.to_python(pmt.car(m))["sample_index"], bytes(pmt.u8vector_elements(pmt.cdr(m))).hex()) for m in flow.messages(frames)]


class Feed(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.endpoint = f"ipc://{self.folder.name}/feed"
        self.hub = None

    def tearDown(self):
        if self.hub:
            self.hub.terminate()
            self.hub.wait(10)
        self.folder.cleanup()

    def start_hub(self):
        log = pathlib.Path(self.folder.name) / "hub.log"
        with open(log, "w") as out:
            self.hub = subprocess.Popen([HUB, "--feed", self.endpoint, "--http", "127.0.0.1:0", "--database", f"{self.folder.name}/hub.sqlite"], stderr=out)
        for _ in range(200):
            port = re.search(r"http port (\d+)", log.read_text())
            if port:
                return f"http://127.0.0.1:{port[1]}"
            time.sleep(0.05)
        raise AssertionError(log.read_text())

    def stored(self, address):
        return json.load(urllib.request.urlopen(f"{address}/api/v1/frames", timeout=10))["frames"]

    @unittest.skipUnless(HUB.exists(), "the hub is not built")
    def test_every_frame_is_stored_once(self):
        address = self.start_hub()
        feed = ngplc.frame_feed_sink(self.endpoint, "gr-test")
        sent = play(feed)
        self.assertGreater(len(sent), 2)
        stored = self.stored(address)
        self.assertEqual(sorted((f["sample_index"], f["payload"]) for f in stored), sorted(sent))
        self.assertEqual({f["receiver"] for f in stored}, {"gr-test"})
        counters = feed.counters()
        self.assertEqual((counters["taken"], counters["acknowledged"], counters["refused"]), (len(sent), len(sent), 0))
        play(feed)  # another run of the same block
        self.assertEqual(len(self.stored(address)), 2 * len(sent))

    @unittest.skipUnless(HUB.exists(), "the hub is not built")
    def test_a_hub_that_is_away_is_waited_for(self):
        feed = ngplc.frame_feed_sink(self.endpoint, "gr-test", drain_s=0.0)
        sent = play(feed)
        self.assertEqual(feed.counters()["acknowledged"], 0)
        address = self.start_hub()
        for _ in range(200):
            if feed.counters()["acknowledged"] == len(sent):
                break
            time.sleep(0.05)
        self.assertEqual(sorted(f["payload"] for f in self.stored(address)), sorted(p for _, p in sent))

    def test_refuses_with_a_reason(self):
        for wrong, said in [(dict(endpoint="nowhere"), "endpoint"), (dict(receiver_id=""), "receiver"), (dict(drain_s=-1.0), "drain_s"),
                            (dict(curve_server_key="short"), "key")]:
            with self.assertRaisesRegex(ValueError, said):
                ngplc.frame_feed_sink(**{"endpoint": self.endpoint, **wrong})

    def test_bad_pdus_are_counted(self):
        feed = ngplc.frame_feed_sink(self.endpoint, drain_s=0.0)
        graph = gr.top_block()
        status = flow.store(graph, feed, "status")
        for message in (pmt.intern("text"), flow.pdu(bytes(16)), flow.pdu(bytes(16), sample_index="x")):
            feed.to_basic_block()._post(pmt.intern("frames"), message)
        graph.start()
        time.sleep(0.5)
        graph.stop()
        graph.wait()
        self.assertEqual(feed.counters()["bad_pdus"], 3)
        self.assertEqual(status.num_messages(), 3)


if __name__ == "__main__":
    unittest.main(argv=[__file__])
