#include "ngdsp/tx/frame_encoder.h"

#include <stdexcept>

#include "ngdsp/fec/crc.h"
#include "ngdsp/fec/interleaver.h"
#include "ngdsp/fec/polar.h"
#include "ngdsp/waveform/sequence.h"

namespace ngdsp {

PolarCode frame_code(const PayloadClass& c) {
  return PolarCode(c.code_bits, 8 * c.payload_bytes + 24, c.design_ebn0_db);
}

struct FrameEncoder::Impl {
  Profile profile;
  struct ClassCode {
    PayloadClass payload_class;
    PolarCode code;
    Interleaver interleaver;
  };
  std::vector<ClassCode> codes;      // one a class
  std::vector<std::size_t> code_of;  // by sequence
  std::vector<std::vector<cf32>> sequences;
};

FrameEncoder::FrameEncoder(const Profile& profile) : impl_(new Impl{profile, {}, {}, {}}) {
  for (std::size_t i = 0; i < profile.classes.size(); ++i) {
    const PayloadClass& c = profile.classes[i];
    impl_->codes.push_back({c, frame_code(c), Interleaver(c.code_bits)});
    for (int k = 0; k < c.sequences; ++k) {
      const int q = static_cast<int>(impl_->sequences.size());
      impl_->code_of.push_back(i);
      impl_->sequences.push_back(
          gold_chips(sequence_seed(profile.sequence_family, q), profile.frame_chips(c)));
    }
  }
}

FrameEncoder::~FrameEncoder() = default;
FrameEncoder::FrameEncoder(FrameEncoder&&) noexcept = default;
FrameEncoder& FrameEncoder::operator=(FrameEncoder&&) noexcept = default;

const Profile& FrameEncoder::profile() const { return impl_->profile; }

const std::vector<cf32>& FrameEncoder::sequence(int q) const {
  return impl_->sequences.at(static_cast<std::size_t>(q));
}

Span<const cf32> FrameEncoder::preamble(int q) const {
  return Span<const cf32>(sequence(q))
      .subspan(static_cast<std::size_t>(impl_->profile.preamble_start(impl_->profile.class_of(q))),
               static_cast<std::size_t>(impl_->profile.preamble_chips));
}

void FrameEncoder::encode_symbols(Span<const std::uint8_t> payload, int q,
                                  std::vector<float>& symbols) const {
  const Impl::ClassCode& c = impl_->codes[impl_->code_of.at(static_cast<std::size_t>(q))];
  if (static_cast<int>(payload.size()) != c.payload_class.payload_bytes)
    throw std::invalid_argument("payload has " + std::to_string(payload.size()) + " bytes, sequence " +
                                std::to_string(q) + " carries " +
                                std::to_string(c.payload_class.payload_bytes));
  std::vector<std::uint8_t> info;
  info.reserve(8 * payload.size() + 24);
  for (const std::uint8_t byte : payload)
    for (int b = 7; b >= 0; --b) info.push_back((byte >> b) & 1);
  const std::uint32_t crc = crc24(payload);
  for (int b = 23; b >= 0; --b) info.push_back((crc >> b) & 1);
  std::vector<std::uint8_t> code(static_cast<std::size_t>(c.payload_class.code_bits));
  c.code.encode(info, code);
  symbols.resize(code.size());
  for (std::size_t m = 0; m < code.size(); ++m)
    symbols[m] =
        1.0F - 2.0F * static_cast<float>(code[static_cast<std::size_t>(c.interleaver[static_cast<int>(m)])]);
}

std::vector<cf32> FrameEncoder::encode(Span<const std::uint8_t> payload, int q) const {
  std::vector<float> symbols;
  encode_symbols(payload, q, symbols);
  std::vector<cf32> chips = sequence(q);
  const auto preamble = static_cast<std::size_t>(impl_->profile.preamble_chips);
  const auto sf = static_cast<std::size_t>(impl_->profile.spreading_factor);
  for (std::size_t m = 0; m < symbols.size(); ++m) {
    const std::size_t first = m * sf + (m < symbols.size() / 2 ? 0 : preamble);
    for (std::size_t i = 0; i < sf; ++i) chips[first + i] *= symbols[m];
  }
  return chips;
}

}  // namespace ngdsp
