"""Samples from and to a sound card, a USRP, a socket or a recording, told apart by one text.

alsa[:DEVICE]   sound card                        uhd[:ARGS]      USRP
zmq:ENDPOINT    samples as ZeroMQ PUB/SUB         file:RECORDING  SigMF, with or without .sigmf-meta
"""
import hashlib
import json
import pathlib

from gnuradio import blocks, gr

_SIZES = {"float": gr.sizeof_float, "complex": gr.sizeof_gr_complex}
_KINDS = "alsa[:DEVICE], uhd[:ARGS], zmq:ENDPOINT or file:RECORDING"


def _split(device):
    kind, _, rest = device.partition(":")
    if kind not in ("alsa", "uhd", "zmq", "file") or (kind in ("zmq", "file") and not rest):
        raise ValueError(f"device is \"{device}\", expected {_KINDS}")
    return kind, rest


def _stem(path):
    return path[:-len(".sigmf-meta")] if path.endswith((".sigmf-meta", ".sigmf-data")) else path


def _opened(device, make):
    """What the driver says about a device that is missing or busy, as one line."""
    try:
        return make()
    except (RuntimeError, ImportError) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"device {device} cannot be opened: {said}") from error


def _read_meta(path):
    try:
        meta = json.loads(pathlib.Path(path).read_text())
        return meta["global"]["core:datatype"], float(meta["global"]["core:sample_rate"]), meta
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error


class _Recording(gr.hier_block2):
    """A SigMF recording as samples of full scale 1, checked against its hash and the rate expected."""

    def __init__(self, path, sample_type, sample_rate_hz, realtime):
        size = _SIZES[sample_type]
        gr.hier_block2.__init__(self, "ngplc_recording", gr.io_signature(0, 0, 0), gr.io_signature(1, 1, size))
        stem = _stem(path)
        datatype, rate, meta = _read_meta(stem + ".sigmf-meta")
        if rate != sample_rate_hz:
            raise ValueError(f"{stem}.sigmf-meta: core:sample_rate is {rate:g}, expected {sample_rate_hz:g}")
        data = stem + ".sigmf-data"
        wanted = meta["global"].get("core:sha512")
        try:
            with open(data, "rb") as file:
                found = hashlib.file_digest(file, "sha512").hexdigest()
        except OSError as error:
            raise ValueError(f"{data}: {error.strerror}") from error
        if wanted and found != wanted:
            raise ValueError(f"{data}: is not what core:sha512 says, {found[:12]}... instead of {wanted[:12]}...")
        chain = self._chain(datatype, data)
        if sample_type != ("float" if datatype.startswith("r") else "complex"):
            raise ValueError(f"{stem}.sigmf-meta: core:datatype is {datatype}, expected {sample_type} samples")
        if realtime:
            chain.append(blocks.throttle(size, rate))
        self.connect(*chain, self)

    @staticmethod
    def _chain(datatype, data):
        if datatype == "rf32_le":
            return [blocks.file_source(gr.sizeof_float, data)]
        if datatype == "cf32_le":
            return [blocks.file_source(gr.sizeof_gr_complex, data)]
        if datatype == "ri16_le":
            return [blocks.file_source(gr.sizeof_short, data), blocks.short_to_float(1, 32768)]
        if datatype == "ci16_le":
            return [blocks.file_source(gr.sizeof_short, data), blocks.interleaved_short_to_complex(False, False, 32768)]
        if datatype == "cu8":
            # The block takes offset binary with its middle at 128, SigMF has it at 127.5.
            return [blocks.file_source(gr.sizeof_char, data), blocks.uchar_to_float(), blocks.add_const_ff(-127.5),
                    blocks.multiply_const_ff(1 / 127.5), blocks.stream_to_vector(gr.sizeof_float, 2),
                    blocks.vector_to_stream(gr.sizeof_gr_complex, 1)]
        raise ValueError(f"{data}: core:datatype is {datatype}, expected ri16_le, ci16_le, rf32_le, cf32_le or cu8")


class device_source(gr.hier_block2):
    """Samples of a device: one line of ValueError when it is missing, busy or gives something else.

    device: alsa[:DEVICE], uhd[:ARGS], zmq:ENDPOINT, file:RECORDING; sample_type: "float" or "complex";
    sample_rate_hz in samples/s; center_hz and gain_db: of a USRP; realtime: files are played at their own speed.
    """

    def __init__(self, device="alsa", sample_type="float", sample_rate_hz=192000.0, center_hz=0.0, gain_db=0.0,
                 antenna="", realtime=True):
        kind, rest = _split(device)
        size = _SIZES[sample_type]
        gr.hier_block2.__init__(self, "ngplc_device_source", gr.io_signature(0, 0, 0), gr.io_signature(1, 1, size))
        if kind == "file":
            self.connect(_Recording(rest, sample_type, sample_rate_hz, realtime), self)
        elif kind == "zmq":
            from gnuradio import zeromq
            self.connect(_opened(device, lambda: zeromq.sub_source(size, 1, rest, 100, False, -1)), self)
        elif kind == "alsa":
            if sample_type != "float":
                raise ValueError(f"device {device} gives float samples, expected {sample_type}")
            from gnuradio import audio
            self.connect(_opened(device, lambda: audio.source(int(sample_rate_hz), rest, True)), self)
        else:
            self._connect_usrp(device, rest, sample_type, sample_rate_hz, center_hz, gain_db, antenna)

    def _connect_usrp(self, device, args, sample_type, sample_rate_hz, center_hz, gain_db, antenna):
        def make():
            from gnuradio import uhd
            usrp = uhd.usrp_source(args, uhd.stream_args(cpu_format="fc32"))
            usrp.set_samp_rate(sample_rate_hz)
            usrp.set_center_freq(center_hz)
            usrp.set_gain(gain_db)
            if antenna:
                usrp.set_antenna(antenna)
            return usrp

        usrp = _opened(device, make)
        if abs(usrp.get_samp_rate() / sample_rate_hz - 1) > 1e-6:
            raise ValueError(f"device {device} gives {usrp.get_samp_rate():g} samples/s, expected {sample_rate_hz:g}")
        if sample_type == "float":  # LFRX at 0 Hz: the real part is the line
            self.connect(usrp, blocks.complex_to_real(), self)
        else:
            self.connect(usrp, self)


class device_sink(gr.hier_block2):
    """Samples to a device, as device_source; a file is written as SigMF, float32, without hash."""

    def __init__(self, device="alsa", sample_type="float", sample_rate_hz=192000.0, center_hz=0.0, gain_db=0.0,
                 antenna="", profile=""):
        kind, rest = _split(device)
        size = _SIZES[sample_type]
        gr.hier_block2.__init__(self, "ngplc_device_sink", gr.io_signature(1, 1, size), gr.io_signature(0, 0, 0))
        if kind == "file":
            self.connect(self, self._file(rest, sample_type, sample_rate_hz, center_hz, profile))
        elif kind == "zmq":
            from gnuradio import zeromq
            self.connect(self, _opened(device, lambda: zeromq.pub_sink(size, 1, rest, 100, False, -1)))
        elif kind == "alsa":
            if sample_type != "float":
                raise ValueError(f"device {device} takes float samples, expected {sample_type}")
            from gnuradio import audio
            self.connect(self, _opened(device, lambda: audio.sink(int(sample_rate_hz), rest, True)))
        else:
            self._connect_usrp(device, rest, sample_type, sample_rate_hz, center_hz, gain_db, antenna)

    @staticmethod
    def _file(path, sample_type, sample_rate_hz, center_hz, profile):
        head = {"core:version": "1.0.0", "core:datatype": "rf32_le" if sample_type == "float" else "cf32_le",
                "core:sample_rate": sample_rate_hz, "core:recorder": "gr-ngplc"}
        if profile:
            head["ngplc:profile"] = profile
        capture = {"core:sample_start": 0}
        if sample_type == "complex":
            capture["core:frequency"] = center_hz
        stem = _stem(path)
        try:
            pathlib.Path(stem + ".sigmf-meta").write_text(
                json.dumps({"global": head, "captures": [capture], "annotations": []}, indent=2))
        except OSError as error:
            raise ValueError(f"{stem}.sigmf-meta: {error.strerror}") from error
        return blocks.file_sink(_SIZES[sample_type], stem + ".sigmf-data")

    def _connect_usrp(self, device, args, sample_type, sample_rate_hz, center_hz, gain_db, antenna):
        def make():
            from gnuradio import uhd
            usrp = uhd.usrp_sink(args, uhd.stream_args(cpu_format="fc32"))
            usrp.set_samp_rate(sample_rate_hz)
            usrp.set_center_freq(center_hz)
            usrp.set_gain(gain_db)
            if antenna:
                usrp.set_antenna(antenna)
            return usrp

        usrp = _opened(device, make)
        if sample_type == "float":
            self.connect(self, blocks.float_to_complex(), usrp)
        else:
            self.connect(self, usrp)
