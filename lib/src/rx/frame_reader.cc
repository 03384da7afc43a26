#include "ngdsp/rx/frame_reader.h"

#include <algorithm>
#include <cmath>

#include "ngdsp/base/multiversion.h"

namespace ngdsp {
namespace {

NGDSP_MULTIVERSION void sums_of_squares(const float* re, const float* im, std::size_t n, float* sums) {
  float a = 0, b = 0, e = 0;
  for (std::size_t i = 0; i < n; ++i) {
    a += re[i] * re[i] - im[i] * im[i];
    b += 2 * re[i] * im[i];
    e += re[i] * re[i] + im[i] * im[i];
  }
  sums[0] = a;
  sums[1] = b;
  sums[2] = e;
}

}  // namespace

void square_symbols(const float* re, const float* im, std::size_t n, cf64& squares, double& energy) {
  float sums[3];
  sums_of_squares(re, im, n, sums);
  squares = {static_cast<double>(sums[0]), static_cast<double>(sums[1])};
  energy = static_cast<double>(sums[2]);
}

FrameReader::FrameReader(const FrameEncoder& encoder) : profile_(encoder.profile()) {
  for (int q = 0; q < profile_.sequence_count(); ++q)
    sequences_.emplace_back(encoder.sequence(q), profile_.spreading_factor);
}

const SplitSequence& FrameReader::sequence(int q, double carrier_hz, std::size_t symbols) {
  const SplitSequence& plain = sequences_[static_cast<std::size_t>(q)];
  if (carrier_hz == 0) return plain;
  const std::size_t first = preamble_start(q) - symbols / 2 * spreading_factor();
  turned_.assign_turned(plain, carrier_hz / profile_.chip_rate_hz, first, first + span_chips(symbols));
  return turned_;
}

void FrameReader::widen_sequence(int q, double carrier_hz, std::size_t symbols, std::size_t wider) {
  if (carrier_hz == 0 || wider <= symbols) return;
  const SplitSequence& plain = sequences_[static_cast<std::size_t>(q)];
  const double turns = carrier_hz / profile_.chip_rate_hz;
  const std::size_t more = (wider - symbols) / 2 * spreading_factor();
  const std::size_t first = preamble_start(q) - wider / 2 * spreading_factor();
  const std::size_t behind = first + more + span_chips(symbols);
  turned_.assign_turned(plain, turns, first, first + more);
  turned_.assign_turned(plain, turns, behind, behind + more);
}

void FrameReader::limit_weights(const ChipBuffer& chips, int q, double chip) {
  power_floor_ = std::max(1e-3 * chips.noise_power(std::floor(chip), frame_chips(q)), 1e-30);
}

FrameStretch FrameReader::preamble_part(int q, std::size_t i) const {
  const std::size_t from = i * preamble_chips() / kPreambleParts,
                    count = (i + 1) * preamble_chips() / kPreambleParts - from,
                    first = preamble_start(q) + from;
  return {first, count,
          static_cast<double>(first) + static_cast<double>(count) / 2.0 - static_cast<double>(reference(q))};
}

FrameStretch FrameReader::symbol_block(int q, std::size_t m) const {
  const std::size_t first = symbol_chip(q, m), count = kBlockSymbols * spreading_factor();
  return {first, count,
          static_cast<double>(first) + static_cast<double>(count) / 2.0 - static_cast<double>(reference(q))};
}

void FrameReader::read_preamble(const ChipBuffer& chips, int q, FrameTiming t, const SplitSequence& s,
                                std::vector<FrameBlock>& blocks) const {
  blocks.clear();
  for (std::size_t i = 0; i < kPreambleParts; ++i) {
    const FrameStretch x = preamble_part(q, i);
    FrameBlock b;
    b.share = chips.mean_weight(t.at(x), x.count);
    b.chips = b.share * static_cast<double>(x.count);
    b.time = x.time;
    b.weight = weight(chips, t.at(x), x.count);
    b.known = correlate(chips, t.at(x), s, x.first, x.count);
    blocks.push_back(b);
  }
}

void FrameReader::read_symbols(const ChipBuffer& chips, int q, FrameTiming t, const SplitSequence& s,
                               SplitSymbols& y) const {
  y.resize(code_bits(q));
  for (std::size_t m = 0; m < code_bits(q); m += kBlockSymbols) {
    const FrameStretch x = symbol_block(q, m);
    despread(chips, t.at(x), s, x.first, y.re.data() + m, y.im.data() + m);
  }
}

}  // namespace ngdsp
