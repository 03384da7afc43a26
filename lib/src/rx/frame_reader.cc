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

const SplitSequence& FrameReader::sequence(int q, double carrier_hz, std::size_t chips_needed) {
  const SplitSequence& plain = sequences_[static_cast<std::size_t>(q)];
  if (carrier_hz == 0) return plain;
  turned_.assign_turned(plain, carrier_hz / profile_.chip_rate_hz, chips_needed);
  return turned_;
}

void FrameReader::limit_weights(const ChipBuffer& chips, int q, double chip) {
  power_floor_ =
      std::max(1e-3 * chips.mean_power(static_cast<std::int64_t>(std::floor(chip)), frame_chips(q)), 1e-30);
}

double FrameReader::weight(const ChipBuffer& chips, double chip, std::size_t count) const {
  return 1.0 / std::max(chips.mean_power(static_cast<std::int64_t>(std::lround(chip)), count), power_floor_);
}

void FrameReader::read_preamble(const ChipBuffer& chips, FrameTiming t, const SplitSequence& s,
                                std::vector<FrameBlock>& blocks) const {
  blocks.clear();
  for (std::size_t i = 0; i < kPreambleParts; ++i) {
    const std::size_t first = part_chip(i), count = part_chip(i + 1) - first;
    FrameBlock b;
    b.time = static_cast<double>(first) + static_cast<double>(count) / 2.0;
    b.chips = static_cast<double>(count);
    const double at = t.chip + static_cast<double>(first) - t.clock * b.time;
    b.weight = weight(chips, at, count);
    b.known = correlate(chips, at, s, first, count);
    blocks.push_back(b);
  }
}

void FrameReader::read_symbols(const ChipBuffer& chips, FrameTiming t, const SplitSequence& s,
                               std::size_t count, SplitSymbols& y) const {
  y.resize(count);
  for (std::size_t m = 0; m < count; m += kBlockSymbols) {
    const std::size_t n = std::min(kBlockSymbols, count - m), first = symbol_chip(m);
    const double middle = static_cast<double>(first) + static_cast<double>(n * spreading_factor()) / 2.0;
    despread(chips, t.chip + static_cast<double>(first) - t.clock * middle, s, first, n, y.re.data() + m,
             y.im.data() + m);
  }
}

void FrameReader::add_symbol_blocks(const ChipBuffer& chips, FrameTiming t, std::size_t count,
                                    const SplitSymbols& y, std::vector<FrameBlock>& blocks) const {
  for (std::size_t m = 0; m < count; m += kBlockSymbols) {
    const std::size_t n = std::min(kBlockSymbols, count - m), first = symbol_chip(m);
    FrameBlock b;
    b.chips = static_cast<double>(n * spreading_factor());
    b.time = static_cast<double>(first) + b.chips / 2.0;
    b.weight = weight(chips, t.chip + static_cast<double>(first) - t.clock * b.time, n * spreading_factor());
    square_symbols(y.re.data() + m, y.im.data() + m, n, b.squares, b.energy);
    blocks.push_back(b);
  }
}

}  // namespace ngdsp
