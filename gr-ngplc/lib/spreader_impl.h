#pragma once

#include <gnuradio/ngplc/spreader.h>

#include <atomic>

#include "ngdsp/tx/frame_encoder.h"

namespace gr {
namespace ngplc {

class spreader_impl : public spreader {
 public:
  explicit spreader_impl(const ngdsp::Profile& profile);

  std::uint64_t refused() const override { return refused_; }

 private:
  void accept(const pmt::pmt_t& pdu);
  bool spread(const pmt::pmt_t& pdu);

  const ngdsp::FrameEncoder encoder_;
  std::atomic<std::uint64_t> refused_{0};
};

}  // namespace ngplc
}  // namespace gr
