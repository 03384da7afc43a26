#pragma once

#include <gnuradio/ngplc/frame_feed_sink.h>

#include <atomic>

#include "feed_client.h"

namespace gr {
namespace ngplc {

class frame_feed_sink_impl : public frame_feed_sink {
 public:
  frame_feed_sink_impl(const ::ngplc::FeedClientConfig& config, const std::string& time_source,
                       double drain_s);

  bool start() override;
  bool stop() override;
  std::map<std::string, std::uint64_t> counters() const override;

 private:
  void accept(const pmt::pmt_t& pdu);
  void drop(std::atomic<std::uint64_t>& counter, const std::string& reason);

  const std::string receiver_, time_source_;
  const std::int64_t drain_ms_;
  std::unique_ptr<::ngplc::FeedClient> client_;
  std::uint64_t run_ = 0, next_sequence_ = 0;
  std::atomic<std::uint64_t> bad_pdus_{0}, refused_{0};
};

}  // namespace ngplc
}  // namespace gr
