#pragma once

#include <gnuradio/ngplc/mains_phase.h>

#include <atomic>
#include <optional>
#include <vector>

#include "ngdsp/rx/mains_tracker.h"
#include "ngdsp/rx/noise_front_end.h"

namespace gr {
namespace ngplc {

enum class MainsReference { kSamples, kVoltage, kCrossings, kNoise };

template <class T>
class mains_phase_impl : public mains_phase<T> {
 public:
  mains_phase_impl(MainsReference reference, double sample_rate_hz, double chip_rate_hz,
                   std::optional<ngdsp::NoiseFrontEnd> noise);

  bool start() override;
  int work(int noutput_items, gr_vector_const_void_star& input, gr_vector_void_star& output) override;
  bool locked() const override { return locked_; }
  double frequency_hz() const override { return frequency_hz_; }
  std::uint64_t locks() const override { return locks_; }

 private:
  void restart();
  void begin_step(std::uint64_t offset);
  void end_step();
  void follow(const T* samples, const float* reference, std::size_t count);
  void tag(std::uint64_t offset, const pmt::pmt_t& key, const pmt::pmt_t& value);

  const MainsReference reference_;
  const double rate_hz_, chip_samples_;
  const std::size_t step_samples_;
  std::optional<ngdsp::NoiseFrontEnd> noise_;
  ngdsp::MainsTracker tracker_;  // of voltages and crossings
  std::uint64_t steps_ = 0;      // since it began anew
  std::size_t in_step_ = 0;      // samples of this step so far
  double sum_ = 0;               // of the reference over them
  std::vector<gr_complex> piece_;
  bool lock_told_ = false;
  double next_ = 0;  // the crossing that comes next, 0 or 0.5 turns
  std::atomic<bool> locked_{false};
  std::atomic<double> frequency_hz_{0};
  std::atomic<std::uint64_t> locks_{0};
};

}  // namespace ngplc
}  // namespace gr
