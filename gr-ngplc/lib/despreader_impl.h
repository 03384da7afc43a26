#pragma once

#include <gnuradio/ngplc/despreader.h>

#include <atomic>
#include <deque>
#include <vector>

#include "ngdsp/rx/front_end.h"
#include "ngdsp/tx/frame_encoder.h"

namespace gr {
namespace ngplc {

template <class T>
class despreader_impl : public despreader<T> {
 public:
  despreader_impl(const ngdsp::Profile& profile, ngdsp::FrontEnd front_end);

  int work(int noutput_items, gr_vector_const_void_star& input, gr_vector_void_star& output) override;
  std::uint64_t frames() const override { return frames_; }
  std::uint64_t missed() const override { return missed_; }

 private:
  // Where a frame lies in the samples of the front end, four a chip.
  struct Place {
    pmt::pmt_t meta;
    int sequence;
    double start, step, turns;  // of chip 0; samples a chip; carrier, turns a sample
  };

  void accept(const pmt::pmt_t& pdu);
  bool despread(const Place& place);
  gr_complex at(double sample) const;

  const ngdsp::Profile profile_;
  const ngdsp::FrameEncoder encoder_;
  ngdsp::FrontEnd front_end_;
  const std::size_t kept_;          // samples of the front end
  std::deque<gr_complex> samples_;  // the last of them
  std::uint64_t first_ = 0;         // number of samples_.front()
  std::deque<Place> waiting_;       // for their last sample
  std::atomic<std::uint64_t> frames_{0}, missed_{0};
};

}  // namespace ngplc
}  // namespace gr
