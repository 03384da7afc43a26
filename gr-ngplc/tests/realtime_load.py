#!/usr/bin/python3
"""Does the receiver keep up? The blocks of mains_rx on a line at load 1.0, paced at 192 kS/s; one JSON object at the end.

usage: realtime_load.py NGPLC [--seconds 600] [--seed 4] [--threads 1]

A measurement, not a test: run it on a machine that does nothing else, with PYTHONPATH as `ngplc doctor` says. The line:
100 nodes at levels drawn from 0, -3, -6 and -9 dB, together 0.99 payload bits a chip, E_b/N_0 16 dB at level 0. Keys:

  frames, truth, others     frames that came, of how many sent; frames that nobody sent
  late_s                    how far the receiver ended behind the line (a device would have lost that much beyond its buffer)
  most_behind_s             the most it ever was, by the receiver's status each second
  latency_s                 from a frame's last sample to its PDU: median, 90 %, 99 %, most
  cpu, cpu_of_others        of this process and of all else on the machine, cores
  load_before, load_after   of one minute, as uptime has it
"""
import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import numpy
import pmt
from gnuradio import gr, ngplc

RATE = 192000
PIECE_S = 120
SAMPLE_BYTES = 2  # ri16_le, as `ngplc channel` writes


class Sink(gr.basic_block):
    """Frames and status with the time at which they came."""

    def __init__(self):
        gr.basic_block.__init__(self, "arrivals", None, None)
        self.frames, self.status = [], []
        for name, handler in (("frames", self.take_frame), ("status", self.take_status)):
            self.message_port_register_in(pmt.intern(name))
            self.set_msg_handler(pmt.intern(name), handler)

    def take_frame(self, message):
        self.frames.append((time.monotonic(), message))

    def take_status(self, message):
        self.status.append((time.monotonic(), message))


def busy_s():
    """Time all cores have been busy since the start of the machine, s."""
    fields = [int(x) for x in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
    return (sum(fields[:8]) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def own_s():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def matched(truth, found):
    """How many of the true frames were found: payload, and first chip within one."""
    left = {}
    for frame in truth:
        left.setdefault(frame["ngplc:payload"], []).append(frame["ngplc:start"])
    count = 0
    for payload, start in found:
        for true in left.get(payload, []):
            if abs(true - start) <= 4:
                left[payload].remove(true)
                count += 1
                break
    return count


def make_line(ngplc_program, seconds, seed, folder):
    """The recording `line` and its true frames, in pieces: metadata of ten minutes would be longer than is read."""
    run = lambda *words: subprocess.run([ngplc_program, *words], check=True, cwd=folder)
    truth, samples, meta = [], 0, None
    with pathlib.Path(folder, "line.sigmf-data").open("wb") as line:
        while samples < seconds * RATE:
            piece, seed_now = min(PIECE_S, seconds - samples / RATE), str(seed + samples // (PIECE_S * RATE))
            run("tx", "--nodes", "100", "--interval-s", "0.26667", "--duration-s", str(piece), "--seed", seed_now, "--level-db", "random", "clean")
            run("channel", "clean", "noisy", "--ebn0-db", "16", "--seed", seed_now)
            meta = json.loads(pathlib.Path(folder, "noisy.sigmf-meta").read_text())
            for frame in meta["annotations"]:
                if "ngplc:payload" in frame:
                    truth.append({"ngplc:payload": frame["ngplc:payload"], "ngplc:start": frame["ngplc:start"] + samples})
            data = pathlib.Path(folder, "noisy.sigmf-data").read_bytes()
            line.write(data)
            samples += len(data) // SAMPLE_BYTES
    meta["annotations"] = []
    meta["global"].pop("core:sha512", None)
    pathlib.Path(folder, "line.sigmf-meta").write_text(json.dumps(meta))
    return truth, samples / RATE


def measure(ngplc_program, seconds, seed, threads, folder):
    truth, seconds = make_line(ngplc_program, seconds, seed, folder)
    graph, sink = gr.top_block(), Sink()
    source = ngplc.device_source(f"file:{folder}/line")
    receiver = ngplc.random_access_receiver_f(threads=threads)
    graph.connect(source, receiver)
    for port in ("frames", "status"):
        graph.msg_connect(receiver, port, sink, port)
    load_before, cpu, busy, begin = os.getloadavg()[0], own_s(), busy_s(), time.monotonic()
    graph.run()
    end = time.monotonic()
    cpu, busy = own_s() - cpu, busy_s() - busy

    length_s = dict(enumerate(ngplc.frame_lengths_s("cenelec-a")))
    found, latency = [], []
    for at, pdu in sink.frames:
        meta = pmt.to_python(pmt.car(pdu))
        found.append((bytes(pmt.u8vector_elements(pmt.cdr(pdu))).hex(), meta["sample_index"]))
        latency.append(at - begin - meta["sample_index"] / RATE - length_s[meta["sequence"]])
    behind = [at - begin - pmt.to_python(message)["sample_index"] / RATE for at, message in sink.status]
    right = matched(truth, found)
    quantiles = numpy.quantile(latency, [0.5, 0.9, 0.99, 1.0]) if latency else []
    return {"seconds": seconds, "seed": seed, "threads": threads, "load_bits_per_chip": len(truth) * 128 / (seconds * 48000),
            "truth": len(truth), "frames": right, "others": len(found) - right, "late_s": round(end - begin - seconds, 2),
            "most_behind_s": round(max(behind), 2), "latency_s": [round(float(q), 3) for q in quantiles],
            "cpu": round(cpu / (end - begin), 3), "cpu_of_others": round((busy - cpu) / (end - begin), 3),
            "cores": os.cpu_count(), "load_before": load_before, "load_after": os.getloadavg()[0]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ngplc")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(os.path.abspath(options.ngplc), options.seconds, options.seed, options.threads, folder)))


if __name__ == "__main__":
    sys.exit(main())
