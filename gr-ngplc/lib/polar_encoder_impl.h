#pragma once

#include <gnuradio/ngplc/polar_encoder.h>

#include <atomic>

#include "ngdsp/tx/frame_encoder.h"

namespace gr {
namespace ngplc {

class polar_encoder_impl : public polar_encoder {
 public:
  explicit polar_encoder_impl(const ngdsp::Profile& profile);

  std::uint64_t refused() const override { return refused_; }

 private:
  void accept(const pmt::pmt_t& pdu);
  bool encode(const pmt::pmt_t& pdu);

  const ngdsp::FrameEncoder encoder_;
  std::atomic<std::uint64_t> refused_{0};
};

}  // namespace ngplc
}  // namespace gr
