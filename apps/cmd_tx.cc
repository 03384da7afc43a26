// ngplc tx: payloads become frames on a device, or a recording with the truth beside them as annotations.
#include <fmt/core.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <iostream>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "device_options.h"
#include "ngdsp/base/db.h"
#include "ngdsp/base/rng.h"
#include "ngdsp/io/datetime.h"
#include "ngdsp/io/sigmf_writer.h"
#include "ngdsp/tx/frame_encoder.h"
#include "ngdsp/tx/modulator.h"
#include "options.h"
#include "progress.h"
#include "readings.h"
#include "truth.h"

namespace ngplc_app {
namespace {

using ngdsp::cf32;
using ngdsp::Profile;
using ngdsp::Rng;

volatile std::sig_atomic_t stop_requested = 0;

constexpr double kLevelsDb[] = {0, -3, -6, -9};

/// A frame with the time and impairments it is rendered with.
struct PlannedFrame {
  TrueFrame truth;
  double phase_rad = 0;
  int body_sequence = -1;  ///< not -1: the chips around the preamble come from this sequence
};

struct Plan {
  std::vector<PlannedFrame> frames;  ///< by start
  std::uint64_t samples = 0;
};

struct TxConfig {
  Profile profile;
  double sample_rate_hz = 0, gap_s = 0.1, amplitude = 0.0158, clock_ppm = 0, cfo_hz = 0;
  std::string level_db = "0";
  int sequence = -1, body_sequence = -1;
  std::uint64_t seed = 1;
  // many nodes
  int nodes = 0, payload_bytes = 16;
  double duration_s = 60, interval_s = 30, clock_spread_ppm = 50, level_spread_db = 0;
  bool no_overlap = false, readings = false;
};

/// Chip rate of the sender on the recording's clock gives the frame's length there.
double length_samples(const TxConfig& c, int payload_bytes, double clock_ppm) {
  const auto& payload_class = c.profile.class_of(c.profile.first_sequence(payload_bytes));
  return c.profile.frame_chips(payload_class) * c.sample_rate_hz / c.profile.chip_rate_hz /
         (1 + clock_ppm * 1e-6);
}

double draw_level_db(const TxConfig& c, Rng& rng) {
  return c.level_db == "random" ? kLevelsDb[rng.below(4)] : std::stod(c.level_db);
}

PlannedFrame plan_frame(const TxConfig& c, std::vector<std::uint8_t> payload, double start, double amplitude,
                        double clock_ppm, Rng& rng) {
  PlannedFrame frame;
  const int bytes = static_cast<int>(payload.size());
  const int first = c.profile.first_sequence(bytes);
  const int count = c.profile.class_of(first).sequences;
  TrueFrame& t = frame.truth;
  t.payload = std::move(payload);
  const auto drawn = static_cast<int>(rng.below(static_cast<std::uint32_t>(count)));
  t.sequence = c.sequence >= 0 ? c.sequence : first + drawn;
  t.start_samples = start;
  t.length_samples = length_samples(c, bytes, clock_ppm);
  t.amplitude = amplitude * std::pow(10.0, draw_level_db(c, rng) / 20.0);
  t.clock_ppm = clock_ppm;
  t.carrier_offset_hz = c.cfo_hz + clock_ppm * 1e-6 * c.profile.carrier_crystal_hz;
  frame.phase_rad = rng.uniform(0, 2 * ngdsp::kPi);
  frame.body_sequence = c.body_sequence;
  return frame;
}

/// One frame after the other with gaps between.
Plan plan_row(const TxConfig& c, std::vector<std::vector<std::uint8_t>> payloads) {
  Plan plan;
  Rng rng = Rng::stream(c.seed, 1);
  const double gap = c.gap_s * c.sample_rate_hz;
  double at = gap;
  for (auto& payload : payloads) {
    auto frame =
        plan_frame(c, std::move(payload), at + rng.uniform(-0.5, 0.5), c.amplitude, c.clock_ppm, rng);
    at += frame.truth.length_samples + gap;
    plan.frames.push_back(std::move(frame));
  }
  plan.samples = static_cast<std::uint64_t>(std::ceil(at));
  return plan;
}

std::vector<std::uint8_t> random_payload(int bytes, Rng& rng) {
  std::vector<std::uint8_t> payload(static_cast<std::size_t>(bytes));
  for (auto& byte : payload) byte = static_cast<std::uint8_t>(rng.below(256));
  return payload;
}

/// Every node sends at Poisson times with its own clock and level.
Plan plan_nodes(const TxConfig& c) {
  struct Event {
    double time_s;
    int node;
  };
  struct Node {
    Rng rng;
    double clock_ppm, gain_db;
    SimulatedMeter meter;
  };
  constexpr std::uint32_t kFirstDevice = 1001;
  std::vector<Node> nodes;
  std::vector<Event> events;
  for (int n = 0; n < c.nodes; ++n) {
    Rng rng = Rng::stream(c.seed, 1000 + static_cast<std::uint64_t>(n));
    const double clock_ppm = c.clock_ppm + rng.uniform(-c.clock_spread_ppm, c.clock_spread_ppm);
    const double gain_db = -rng.uniform(0, c.level_spread_db);
    for (double t = 0;;) {
      t -= c.interval_s * std::log(1.0 - rng.uniform());
      if (t > c.duration_s) break;
      events.push_back({t, n});
    }
    nodes.push_back(
        {rng, clock_ppm, gain_db, SimulatedMeter(kFirstDevice + static_cast<std::uint32_t>(n), c.seed)});
  }
  std::sort(events.begin(), events.end(), [](const Event& a, const Event& b) {
    return a.time_s < b.time_s || (a.time_s == b.time_s && a.node < b.node);
  });

  Plan plan;
  plan.samples = static_cast<std::uint64_t>(std::ceil(c.duration_s * c.sample_rate_hz));
  const double guard = c.gap_s * c.sample_rate_hz;
  double busy_until = guard;
  for (const Event& event : events) {
    Node& node = nodes[static_cast<std::size_t>(event.node)];
    double start = event.time_s * c.sample_rate_hz;
    if (c.no_overlap) start = std::max(start, busy_until + node.rng.uniform());
    const double length = length_samples(c, c.payload_bytes, node.clock_ppm);
    if (start + length + guard > static_cast<double>(plan.samples)) continue;
    busy_until = start + length + guard;
    auto payload = c.readings ? node.meter.payload(start / c.sample_rate_hz, c.payload_bytes)
                              : random_payload(c.payload_bytes, node.rng);
    const double amplitude = c.amplitude * std::pow(10.0, node.gain_db / 20.0);
    plan.frames.push_back(plan_frame(c, std::move(payload), start, amplitude, node.clock_ppm, node.rng));
    plan.frames.back().truth.node = event.node;
  }
  return plan;
}

std::vector<cf32> chips_of(const ngdsp::FrameEncoder& encoder, const PlannedFrame& frame) {
  auto chips = encoder.encode(frame.truth.payload, frame.truth.sequence);
  if (frame.body_sequence >= 0) {
    const auto body = encoder.encode(frame.truth.payload, frame.body_sequence);
    const auto preamble = encoder.preamble(frame.truth.sequence);
    const auto start = encoder.profile().preamble_start(encoder.profile().class_of(frame.truth.sequence));
    chips = body;
    std::copy(preamble.begin(), preamble.end(), chips.begin() + start);
  }
  return chips;
}

/// Renders block by block into `write`, so that hours fit into little memory.
template <typename Sample, typename Write>
ngdsp::Status render(const TxConfig& c, const Plan& plan, std::uint64_t block_samples, Write write) {
  const ngdsp::FrameEncoder encoder(c.profile);
  const ngdsp::Modulator modulator(c.profile, c.sample_rate_hz);
  Progress progress("transmitting", plan.samples);
  std::vector<Sample> block;
  for (std::uint64_t at = 0; at < plan.samples && !stop_requested; at += block_samples) {
    const std::uint64_t count = std::min(block_samples, plan.samples - at);
    block.assign(count, Sample{});
    for (const PlannedFrame& frame : plan.frames) {
      const TrueFrame& t = frame.truth;
      const double start = t.start_samples - static_cast<double>(at);
      if (start > static_cast<double>(count) + modulator.lead_samples()) continue;
      if (start + t.length_samples + modulator.lead_samples() < 0) continue;
      modulator.add(chips_of(encoder, frame),
                    {start, t.clock_ppm, t.carrier_offset_hz, frame.phase_rad, t.amplitude},
                    ngdsp::Span<Sample>(block));
    }
    if (ngdsp::Status error = write(ngdsp::Span<const Sample>(block))) return error;
    progress.update(at + count);
  }
  return std::nullopt;
}

/// Plays the plan on a device.
template <typename Sample>
ngdsp::Status send(const TxConfig& c, const Plan& plan, const ngdevice::DeviceSettings& settings) {
  // A twelfth of a second at 192 kS/s: what Ctrl-C waits for.
  constexpr std::uint64_t kBlock = 1 << 14;
  auto sink = ngdevice::open_sink<Sample>(settings);
  if (!sink) return ngdsp::Error{sink.error()};
  spdlog::info("{}: {}", settings.device, (*sink)->info().hardware);
  std::signal(SIGINT, [](int) { stop_requested = 1; });
  std::signal(SIGTERM, [](int) { stop_requested = 1; });
  auto error =
      render<Sample>(c, plan, kBlock, [&](ngdsp::Span<const Sample> in) { return (*sink)->write(in); });
  if (!error) error = (*sink)->drain();
  const auto counters = (*sink)->counters();
  const std::string troubles = device_troubles(counters);
  const std::int64_t start_ns = (*sink)->sample0_time_ns();
  spdlog::info("{}: {:.1f} s sent from {} on{}{}", settings.device,
               static_cast<double>(counters.samples) / c.sample_rate_hz,
               start_ns > 0 ? ngdsp::format_datetime(start_ns) : "an unknown time",
               troubles.empty() ? "" : "; ", troubles);
  return error;
}

/// The payload filled with zeros to the next class.
std::vector<std::uint8_t> fitted(const Profile& profile, std::vector<std::uint8_t> payload,
                                 const std::string& option) {
  int best = 0;
  for (const auto& c : profile.classes) {
    if (c.payload_bytes >= static_cast<int>(payload.size()) && (best == 0 || c.payload_bytes < best))
      best = c.payload_bytes;
  }
  if (best == 0) {
    throw UsageError(fmt::format("--{} has {} bytes, more than any payload class of {}", option,
                                 payload.size(), profile.name));
  }
  payload.resize(static_cast<std::size_t>(best));
  return payload;
}

void check_sequence(const TxConfig& c, const char* option, int sequence, int payload_bytes) {
  if (sequence < 0) return;
  const int first = c.profile.first_sequence(payload_bytes);
  const int last = first + c.profile.class_of(first).sequences - 1;
  if (sequence < first || sequence > last) {
    throw UsageError(fmt::format("--{} is {}, expected {} to {} for payloads of {} bytes in {}", option,
                                 sequence, first, last, payload_bytes, c.profile.name));
  }
}

std::vector<std::vector<std::uint8_t>> payloads_of(const po::variables_map& values, const TxConfig& c) {
  using Texts = std::vector<std::string>;
  std::vector<std::vector<std::uint8_t>> payloads;
  if (values.count("payload-hex")) {
    for (const auto& text : values["payload-hex"].as<Texts>()) {
      payloads.push_back(fitted(c.profile, parse_hex("payload-hex", text), "payload-hex"));
    }
  }
  if (values.count("payload-text")) {
    for (const auto& text : values["payload-text"].as<Texts>()) {
      payloads.push_back(fitted(c.profile, {text.begin(), text.end()}, "payload-text"));
    }
  }
  if (values.count("reading")) {
    for (const auto& text : values["reading"].as<Texts>()) {
      payloads.push_back(fitted(c.profile, parse_reading("reading", text), "reading"));
    }
  }
  if (values.count("random")) {
    Rng rng = Rng::stream(c.seed, 0);
    const int count = static_cast<int>(in_range("random", values["random"].as<int>(), 0, 1e6, "frames"));
    for (int i = 0; i < count; ++i) payloads.push_back(random_payload(c.payload_bytes, rng));
  }
  return payloads;
}

po::options_description tx_options() {
  using Texts = std::vector<std::string>;
  po::options_description options("");
  // clang-format off
  options.add_options()
      ("profile", po::value<std::string>()->default_value("cenelec-a"), "shipped profile or FILE.toml")
      ("payload-hex", po::value<Texts>(), "payload in hexadecimal, filled with zeros to the next class (repeatable)")
      ("payload-text", po::value<Texts>(), "payload as text, filled with zeros (repeatable)")
      ("reading", po::value<Texts>(), "electricity reading: device=1001,counter=7,1-0:1.8.0=123456,1-0:32.7.0=231.4 (repeatable)")
      ("random", po::value<int>(), "this many frames with random payloads; 0 makes silence of --gap-s")
      ("payload-bytes", po::value<int>()->default_value(16), "class of random and node payloads, bytes")
      ("sequence", po::value<int>(), "spreading sequence (drawn per frame from the payload's class)")
      ("body-sequence", po::value<int>(), "preamble of one sequence, the rest spread by this one: a frame no receiver may accept")
      ("level-db", po::value<std::string>()->default_value("0"), "transmit level 0, -3, -6 or -9 dB, or random")
      ("amplitude-dbfs", po::value<double>()->default_value(-36, "-36"), "power of a frame at level 0, dB of full scale")
      ("gap-s", po::value<double>()->default_value(0.1, "0.1"), "silence before, between and after frames, s")
      ("clock-ppm", po::value<double>()->default_value(0, "0"), "the senders' clock against the recording's, ppm; the carrier follows")
      ("cfo-hz", po::value<double>()->default_value(0, "0"), "extra carrier offset, Hz")
      ("nodes", po::value<int>(), "many nodes at Poisson times instead of single payloads")
      ("duration-s", po::value<double>()->default_value(60, "60"), "length of the recording with --nodes, s")
      ("interval-s", po::value<double>()->default_value(30, "30"), "mean time between the frames of one node, s")
      ("clock-spread-ppm", po::value<double>()->default_value(50, "50"), "each node's clock is drawn within +- this, ppm")
      ("level-spread-db", po::value<double>()->default_value(0, "0"), "each node's attenuation is drawn from 0 to this, dB")
      ("readings", "nodes send readings of simulated meters instead of random bytes")
      ("no-overlap", "a frame waits until the line is free for --gap-s")
      ("sample-rate-hz", po::value<double>(), "sample rate, Hz (the profile's)")
      ("carrier-hz", po::value<double>(), "carrier, Hz (the profile's)")
      ("datatype", po::value<std::string>(), "ri16_le ci16_le rf32_le cf32_le cu8 (ri16_le on mains, ci16_le on radio); complex on mains is a slice around the carrier")
      ("datetime", po::value<std::string>(), "time of sample 0, UTC, such as 2026-01-31T12:00:00Z")
      ("seed", po::value<std::uint64_t>()->default_value(1), "seed of everything drawn")
      ("json", "print one object a frame on stdout");
  // clang-format on
  add_device_options(options);
  return options;
}

TxConfig config_of(const po::variables_map& values, const Profile& profile) {
  TxConfig c;
  c.profile = profile;
  c.sample_rate_hz = values.count("sample-rate-hz")
                         ? in_range("sample-rate-hz", values["sample-rate-hz"].as<double>(), 100, 1e9, "Hz")
                         : profile.sample_rate_hz;
  c.gap_s = in_range("gap-s", values["gap-s"].as<double>(), 0, 86400, "s");
  c.amplitude = std::pow(
      10.0, in_range("amplitude-dbfs", values["amplitude-dbfs"].as<double>(), -200, 40, "dB") / 20.0);
  c.clock_ppm = in_range("clock-ppm", values["clock-ppm"].as<double>(), -1000, 1000, "ppm");
  c.cfo_hz = in_range("cfo-hz", values["cfo-hz"].as<double>(), -1e6, 1e6, "Hz");
  c.level_db = values["level-db"].as<std::string>();
  const bool known_level = c.level_db == "random" || c.level_db == "0" || c.level_db == "-3" ||
                           c.level_db == "-6" || c.level_db == "-9";
  if (!known_level)
    throw UsageError("--level-db is \"" + c.level_db + "\", expected 0, -3, -6, -9 or random");
  c.seed = values["seed"].as<std::uint64_t>();
  c.payload_bytes = values["payload-bytes"].as<int>();
  if (c.profile.first_sequence(c.payload_bytes) < 0) {
    throw UsageError(
        fmt::format("--payload-bytes is {}, not a payload class of {}", c.payload_bytes, c.profile.name));
  }
  c.duration_s = in_range("duration-s", values["duration-s"].as<double>(), 0.001, 86400, "s");
  c.interval_s = in_range("interval-s", values["interval-s"].as<double>(), 0.001, 1e6, "s");
  c.clock_spread_ppm = in_range("clock-spread-ppm", values["clock-spread-ppm"].as<double>(), 0, 1000, "ppm");
  c.level_spread_db = in_range("level-spread-db", values["level-spread-db"].as<double>(), 0, 100, "dB");
  c.no_overlap = values.count("no-overlap") > 0;
  c.readings = values.count("readings") > 0;
  if (values.count("nodes"))
    c.nodes = static_cast<int>(in_range("nodes", values["nodes"].as<int>(), 1, 100000, "nodes"));
  if (values.count("sequence")) c.sequence = values["sequence"].as<int>();
  if (values.count("body-sequence")) c.body_sequence = values["body-sequence"].as<int>();
  return c;
}

void print_frame(const TrueFrame& t, double sample_rate_hz) {
  nlohmann::json line = {
      {"sample_index", static_cast<std::uint64_t>(std::max(0.0, std::round(t.start_samples)))},
      {"time_s", t.start_samples / sample_rate_hz},
      {"sequence", t.sequence},
      {"payload", to_hex(t.payload)},
      {"amplitude_dbfs", 20 * std::log10(t.amplitude)},
      {"clock_offset_ppm", t.clock_ppm},
      {"carrier_offset_hz", t.carrier_offset_hz}};
  if (t.node >= 0) line["node"] = t.node;
  std::cout << line.dump() << '\n';
}

}  // namespace

int run_tx(const Arguments& args) {
  po::options_description hidden;
  hidden.add_options()("out", po::value<std::string>());
  po::positional_options_description positional;
  positional.add("out", 1);
  const auto parsed = parse_options(
      {"tx", "OUT | --device DEVICE [options]",
       "Makes the recording OUT.sigmf-meta and OUT.sigmf-data of frames; annotations hold the truth.\n"
       "With --device they are sent."},
      tx_options(), hidden, positional, args);
  if (!parsed) return kDone;
  const auto& values = *parsed;
  if (values.count("out") == values.count("device")) {
    throw UsageError(values.count("out") ? "either a recording or --device, not both"
                                         : "no recording named, expected OUT or --device");
  }
  if (!values.count("device")) refuse_device_options(values);

  const auto named = option_profile(values["profile"].as<std::string>());
  if (!named) return kFailed;
  const std::string type = values.count("datatype") ? values["datatype"].as<std::string>()
                           : named->real            ? "ri16_le"
                                                    : "ci16_le";
  const auto format = ngdsp::parse_sample_format(type);
  if (!format) throw UsageError("--datatype: " + format.error());
  auto profile = placed_profile(*named, ngdsp::is_complex(*format),
                                values.count("carrier-hz") ? values["carrier-hz"].as<double>() : -1, -1);
  if (!profile)
    throw UsageError("--datatype is " + type + ", expected complex samples for the radio profile " +
                     named->name);
  TxConfig c = config_of(values, *profile);
  c.profile.sample_rate_hz = c.sample_rate_hz;
  if (const std::string wrong = c.profile.validate(); !wrong.empty()) throw UsageError(wrong);

  Plan plan;
  if (c.nodes > 0) {
    check_sequence(c, "sequence", c.sequence, c.payload_bytes);
    if (c.readings && c.payload_bytes != 16 && c.payload_bytes != 32 && c.payload_bytes != 64) {
      throw UsageError("--readings: --payload-bytes must be 16, 32 or 64");
    }
    plan = plan_nodes(c);
  } else {
    auto payloads = payloads_of(values, c);
    if (payloads.empty() && !values.count("random")) {
      throw UsageError(
          "nothing to send, expected --payload-hex, --payload-text, --reading, --random or --nodes");
    }
    for (const auto& payload : payloads) {
      check_sequence(c, "sequence", c.sequence, static_cast<int>(payload.size()));
      check_sequence(c, "body-sequence", c.body_sequence, static_cast<int>(payload.size()));
    }
    plan = plan_row(c, std::move(payloads));
  }

  const auto print_frames = [&] {
    if (!values.count("json")) return;
    for (const auto& frame : plan.frames) print_frame(frame.truth, c.sample_rate_hz);
  };
  if (values.count("device")) {
    const auto settings = device_settings(values, c.profile);
    print_frames();
    const auto error = c.profile.real ? send<float>(c, plan, settings) : send<cf32>(c, plan, settings);
    if (error) spdlog::error("{}", error->text);
    return error ? kFailed : kDone;
  }

  ngdsp::SigmfMeta meta;
  meta.format = *format;
  meta.sample_rate_hz = c.sample_rate_hz;
  meta.recorder = fmt::format("ngplc tx {}", NGPLC_VERSION);
  meta.ngplc = {{"profile", nlohmann::json(named->name).dump()},
                {"carrier_hz", nlohmann::json(c.profile.carrier_hz).dump()}};
  ngdsp::SigmfCapture capture;
  if (ngdsp::is_complex(*format)) capture.frequency_hz = c.profile.center_hz;
  if (values.count("datetime")) {
    const auto time = ngdsp::parse_datetime_ns(values["datetime"].as<std::string>());
    if (!time) throw UsageError("--datetime: " + time.error());
    capture.datetime_ns = *time;
  }
  meta.captures = {capture};
  auto writer = ngdsp::SigmfWriter::create(values["out"].as<std::string>(), meta);
  if (!writer) {
    spdlog::error("{}", writer.error());
    return kFailed;
  }
  for (const auto& frame : plan.frames) writer->annotate(to_annotation(frame.truth));
  constexpr std::uint64_t kBlock = 1 << 20;
  const auto write = [&](const auto& in) { return writer->write(in); };
  auto error = c.profile.real ? render<float>(c, plan, kBlock, write) : render<cf32>(c, plan, kBlock, write);
  if (!error) error = writer->close();
  if (error) {
    spdlog::error("{}", error->text);
    return kFailed;
  }
  print_frames();
  if (const auto saturated = writer->defects().saturated) {
    spdlog::warn("{} samples beyond full scale were limited; lower --amplitude-dbfs", saturated);
  }
  spdlog::info("{} frames in {} ({:.1f} s at {:g} S/s)", plan.frames.size(),
               ngdsp::sigmf_paths(values["out"].as<std::string>()).meta,
               static_cast<double>(plan.samples) / c.sample_rate_hz, c.sample_rate_hz);
  return kDone;
}

}  // namespace ngplc_app
