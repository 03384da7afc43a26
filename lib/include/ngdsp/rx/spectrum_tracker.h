// At which frequencies the noise of the received stream is stronger.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "ngdsp/base/fft.h"
#include "ngdsp/rx/chip_buffer.h"
#include "ngdsp/rx/noise_report.h"

namespace ngdsp {

/// Density of the noise before the matched filter, `turns` cycles a chip from the carrier, on any scale: for
/// measurements of what not knowing it costs.
using KnownSpectrum = std::function<double(double turns)>;

/// Learns S(f), the density of the noise over the band, and proposes the NoiseFilter for it. Every block of
/// 1024 chips counts by its spectrum over its own median, and the less the further that is above the lowest
/// of late, with the square: so frames tell little, however strong they are, and a block that they were taken
/// out of is read again. Bursts are taken out of it as the filter and the weights of the time tell them: what
/// is learned is what lies between. S is the mean of about two seconds, always added to, never multiplied.
/// Lines are what stands above the median of the bins around by more than chance, and that median tells how
/// the background slopes; where neither is seen there is no filter.
///
/// Frames are read amid others, whose power I grows from nothing at their first chip to F, that of all
/// traffic, at their last. Of all filters that stay the same along a frame
///
///     1/(N(f) + kappa N),  kappa = (1 + 1/x) ln(1 + x) - 1,  x = F/N,
///
/// gives the highest sum of SINR: kappa is the mean of I/N over the frame, each part weighted by the square
/// of its SINR. N is the even density that hides frames as much, 1/mean(1/S); F/N follows from how far the
/// power of blocks fell behind one filter.
class SpectrumTracker {
 public:
  explicit SpectrumTracker(double rolloff, KnownSpectrum known = {});

  /// New chips, all before `end`, which have their weights and may hold frames; of those before `settled`
  /// what can be decoded was taken out. True where another filter is worth having.
  bool learn(const ChipBuffer& chips, std::int64_t end, std::int64_t settled);
  /// From the last half second of the chips held as it is now, where that tells twice of what was learned as
  /// it came: a strong frame was taken out of it. True where another filter is worth having.
  bool learn_again(const ChipBuffer& chips);
  /// Null: none.
  const std::shared_ptr<NoiseFilter>& filter() const { return filter_; }
  /// S by bin of 1/1024 of the chip rate from half of it below the carrier on, over its median; empty while
  /// next to nothing is known.
  std::vector<float> density() const;
  /// To be called once what was proposed filters: the power of noise is another one behind it.
  void filtered(const ChipBuffer& chips);
  /// For a new stream.
  void restart();
  /// Of what was learned; nothing where there is no filter.
  void report(NoiseReport& out) const;

 private:
  struct Block {
    std::vector<double> power;  // by bin of the band
    double scale = 0;           // mean power of its noise
    double left = 1;            // of its noise, when bursts were taken out
  };
  bool choose();
  bool read_block(const ChipBuffer& chips, std::int64_t first);
  void add_block();
  void read_settled(const ChipBuffer& chips, std::int64_t settled);
  double read_between_bursts(const ChipBuffer& chips, std::int64_t first);
  // Of blocks, each over its median, by bin of the band.
  struct Mean {
    std::vector<double> power;
    double blocks = 0;  // that it is of, by their weights
    double floor = 0;   // lowest power of a block of late
    void add(const Block& block);
    double weight() const { return floor > 0 ? blocks / (floor * floor) : 0; }  // of all blocks
  };
  struct Spectrum {
    std::vector<double> all, background;  // by bin of the band; where there is no line both are the same
  };
  std::vector<double> without_frames(const Mean& mean) const;
  std::vector<double> background_of(const std::vector<double>& mean) const;
  Spectrum spectrum(const Mean& mean) const;
  Spectrum amid_frames(Spectrum s) const;
  bool rose_with_lines();
  NoiseShape shape(const Spectrum& s, std::size_t widen) const;
  double kept(const NoiseFilter* filter, const std::vector<double>& spectrum) const;

  double rolloff_;
  KnownSpectrum known_;
  std::vector<float> window_;
  std::unique_ptr<Fft> forward_, inverse_;
  // Of the band, by frequency from its lower edge on: the bin, the share of it in a frame's energy.
  std::vector<std::size_t> bin_;
  std::vector<double> energy_;
  Mean mean_, risen_;  // risen_: since blocks lie far above the floor
  Block block_;
  std::vector<double> sorted_;
  std::vector<float> weights_;
  std::shared_ptr<NoiseFilter> filter_;
  double least_ = 0, since_least_ = 0;  // of the blocks of this second, as many
  double seen_ = 0, unseen_ = 0;        // windows, at most the memory; those since the filter was thought of
  double risen_unseen_ = 0;             // of risen_, since it was looked at
  std::int64_t next_ = 0;
  struct Came {
    std::int64_t first;
    double power;
  };
  std::deque<Came> came_;  // blocks that are not settled, and their power when they came
  double fell_ = 0;        // mean of F/N
};

}  // namespace ngdsp
