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

void FrameReader::limit_weights(const ChipBuffer& chips, int q, double chip) {
  power_floor_ = std::max(1e-3 * chips.mean_power(std::floor(chip), frame_chips(q)), 1e-30);
}

double FrameReader::weight(const ChipBuffer& chips, double chip, std::size_t count) const {
  return 1.0 / std::max(chips.mean_power(chip, count), power_floor_);
}

void FrameReader::read_preamble(const ChipBuffer& chips, int q, FrameTiming t, const SplitSequence& s,
                                std::vector<FrameBlock>& blocks) const {
  blocks.clear();
  const std::size_t start = preamble_start(q);
  for (std::size_t i = 0; i < kPreambleParts; ++i) {
    const std::size_t from = i * preamble_chips() / kPreambleParts;
    const std::size_t count = (i + 1) * preamble_chips() / kPreambleParts - from, first = start + from;
    FrameBlock b;
    b.chips = static_cast<double>(count);
    b.time = static_cast<double>(first) + b.chips / 2.0 - static_cast<double>(reference(q));
    const double at = t.chip + static_cast<double>(first) - t.clock * b.time;
    b.weight = weight(chips, at, count);
    b.known = correlate(chips, at, s, first, count);
    blocks.push_back(b);
  }
}

void FrameReader::read_symbols(const ChipBuffer& chips, int q, FrameTiming t, const SplitSequence& s,
                               std::size_t count, SplitSymbols& y) const {
  y.resize(count);
  const std::size_t begin = (code_bits(q) - count) / 2, end = begin + count;
  for (std::size_t m = begin, n; m < end; m += n) {
    n = block_symbols(q, m, end);
    const std::size_t first = symbol_chip(q, m);
    const double time = static_cast<double>(first) + static_cast<double>(n * spreading_factor()) / 2.0 -
                        static_cast<double>(reference(q));
    despread(chips, t.chip + static_cast<double>(first) - t.clock * time, s, first, n,
             y.re.data() + (m - begin), y.im.data() + (m - begin));
  }
}

void FrameReader::add_symbol_blocks(const ChipBuffer& chips, int q, FrameTiming t, std::size_t count,
                                    const SplitSymbols& y, std::vector<FrameBlock>& blocks) const {
  const std::size_t begin = (code_bits(q) - count) / 2, end = begin + count;
  for (std::size_t m = begin, n; m < end; m += n) {
    n = block_symbols(q, m, end);
    const std::size_t first = symbol_chip(q, m);
    FrameBlock b;
    b.chips = static_cast<double>(n * spreading_factor());
    b.time = static_cast<double>(first) + b.chips / 2.0 - static_cast<double>(reference(q));
    b.weight = weight(chips, t.chip + static_cast<double>(first) - t.clock * b.time, n * spreading_factor());
    square_symbols(y.re.data() + (m - begin), y.im.data() + (m - begin), n, b.squares, b.energy);
    blocks.push_back(b);
  }
}

}  // namespace ngdsp
