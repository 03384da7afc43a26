"""Every flowgraph of flowgraphs/ compiles with grcc and does what its comment says; every block of grc/ is documented."""
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import flow
import numpy
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = pathlib.Path(tempfile.mkdtemp(prefix="ngplc-flowgraphs-"))
PAYLOAD = "0123456789abcdef"


def compiled(name):
    program = OUT / f"{name}.py"
    if not program.exists():
        run = subprocess.run(["/usr/bin/grcc", "-o", OUT, ROOT / "flowgraphs" / f"{name}.grc"], capture_output=True, text=True)
        if run.returncode or not program.exists() or "Error" in run.stderr:
            raise AssertionError(f"{name}.grc: {run.stdout}{run.stderr}")
    return program


def run(name, *options, timeout=60):
    """What the flowgraph prints until it ends."""
    done = subprocess.run([sys.executable, compiled(name), *options], capture_output=True, text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL)
    if done.returncode:
        raise AssertionError(f"{name}: {done.stderr}")
    return done.stdout


def run_until(name, written, size, *options, timeout=60):
    """Runs it until the file has this size, then interrupts it: what strobes send has no end."""
    log = OUT / f"{name}.log"
    with open(log, "w") as out:
        process = subprocess.Popen([sys.executable, "-u", compiled(name), *options], stdout=out, stderr=subprocess.STDOUT,
                                   stdin=subprocess.DEVNULL)
        end = time.monotonic() + timeout
        while process.poll() is None and time.monotonic() < end and not (written.exists() and written.stat().st_size >= size):
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        process.wait(20)
    if not written.exists() or written.stat().st_size < size:
        raise AssertionError(f"{name}: {log.read_text()}")
    return log.read_text()


def counter(text, name):
    return int(re.findall(rf"\({name} \. (\d+)\)", text)[-1])


def shown_payloads(text):
    """Payloads as message_debug prints PDUs: rows of 16 hexadecimal bytes."""
    shown = [re.findall(r"^[0-9a-f]{4}: ([0-9a-f ]+)$", part, re.M) for part in text.split("pdu vector contents =")[1:]]
    return [bytes.fromhex("".join(rows)) for rows in shown]


class Flowgraphs(unittest.TestCase):
    def test_all_compile_and_explain_themselves(self):
        names = sorted(path.stem for path in (ROOT / "flowgraphs").glob("*.grc"))
        self.assertGreaterEqual(len(names), 7)
        for name in names:
            with self.subTest(flowgraph=name):
                compiled(name)
                graph = yaml.safe_load((ROOT / "flowgraphs" / f"{name}.grc").read_text())
                notes = [b["parameters"]["comment"] for b in graph["blocks"] if b["id"] == "note"]
                self.assertTrue(any("Purpose:" in n and "What you should see:" in n for n in notes))

    def test_loopback(self):
        text = run("loopback_headless", "--seconds", "6", "--nodes", "20")
        self.assertGreater(counter(text, "frames"), 5)
        self.assertEqual(counter(text, "samples"), 6 * 192_000)

    def test_replay_gives_the_frames_of_the_vector(self):
        text = run("replay_sigmf", "--recording", str(flow.VECTORS / "several-nodes"))
        frames, _ = flow.receive(flow.Recording(flow.VECTORS / "several-nodes").samples)
        self.assertGreater(len(frames), 1)
        self.assertEqual(shown_payloads(text), [p for _, p in frames])
        self.assertEqual(re.findall(r"\(sample_index \. (\d+)\) \(sequence", text), [str(m["sample_index"]) for m, _ in frames])

    def test_mains_there_and_back(self):
        recording = OUT / "mains.sigmf-data"
        run_until("mains_tx", recording, 3 * 192_000 * 4, "--device", f"file:{OUT / 'mains'}", "--payload", PAYLOAD, "--period-ms", "500")
        # Silence in a recording without noise is no silence to a receiver.
        x = numpy.fromfile(recording, numpy.float32)
        (x + 0.001 * numpy.random.default_rng(1).standard_normal(len(x)).astype(numpy.float32)).tofile(recording)
        text = run("mains_rx", "--device", f"file:{OUT / 'mains'}", "--seconds", "3")
        self.assertGreaterEqual(counter(text, "frames"), 2)
        self.assertEqual(set(shown_payloads(text)), {PAYLOAD.encode()})

    def test_survey(self):
        text = run("survey_headless", "--device", f"file:{flow.VECTORS / 'none-gaussian'}")
        self.assertEqual(counter(text, "samples"), len(flow.Recording(flow.VECTORS / "none-gaussian").samples))
        self.assertIn("noise_dbfs", text)

    def test_sweep(self):
        done = subprocess.run([sys.executable, ROOT / "flowgraphs/sweep_receiver.py", "--seconds", "5", "--ebn0", "-6", "10", "--nodes", "20"],
                              capture_output=True, text=True, timeout=60)
        rows = re.findall(r"(\d+) of +(\d+) lost", done.stdout)
        self.assertEqual(len(rows), 2, done.stderr)
        self.assertEqual(rows[0][0], rows[0][1])
        self.assertEqual(rows[1][0], "0")

    def test_radio_receives_a_recording(self):
        text = run("radio_rx", "--device", f"file:{flow.VECTORS / 'srd868-16'}")
        recording = flow.Recording(flow.VECTORS / "srd868-16")
        frames, _ = flow.receive(recording.samples, **recording.parameters)
        self.assertEqual(shown_payloads(text), [p for _, p in frames])

    def test_radio_sends_bursts(self):
        recording = OUT / "radio.sigmf-data"
        text = run_until("radio_tx", recording, 60_000 * 8, "--device", f"file:{OUT / 'radio'}", "--period-ms", "100")
        self.assertIn("sample_index", text)
        x = numpy.fromfile(recording, numpy.complex64)
        self.assertGreater(numpy.count_nonzero(x), 0.99 * len(x))

    def test_relay(self):
        recording = OUT / "relayed.sigmf-data"
        radio = flow.Recording(flow.VECTORS / "srd868-16")
        heard, _ = flow.receive(radio.samples, **radio.parameters)
        text = run_until("relay_node", recording, 3 * 192_000 * 4, "--radio", f"file:{flow.VECTORS / 'srd868-16'}",
                         "--mains", f"file:{OUT / 'relayed'}", "--seconds", "4")
        x = numpy.fromfile(recording, numpy.float32)
        x += 0.001 * numpy.random.default_rng(1).standard_normal(len(x)).astype(numpy.float32)
        frames, _ = flow.receive(x)
        self.assertEqual([p for _, p in frames], [p for _, p in heard], text)

    def test_devices_that_are_not_there_are_one_clear_line(self):
        for options, said in [(["--device", "carrier-pigeon"], "expected alsa[:DEVICE], uhd[:ARGS], zmq:ENDPOINT or file:RECORDING"),
                              (["--device", "alsa:hw:99"], "device alsa:hw:99 cannot be opened"),
                              (["--device", "file:missing"], "missing.sigmf-meta"),
                              (["--device", f"file:{flow.VECTORS / 'several-nodes'}", "--sample-rate", "250e3"], "core:sample_rate is 192000, expected 250000"),
                              (["--device", f"file:{flow.VECTORS / 'srd868-16'}", "--sample-rate", "1e6"], "expected float samples")]:
            with self.subTest(options=options):
                done = subprocess.run([sys.executable, compiled("mains_rx"), *options], capture_output=True, text=True, timeout=60)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(said, done.stderr.strip().splitlines()[-1])


class Blocks(unittest.TestCase):
    def test_every_parameter_is_documented_and_has_a_default(self):
        files = sorted((ROOT / "gr-ngplc/grc").glob("*.block.yml"))
        self.assertGreaterEqual(len(files), 6)
        for file in files:
            block = yaml.safe_load(file.read_text())
            with self.subTest(block=block["id"]):
                self.assertEqual(block["category"], "[nG-PLC]")
                for parameter in block["parameters"]:
                    label = re.sub(r" \(.*\)$", "", parameter["label"])
                    self.assertIn(f"{label}:", block["documentation"], parameter["id"])
                    self.assertTrue("default" in parameter or parameter["dtype"] in ("enum", "bool", "gui_hint"), parameter["id"])
                    for suffix, unit in [("_hz", "Hz"), ("_db", "dB"), ("_dbfs", "dBFS"), ("_s", "(s)"), ("_ppm", "ppm"), ("_bytes", "bytes")]:
                        if parameter["id"].endswith(suffix) and not parameter["id"].endswith("_per_s"):
                            self.assertRegex(parameter["label"], r"\(.*(" + re.escape(unit.strip("()")) + r"|samples/s).*\)")


if __name__ == "__main__":
    os.environ.pop("DISPLAY", None)
    unittest.main(argv=[__file__])
