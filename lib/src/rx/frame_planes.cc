#include "ngdsp/rx/frame_planes.h"

#include <cmath>

#include "ngdsp/base/multiversion.h"

namespace ngdsp {
namespace {

// y = here a + next b over a block.
NGDSP_MULTIVERSION void interpolate(const float* a, const float* b, float here, float next,
                                    float* __restrict y) {
  for (std::size_t i = 0; i < kBlockSymbols; ++i) y[i] = here * a[i] + next * b[i];
}

// sums[] = Re sum a b, Im sum a b, Re sum a b* over a block.
NGDSP_MULTIVERSION void multiply(const float* a_re, const float* a_im, const float* b_re, const float* b_im,
                                 float* sums) {
  float re_re = 0, im_im = 0, cross = 0;
  for (std::size_t i = 0; i < kBlockSymbols; ++i) {
    re_re += a_re[i] * b_re[i];
    im_im += a_im[i] * b_im[i];
    cross += a_re[i] * b_im[i] + a_im[i] * b_re[i];
  }
  sums[0] = re_re - im_im;
  sums[1] = cross;
  sums[2] = re_re + im_im;
}

}  // namespace

void FramePlanes::assign(const ChipBuffer& chips, const FrameReader& reader, int q, const SplitSequence& s) {
  chips_ = &chips;
  reader_ = &reader;
  sequence_ = &s;
  parts_.resize(FrameReader::kPreambleParts);
  blocks_.resize(reader.code_bits(q) / kBlockSymbols);
  for (std::size_t i = 0; i < parts_.size(); ++i) parts_[i].stretch = reader.preamble_part(q, i);
  for (std::size_t i = 0; i < blocks_.size(); ++i)
    blocks_[i].stretch = reader.symbol_block(q, i * kBlockSymbols);
  for (auto* all : {&parts_, &blocks_})
    for (Planes& p : *all) p.held = false;
}

// Sees to it that the planes about its time are there.
FramePlanes::Place FramePlanes::hold(Planes& p, FrameTiming t, bool preamble) const {
  constexpr auto kLast = static_cast<std::int64_t>(kAdjacentQuarters) - 1;
  const FrameStretch& x = p.stretch;
  const double quarters = ChipBuffer::kPlanes * t.at(x), whole = std::floor(quarters), mu = quarters - whole,
               gain = interpolation_gain(mu);
  const auto quarter = static_cast<std::int64_t>(whole);
  if (!p.held || quarter < p.quarter || quarter >= p.quarter + kLast) {
    p.held = true;
    p.quarter = std::llround(quarters) - kLast / 2;
    for (std::size_t k = 0; k < kAdjacentQuarters; ++k) {
      const double at = static_cast<double>(p.quarter + static_cast<std::int64_t>(k)) / ChipBuffer::kPlanes;
      if (k == 0) p.share = chips_->mean_weight(at, x.count);
      p.power[k] = chips_->noise_power(at, x.count);
      if (preamble) p.known[k] = correlate(*chips_, at, *sequence_, x.first, x.count);
    }
    if (!preamble) {
      despread_quarters(*chips_, p.quarter, kAdjacentQuarters, *sequence_, x.first, p.re, p.im);
      const auto product = [&p](std::size_t k, std::size_t l) {
        const std::size_t a = k * kBlockSymbols, b = l * kBlockSymbols;
        float sums[3];
        multiply(p.re + a, p.im + a, p.re + b, p.im + b, sums);
        return Products{sums[0], sums[1], sums[2]};
      };
      for (std::size_t k = 0; k < kAdjacentQuarters; ++k) p.own[k] = product(k, k);
      for (std::size_t k = 0; k + 1 < kAdjacentQuarters; ++k) p.next[k] = product(k, k + 1);
    }
  }
  return {static_cast<std::size_t>(quarter - p.quarter), gain * (1 - mu), gain * mu, mu};
}

void FramePlanes::describe(const Planes& p, const Place& at, FrameBlock& b) const {
  b.time = p.stretch.time;
  b.share = p.share;
  b.chips = p.share * static_cast<double>(p.stretch.count);
  b.weight = reader_->weight(p.power[at.k] + at.mu * (p.power[at.k + 1] - p.power[at.k]));
}

void FramePlanes::read_blocks(FrameTiming t, std::size_t count, std::vector<FrameBlock>& blocks) {
  const std::size_t parts = parts_.size(), symbol_blocks = count / kBlockSymbols;
  blocks.assign(parts + symbol_blocks, FrameBlock{});
  for (std::size_t i = 0; i < parts; ++i) {
    const Place at = hold(parts_[i], t, true);
    describe(parts_[i], at, blocks[i]);
    blocks[i].known = at.here * parts_[i].known[at.k] + at.next * parts_[i].known[at.k + 1];
  }
  const std::size_t begin = (blocks_.size() - symbol_blocks) / 2;
  for (std::size_t i = 0; i < symbol_blocks; ++i) {
    Planes& p = blocks_[begin + i];
    FrameBlock& b = blocks[parts + i];
    const Place at = hold(p, t, false);
    describe(p, at, b);
    const auto x = static_cast<float>(at.here * at.here), y = static_cast<float>(2 * at.here * at.next),
               z = static_cast<float>(at.next * at.next);
    const Products &own = p.own[at.k], &both = p.next[at.k], &next = p.own[at.k + 1];
    b.squares = {static_cast<double>(x * own.re + y * both.re + z * next.re),
                 static_cast<double>(x * own.im + y * both.im + z * next.im)};
    b.energy = static_cast<double>(x * own.energy + y * both.energy + z * next.energy);
  }
}

void FramePlanes::read_symbols(FrameTiming t, SplitSymbols& y) {
  y.resize(blocks_.size() * kBlockSymbols);
  std::size_t m = 0;
  for (Planes& p : blocks_) {
    const Place at = hold(p, t, false);
    const std::size_t here = at.k * kBlockSymbols, next = here + kBlockSymbols;
    for (const auto& [planes, out] : {std::pair(p.re, &y.re), std::pair(p.im, &y.im)})
      interpolate(planes + here, planes + next, static_cast<float>(at.here), static_cast<float>(at.next),
                  out->data() + m);
    m += kBlockSymbols;
  }
}

}  // namespace ngdsp
