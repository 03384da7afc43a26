#pragma once

#include <gnuradio/ngplc/preamble_detector.h>

#include <atomic>
#include <deque>
#include <vector>

#include "ngdsp/rx/chip_buffer.h"
#include "ngdsp/rx/front_end.h"
#include "ngdsp/rx/preamble_detector.h"

namespace gr {
namespace ngplc {

template <class T>
class preamble_detector_impl : public preamble_detector<T> {
 public:
  preamble_detector_impl(const ngdsp::Profile& profile, double threshold, ngdsp::FrontEnd front_end);

  bool start() override;
  int work(int noutput_items, gr_vector_const_void_star& input, gr_vector_void_star& output) override;
  int delay_samples() const override { return delay_; }
  std::uint64_t detections() const override { return detections_; }
  double noise_detections_per_s() const override;

 private:
  void search();

  const ngdsp::Profile profile_;
  const double threshold_, samples_per_chip_;
  ngdsp::FrontEnd front_end_;
  ngdsp::PreambleDetector detector_;
  ngdsp::ChipBuffer chips_;
  const int delay_;
  std::int64_t next_chip_ = 0;  // of the search
  std::deque<T> line_;          // the last delay_ samples
  std::deque<gr::tag_t> tags_;  // of samples that are still in it, ascending
  std::uint64_t begin_ = 0;     // items before this start of the flowgraph
  bool begun_ = false;
  std::vector<ngdsp::PreambleHit> hits_;
  std::atomic<std::uint64_t> detections_{0};
};

}  // namespace ngplc
}  // namespace gr
