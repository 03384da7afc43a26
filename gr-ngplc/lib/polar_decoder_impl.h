#pragma once

#include <gnuradio/ngplc/polar_decoder.h>

#include <atomic>
#include <vector>

#include "ngdsp/fec/interleaver.h"
#include "ngdsp/fec/polar_decoder.h"
#include "ngdsp/waveform/profile.h"

namespace gr {
namespace ngplc {

class polar_decoder_impl : public polar_decoder {
 public:
  polar_decoder_impl(const ngdsp::Profile& profile, int max_list);

  std::uint64_t decoded() const override { return decoded_; }
  std::uint64_t failed() const override { return failed_; }
  std::uint64_t refused() const override { return refused_; }

 private:
  void accept(const pmt::pmt_t& pdu);
  bool decode(const pmt::pmt_t& pdu);

  // Of one payload class.
  struct Code {
    ngdsp::Interleaver interleaver;
    ngdsp::PolarDecoder decoder;
  };
  const ngdsp::Profile profile_;
  std::vector<Code> codes_;
  std::atomic<std::uint64_t> decoded_{0}, failed_{0}, refused_{0};
};

}  // namespace ngplc
}  // namespace gr
