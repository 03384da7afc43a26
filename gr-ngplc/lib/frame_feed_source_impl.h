#pragma once

#include <gnuradio/ngplc/frame_feed_source.h>

#include <atomic>
#include <thread>
#include <zmq.hpp>

#include "ngwire/wire/frame_record.h"

namespace gr {
namespace ngplc {

class frame_feed_source_impl : public frame_feed_source {
 public:
  frame_feed_source_impl(const std::string& endpoint, const std::string& receiver_id);
  ~frame_feed_source_impl() override;

  bool start() override;
  bool stop() override;
  std::map<std::string, std::uint64_t> counters() const override;

 private:
  void listen();
  void publish(const ngwire::FrameRecord& record);

  const std::string receiver_;
  zmq::context_t context_;
  zmq::socket_t socket_;
  std::thread thread_;
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> records_{0}, bad_records_{0};
};

}  // namespace ngplc
}  // namespace gr
