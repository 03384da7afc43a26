#pragma once

#include <gnuradio/ngplc/noise_front_end.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <vector>

#include "ngdsp/rx/noise_front_end.h"

namespace gr {
namespace ngplc {

template <class T>
class noise_front_end_impl : public noise_front_end<T> {
 public:
  static constexpr int kBins = 1024;

  noise_front_end_impl(ngdsp::NoiseFrontEnd front_end, double chip_samples, int spectrum_steps);

  bool start() override;
  int general_work(int noutput_items, gr_vector_int& ninput_items, gr_vector_const_void_star& input,
                   gr_vector_void_star& output) override;
  int delay_samples() const override { return delay_; }
  int spectrum_bins() const override { return kBins; }
  std::string noise_class() const override { return noise_class_.load(); }

 private:
  void take(const T* samples, std::size_t count);
  void learned(ngdsp::Span<const float> weights);
  void begin_anew();

  ngdsp::NoiseFrontEnd front_end_;
  const double chip_samples_;
  const int spectrum_steps_, delay_;
  std::deque<T> line_;         // the last delay_ samples
  std::deque<float> weights_;  // of them, as far as they are known
  std::int64_t samples_ = 0;   // since it began anew
  std::int64_t weighted_ = 0;  // of these
  std::int64_t chips_ = 0;     // that had their weights
  std::int64_t steps_ = 0;
  bool wants_spectra_ = false;
  std::deque<std::vector<float>> spectra_;  // that are to go out
  std::vector<gr_complex> piece_;
  std::atomic<const char*> noise_class_{"white"};
};

}  // namespace ngplc
}  // namespace gr
