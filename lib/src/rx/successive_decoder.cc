#include "ngdsp/rx/successive_decoder.h"

#include <algorithm>
#include <cmath>
#include <deque>

#include "ngdsp/base/db.h"
#include "ngdsp/fec/interleaver.h"
#include "ngdsp/fec/polar_decoder.h"
#include "ngdsp/rx/canceller.h"
#include "ngdsp/rx/demodulator.h"
#include "ngdsp/rx/noise_spectrum.h"
#include "ngdsp/rx/strong_frame.h"

namespace ngdsp {
namespace {

// Defaults and where they come from: docs/receiver.md.
constexpr double kDetectionThreshold = 9;
// At its decoding threshold a chip of a longer frame carries 0.4 dB less than one of a 16-byte frame, and so
// does its preamble.
constexpr struct {
  int symbols;
  double threshold;
} kWeakPreambles[] = {{4096, 8}, {8192, 7.5}};
constexpr double kDetectionThresholdOffsets = 11.5;  // with hundreds of carrier bins to search
constexpr double kDetectionThresholdBusy = 6.3;      // where frames hide each other
// So many times more hits than noise has alone are traffic.
constexpr double kBusyExcess = 1.6, kBusyMargin = 4;
// Frames of more than 2048 symbols show twice the evidence, and so does the noise their longer clock search
// finds.
constexpr double kVettingThreshold = 24, kVettingThresholdLong = 36;
constexpr std::size_t kLongFrameSymbols = 4096;
// Decoding costs in proportion to the list and to the clock offsets tried. While frames come out, what is
// left gets easier with each: so little effort first, and more only when that finds nothing.
struct Effort {
  int list;
  double margin;           // nats above the vetting threshold that make it worth while
  double hypothesis_drop;  // nats below the best clock offset
  std::size_t hypotheses;
  double age;  // frame lengths since the frame was complete, for a frame among others
};
constexpr Effort kEfforts[] = {{8, 0, 1.5, 2, 0}, {32, 2, 5, 6, 0.25}, {128, 3, 11, 20, 0.75}};
constexpr double kLongListMargin = 8;  // nats above the vetting threshold that are worth a list above 32
constexpr std::size_t kEffortCount = sizeof(kEfforts) / sizeof(kEfforts[0]);
// The best of 2^K random words reaches a frame metric of about K ln 2 on noise (K: payload and CRC bits).
constexpr double kMetricMargin = 14;
// A frame found again: what a strong one leaves beyond the longest delay and pulse lies within this many
// chips, and no node sends the same frame anew so soon.
constexpr double kDuplicateChips = 64;

constexpr std::int64_t kFirstPhase = -FrameReader::kMarginChips / 2;
constexpr std::int64_t kStepChips = 2048;
constexpr double kWindowFrames = 1.5;  // of starts behind the newest complete one
constexpr int kMaxPasses = 12;
// Of one step, several times what 2 bit/chip need: decodings counted in paths of their lists. What is left
// over waits for the next step.
constexpr int kMaxVettings = 3000;
constexpr std::uint64_t kMaxPaths = 64000;
constexpr double kStalePower = 0.97;    // of the power at the last vetting, below which it no longer serves
constexpr double kVetAgainPower = 0.9;  // of the power at a vetting that rejected
constexpr double kPowerDrop = 0.97;     // of the power after which a search or vetting is worth repeating
constexpr double kHiddenPower = 8;      // of the noise floor: what hides preambles
// Of the noise floor, where all frames should be gone; on a line of several paths, whose weak frames wait
// longest.
constexpr double kStrainedPower = 3, kStrainedPathsPower = 1.5;
constexpr double kAmongOthersPower = 1.25;  // of the noise floor: what else is there may go
constexpr std::size_t kAmongOthersHypotheses[] = {1, 4, 4};
// Of the power at a frame's last estimate; an estimate of several paths has more to gain.
constexpr double kEstimateAgainPower = 0.4, kEstimatePathsAgainPower = 0.6;
constexpr double kTryAgainPower = 0.9;  // of that at the last decoding

}  // namespace

struct SuccessiveDecoder::Impl {
  FrameEncoder encoder;
  Profile profile;
  SuccessiveConfig config;
  FrameHandler on_frame;
  CandidateHandler on_candidate;
  WorkerPool workers;
  PreambleDetector detector;
  std::vector<Vetter> vetters;  // one a worker
  Demodulator demodulator;
  FrameEstimator estimator;
  Canceller canceller;
  StrongFrame strong_frame;
  NoiseSpectrum noise_spectrum;
  NoiseWeights noise_weights;
  struct ClassDecoder {
    PolarDecoder decoder;
    Interleaver interleaver;
  };
  std::vector<ClassDecoder> decoders;        // one a payload class
  std::vector<std::size_t> decoder_of;       // by sequence
  std::vector<std::int64_t> lengths, leads;  // chips of the frame and before its preamble, by sequence

  // Code phases [first, first + hop) and what was found there.
  struct SearchBlock {
    std::int64_t first;
    double searched_power = 0;  // 0: not yet
    bool busy = false;          // more hits than noise makes
    std::deque<Candidate> candidates;
  };
  std::deque<SearchBlock> window;
  std::int64_t next_block = 0;  // first code phase of no block
  std::int64_t done = 0;        // chips worked on
  struct Taken {
    FrameEstimate estimate;
    std::vector<std::uint8_t> payload;
    std::vector<float> symbols;
    double power;  // under the frame when it was estimated
  };
  std::deque<Taken> taken;
  double floor = 0;       // noise power per chip
  bool strained = false;  // frames that should be gone are not: effort before speed
  SuccessiveCounters counters;

  std::vector<double> thresholds, busy_thresholds;  // by sequence
  double busy_hits = 0;                             // more of them in a block make it busy
  std::vector<PreambleHit> hits;
  struct Attempt {
    FrameHypothesis hypothesis;
    double first_chip = 0;
    int list = 0;
    std::vector<float> code_llr;
  };
  std::vector<Attempt> attempts;
  std::vector<float> llr, symbols;
  struct Queued {
    SearchBlock* block;
    Candidate* candidate;
    double evidence;  // expected
    double power;     // under the frame
  };
  std::vector<Queued> queue, to_vet;

  std::int64_t length(const Candidate& c) const { return lengths[static_cast<std::size_t>(c.hit.sequence)]; }
  bool complete(const Candidate& c, std::int64_t end) const {
    return static_cast<std::int64_t>(std::ceil(start(c))) + length(c) + FrameReader::kMarginChips <= end;
  }
  double start(const Candidate& c) const {
    return c.hit.chip - static_cast<double>(leads[static_cast<std::size_t>(c.hit.sequence)]);
  }
  double vetting_threshold(const Candidate& c) const {
    if (config.vetting_threshold > 0) return config.vetting_threshold;
    return static_cast<std::size_t>(profile.class_of(c.hit.sequence).code_bits) >= kLongFrameSymbols
               ? kVettingThresholdLong
               : kVettingThreshold;
  }
  Impl(const Profile& p, const SuccessiveConfig& c, FrameHandler frame, CandidateHandler candidate);
  double power_under(const ChipBuffer& chips, const Candidate& c) const {
    return chips.mean_power(std::floor(start(c)), static_cast<std::size_t>(length(c)));
  }
  bool busy(const std::vector<PreambleHit>& found) const {
    return std::count_if(found.begin(), found.end(), [this](const PreambleHit& h) {
             return h.statistic >= thresholds[static_cast<std::size_t>(h.sequence)];
           }) > busy_hits;
  }
  // Evidence grows with 1/power^2 at most where a frame lies.
  double expected_evidence(const Candidate& c, double power) const {
    const double ratio = std::max(1.0, c.vetted_power / std::max(power, 1e-30));
    return c.evidence * ratio * ratio;
  }
  bool worth_vetting(const Candidate& c, double power) const {
    if (c.vetted_power == 0) return true;
    return c.evidence < vetting_threshold(c) &&
           power < (strained ? kPowerDrop * c.vetted_power : c.hopeful_power);
  }
  void bury(const Candidate& c);
  void work(ChipBuffer& chips, std::int64_t end, std::int64_t searchable, bool last);
  void search(ChipBuffer& chips, std::int64_t searchable);
  void vet(const ChipBuffer& chips, Candidate& c, double power, Vetter& vetter);
  bool decode(ChipBuffer& chips, SearchBlock& block, Candidate& c, std::size_t first_effort,
              bool among_others);
  static bool strong(const FrameEstimate& frame, double power) {
    return frame.amplitude() * frame.amplitude() > StrongFrame::kLeastChipEcN0 * power;
  }
  double take_out(ChipBuffer& chips, FrameEstimate& frame, const SplitSequence& replica);
  void estimate_again(ChipBuffer& chips);
  void forget(ChipBuffer& chips, std::int64_t end);
};

namespace {

PreambleDetectorConfig detection_of(const FrameEncoder& encoder, const OffsetRange& range) {
  const Profile& p = encoder.profile();
  PreambleDetectorConfig d;
  for (int q = 0; q < p.sequence_count(); ++q)
    d.sequences.emplace_back(encoder.preamble(q).begin(), encoder.preamble(q).end());
  d.chip_rate_hz = p.chip_rate_hz;
  d.max_carrier_offset_hz =
      range.turns_by_chip() ? range.max_clock_ppm * 1e-6 * p.carrier_crystal_hz + range.extra_carrier_hz : 0;
  return d;
}

}  // namespace

SuccessiveDecoder::Impl::Impl(const Profile& p, const SuccessiveConfig& c, FrameHandler frame,
                              CandidateHandler candidate)
    : encoder(p),
      profile(p),
      config(c),
      on_frame(std::move(frame)),
      on_candidate(std::move(candidate)),
      workers(c.threads),
      detector(detection_of(encoder, c.range), workers),
      vetters(workers.workers(), Vetter(encoder, c.range)),
      demodulator(encoder, c.range),
      estimator(encoder, c.range),
      canceller(p.rolloff, workers),
      noise_weights(c.known_variance),
      next_block(kFirstPhase) {
  for (const PayloadClass& payload_class : p.classes) {
    for (int k = 0; k < payload_class.sequences; ++k) {
      decoder_of.push_back(decoders.size());
      lengths.push_back(p.frame_chips(payload_class));
      leads.push_back(p.preamble_start(payload_class));
    }
    decoders.push_back(
        {PolarDecoder(frame_code(payload_class), p.list_size), Interleaver(payload_class.code_bits)});
  }
  const double usual = c.detection_threshold > 0 ? c.detection_threshold
                       : c.range.turns_by_chip() ? kDetectionThresholdOffsets
                                                 : kDetectionThreshold;
  for (int q = 0; q < p.sequence_count(); ++q) {
    thresholds.push_back(usual);
    for (const auto& weak : kWeakPreambles)
      if (usual == kDetectionThreshold && p.class_of(q).code_bits >= weak.symbols)
        thresholds.back() = weak.threshold;
    busy_thresholds.push_back(c.range.turns_by_chip() ? thresholds.back()
                                                      : std::min(thresholds.back(), kDetectionThresholdBusy));
    busy_hits += kBusyExcess * detector.noise_hits(thresholds.back());
  }
  busy_hits += kBusyMargin;
}

SuccessiveDecoder::SuccessiveDecoder(const Profile& profile, const SuccessiveConfig& config,
                                     FrameHandler on_frame, CandidateHandler on_candidate)
    : impl_(new Impl(profile, config, std::move(on_frame), std::move(on_candidate))) {}

SuccessiveDecoder::~SuccessiveDecoder() = default;

int SuccessiveDecoder::span_chips() const { return impl_->detector.span_chips(); }
const SuccessiveCounters& SuccessiveDecoder::counters() const { return impl_->counters; }
double SuccessiveDecoder::noise_floor() const { return impl_->floor; }

void SuccessiveDecoder::advance(ChipBuffer& chips) {
  Impl& s = *impl_;
  // A filter that whitens needs what follows.
  for (; s.done + kStepChips + ChipBuffer::kFilterReach <= chips.end(); s.done += kStepChips)
    s.work(chips, s.done + kStepChips, s.done + kStepChips, false);
}

void SuccessiveDecoder::finish(ChipBuffer& chips, std::int64_t end) {
  Impl& s = *impl_;
  s.work(chips, end, chips.end(), true);
  for (const auto& block : s.window)
    for (const Candidate& c : block.candidates) s.bury(c);
  s.window.clear();
  s.taken.clear();
  s.noise_weights.restart();
  s.noise_spectrum.restart();
  s.next_block = kFirstPhase;
  s.done = 0;
}

void SuccessiveDecoder::Impl::bury(const Candidate& c) {
  const char* reason = "";
  if (c.waiting) {
    ++counters.budget_dropped;
    on_candidate(c, "too much to do before its turn came");
    return;
  }
  switch (c.stage) {
    case Stage::kDetection:
      ++counters.cut_off;
      reason = "the stream does not hold the whole frame";
      break;
    case Stage::kVetting:
      ++counters.vetting_rejected;
      reason = "preamble and symbols together look like noise";
      break;
    case Stage::kDecoding:
      ++counters.decoder_failed;
      reason = "no path of the list passes the CRC";
      break;
    case Stage::kMetric:
      ++counters.metric_rejected;
      reason = "CRC holds, but the frame does not correlate with what was received";
      break;
    case Stage::kDecoded:
      return;  // told when it was
  }
  on_candidate(c, reason);
}

void SuccessiveDecoder::Impl::work(ChipBuffer& chips, std::int64_t end, std::int64_t searchable, bool last) {
  if (noise_spectrum.learn(chips, end)) chips.set_filter(noise_spectrum.taps());
  noise_weights.learn(chips, end);
  for (; next_block + detector.span_chips() <= searchable; next_block += detector.hop_chips())
    window.push_back({next_block, 0, false, {}});
  int vettings = 0;
  const std::uint64_t paths_before = counters.paths;
  // One length behind the newest chips every frame was complete a while ago.
  const std::int64_t shortest = *std::min_element(lengths.begin(), lengths.end());
  const std::int64_t settled = end - shortest - shortest / 2;
  const auto paths = static_cast<std::size_t>(std::count_if(
      taken.begin(), taken.end(), [](const Taken& t) { return t.estimate.fingers.size() > 1; }));
  strained = settled > chips.begin() &&
             chips.mean_power(static_cast<double>(settled), static_cast<std::size_t>(shortest / 2)) >
                 (2 * paths > taken.size() ? kStrainedPathsPower : kStrainedPower) * floor;
  counters.strained_steps += strained;
  for (int pass = 0; pass < kMaxPasses; ++pass) {
    search(chips, searchable);
    queue.clear();
    to_vet.clear();
    for (SearchBlock& block : window)
      for (Candidate& c : block.candidates) {
        if (c.stage == Stage::kDecoded || !complete(c, end)) continue;
        c.waiting = false;
        const double power = power_under(chips, c);
        if (worth_vetting(c, power)) {
          c.waiting = vettings == kMaxVettings;
          if (c.waiting) continue;
          ++vettings;
          to_vet.push_back({&block, &c, 0, power});
        }
        queue.push_back({&block, &c, 0, power});
      }
    counters.vettings += to_vet.size();
    workers.run(to_vet.size(), [&](std::size_t i, std::size_t worker) {
      vet(chips, *to_vet[i].candidate, to_vet[i].power, vetters[worker]);
    });
    std::erase_if(
        queue, [this](const Queued& q) { return q.candidate->evidence < vetting_threshold(*q.candidate); });
    if (queue.empty()) break;
    for (Queued& q : queue) q.evidence = expected_evidence(*q.candidate, q.power);
    ++counters.passes;
    std::stable_sort(queue.begin(), queue.end(),
                     [](const Queued& a, const Queued& b) { return a.evidence > b.evidence; });
    bool found = false;
    for (std::size_t effort = 0; effort < kEffortCount && !found; ++effort)
      for (const auto& [block, c, evidence, power] : queue) {
        const bool among_others = power > kAmongOthersPower * floor && !strained && !last;
        const double age = (static_cast<double>(end) - start(*c)) / static_cast<double>(length(*c)) - 1;
        if (c->stage == Stage::kDecoded ||
            (c->tried_power[effort] > 0 &&
             power > (strained ? kPowerDrop : kTryAgainPower) * c->tried_power[effort]) ||
            evidence < vetting_threshold(*c) + kEfforts[effort].margin ||
            (among_others && age < kEfforts[effort].age))
          continue;
        c->waiting = counters.paths - paths_before >= kMaxPaths;
        if (c->waiting) continue;
        found |= decode(chips, *block, *c, effort, among_others);
        if (found && effort > 0) break;
      }
    estimate_again(chips);
    if (!found) break;
  }
  forget(chips, end);
}

void SuccessiveDecoder::Impl::search(ChipBuffer& chips, std::int64_t searchable) {
  noise_weights.learn_again(chips);
  const auto span = static_cast<std::size_t>(detector.span_chips());
  for (SearchBlock& block : window) {
    if (block.first + static_cast<std::int64_t>(span) > searchable) break;
    const double power = chips.mean_power(static_cast<double>(std::max(block.first, chips.begin())), span);
    if (block.searched_power > 0 && power >= kPowerDrop * block.searched_power) continue;
    const bool again = block.searched_power > 0;
    block.searched_power = std::max(power, 1e-30);
    // Where there is more than noise makes, frames hide each other, and a lower threshold finds them.
    const bool hidden = power > kHiddenPower * floor;
    if (!block.busy || !hidden) {
      hits.clear();
      detector.search(chips, block.first, thresholds, hits);
      block.busy = busy(hits);
    }
    if (block.busy && hidden) {
      hits.clear();
      detector.search(chips, block.first, busy_thresholds, hits);
      block.busy = busy(hits);
    }
    std::deque<Candidate> old;
    old.swap(block.candidates);
    for (const PreambleHit& hit : hits) {
      // What was known of a candidate found again stays known.
      const auto known = std::find_if(old.begin(), old.end(), [&](const Candidate& c) {
        return c.hit.sequence == hit.sequence && std::abs(c.hit.chip - hit.chip) < 0.6;
      });
      Candidate c;
      if (known != old.end() && known->stage != Stage::kDecoded) {
        c = *known;
        known->stage = Stage::kDecoded;  // not buried below
        c.hit = hit;
      } else {
        c.hit = hit;
        ++counters.candidates;
      }
      block.candidates.push_back(c);
    }
    for (const Candidate& c : old)
      if (c.stage != Stage::kDecoded) {
        if (again && c.stage == Stage::kDetection) {
          ++counters.duplicates;
          on_candidate(c, "gone with a frame that was taken out");
        } else {
          bury(c);
        }
      }
  }
}

void SuccessiveDecoder::Impl::vet(const ChipBuffer& chips, Candidate& c, double power, Vetter& vetter) {
  c.vetted_power = std::max(power, 1e-30);
  if (start(c) - FrameReader::kMarginChips < static_cast<double>(chips.begin())) return;
  const std::vector<FrameHypothesis>& found = vetter.vet(chips, c.hit);
  c.evidence = found.front().evidence;
  c.carrier_offset_hz = found.front().carrier_offset_hz;
  c.clock_ppm = found.front().clock_ppm;
  c.stage = std::max(c.stage, Stage::kVetting);
  if (c.evidence >= vetting_threshold(c)) c.hypotheses = found;
  const double missed = vetter.missed_evidence() > 0 ? vetter.missed_evidence() : vetting_threshold(c);
  c.hopeful_power = std::min(kVetAgainPower, std::sqrt(std::max(c.evidence, 0.0) / missed)) * c.vetted_power;
}

// Among others one effort at a time, and a clock offset that is far from certain when others are gone.
bool SuccessiveDecoder::Impl::decode(ChipBuffer& chips, SearchBlock& block, Candidate& c,
                                     std::size_t first_effort, bool among_others) {
  const int q = c.hit.sequence;
  const double threshold = vetting_threshold(c);
  const double power = power_under(chips, c);
  if (power < kStalePower * c.vetted_power) vet(chips, c, power, vetters.front());
  const std::vector<FrameHypothesis>& hypotheses = c.hypotheses;

  const PayloadClass& payload_class = profile.class_of(q);
  ClassDecoder& d = decoders[decoder_of[static_cast<std::size_t>(q)]];
  DecodedFrame frame;
  frame.payload.resize(static_cast<std::size_t>(payload_class.payload_bytes));
  PolarDecodeResult decoded;
  if (attempts.size() < hypotheses.size()) attempts.resize(hypotheses.size());
  const std::size_t last_effort = among_others ? first_effort : kEffortCount - 1;
  std::size_t made = 0;
  Attempt* right = nullptr;
  for (std::size_t e = first_effort; e <= last_effort && !right; ++e) {
    const Effort& effort = kEfforts[e];
    c.tried_power[e] = power;
    if (c.evidence < threshold + effort.margin) break;
    if (c.stage < Stage::kDecoding) ++counters.vetted;
    c.stage = std::max(c.stage, Stage::kDecoding);
    for (std::size_t k = 0;
         k < std::min(hypotheses.size(), among_others ? kAmongOthersHypotheses[e] : effort.hypotheses) &&
         !right;
         ++k) {
      if (hypotheses[k].evidence < c.evidence - effort.hypothesis_drop) break;
      Attempt& a = attempts[k];
      if (k == made) {
        a.hypothesis = hypotheses[k];
        a.list = 0;
        a.first_chip = start(c) + demodulator.demodulate(chips, a.hypothesis, llr).front().delay_chips;
        a.code_llr.resize(llr.size());
        for (std::size_t m = 0; m < llr.size(); ++m)
          a.code_llr[static_cast<std::size_t>(d.interleaver[static_cast<int>(m)])] = llr[m];
        ++made;
      }
      // With all paths a frame may show more than the vetting saw of the strongest.
      const bool likely = std::max(c.evidence, a.hypothesis.evidence) >= threshold + kLongListMargin;
      const int list = std::min({effort.list, profile.list_size, likely ? 128 : 32});
      if (a.list >= list) continue;
      a.list = list;
      decoded = d.decoder.decode_with_list(a.code_llr, list, frame.payload);
      counters.paths += static_cast<std::uint64_t>(list);
      ++counters.decodings;
      if (decoded.crc_ok) right = &a;
    }
  }
  if (made > 0) c.list_used = decoded.list_used;
  if (!right) return false;

  encoder.encode_symbols(frame.payload, q, symbols);
  const SplitSequence& replica = estimator.replica(right->hypothesis, symbols);
  estimator.estimate(chips, right->hypothesis, right->first_chip, replica, frame.estimate);
  c.frame_metric = frame.estimate.metric;
  const double least = config.metric_threshold >= 0
                           ? config.metric_threshold
                           : (8.0 * payload_class.payload_bytes + 24.0) * std::log(2.0) + kMetricMargin;
  if (frame.estimate.metric < least) {
    c.stage = Stage::kMetric;
    return false;
  }
  for (const Taken& t : taken)
    if (t.estimate.sequence == q &&
        std::abs(t.estimate.timing.chip - frame.estimate.timing.chip) < kDuplicateChips &&
        t.payload == frame.payload) {
      // What is as strong as a frame hides others, told twice or not.
      canceller.add(chips, frame.estimate, replica, -1);
      ++counters.duplicates;
      Candidate same = c;
      same.stage = Stage::kDetection;
      on_candidate(same, "part of a frame already decoded");
      c.stage = Stage::kDecoded;
      return false;
    }

  frame.noise_variance = take_out(chips, frame.estimate, replica);
  frame.cancellation_db = estimator.cancellation_db(chips, frame.estimate, replica);
  frame.residual_db = floor > 0 ? to_db(frame.noise_variance / floor) : 0;
  c.stage = Stage::kDecoded;
  c.carrier_offset_hz = frame.estimate.turns * profile.chip_rate_hz + frame.estimate.base_hz;
  c.clock_ppm = frame.estimate.timing.clock * 1e6;
  for (std::size_t m = 0; m < symbols.size(); ++m)
    frame.corrected_bits +=
        right->code_llr[static_cast<std::size_t>(d.interleaver[static_cast<int>(m)])] * symbols[m] < 0;
  // Another frame may lie under this one: same sequence, same moment.
  Candidate again;
  again.hit = c.hit;
  again.hit.statistic = vetters.front().statistic(chips, again.hit);
  if (again.hit.statistic >= kDetectionThreshold) {
    block.candidates.push_back(again);
    ++counters.candidates;
  }
  frame.candidate = &c;
  taken.push_back({frame.estimate, frame.payload, symbols, frame.noise_variance});
  ++counters.frames;
  on_candidate(c, "");
  on_frame(frame);
  return true;
}

// Returns the power left.
double SuccessiveDecoder::Impl::take_out(ChipBuffer& chips, FrameEstimate& frame,
                                         const SplitSequence& replica) {
  const auto extent = canceller.add(chips, frame, replica, -1);
  const auto power = [&] {
    return std::max(chips.mean_power(static_cast<double>(extent.first),
                                     static_cast<std::size_t>(extent.last - extent.first)),
                    1e-30);
  };
  if (strong(frame, power())) {
    // What it hid weighs on what is left of it.
    noise_weights.learn_again(chips, extent.first, extent.last);
    strong_frame.take_out_rest(chips, canceller, replica, frame);
  }
  return power();
}

// An estimate is as good as the interference was weak; what it leaves of its frame is interference in turn.
void SuccessiveDecoder::Impl::estimate_again(ChipBuffer& chips) {
  for (Taken& t : taken) {
    const auto length = static_cast<std::size_t>(lengths[static_cast<std::size_t>(t.estimate.sequence)]);
    const auto first = static_cast<std::int64_t>(t.estimate.timing.chip);
    if (first - FrameReader::kMarginChips < chips.begin()) continue;
    const double power = chips.mean_power(static_cast<double>(first), length);
    if (power > (t.estimate.fingers.size() > 1 ? kEstimatePathsAgainPower : kEstimateAgainPower) * t.power)
      continue;
    t.power = power;
    ++counters.estimates;
    const FrameEstimate before = t.estimate;
    const FrameHypothesis h = before.hypothesis(profile);
    FrameHypothesis taken_out = h;  // the replica that was taken out is turned by base_hz
    taken_out.carrier_offset_hz = before.base_hz;
    const SplitSequence& replica = estimator.replica(taken_out, t.symbols);
    if (before.rest.empty()) {
      estimator.estimate_again(chips, replica, t.estimate);
      canceller.replace(chips, before, t.estimate, replica);
      if (strong(t.estimate, power)) strong_frame.take_out_rest(chips, canceller, replica, t.estimate);
    } else {
      canceller.add(chips, before, replica, +1);
      const SplitSequence& turned = estimator.replica(h, t.symbols);
      estimator.estimate(chips, h, h.chip, turned, t.estimate);
      take_out(chips, t.estimate, turned);
    }
  }
}

void SuccessiveDecoder::Impl::forget(ChipBuffer& chips, std::int64_t end) {
  // The power of blocks that leave: they are as clean as they become.
  std::int64_t oldest = next_block;
  for (SearchBlock& block : window) {
    std::deque<Candidate> kept;
    for (Candidate& c : block.candidates) {
      const auto age = static_cast<double>(end) - start(c);
      if (age > (1 + kWindowFrames) * static_cast<double>(length(c))) {
        bury(c);
      } else {
        kept.push_back(c);
      }
    }
    block.candidates.swap(kept);
  }
  std::int64_t kept_chips = 0;
  for (std::size_t q = 0; q < lengths.size(); ++q)
    kept_chips =
        std::max(kept_chips,
                 static_cast<std::int64_t>((1 + kWindowFrames) * static_cast<double>(lengths[q])) - leads[q]);
  while (!window.empty() && window.front().first + detector.hop_chips() + kept_chips < end)
    window.pop_front();
  if (!window.empty()) oldest = window.front().first;
  oldest -= *std::max_element(leads.begin(), leads.end());
  if (end - oldest > 0) {
    const double power = chips.mean_power(static_cast<double>(std::max(oldest, chips.begin())),
                                          static_cast<std::size_t>(kStepChips));
    floor = floor == 0      ? power
            : power < floor ? floor + 0.1 * (power - floor)
                            : floor + 0.01 * (power - floor);
  }
  chips.discard_before(oldest - 2 * FrameReader::kMarginChips);
  while (!taken.empty() && taken.front().estimate.timing.chip < static_cast<double>(oldest) - kDuplicateChips)
    taken.pop_front();
}

}  // namespace ngdsp
