#include "ngdsp/eval/false_frames.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "eval/workers.h"
#include "ngdsp/base/rng.h"
#include "ngdsp/fec/crc.h"
#include "ngdsp/fec/interleaver.h"
#include "ngdsp/fec/polar_decoder.h"
#include "ngdsp/rx/demodulator.h"
#include "ngdsp/rx/frame_estimator.h"
#include "ngdsp/rx/front_end.h"
#include "ngdsp/rx/receiver.h"
#include "ngdsp/tx/frame_encoder.h"

namespace ngdsp {
namespace {

constexpr double kPieceSeconds = 60;
constexpr std::size_t kBlockSamples = 65536;
constexpr int kLists[] = {8, 32, 128};  // of the receiver; its trace says how far it went

// A receiver, and beside it the chips it works on, for a second look at what it handed to its decoder.
class Experiment {
 public:
  Experiment(const Profile& profile, FrontEnd front_end)
      : profile_(profile),
        front_end_(std::move(front_end)),
        encoder_(profile),
        vetter_(encoder_, {profile.max_clock_ppm, 0, 0}),
        demodulator_(encoder_, {profile.max_clock_ppm, 0, 0}),
        estimator_(encoder_, {profile.max_clock_ppm, 0, 0}) {
    ReceiverConfig config;
    config.profile = profile;
    config.full_scale = 1e30;
    // The noise is white, and weights learned on the way cannot be had again for the second look.
    config.known_variance = [](std::int64_t) { return 1.0; };
    Result<Receiver> receiver = Receiver::create(
        config, [](const ReceivedFrame&) {}, [this](const CandidateTrace& t) { look(t); });
    receiver_.emplace(std::move(*receiver));
    for (const PayloadClass& c : profile.classes) {
      const PolarCode code = frame_code(c);
      codes_.push_back({code, PolarDecoder(code, profile.list_size), Interleaver(c.code_bits)});
      found.emplace_back();
      found.back().payload_bytes = c.payload_bytes;
      for (int i = 0; i < c.sequences; ++i) class_of_.push_back(codes_.size() - 1);
    }
  }

  void run(std::uint64_t seed, std::uint64_t piece, double seconds) {
    Rng noise = Rng::stream(seed, piece);
    draw_ = Rng::stream(~seed, piece);
    chips_.restart();
    auto left = static_cast<std::uint64_t>(seconds * profile_.sample_rate_hz);
    while (left > 0) {
      const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left, kBlockSamples));
      if (profile_.real) {
        std::vector<float> samples(n);
        noise.add_noise(Span<float>(samples), 1.0);
        feed(samples);
      } else {
        std::vector<cf32> samples(n);
        noise.add_noise(Span<cf32>(samples), 1.0);
        feed(samples);
      }
      left -= n;
    }
    front_end_.flush([this](Span<const cf32> block) { chips_.append(block); });
    receiver_->flush();
  }

  std::vector<NoisePathClass> found;
  std::string error;

 private:
  template <typename Sample>
  void feed(const std::vector<Sample>& samples) {
    // The chips of the longest frame, and of what the receiver has not searched yet.
    constexpr std::int64_t kKept = 1 << 19;
    front_end_.process(std::vector<cf32>(samples.begin(), samples.end()),
                       [this](Span<const cf32> block) { chips_.append(block); });
    chips_.discard_before(std::max(chips_.begin(), chips_.end() - kKept));
    receiver_->process(Span<const Sample>(samples));
  }

  void look(const CandidateTrace& t) {
    if (t.stage == Stage::kDetection || t.stage == Stage::kVetting) return;
    const std::size_t k = class_of_[static_cast<std::size_t>(t.sequence)];
    Code& c = codes_[k];
    NoisePathClass& out = found[k];
    PreambleHit hit;
    hit.sequence = t.sequence;
    hit.chip = std::round(4 * t.sample_index / profile_.samples_per_chip()) / 4 +
               profile_.preamble_start(profile_.class_of(t.sequence));
    hit.statistic = t.detection;
    std::vector<FrameHypothesis> hypotheses = vetter_.vet(chips_, hit);
    if (hypotheses.front().evidence != t.evidence) error = "a candidate was not found again";

    const double k_ln2 = c.code.info_bits() * std::log(2.0);
    word_.resize(static_cast<std::size_t>(c.code.info_bits()) / 8);
    for (FrameHypothesis& h : hypotheses) {
      const double first_chip = h.chip + demodulator_.demodulate(chips_, h, llr_).front().delay_chips;
      code_llr_.resize(llr_.size());
      for (std::size_t m = 0; m < llr_.size(); ++m)
        code_llr_[static_cast<std::size_t>(c.interleaver[static_cast<int>(m)])] = llr_[m];
      for (const int list : kLists) {
        if (list > std::min(t.list_used, profile_.list_size)) break;
        words_.resize(static_cast<std::size_t>(list) * word_.size());
        penalties_.resize(static_cast<std::size_t>(list));
        const int paths = c.decoder.decode_paths(code_llr_, list, words_, penalties_);
        const auto drawn = static_cast<std::ptrdiff_t>(draw_.below(static_cast<std::uint32_t>(paths)));
        const auto bytes = static_cast<std::ptrdiff_t>(word_.size());
        std::copy_n(words_.begin() + drawn * bytes, bytes, word_.begin());
        encode(c);
        FrameEstimate estimate;
        estimator_.estimate(chips_, h, first_chip, estimator_.replica(h, symbols_), estimate);
        out.paths += paths;
        out.drawn.push_back(
            {static_cast<std::uint32_t>(out.decodes), paths, crc24(word_), estimate.metric - k_ln2});
      }
    }
    ++out.decodes;
  }

  struct Code {
    PolarCode code;
    PolarDecoder decoder;
    Interleaver interleaver;
  };

  // word_ to symbols_, the CRC as it comes.
  void encode(const Code& c) {
    std::vector<std::uint8_t> info, bits(static_cast<std::size_t>(c.code.block_bits()));
    for (const std::uint8_t byte : word_)
      for (int b = 7; b >= 0; --b) info.push_back((byte >> b) & 1);
    c.code.encode(info, bits);
    symbols_.resize(bits.size());
    for (std::size_t m = 0; m < bits.size(); ++m)
      symbols_[m] = bits[static_cast<std::size_t>(c.interleaver[static_cast<int>(m)])] ? -1.0F : 1.0F;
  }

  Profile profile_;
  FrontEnd front_end_;
  FrameEncoder encoder_;
  Vetter vetter_;
  Demodulator demodulator_;
  FrameEstimator estimator_;
  std::optional<Receiver> receiver_;
  std::vector<Code> codes_;
  std::vector<std::size_t> class_of_;            // by sequence
  ChipBuffer chips_{profile_.spreading_factor};  // as the loops that despread want it
  Rng draw_{0};
  std::vector<float> llr_, code_llr_, symbols_;
  std::vector<std::uint8_t> words_, word_;
  std::vector<float> penalties_;
};

}  // namespace

Result<NoisePaths> measure_noise_paths(const Profile& profile, double seconds, std::uint64_t seed,
                                       int threads) {
  if (std::string e = profile.validate(); !e.empty()) return Error{e};
  if (!(seconds > 0) || seconds > 1e7) return Error{"seconds must be above 0 and at most 1e7"};
  if (profile.max_clock_ppm * 1e-6 * profile.carrier_crystal_hz >
      0.3 * profile.chip_rate_hz / profile.preamble_chips)
    return Error{"profile " + profile.name + " searches several carrier bins, expected one"};
  if (const auto probe =
          FrontEnd::create(profile, profile.sample_rate_hz, profile.carrier_hz - profile.center_hz);
      !probe)
    return Error{probe.error()};

  NoisePaths result;
  result.seconds = seconds;
  const auto pieces = static_cast<std::uint64_t>(std::ceil(seconds / kPieceSeconds));
  std::atomic<std::uint64_t> next{0};
  std::mutex mutex;
  std::string error;
  run_threads(thread_count(threads), [&](int) {
    Experiment experiment(profile, std::move(*FrontEnd::create(profile, profile.sample_rate_hz,
                                                               profile.carrier_hz - profile.center_hz)));
    for (std::uint64_t piece = next++; piece < pieces; piece = next++)
      experiment.run(seed, piece,
                     std::min(kPieceSeconds, seconds - kPieceSeconds * static_cast<double>(piece)));
    const std::lock_guard<std::mutex> lock(mutex);
    if (!experiment.error.empty()) error = experiment.error;
    if (result.classes.empty()) result.classes.resize(experiment.found.size());
    for (std::size_t k = 0; k < experiment.found.size(); ++k) {
      NoisePathClass& all = result.classes[k];
      NoisePathClass& part = experiment.found[k];
      all.payload_bytes = part.payload_bytes;
      for (NoisePath& p : part.drawn) {
        p.decode += static_cast<std::uint32_t>(all.decodes);
        all.drawn.push_back(p);
      }
      all.decodes += part.decodes;
      all.paths += part.paths;
    }
  });
  if (!error.empty()) return Error{error};
  return result;
}

YearlyRate false_frames_a_year(const NoisePathClass& c, double seconds, double margin) {
  constexpr double kYearSeconds = 365.25 * 86400;
  const double unit = std::ldexp(kYearSeconds / seconds, -24);
  std::map<std::uint32_t, double> above;  // by candidate
  for (const NoisePath& p : c.drawn)
    if (p.excess >= margin) above[p.decode] += unit * p.paths;
  YearlyRate rate;
  for (const auto& [decode, sum] : above) {
    rate.mean += sum;
    rate.deviation += sum * sum;
  }
  rate.deviation = std::sqrt(rate.deviation);
  rate.candidates = above.size();
  return rate;
}

}  // namespace ngdsp
