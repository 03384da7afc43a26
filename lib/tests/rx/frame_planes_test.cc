// What FramePlanes hold of a frame against despreading at every time.
#include "ngdsp/rx/frame_planes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "ngdsp/base/rng.h"

namespace ngdsp {
namespace {

class FramePlanesTest : public testing::Test {
 protected:
  FramePlanesTest()
      : profile_(*find_profile("cenelec-a")),
        encoder_(profile_),
        reader_(encoder_),
        chips_(profile_.spreading_factor) {
    std::vector<cf32> noise(ChipBuffer::kPlanes * (reader_.frame_chips(kSequence) + 200));
    Rng rng(1);
    rng.add_noise(Span<cf32>(noise), 1.0);
    chips_.append(noise);
    reader_.limit_weights(chips_, kSequence, 0);
    planes_.assign(chips_, reader_, kSequence, sequence());
  }

  const SplitSequence& sequence() { return reader_.sequence(kSequence, 0, reader_.code_bits(kSequence)); }

  // Largest differences of symbols and sums, over the size noise gives them: single precision.
  void expect_the_same(FrameTiming t, std::size_t count) {
    std::vector<FrameBlock> blocks, expected;
    planes_.read_blocks(t, count, blocks);
    reader_.read_preamble(chips_, kSequence, t, sequence(), expected);
    ASSERT_EQ(blocks.size(), expected.size() + count / kBlockSymbols);
    const double sf = profile_.spreading_factor;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(blocks[i].time, expected[i].time);
      EXPECT_NEAR(blocks[i].weight, expected[i].weight, 1e-5);
      EXPECT_LT(std::abs(blocks[i].known - expected[i].known), 1e-5 * expected[i].chips);
    }
    SplitSymbols y, all;
    planes_.read_symbols(t, y);
    reader_.read_symbols(chips_, kSequence, t, sequence(), all);
    for (std::size_t m = 0; m < all.re.size(); ++m) {
      ASSERT_NEAR(y.re[m], all.re[m], 1e-5 * sf) << "symbol " << m;
      ASSERT_NEAR(y.im[m], all.im[m], 1e-5 * sf) << "symbol " << m;
    }
    std::size_t m = (all.re.size() - count) / 2;
    for (std::size_t i = expected.size(); i < blocks.size(); ++i, m += kBlockSymbols) {
      const FrameStretch x = reader_.symbol_block(kSequence, m);
      cf64 squares;
      double energy;
      square_symbols(all.re.data() + m, all.im.data() + m, kBlockSymbols, squares, energy);
      EXPECT_EQ(blocks[i].time, x.time);
      EXPECT_NEAR(blocks[i].weight, reader_.weight(chips_, t.at(x), x.count), 1e-5);
      EXPECT_LT(std::abs(blocks[i].squares - squares), 1e-5 * energy);
      EXPECT_NEAR(blocks[i].energy, energy, 1e-5 * energy);
    }
  }

  static constexpr int kSequence = 0;
  Profile profile_;
  FrameEncoder encoder_;
  FrameReader reader_;
  ChipBuffer chips_;
  FramePlanes planes_;
};

// On and between quarter chips, as far as planes reach and beyond, with drift over several of them.
TEST_F(FramePlanesTest, EveryTimeIsReadAsIfDespreadThere) {
  const std::size_t all = reader_.code_bits(kSequence);
  for (const double chip : {50.3, 50.425, 50.175, 50.5, 50.25, 51.9, 49.0})
    for (const double clock : {0.0, 40e-6, -100e-6}) expect_the_same({chip, clock, 0}, all);
}

TEST_F(FramePlanesTest, ThenMoreSymbolsThanAtFirst) {
  const std::size_t all = reader_.code_bits(kSequence);
  expect_the_same({50.1, 50e-6, 0}, all / 4);
  expect_the_same({50.2, 50e-6, 0}, all);
}

}  // namespace
}  // namespace ngdsp
