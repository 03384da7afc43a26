#include "ngdsp/rx/successive_decoder.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <optional>
#include <utility>

#include "ngdsp/base/db.h"
#include "ngdsp/fec/interleaver.h"
#include "ngdsp/fec/polar_decoder.h"
#include "ngdsp/rx/canceller.h"
#include "ngdsp/rx/changing_paths.h"
#include "ngdsp/rx/collapse_detector.h"
#include "ngdsp/rx/demodulator.h"
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
constexpr double kDetectionThresholdStrained = 6.3;  // where frames hide each other
constexpr double kCoveredPower = 2;                  // of the noise floor: something stands over it
// Frames of more than 2048 symbols show twice the evidence, and so does the noise their longer clock search
// finds.
constexpr double kVettingThreshold = 24, kVettingThresholdLong = 36;
// Hundreds of carriers bring fifty times more hits, each of which has the detection's higher threshold behind
// it: so many nats more are asked of them.
constexpr double kVettingManyCarriers = 3;
constexpr int kManyCarriers = 100;
constexpr std::size_t kLongFrameSymbols = 4096;
// Decoding costs in proportion to the list and to the clock offsets tried. While frames come out, what is
// left gets easier with each: so little effort first, and more only when that finds nothing.
struct Effort {
  int list;
  double margin;           // nats above the vetting threshold that make it worth while
  double hypothesis_drop;  // nats below the best clock offset
  std::size_t hypotheses;
};
constexpr Effort kEfforts[] = {{8, 0, 1.5, 2}, {32, 2, 5, 6}, {128, 3, 11, 20}};
constexpr double kLongListMargin = 8;  // nats above the vetting threshold that are worth a list above 32
// Nats above the vetting threshold that tell a lost frame from noise, and payload bits a hit of noise loses
// yet.
constexpr double kLostMargin = 2, kLostBitsANoiseHit = 3;
constexpr std::size_t kEffortCount = sizeof(kEfforts) / sizeof(kEfforts[0]);
// What is done about frames among others. As a rule what brings little is left out: what is there goes, and
// the rest becomes easier.
struct Pains {
  double search_drop;  // of the power after which a search, which costs sixteen vettings, is worth repeating
  double detection_step;  // more that is asked of preambles where something stands over the noise
  std::size_t hypotheses[kEffortCount];  // of the clock
  double ages[kEffortCount];             // frame lengths since the frame was complete
  double tolerated_rest;  // of frames that were estimated amid others, all of them, over the noise
};
constexpr Pains kUsualPains = {0.92, 1, {1, 2, 4}, {0, 0.35, 0.75}, 0.4},
                kCrowdedPains = {0.97, 0, {1, 4, 4}, {0, 0.25, 0.75}, 0.015};
// Of a strong one a whole response was estimated, 50 dB above others.
constexpr double kToleratedByStrong = 0.2;
// The share of its power at which the weights of a stretch are learned anew where frames should be gone: a
// frame length behind the newest chips, and on a strained line anywhere.
constexpr double kLearnAgainGone = 0.5;
// What is done about frames that should be gone where they pile up.
struct Rescue {
  double hidden_power;                // of the noise floor: what hides preambles
  double preamble;                    // threshold for those that may be hidden
  double less_evidence, less_metric;  // nats less are asked for
  double margin;                      // share that is left of an effort's
};
constexpr Rescue kUsualRescue = {8, kDetectionThresholdStrained, 0, 0, 1}, kPiledUpRescue = {3, 5, 6, 6, 0};
// The best of 2^K random words reaches a frame metric of about K ln 2 on noise (K: payload and CRC bits).
// Where nothing else is on the air that is all there is, and 18 more let through less than one a year; among
// others a true word that is turned away for a while hides the rest, and where they pile up it may do so for
// good.
constexpr double kMetricMargin = 18, kMetricMarginAmongOthers = 14;
// Hundreds of carriers decode a hundred times as many candidates on noise, ln 100 nats, and their preambles
// were chosen from a threshold 2.5 nats higher.
constexpr double kMetricManyCarriers = 7;
// A frame found again: what a strong one leaves beyond the longest delay and pulse lies within this many
// chips, and no node sends the same frame anew so soon.
constexpr double kDuplicateChips = 64;

constexpr std::int64_t kFirstPhase = -FrameReader::kMarginChips / 2;
constexpr std::int64_t kStepChips = 2048;
constexpr double kWindowFrames = 1.5;  // of starts behind the newest complete one
constexpr int kMaxPasses = 48;
// What steps may do, decodings counted in paths of their lists. On the whole less than real time has on one
// core; what was not needed before may be spent while a line locks, so much of it in one step. What is left
// over waits for the next step.
struct Allowance {
  double refill, step_at_most, at_most;
};
constexpr Allowance kVettings = {600, 3000, 75000}, kPaths = {8000, 64000, 1600000};
// Of the power at the last vetting, below which it no longer serves; one with evidence of so many times the
// threshold has no doubt about the clock.
constexpr double kStalePower = 0.97, kSureStalePower = 0.7, kSureEvidence = 2;
constexpr double kVetAgainPower = 0.9;  // of the power at a vetting that rejected
constexpr double kLeastPower = 1e-30;   // of a dead line, which is searched once as well
constexpr double kPowerDrop = 0.97;     // of the power after which a vetting is worth repeating
// Of the noise floor, where all frames should be gone; on a line of several paths, whose weak frames wait
// longest.
constexpr double kStrainedPower = 3, kStrainedPathsPower = 1.5;
// The same, from which frames of equal powers wait for each other and may pile up. Where powers are spread,
// by so many dB rms over so many frames, the strong ones free the weak ones.
constexpr double kCrowdedPower = 1.5, kSpreadDb = 2;
constexpr std::size_t kSpreadFrames = 16;
// Frame lengths since they were complete from which frames of spread powers are worth the effort on a
// strained line: of younger ones one long list in seventy succeeds.
constexpr double kStrainedAge = 0.6;
constexpr double kAmongOthersPower = 1.25;  // of the noise floor: what else is there may go
// Nats above the vetting threshold below which one decoding in twenty among others succeeds, and frame
// lengths such a candidate waits.
constexpr double kDoubtfulMargin = 12, kDoubtfulAge = 0.5;
// Behind a filter what was taken out counts as drawn for so long: 17 dB below itself it is still there.
constexpr int kSettleSteps = 9;
constexpr int kLooksUnderStrong = 3;     // at the spectrum, each of which gave another filter
constexpr double kTryAgainPower = 0.85;  // of that at the last decoding

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
  ChangingPaths changing_paths;
  ChipPulse pulse;
  NoiseReport last_report;  // when the last stream ended
  SpectrumTracker spectrum_tracker;
  NoiseWeights noise_weights;
  NoiseRhythm noise_rhythm;
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
    std::deque<Candidate> candidates;
  };
  std::deque<SearchBlock> window;
  std::int64_t next_block = 0;  // first code phase of no block
  std::int64_t done = 0;        // chips worked on
  std::int64_t working_on = 0;  // chips of this step
  struct Taken {
    FrameEstimate estimate;
    std::vector<std::uint8_t> payload;
    std::vector<float> symbols;
    double power;  // under the frame when it was estimated
    ChangingPaths::Known changes;
  };
  std::vector<Taken> taken;
  struct Budget {
    Allowance of;
    double saved = of.at_most, left = 0;
    void begin_step() {
      saved = std::min(of.at_most, saved + left + of.refill);
      left = std::min(of.step_at_most, saved);
      saved -= left;
    }
  };
  Budget vettings{kVettings}, paths{kPaths};
  ChipRange unsearched, unestimated;  // changed since candidates, and since estimates, were looked at
  double floor = 0;                   // noise power per chip
  int unsettled_steps = 0;
  Pains pains = kUsualPains;
  Rescue rescue = kUsualRescue;
  bool strained = false;    // frames that should be gone are not: effort before speed
  double strained_age = 0;  // for those of at least so many frame lengths
  SuccessiveCounters counters;
  std::optional<CollapseDetector> collapse;
  double lost_bits = 0, decoded_bits = 0;  // of a step: payloads lost, payloads that came out

  std::size_t preamble_chips;
  std::vector<double> thresholds, wanted;  // by sequence
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
  bool many_carriers() const { return detector.carrier_bins() >= kManyCarriers; }
  double vetting_threshold(const Candidate& c) const {
    if (config.vetting_threshold > 0) return config.vetting_threshold;
    const bool is_long =
        static_cast<std::size_t>(profile.class_of(c.hit.sequence).code_bits) >= kLongFrameSymbols;
    return (is_long ? kVettingThresholdLong : kVettingThreshold) +
           (many_carriers() ? kVettingManyCarriers : 0);
  }
  double payload_bits(const Candidate& c) const {
    return 8.0 * profile.class_of(c.hit.sequence).payload_bytes;
  }
  // Payload bits of a candidate that was given up although it looked like a frame.
  double bits_if_lost(const Candidate& c) const {
    return c.evidence >= vetting_threshold(c) + kLostMargin ? payload_bits(c) : 0;
  }
  Impl(const Profile& p, const SuccessiveConfig& c, FrameHandler frame, CandidateHandler candidate);
  double power_under(const ChipBuffer& chips, const Candidate& c) const {
    return chips.effective_power(start(c), static_cast<std::size_t>(length(c)));
  }
  // Under the preamble and the symbols that the last vetting read.
  double power_read(const ChipBuffer& chips, const Candidate& c) const {
    const std::size_t chips_read = c.symbols_read * static_cast<std::size_t>(profile.spreading_factor);
    return chips.effective_power(c.hit.chip - static_cast<double>(chips_read / 2),
                                 preamble_chips + chips_read);
  }
  // Evidence grows with 1/power^2 at most where a frame lies.
  double expected_evidence(const Candidate& c, double power) const {
    const double ratio = std::max(1.0, c.vetted_power / std::max(power, 1e-30));
    return c.evidence * ratio * ratio;
  }
  // Frame lengths since it was complete.
  double age(const Candidate& c) const {
    return (static_cast<double>(working_on) - start(c)) / static_cast<double>(length(c)) - 1;
  }
  // Of the frames taken out, in dB rms about their mean.
  bool powers_spread() const {
    double sum = 0, squares = 0;
    for (const Taken& t : taken) {
      const double db = 2 * to_db(std::max(t.estimate.amplitude(), kLeastPower));
      sum += db;
      squares += db * db;
    }
    const auto n = static_cast<double>(taken.size());
    return taken.size() >= kSpreadFrames && n * squares - sum * sum > n * n * kSpreadDb * kSpreadDb;
  }
  bool worth_effort(const Candidate& c) const { return strained && age(c) >= strained_age; }
  // To be looked at further, and for an effort.
  double least_evidence(const Candidate& c) const {
    return vetting_threshold(c) - (worth_effort(c) ? rescue.less_evidence : 0);
  }
  double least_evidence(const Candidate& c, const Effort& effort) const {
    return least_evidence(c) + (worth_effort(c) ? rescue.margin : 1) * effort.margin;
  }
  bool worth_vetting(const ChipBuffer& chips, const Candidate& c) const {
    if (c.vetted_power == 0) return true;
    return c.evidence < least_evidence(c) &&
           power_read(chips, c) < (worth_effort(c) ? kPowerDrop * c.read_power : c.hopeful_power);
  }
  NoiseReport report() const {
    NoiseReport r;
    spectrum_tracker.report(r);
    noise_weights.report(r);
    noise_rhythm.report(r);
    return r;
  }
  void note_changes(ChipBuffer& chips) {
    const ChipRange changed = chips.take_changed();
    unsearched.widen(changed);
    unestimated.widen(changed);
  }
  void bury(const Candidate& c);
  void set_filter(ChipBuffer& chips, const std::shared_ptr<NoiseFilter>& filter) {
    chips.set_filter(filter);
    const std::vector<cf32> taps = filter ? filter->taps() : std::vector<cf32>{};
    pulse.set_filter(taps);
    canceller.set_filter(taps);
    changing_paths.set_filter(taps);
    demodulator.set_filter(taps);
    estimator.set_filter(taps);
  }
  void change_filter(ChipBuffer& chips) {
    set_filter(chips, spectrum_tracker.filter());
    noise_weights.learn_again(chips, chips.begin(), working_on);
    spectrum_tracker.filtered(chips);
    ++counters.filters;
  }
  void work(ChipBuffer& chips, std::int64_t end, std::int64_t searchable, bool last);
  void search(ChipBuffer& chips, std::int64_t searchable, ChipRange changed);
  void vet(const ChipBuffer& chips, Candidate& c, double power, Vetter& vetter);
  bool decode(ChipBuffer& chips, SearchBlock& block, Candidate& c, std::size_t first_effort,
              bool among_others);
  static bool strong(const FrameEstimate& frame, double power) {
    return frame.amplitude() * frame.amplitude() > StrongFrame::kLeastChipEcN0 * power;
  }
  double take_out(ChipBuffer& chips, FrameEstimate& frame, const SplitSequence& replica,
                  ChangingPaths::Known& changes);
  void take_out_changes(ChipBuffer& chips, const FrameEstimate& frame, const SplitSequence& replica,
                        ChangingPaths::Known& changes) {
    if (!many_carriers())
      changing_paths.take_out(chips, canceller, replica, frame, noise_rhythm.clock(), changes);
  }
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
      changing_paths(p.rolloff, p.chip_rate_hz),
      pulse(p.rolloff),
      spectrum_tracker(p.rolloff, c.known_spectrum),
      noise_weights(c.known_variance),
      noise_rhythm(p.chip_rate_hz),
      next_block(kFirstPhase),
      preamble_chips(encoder.preamble(0).size()) {
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
  double noise_hits = 0;
  for (int q = 0; q < p.sequence_count(); ++q) {
    thresholds.push_back(usual);
    for (const auto& weak : kWeakPreambles)
      if (usual == kDetectionThreshold && p.class_of(q).code_bits >= weak.symbols)
        thresholds.back() = weak.threshold;
    noise_hits += detector.noise_hits(thresholds.back());
  }
  collapse.emplace(static_cast<double>(*std::min_element(lengths.begin(), lengths.end())),
                   kLostBitsANoiseHit * noise_hits / detector.hop_chips());
}

SuccessiveDecoder::SuccessiveDecoder(const Profile& profile, const SuccessiveConfig& config,
                                     FrameHandler on_frame, CandidateHandler on_candidate)
    : impl_(new Impl(profile, config, std::move(on_frame), std::move(on_candidate))) {}

SuccessiveDecoder::~SuccessiveDecoder() = default;

int SuccessiveDecoder::span_chips() const { return impl_->detector.span_chips(); }
const SuccessiveCounters& SuccessiveDecoder::counters() const { return impl_->counters; }
bool SuccessiveDecoder::collapsed() const { return impl_->collapse->collapsed(); }
NoiseReport SuccessiveDecoder::noise_report() const {
  return impl_->done > 0 ? impl_->report() : impl_->last_report;
}
double SuccessiveDecoder::noise_floor() const { return impl_->floor; }

void SuccessiveDecoder::advance(ChipBuffer& chips) {
  Impl& s = *impl_;
  // A filter that whitens needs what follows.
  const auto ahead = [&s] { return s.spectrum_tracker.filter() ? ChipBuffer::kFilterReach : 0; };
  for (; s.done + kStepChips + ahead() <= chips.end(); s.done += kStepChips) {
    s.lost_bits = s.decoded_bits = 0;
    s.work(chips, s.done + kStepChips, s.done + kStepChips, false);
    s.collapse->step(static_cast<double>(kStepChips), s.lost_bits, s.decoded_bits);
    s.counters.collapses = s.collapse->collapses();
    s.counters.collapsed_steps += s.collapse->collapsed();
  }
}

void SuccessiveDecoder::finish(ChipBuffer& chips, std::int64_t end) {
  Impl& s = *impl_;
  s.work(chips, end, chips.end(), true);
  for (const auto& block : s.window)
    for (const Candidate& c : block.candidates) s.bury(c);
  s.window.clear();
  s.taken.clear();
  s.unsearched = s.unestimated = {};
  s.last_report = s.report();
  s.noise_weights.restart();
  s.noise_rhythm.restart();
  s.changing_paths.restart();
  s.spectrum_tracker.restart();
  s.set_filter(chips, {});
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
      lost_bits += bits_if_lost(c);
      reason = "no path of the list passes the CRC";
      break;
    case Stage::kMetric:
      ++counters.metric_rejected;
      lost_bits += bits_if_lost(c);
      reason = "CRC holds, but the frame does not correlate with what was received";
      break;
    case Stage::kDecoded:
      return;  // told when it was
  }
  on_candidate(c, reason);
}

void SuccessiveDecoder::Impl::work(ChipBuffer& chips, std::int64_t end, std::int64_t searchable, bool last) {
  working_on = end;
  noise_weights.learn(chips, end, floor);
  const std::int64_t shortest = *std::min_element(lengths.begin(), lengths.end());
  if (last || strained || ++unsettled_steps == kSettleSteps) {
    // What follows was settled when it was learned.
    chips.settle_before(last ? chips.end()
                             : done - NoiseWeights::kBesideChips - 2 * ChipBuffer::kFilterReach);
    unsettled_steps = 0;
  }
  noise_weights.learn_again(chips, {chips.begin(), end - shortest}, kLearnAgainGone);
  noise_rhythm.learn(chips, end);
  // One length behind the newest chips every frame was complete a while ago.
  const std::int64_t settled = end - shortest - shortest / 2;
  if (spectrum_tracker.learn(chips, end, settled)) change_filter(chips);
  for (; next_block + detector.span_chips() <= searchable; next_block += detector.hop_chips())
    window.push_back({next_block, 0, {}});
  vettings.begin_step();
  paths.begin_step();
  const auto several_paths = static_cast<std::size_t>(std::count_if(
      taken.begin(), taken.end(), [](const Taken& t) { return t.estimate.fingers.size() > 1; }));
  const double left = settled > chips.begin() ? chips.mean_power(static_cast<double>(settled),
                                                                 static_cast<std::size_t>(shortest / 2))
                                              : 0;
  const bool spread = powers_spread();
  const bool crowded = left > kCrowdedPower * floor && !spread;
  counters.crowded_steps += crowded;
  pains = crowded || collapse->collapsed() ? kCrowdedPains : kUsualPains;
  strained = left > (2 * several_paths > taken.size() ? kStrainedPathsPower : kStrainedPower) * floor;
  // A line that stands brings noise to decode for hours.
  rescue = crowded && left > kStrainedPower * floor && !collapse->collapsed() ? kPiledUpRescue : kUsualRescue;
  counters.strained_steps += strained;
  strained = strained || collapse->collapsed();
  strained_age = spread && !collapse->collapsed() ? kStrainedAge : 0;
  for (int pass = 0; pass < kMaxPasses; ++pass) {
    noise_weights.learn_again(chips, strained ? kLearnAgainGone : NoiseWeights::kLearnAgainPower);
    note_changes(chips);
    const ChipRange changed = pass == 0 ? ChipRange{chips.begin(), chips.end()} : unsearched;
    unsearched = {};
    search(chips, searchable, changed);
    queue.clear();
    to_vet.clear();
    for (SearchBlock& block : window)
      for (Candidate& c : block.candidates) {
        if (c.stage == Stage::kDecoded || !complete(c, end)) continue;
        // What was found wanting in this step stays so until something is taken out there.
        if (pass > 0 && !c.waiting && c.vetted_power > 0 && c.evidence < least_evidence(c) &&
            !changed.meets(start(c), length(c)))
          continue;
        c.waiting = false;
        const double power = power_under(chips, c);
        if (worth_vetting(chips, c)) {
          c.waiting = vettings.left < 1;
          if (c.waiting) continue;
          --vettings.left;
          to_vet.push_back({&block, &c, 0, power});
        }
        queue.push_back({&block, &c, 0, power});
      }
    counters.vettings += to_vet.size();
    workers.run(to_vet.size(), [&](std::size_t i, std::size_t worker) {
      vet(chips, *to_vet[i].candidate, to_vet[i].power, vetters[worker]);
    });
    std::erase_if(queue,
                  [this](const Queued& q) { return q.candidate->evidence < least_evidence(*q.candidate); });
    if (queue.empty()) break;
    for (Queued& q : queue) q.evidence = expected_evidence(*q.candidate, q.power);
    ++counters.passes;
    std::stable_sort(queue.begin(), queue.end(),
                     [](const Queued& a, const Queued& b) { return a.evidence > b.evidence; });
    bool found = false;
    for (std::size_t effort = 0; effort < kEffortCount && !found; ++effort)
      for (const auto& [block, c, evidence, power] : queue) {
        const bool among_others = power > kAmongOthersPower * floor && !last;
        const bool effort_first = worth_effort(*c);
        if (c->stage == Stage::kDecoded ||
            (c->tried_power[effort] > 0 &&
             power > (effort_first ? kPowerDrop : kTryAgainPower) * c->tried_power[effort]) ||
            evidence < least_evidence(*c, kEfforts[effort]) ||
            (among_others && !effort_first &&
             (age(*c) < pains.ages[effort] ||
              (age(*c) < kDoubtfulAge && evidence < vetting_threshold(*c) + kDoubtfulMargin))))
          continue;
        c->waiting = paths.left <= 0;
        if (c->waiting) continue;
        found |= decode(chips, *block, *c, effort, among_others);
        if (found && effort > 0) break;
      }
    estimate_again(chips);
    if (!found) break;
  }
  counters.weighted_chips = noise_weights.weighted_chips();
  counters.learned_again_chips = noise_weights.learned_again_chips();
  forget(chips, end);
}

void SuccessiveDecoder::Impl::search(ChipBuffer& chips, std::int64_t searchable, ChipRange changed) {
  const auto span = static_cast<std::size_t>(detector.span_chips());
  for (SearchBlock& block : window) {
    if (block.first + static_cast<std::int64_t>(span) > searchable) break;
    if (block.searched_power > 0 && !changed.meets(static_cast<double>(block.first), detector.span_chips()))
      continue;
    const double power = std::max(
        chips.mean_power(static_cast<double>(std::max(block.first, chips.begin())), span), kLeastPower);
    if (block.searched_power > 0 && power >= pains.search_drop * block.searched_power) continue;
    const bool again = block.searched_power > 0;
    block.searched_power = power;
    // Where frames hide each other a lower threshold finds them.
    const bool hidden = strained && (collapse->collapsed() || power > rescue.hidden_power * floor);
    hits.clear();
    const bool covered = floor > 0 && power > kCoveredPower * floor;
    wanted = thresholds;
    if (!config.range.turns_by_chip())
      for (double& t : wanted) {
        if (hidden)
          t = std::min(t, rescue.preamble);
        else if (covered)
          t += pains.detection_step;
      }
    detector.search(chips, block.first, wanted, hits);
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
  const std::vector<FrameHypothesis>& found = vetter.vet(chips, c.hit, worth_effort(c));
  c.evidence = found.front().evidence;
  c.carrier_offset_hz = found.front().carrier_offset_hz;
  c.clock_ppm = found.front().clock_ppm;
  c.stage = std::max(c.stage, Stage::kVetting);
  if (c.evidence >= least_evidence(c)) c.hypotheses = found;
  const double missed = vetter.missed_evidence() > 0 ? vetter.missed_evidence() : least_evidence(c);
  c.symbols_read = vetter.symbols_read();
  c.read_power = power_read(chips, c);
  c.hopeful_power = std::min(kVetAgainPower, std::sqrt(std::max(c.evidence, 0.0) / missed)) * c.read_power;
}

// Among others one effort at a time, because what comes out elsewhere makes it easier, and while the line is
// not strained only the clock offsets that are likely.
bool SuccessiveDecoder::Impl::decode(ChipBuffer& chips, SearchBlock& block, Candidate& c,
                                     std::size_t first_effort, bool among_others) {
  const int q = c.hit.sequence;
  const double threshold = vetting_threshold(c);
  const double power = power_under(chips, c);
  const bool sure = c.evidence >= kSureEvidence * threshold;
  if (power < (sure ? kSureStalePower : kStalePower) * c.vetted_power) vet(chips, c, power, vetters.front());
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
    if (c.evidence < least_evidence(c, effort)) break;
    if (c.stage < Stage::kDecoding) ++counters.vetted;
    c.stage = std::max(c.stage, Stage::kDecoding);
    const std::size_t most = among_others && !worth_effort(c) ? pains.hypotheses[e] : effort.hypotheses;
    for (std::size_t k = 0; k < std::min(hypotheses.size(), most) && !right; ++k) {
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
      paths.left -= list;
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
  // Preambles as low as a pile's come from noise too often for that.
  const double less_metric =
      worth_effort(c) && c.hit.statistic >= kDetectionThresholdStrained ? rescue.less_metric : 0;
  const double least = config.metric_threshold >= 0
                           ? config.metric_threshold
                           : (8.0 * payload_class.payload_bytes + 24.0) * std::log(2.0) +
                                 (among_others ? kMetricMarginAmongOthers - less_metric : kMetricMargin) +
                                 (many_carriers() ? kMetricManyCarriers : 0);
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

  ChangingPaths::Known changes;
  frame.noise_variance = take_out(chips, frame.estimate, replica, changes);
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
  taken.push_back({frame.estimate, frame.payload, symbols, frame.noise_variance, changes});
  ++counters.frames;
  decoded_bits += payload_bits(c);
  on_candidate(c, "");
  on_frame(frame);
  return true;
}

// Returns the power left.
double SuccessiveDecoder::Impl::take_out(ChipBuffer& chips, FrameEstimate& frame,
                                         const SplitSequence& replica, ChangingPaths::Known& changes) {
  const bool sure_strong = strong(frame, floor);
  if (!sure_strong && !many_carriers()) changing_paths.foresee(frame, noise_rhythm.clock(), changes);
  const auto extent = canceller.add(chips, frame, replica, -1);
  if (sure_strong) chips.settle(extent.first, extent.last);
  const auto power = [&] {
    return std::max(chips.mean_power(static_cast<double>(extent.first),
                                     static_cast<std::size_t>(extent.last - extent.first)),
                    1e-30);
  };
  if (frame.gain.values.empty() && strong(frame, power())) {
    // What it hid weighs on what is left of it.
    noise_weights.learn_again(chips, extent.first, extent.last);
    strong_frame.take_out_rest(chips, pulse, canceller, replica, frame);
    // It hid lines, too: the better they are known, the less is left of it, and the other way round.
    for (int look = 0; look < kLooksUnderStrong && spectrum_tracker.learn_again(chips); ++look) {
      change_filter(chips);
      strong_frame.take_out_rest(chips, pulse, canceller, replica, frame);
    }
  } else {
    take_out_changes(chips, frame, replica, changes);
  }
  return power();
}

// An estimate is as good as the interference was weak; what it leaves of its frame is interference in turn.
void SuccessiveDecoder::Impl::estimate_again(ChipBuffer& chips) {
  note_changes(chips);
  ChipRange changed = std::exchange(unestimated, {});
  const double frames_a_chip =
      static_cast<double>(taken.size()) / static_cast<double>(chips.end() - chips.begin());
  for (Taken& t : taken) {
    const auto length = static_cast<std::size_t>(lengths[static_cast<std::size_t>(t.estimate.sequence)]);
    if (!changed.meets(t.estimate.timing.chip, static_cast<std::int64_t>(length))) continue;
    const auto first = static_cast<std::int64_t>(t.estimate.timing.chip);
    if (first - FrameReader::kMarginChips < chips.begin()) continue;
    const double power = chips.mean_power(static_cast<double>(first), length);
    // A complex parameter of an estimate leaves, of what it was estimated under, one chip's share of the
    // frame, a real one half of it: clock, carrier, delay and gain of every path.
    const double parameters = 1 + 1.5 * static_cast<double>(t.estimate.fingers.size());
    const double left = (1 / static_cast<double>(length) + frames_a_chip) * parameters;
    const double tolerated =
        strong(t.estimate, power) ? std::min(pains.tolerated_rest, kToleratedByStrong) : pains.tolerated_rest;
    if (left * (t.power - power) < tolerated * power) continue;
    t.power = power;
    ++counters.estimates;
    const FrameEstimate before = t.estimate;
    const FrameHypothesis h = before.hypothesis(profile);
    FrameHypothesis taken_out = h;  // the replica that was taken out is turned by base_hz
    taken_out.carrier_offset_hz = before.base_hz;
    const SplitSequence& replica = estimator.replica(taken_out, t.symbols);
    if (before.rest.empty()) {
      estimator.estimate_again(chips, replica, t.estimate);
      t.estimate.gain = before.gain;
      canceller.replace(chips, before, t.estimate, replica);
      if (before.gain.values.empty() && strong(t.estimate, power))
        strong_frame.take_out_rest(chips, pulse, canceller, replica, t.estimate);
      else
        take_out_changes(chips, t.estimate, replica, t.changes);
    } else {
      canceller.add(chips, before, replica, +1);
      const SplitSequence& turned = estimator.replica(h, t.symbols);
      estimator.estimate(chips, h, h.chip, turned, t.estimate);
      take_out(chips, t.estimate, turned, t.changes);
    }
    note_changes(chips);
    changed.widen(unestimated);
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
  taken.erase(taken.begin(), std::find_if(taken.begin(), taken.end(), [&](const Taken& t) {
                return t.estimate.timing.chip >= static_cast<double>(oldest) - kDuplicateChips;
              }));
}

}  // namespace ngdsp
