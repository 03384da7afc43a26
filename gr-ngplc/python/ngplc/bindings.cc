// Python names of the blocks. By hand and compiled against the headers: what does not fit does not compile.
#include <gnuradio/ngplc/modulator.h>
#include <gnuradio/ngplc/random_access_receiver.h>
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

}  // namespace

PYBIND11_MODULE(ngplc_python, m) {
  py::module::import("gnuradio.gr");  // the types that ours derive from
  bind_receiver<float>(m, "random_access_receiver_f");
  bind_receiver<gr_complex>(m, "random_access_receiver_c");
  bind_modulator<float>(m, "modulator_f");
  bind_modulator<gr_complex>(m, "modulator_c");
}
