#pragma once

#include <gnuradio/ngplc/modulator.h>

#include <atomic>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

#include "ngdsp/base/rng.h"
#include "ngdsp/tx/frame_encoder.h"
#include "ngdsp/tx/modulator.h"
#include "ngdsp/tx/transmit_levels.h"

namespace gr {
namespace ngplc {

template <class T>
class modulator_impl : public modulator<T> {
 public:
  modulator_impl(const std::string& profile, double sample_rate_hz, double carrier_hz, double center_hz,
                 double amplitude, const std::string& levels, double gap_s, bool bursts, std::uint64_t seed);

  int work(int noutput_items, gr_vector_const_void_star& input, gr_vector_void_star& output) override;
  void set_amplitude(double amplitude) override;
  std::map<std::string, std::uint64_t> counters() const override;

 private:
  // A frame that waits, checked.
  struct Order {
    std::vector<std::uint8_t> payload;
    int sequence;
    double level_db;
    pmt::pmt_t meta;
    std::optional<std::uint64_t> first_chip;  // sample wanted for it
  };

  void accept(const pmt::pmt_t& pdu);
  bool understand(const pmt::pmt_t& pdu, Order& order, std::string& wrong);
  void count(const char* name);
  void drop(const char* counter, const std::string& reason);
  void begin(const Order& order, std::uint64_t first_sample);
  int send_frame(T* out, int room);

  const ngdsp::Profile profile_;
  const ngdsp::TransmitLevels levels_;
  const ngdsp::FrameEncoder encoder_;
  const ngdsp::Modulator modulator_;
  const std::uint64_t gap_samples_;
  const bool bursts_;
  std::atomic<double> amplitude_;
  ngdsp::Rng rng_;
  std::deque<Order> waiting_;
  std::vector<T> frame_;  // that goes out
  std::size_t sent_ = 0;  // samples of it
  std::uint64_t free_from_ = 0;
  mutable std::mutex counters_mutex_;
  std::map<std::string, std::uint64_t> counters_;
};

}  // namespace ngplc
}  // namespace gr
