"""A window that shows frames over time and the counters of a receiver."""
import collections
import threading

import pmt
from gnuradio import gr
from PyQt5 import QtCore, QtGui, QtWidgets

_COUNTERS = [  # key of the status, what it is called here
    ("frames", "frames decoded"), ("candidates", "candidates"), ("vetting_rejected", "rejected by vetting"),
    ("decoder_failed", "not decoded"), ("metric_rejected", "rejected by metric"), ("cut_off", "cut off"),
    ("budget_dropped", "dropped for time"), ("strained_steps", "strained steps"), ("collapses", "collapses"),
    ("gaps", "gaps"), ("clipped_samples", "clipped samples"), ("silent_samples", "silent samples"),
    ("nonfinite_samples", "not numbers"),
]


class FrameRaster(QtWidgets.QWidget):
    """A lane a sequence, time from left to right: grey what was sent, coloured by E_b/N0 what came out."""

    def __init__(self, span_s, best_db, parent=None):
        super().__init__(parent)
        self.span_s, self.best_db = span_s, best_db
        self.sent, self.decoded = [], []
        self.now_s, self.lanes, self.status = 0.0, 1, {}
        self.sent_total = self.decoded_total = 0
        self.setMinimumSize(560, 220)

    def colour(self, ebn0_db):
        """From red at 0 dB over yellow to green at best_db."""
        return QtGui.QColor.fromHsvF(0.33 * min(max(ebn0_db / self.best_db, 0), 1), 0.85, 0.8)

    def paintEvent(self, _event):
        paint = QtGui.QPainter(self)
        paint.setRenderHint(QtGui.QPainter.Antialiasing)
        paint.fillRect(self.rect(), QtGui.QColor("white"))
        side, foot = 250, 34
        field = QtCore.QRectF(54, 26, self.width() - 64 - side, self.height() - 26 - foot)
        lane = field.height() / self.lanes
        start_s = self.now_s - self.span_s

        def bar(begin_s, length_s, sequence):
            left = field.left() + max(begin_s - start_s, 0) / self.span_s * field.width()
            right = field.left() + min(begin_s + length_s - start_s, self.span_s) / self.span_s * field.width()
            return QtCore.QRectF(left, field.top() + sequence * lane + 2, max(right - left, 1), lane - 4)

        paint.setPen(QtGui.QPen(QtGui.QColor("#d8d8d8")))
        for k in range(self.lanes + 1):
            y = field.top() + k * lane
            paint.drawLine(QtCore.QPointF(field.left(), y), QtCore.QPointF(field.right(), y))
        for begin_s, length_s, sequence in self.sent:
            paint.setBrush(QtGui.QColor(120, 120, 120, 60))
            paint.setPen(QtGui.QPen(QtGui.QColor(120, 120, 120, 140)))
            paint.drawRect(bar(begin_s, length_s, sequence))
        for begin_s, length_s, sequence, ebn0_db in self.decoded:
            colour = self.colour(ebn0_db)
            colour.setAlpha(150)
            paint.setBrush(colour)
            paint.setPen(QtGui.QPen(colour.darker(140)))
            paint.drawRect(bar(begin_s, length_s, sequence))

        paint.setPen(QtGui.QPen(QtGui.QColor("#202020")))
        small, bold = paint.font(), paint.font()
        small.setPointSizeF(8.5)
        bold.setPointSizeF(10)
        bold.setBold(True)
        paint.setFont(bold)
        paint.drawText(QtCore.QPointF(field.left(), 18), "Frames over time: grey sent, coloured decoded (red 0 dB, green "
                       f"{self.best_db:g} dB E_b/N0)")
        paint.setFont(small)
        for k in range(self.lanes):
            paint.drawText(QtCore.QRectF(0, field.top() + k * lane, 50, lane), QtCore.Qt.AlignRight | QtCore.Qt.AlignVCenter, f"seq {k}")
        steps = max(1, round(self.span_s / 10))
        tick = int(start_s // steps + 1) * steps
        while tick <= self.now_s:
            x = field.left() + (tick - start_s) / self.span_s * field.width()
            if tick >= 0:
                paint.drawText(QtCore.QRectF(x - 30, field.bottom() + 2, 60, 14), QtCore.Qt.AlignCenter, f"{tick:g} s")
            tick += steps
        self.paint_counters(paint, self.width() - side + 10, bold, small)

    def paint_counters(self, paint, left, bold, small):
        rows = [("sent", self.sent_total)] if self.sent_total else []
        rows += [(name, self.status.get(key, 0)) for key, name in _COUNTERS]
        rows += [("noise a sample, dBFS", f"{self.status.get('noise_dbfs', 0):.1f}"),
                 ("times real time", f"{self.status.get('realtime_factor', 0):.1f}")]
        paint.setFont(bold)
        paint.drawText(QtCore.QPointF(left, 18), "Receiver")
        paint.setFont(small)
        height = min(17.0, (self.height() - 30) / len(rows))
        for k, (name, value) in enumerate(rows):
            y = 30 + k * height
            paint.drawText(QtCore.QRectF(left, y, 150, height), QtCore.Qt.AlignLeft | QtCore.Qt.AlignVCenter, name)
            paint.drawText(QtCore.QRectF(left + 150, y, 80, height), QtCore.Qt.AlignRight | QtCore.Qt.AlignVCenter, str(value))


class frame_monitor(gr.basic_block):
    """Messages in: `frames` and `status` of a receiver, `sent` of what simulates nodes or transmits, optional.

    profile: whose frames are shown; span_s: time shown, s; best_db: E_b/N0 shown as green, dB; delay_samples: how much
    later the receiver sees what was sent, samples.
    """

    def __init__(self, profile="cenelec-a", span_s=10.0, best_db=15.0, sample_rate_hz=192000.0, delay_samples=0, parent=None):
        gr.basic_block.__init__(self, "ngplc_frame_monitor", [], [])
        if not (span_s > 0 and best_db > 0 and sample_rate_hz > 0):
            raise ValueError("ngplc frame_monitor: span_s, best_db and sample_rate_hz must be positive")
        from .ngplc_python import frame_lengths_s
        self.lengths_s = frame_lengths_s(profile)
        self.rate_hz, self.delay = sample_rate_hz, delay_samples
        self.lock = threading.Lock()
        self.sent, self.decoded = collections.deque(maxlen=5000), collections.deque(maxlen=5000)
        self.counts = {"sent": 0, "decoded": 0}
        self.status, self.now_s = {}, 0.0
        self.widget = FrameRaster(span_s, best_db, parent)
        self.widget.lanes = len(self.lengths_s)
        self.timer = QtCore.QTimer(self.widget)
        self.timer.timeout.connect(self.refresh)
        self.timer.start(200)
        for port, handler in [("frames", self.on_frame), ("status", self.on_status), ("sent", self.on_sent)]:
            self.message_port_register_in(pmt.intern(port))
            self.set_msg_handler(pmt.intern(port), handler)

    def place(self, pdu, delay):
        meta = pmt.to_python(pmt.car(pdu)) or {}
        sequence = meta.get("sequence", -1)
        if "sample_index" not in meta or not 0 <= sequence < len(self.lengths_s):
            return None, meta
        return ((meta["sample_index"] + delay) / self.rate_hz, self.lengths_s[sequence], sequence), meta

    def on_sent(self, pdu):
        place, _ = self.place(pdu, self.delay)
        if place:
            with self.lock:
                self.sent.append(place)
                self.counts["sent"] += 1

    def on_frame(self, pdu):
        place, meta = self.place(pdu, 0)
        if place:
            with self.lock:
                self.decoded.append((*place, meta.get("ebn0_db", 0.0)))
                self.counts["decoded"] += 1

    def on_status(self, status):
        values = pmt.to_python(status)
        with self.lock:
            self.status = values
            self.now_s = values.get("sample_index", 0) / self.rate_hz

    def refresh(self):
        with self.lock:
            start_s = self.now_s - self.widget.span_s
            for kept in (self.sent, self.decoded):
                while kept and kept[0][0] + kept[0][1] < start_s:
                    kept.popleft()
            self.widget.sent, self.widget.decoded = list(self.sent), list(self.decoded)
            self.widget.status, self.widget.now_s = self.status, self.now_s
            self.widget.sent_total, self.widget.decoded_total = self.counts["sent"], self.counts["decoded"]
        self.widget.update()
