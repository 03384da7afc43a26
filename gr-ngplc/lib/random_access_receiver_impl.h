#pragma once

#include <gnuradio/ngplc/random_access_receiver.h>

#include <mutex>
#include <optional>
#include <vector>

#include "ngdsp/rx/receiver.h"
#include "preamble_correlation.h"

namespace gr {
namespace ngplc {

template <class T>
class random_access_receiver_impl : public random_access_receiver<T> {
 public:
  random_access_receiver_impl(const std::string& profile, double sample_rate_hz, double carrier_hz,
                              double center_hz, double max_clock_ppm, int threads, double status_interval_s,
                              bool trace);

  bool start() override;
  bool stop() override;
  void forecast(int noutput_items, gr_vector_int& required) override;
  int general_work(int noutput_items, gr_vector_int& ninput_items, gr_vector_const_void_star& input,
                   gr_vector_void_star& output) override;

  std::map<std::string, std::uint64_t> counters() const override;
  double noise_dbfs() const override;

 private:
  // Where a run of samples without gap begins, in samples of the time axis and in items of the input.
  struct Run {
    std::uint64_t index, offset;
  };
  struct Time {
    std::uint64_t index;  // sample that was taken at ...
    std::uint64_t seconds;
    double fraction;
  };

  void take(const T* samples, std::size_t count);
  void discontinuity(std::uint64_t offset, const pmt::pmt_t& time);
  void check_rate(const pmt::pmt_t& rate);
  void finish();
  void frame(const ngdsp::ReceivedFrame& f);
  void candidate(const ngdsp::CandidateTrace& c);
  void residual(const ngdsp::Receiver::Residual& r);
  void report(const char* event, const pmt::pmt_t& more);
  pmt::pmt_t time_of(double sample) const;
  bool input_ended(int available) const;

  const ngdsp::Profile profile_;
  const double rate_hz_;
  const std::uint64_t status_samples_;
  std::optional<ngdsp::Receiver> receiver_;
  std::optional<PreambleCorrelation> correlation_;  // while somebody asks for it
  double correlated_to_ = 0;                        // sample behind the last of the residual
  std::vector<Run> runs_{{0, 0}};
  std::optional<Time> time_;
  std::uint64_t position_ = 0;  // of the next sample on the time axis: missing samples count
  std::uint64_t next_status_;
  double busy_s_ = 0;  // spent receiving since the last status
  std::uint64_t busy_samples_ = 0;
  std::uint64_t rate_mismatches_ = 0;
  bool flushed_ = true;

  // What other threads may ask for.
  mutable std::mutex seen_mutex_;
  ngdsp::ReceiverCounters seen_;
  std::uint64_t seen_mismatches_ = 0;
  double seen_noise_dbfs_ = -300;
};

}  // namespace ngplc
}  // namespace gr
