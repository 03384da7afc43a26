#pragma once

#include <gnuradio/ngplc/mains_channel.h>

#include <mutex>
#include <optional>
#include <vector>

#include "ngdsp/channel/sampled_paths.h"
#include "ngdsp/channel/scenario_line.h"

namespace gr {
namespace ngplc {

template <class T>
class mains_channel_impl : public mains_channel<T> {
 public:
  struct Extra {
    double noise_dbfs, impulses_per_s, impulse_level_db, tone_hz, tone_db;
  };
  mains_channel_impl(const ngdsp::Scenario& scenario, const ngdsp::Profile& profile, const Extra& extra,
                     std::uint64_t seed);

  int work(int noutput_items, gr_vector_const_void_star& input, gr_vector_void_star& output) override;
  void set_noise_dbfs(double noise_dbfs) override { change(&Extra::noise_dbfs, noise_dbfs); }
  void set_impulses_per_s(double rate) override { change(&Extra::impulses_per_s, rate); }
  void set_impulse_level_db(double level_db) override { change(&Extra::impulse_level_db, level_db); }
  void set_tone_hz(double tone_hz) override { change(&Extra::tone_hz, tone_hz); }
  void set_tone_db(double tone_db) override { change(&Extra::tone_db, tone_db); }
  int delay_samples() const override { return kDelay; }

 private:
  static constexpr int kDelay = static_cast<int>(ngdsp::kPathMargin);
  ngdsp::ScenarioLine<T> line_with(const Extra& extra) const;
  void change(double Extra::*what, double value);
  void through(const ngdsp::SenderPaths& paths, const T* in, std::size_t count, std::vector<T>& out) const;

  const ngdsp::Scenario scenario_;
  const ngdsp::NoiseBand band_;
  const ngdsp::PlacedLine paths_;
  const double chip_samples_;
  const std::uint64_t seed_;
  std::mutex mutex_;  // of all below
  Extra extra_;
  std::uint64_t changes_ = 0;  // before line_, which is made with it
  std::optional<ngdsp::ScenarioLine<T>> line_;
  std::vector<T> block_;                // through the first state of the line
  std::vector<std::vector<T>> others_;  // through the others
};

}  // namespace ngplc
}  // namespace gr
