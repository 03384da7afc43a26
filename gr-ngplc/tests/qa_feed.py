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
import zmq
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

    def test_a_mirror_is_watched(self):
        # Records as the hub would get them, published once the watchers are there.
        router = zmq.Context.instance().socket(zmq.ROUTER)
        router.bind(self.endpoint)
        sent = play(ngplc.frame_feed_sink(self.endpoint, "gr-test", drain_s=0.5))
        records = set()
        while router.poll(200):
            _, kind, body = router.recv_multipart()
            if kind == b"record":
                records.add(body)
        router.close(0)
        self.assertEqual(len(records), len(sent))
        mirror = f"ipc://{self.folder.name}/mirror"
        publisher = zmq.Context.instance().socket(zmq.XPUB)
        publisher.bind(mirror)
        source, other = ngplc.frame_feed_source(mirror, "gr-test"), ngplc.frame_feed_source(mirror, "gr")
        for _ in range(2):
            publisher.recv()  # a subscription
        graph = gr.top_block()
        frames, others = flow.store(graph, source, "frames"), flow.store(graph, other, "frames")
        graph.start()
        for body in records:
            publisher.send_multipart([b"frame.gr-test", body])
        for _ in range(200):
            if frames.num_messages() == len(sent):
                break
            time.sleep(0.05)
        graph.stop()
        graph.wait()
        publisher.close(0)
        heard = [(pmt.to_python(pmt.car(m)), bytes(pmt.u8vector_elements(pmt.cdr(m))).hex()) for m in flow.messages(frames)]
        self.assertEqual(sorted((m["sample_index"], p) for m, p in heard), sorted(sent))
        self.assertEqual({m["receiver"] for m, _ in heard}, {"gr-test"})
        for meta, _ in heard:  # sample 0 was at 1 700 000 000.5 s
            seconds, fraction = meta["rx_time"]
            self.assertAlmostEqual(seconds - 1_700_000_000 + fraction, 0.5 + meta["sample_index"] / meta["sample_rate_hz"], places=4)
        self.assertEqual(source.counters(), {"records": len(sent), "bad_records": 0})
        self.assertEqual(others.num_messages(), 0)

    def test_a_mirror_that_sends_something_else(self):
        mirror = f"ipc://{self.folder.name}/hostile"
        socket = zmq.Context.instance().socket(zmq.PUB)
        socket.bind(mirror)
        source = ngplc.frame_feed_source(mirror)
        graph = gr.top_block()
        frames = flow.store(graph, source, "frames")
        graph.start()
        for _ in range(100):
            for parts in ([b"frame.x", b"nonsense"], [b"frame.x"], [b"frame.x", b"", b"more"], [b"frame.x", bytes(60000)]):
                socket.send_multipart(parts)
            if source.counters()["bad_records"] >= 8:
                break
            time.sleep(0.05)
        graph.stop()
        graph.wait()
        socket.close(0)
        self.assertGreaterEqual(source.counters()["bad_records"], 8)
        self.assertEqual(frames.num_messages(), 0)

    def test_refuses_with_a_reason(self):
        with self.assertRaisesRegex(ValueError, "endpoint \"nowhere\""):
            ngplc.frame_feed_source("nowhere")
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
