// Python names of the blocks. By hand and compiled against the headers: what does not fit does not compile.
#include <gnuradio/ngplc/despreader.h>
#include <gnuradio/ngplc/frame_feed_sink.h>
#include <gnuradio/ngplc/frame_feed_source.h>
#include <gnuradio/ngplc/mains_channel.h>
#include <gnuradio/ngplc/mains_phase.h>
#include <gnuradio/ngplc/modulator.h>
#include <gnuradio/ngplc/node_population.h>
#include <gnuradio/ngplc/noise_front_end.h>
#include <gnuradio/ngplc/polar_decoder.h>
#include <gnuradio/ngplc/polar_encoder.h>
#include <gnuradio/ngplc/preamble_detector.h>
#include <gnuradio/ngplc/random_access_receiver.h>
#include <gnuradio/ngplc/spreader.h>
#include <gnuradio/ngplc/waveform.h>
#include <pybind11/complex.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

namespace py = pybind11;
using namespace pybind11::literals;

namespace {

template <typename Block, typename... Bases>
using block_class = py::class_<Block, Bases..., gr::block, gr::basic_block, std::shared_ptr<Block>>;

template <class T>
void bind_receiver(py::module& m, const char* name) {
  using Block = gr::ngplc::random_access_receiver<T>;
  block_class<Block>(m, name, "Samples in, frames out: PDUs on `frames`, counters on `status`.")
      .def(py::init(&Block::make), "profile"_a = "cenelec-a", "sample_rate_hz"_a = 0.0, "carrier_hz"_a = -1.0,
           "center_hz"_a = -1.0, "max_clock_ppm"_a = -1.0, "threads"_a = 1, "status_interval_s"_a = 1.0,
           "trace"_a = false)
      .def("counters", &Block::counters, "All counters by name.")
      .def("noise_dbfs", &Block::noise_dbfs, "Noise a sample in the occupied band, dB of 1.0.");
}

template <class T>
void bind_modulator(py::module& m, const char* name) {
  using Block = gr::ngplc::modulator<T>;
  block_class<Block, gr::sync_block>(m, name, "PDUs of payloads in, samples out.")
      .def(py::init(&Block::make), "profile"_a = "cenelec-a", "sample_rate_hz"_a = 0.0, "carrier_hz"_a = -1.0,
           "center_hz"_a = -1.0, "amplitude"_a = 0.1, "levels"_a = "0", "gap_s"_a = 0.01, "bursts"_a = false,
           "seed"_a = 1)
      .def("set_amplitude", &Block::set_amplitude, "amplitude"_a, "rms of frames that begin from now on.")
      .def("counters", &Block::counters, "Frames, late ones, and drops by reason.");
}

template <class T>
void bind_population(py::module& m, const char* name) {
  using Block = gr::ngplc::node_population<T>;
  block_class<Block, gr::sync_block>(m, name, "Frames of many simulated nodes, without noise.")
      .def(py::init(&Block::make), "profile"_a = "cenelec-a", "nodes"_a = 20, "interval_s"_a = 10.0,
           "payload_bytes"_a = 16, "ebn0_db"_a = 10.0, "levels"_a = "0", "clock_ppm"_a = 50.0,
           "noise_dbfs"_a = -40.0, "sample_rate_hz"_a = 0.0, "seed"_a = 1)
      .def("set_nodes", &Block::set_nodes, "nodes"_a, "How many nodes send from now on.")
      .def("set_interval_s", &Block::set_interval_s, "interval_s"_a, "Mean time between frames of a node, s.")
      .def("set_ebn0_db", &Block::set_ebn0_db, "ebn0_db"_a, "Of frames that begin from now on, dB.")
      .def("load", &Block::load, "Payload bits a chip that all nodes offer.");
}

template <class T>
void bind_channel(py::module& m, const char* name) {
  using Block = gr::ngplc::mains_channel<T>;
  block_class<Block, gr::sync_block>(m, name, "A place on the mains: paths, noise, receiver input.")
      .def(py::init(&Block::make), "scenario"_a = "", "profile"_a = "cenelec-a", "noise_dbfs"_a = -40.0,
           "impulses_per_s"_a = 0.0, "impulse_level_db"_a = 30.0, "tone_hz"_a = 60000.0, "tone_db"_a = -100.0,
           "sample_rate_hz"_a = 0.0, "seed"_a = 1)
      .def("set_noise_dbfs", &Block::set_noise_dbfs, "noise_dbfs"_a)
      .def("set_impulses_per_s", &Block::set_impulses_per_s, "impulses_per_s"_a)
      .def("set_impulse_level_db", &Block::set_impulse_level_db, "impulse_level_db"_a)
      .def("set_tone_hz", &Block::set_tone_hz, "tone_hz"_a)
      .def("set_tone_db", &Block::set_tone_db, "tone_db"_a)
      .def("delay_samples", &Block::delay_samples, "The output is this much later than the input.");
}

template <class T>
void bind_despreader(py::module& m, const char* name) {
  using Block = gr::ngplc::despreader<T>;
  block_class<Block, gr::sync_block>(m, name, "Symbols of frames that were received.")
      .def(py::init(&Block::make), "profile"_a = "cenelec-a", "sample_rate_hz"_a = 0.0, "carrier_hz"_a = -1.0,
           "center_hz"_a = -1.0)
      .def("frames", &Block::frames, "Frames despread so far.")
      .def("missed", &Block::missed, "Frames whose samples were gone.");
}

template <class T>
void bind_detector(py::module& m, const char* name) {
  using Block = gr::ngplc::preamble_detector<T>;
  block_class<Block, gr::sync_block>(m, name, "Tags `preamble` at the first chip of every preamble found.")
      .def(py::init(&Block::make), "threshold"_a = 25.0, "profile"_a = "cenelec-a", "sample_rate_hz"_a = 0.0,
           "carrier_hz"_a = -1.0, "center_hz"_a = -1.0)
      .def("delay_samples", &Block::delay_samples, "The output is this much later than the input.")
      .def("detections", &Block::detections, "Tags so far.")
      .def("noise_detections_per_s", &Block::noise_detections_per_s, "Of white noise alone, by theory.");
}

template <class T>
void bind_mains_phase(py::module& m, const char* name) {
  using Block = gr::ngplc::mains_phase<T>;
  block_class<Block, gr::sync_block>(m, name, "Tags `mains_phase`, `mains_frequency` at zero crossings.")
      .def(py::init(&Block::make), "reference"_a = "samples", "profile"_a = "cenelec-a",
           "sample_rate_hz"_a = 0.0, "carrier_hz"_a = -1.0, "center_hz"_a = -1.0)
      .def("locked", &Block::locked, "The mains is followed now.")
      .def("frequency_hz", &Block::frequency_hz, "Of the mains, Hz; 0 while it is not followed.")
      .def("locks", &Block::locks, "Times it was found.");
}

template <class T>
void bind_noise_front_end(py::module& m, const char* name) {
  using Block = gr::ngplc::noise_front_end<T>;
  block_class<Block>(m, name, "Samples with what each counts for, and the spectrum of their noise.")
      .def(py::init(&Block::make), "profile"_a = "cenelec-a", "sample_rate_hz"_a = 0.0, "carrier_hz"_a = -1.0,
           "center_hz"_a = -1.0, "spectrum_interval_s"_a = 0.1)
      .def("delay_samples", &Block::delay_samples, "The output is this much later than the input.")
      .def("spectrum_bins", &Block::spectrum_bins, "Of a vector on output 2.")
      .def("noise_class", &Block::noise_class, "What the noise is, such as lines+bursts.");
}

void bind_coding(py::module& m) {
  using Encoder = gr::ngplc::polar_encoder;
  block_class<Encoder>(m, "polar_encoder", "Payloads to symbols: CRC, polar code, interleaver.")
      .def(py::init(&Encoder::make), "profile"_a = "cenelec-a")
      .def("refused", &Encoder::refused, "Messages that were no payload of a class.");
  using Spreader = gr::ngplc::spreader;
  block_class<Spreader>(m, "spreader", "Symbols to the chips of a frame.")
      .def(py::init(&Spreader::make), "profile"_a = "cenelec-a")
      .def("refused", &Spreader::refused, "Messages that were not the symbols of a frame.");
  using Decoder = gr::ngplc::polar_decoder;
  block_class<Decoder>(m, "polar_decoder", "Soft symbols to payloads whose CRC holds.")
      .def(py::init(&Decoder::make), "profile"_a = "cenelec-a", "max_list"_a = 0)
      .def("decoded", &Decoder::decoded, "Payloads given.")
      .def("failed", &Decoder::failed, "Frames whose CRC held on no path.")
      .def("refused", &Decoder::refused, "Messages that were not the symbols of a frame.");
}

void bind_feed(py::module& m) {
  using Block = gr::ngplc::frame_feed_sink;
  block_class<Block>(m, "frame_feed_sink", "Frames to the hub, kept until it has committed them.")
      .def(py::init(&Block::make), "endpoint"_a = "tcp://127.0.0.1:7850", "receiver_id"_a = "gnuradio",
           "spool_directory"_a = "", "mirror_endpoint"_a = "", "time_source"_a = "system", "drain_s"_a = 5.0,
           "curve_server_key"_a = "")
      .def("counters", &Block::counters, "Taken, acknowledged, waiting, and drops by reason.");
  using Source = gr::ngplc::frame_feed_source;
  block_class<Source>(m, "frame_feed_source", "Frames that receivers elsewhere heard, from a mirror.")
      .def(py::init(&Source::make), "endpoint"_a = "tcp://127.0.0.1:7851", "receiver_id"_a = "")
      .def("counters", &Source::counters, "Records, and messages that hold none.");
}

}  // namespace

PYBIND11_MODULE(ngplc_python, m) {
  py::module::import("gnuradio.gr");  // the types that ours derive from
  bind_receiver<float>(m, "random_access_receiver_f");
  bind_receiver<gr_complex>(m, "random_access_receiver_c");
  bind_modulator<float>(m, "modulator_f");
  bind_modulator<gr_complex>(m, "modulator_c");
  bind_population<float>(m, "node_population_f");
  bind_population<gr_complex>(m, "node_population_c");
  bind_channel<float>(m, "mains_channel_f");
  bind_channel<gr_complex>(m, "mains_channel_c");
  bind_despreader<float>(m, "despreader_f");
  bind_despreader<gr_complex>(m, "despreader_c");
  bind_detector<float>(m, "preamble_detector_f");
  bind_detector<gr_complex>(m, "preamble_detector_c");
  bind_mains_phase<float>(m, "mains_phase_f");
  bind_mains_phase<gr_complex>(m, "mains_phase_c");
  bind_noise_front_end<float>(m, "noise_front_end_f");
  bind_noise_front_end<gr_complex>(m, "noise_front_end_c");
  bind_coding(m);
  bind_feed(m);
  m.def("preamble_taps", &gr::ngplc::preamble_taps, "profile"_a, "sequence"_a, "sample_rate_hz"_a = 0.0,
        "Taps of the filter matched to the preamble of a sequence; |y|^2 peaks at its end.");
  m.def("frame_chips", &gr::ngplc::frame_chips, "profile"_a, "sequence"_a, "payload"_a,
        "All chips of a frame, as the library's encoder makes them.");
  m.def("frame_lengths_s", &gr::ngplc::frame_lengths_s, "profile"_a,
        "Length of a frame on each sequence, s.");
}
