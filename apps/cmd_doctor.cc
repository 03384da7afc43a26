// ngplc doctor: versions, what is missing, and one loopback a profile.
#include <fftw3.h>
#include <fmt/core.h>
#include <spdlog/spdlog.h>
#include <spdlog/version.h>
#include <volk/constants.h>
#include <volk/volk.h>
#include <zmq.h>

#include <boost/version.hpp>
#include <chrono>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "commands.h"
#include "device/open.h"
#include "gnuradio_check.h"
#include "ngdsp/base/rng.h"
#include "ngdsp/channel/noise_level.h"
#include "ngdsp/rx/receiver.h"
#include "ngdsp/tx/frame_encoder.h"
#include "ngdsp/tx/modulator.h"
#include "options.h"
#include "plot.h"

namespace ngplc_app {
namespace {

using ngdsp::cf32;
using ngdsp::Profile;

struct Loopback {
  bool ok = false;
  std::string text;
  double realtime = 0;
};

void add_noise(ngdsp::Rng& rng, ngdsp::Span<float> x, double variance) {
  rng.add_noise(x, std::sqrt(variance));
}
void add_noise(ngdsp::Rng& rng, ngdsp::Span<cf32> x, double variance) { rng.add_noise(x, variance); }

/// One frame of the smallest class in noise, 20 ppm off (the radio's limit), within at least a second of
/// samples.
template <typename Sample>
Loopback loopback(const Profile& profile) {
  constexpr double kEbn0Db = 8, kClockPpm = 15, kAmplitude = 0.1;
  ngdsp::Rng rng(1);
  std::vector<std::uint8_t> payload(static_cast<std::size_t>(profile.classes[0].payload_bytes));
  for (auto& byte : payload) byte = static_cast<std::uint8_t>(rng.below(256));
  const ngdsp::FrameEncoder encoder(profile);
  const ngdsp::Modulator modulator(profile);
  const auto chips = encoder.encode(payload, 0);
  const double frame_s = static_cast<double>(chips.size()) / profile.chip_rate_hz;
  std::vector<Sample> samples(
      static_cast<std::size_t>(profile.sample_rate_hz * std::max(1.0, frame_s + 0.5)));
  const double start = 0.1 * profile.sample_rate_hz + 0.3;
  modulator.add(chips, {start, kClockPpm, kClockPpm * 1e-6 * profile.carrier_crystal_hz, 1.0, kAmplitude},
                ngdsp::Span<Sample>(samples));
  const double ratio = ngdsp::chip_ec_n0_from_ebn0_db(profile, profile.class_of(0), kEbn0Db);
  add_noise(rng, ngdsp::Span<Sample>(samples),
            ngdsp::noise_variance(profile, profile.sample_rate_hz, kAmplitude * kAmplitude, ratio));

  int frames = 0, right = 0;
  ngdsp::ReceiverConfig config;
  config.profile = profile;
  auto receiver = ngdsp::Receiver::create(config, [&](const ngdsp::ReceivedFrame& frame) {
    ++frames;
    const double off = static_cast<double>(frame.sample_index) + frame.sample_fraction - start;
    right += frame.payload == payload && std::abs(off) <= profile.samples_per_chip();
  });
  if (!receiver) return {false, receiver.error(), 0};
  const auto begin = std::chrono::steady_clock::now();
  receiver->process(ngdsp::Span<const Sample>(samples));
  receiver->flush();
  const double took_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const double signal_s = static_cast<double>(samples.size()) / profile.sample_rate_hz;
  const std::string text = fmt::format("{} of 1 frames right, {} others", right, frames - right);
  return {right == 1 && frames == 1, text, signal_s / took_s};
}

struct Check {
  std::string name, found;
  bool ok = true;        ///< false: something is missing
  bool required = true;  ///< false: only a part needs it
};

std::vector<Check> checks() {
  int major = 0, minor = 0, patch = 0;
  zmq_version(&major, &minor, &patch);
  const char* machine = volk_get_machine();
  const std::string gnuplot = gnuplot_version();
  std::vector<Check> list = {
      {"ngplc", NGPLC_VERSION},
      {"VOLK", fmt::format("{}, machine {}", volk_version(), machine ? machine : "none"), machine != nullptr},
      {"FFTW", fftwf_version},
      {"ZeroMQ", fmt::format("{}.{}.{}, CURVE {}", major, minor, patch, zmq_has("curve") ? "yes" : "no")},
      {"Boost",
       fmt::format("{}.{}.{}", BOOST_VERSION / 100000, BOOST_VERSION / 100 % 1000, BOOST_VERSION % 100)},
      {"spdlog", fmt::format("{}.{}.{}", SPDLOG_VER_MAJOR, SPDLOG_VER_MINOR, SPDLOG_VER_PATCH)},
      {"cores", std::to_string(std::thread::hardware_concurrency())},
      {"gnuplot", gnuplot.empty() ? "missing: install gnuplot-nox for --plot" : gnuplot, !gnuplot.empty(),
       false}};
  for (const ngdevice::DeviceFinding& finding : ngdevice::find_devices())
    list.push_back({finding.name, finding.found, finding.ok, false});
  for (const GnuradioFinding& finding : check_gnuradio())
    list.push_back({finding.name, finding.found, finding.ok, false});
  for (const Profile& profile : ngdsp::shipped_profiles()) {
    const Loopback result = profile.real ? loopback<float>(profile) : loopback<cf32>(profile);
    list.push_back({"loopback " + profile.name,
                    fmt::format("{}, {:.0f} x real time", result.text, result.realtime), result.ok});
  }
  return list;
}

}  // namespace

int run_doctor(const Arguments& args) {
  po::options_description options("");
  options.add_options()("json", "print one object a check on stdout");
  const auto parsed =
      parse_options({"doctor", "[options]",
                     "Shows versions, says what is missing, and passes one frame of every profile through "
                     "modulator,\nnoise and receiver. Exit code 1 when one of them fails."},
                    options, {}, {}, args);
  if (!parsed) return kDone;
  bool good = true;
  for (const Check& check : checks()) {
    if (parsed->count("json")) {
      std::cout << nlohmann::json{{"check", check.name},
                                  {"found", check.found},
                                  {"ok", check.ok},
                                  {"required", check.required}}
                       .dump()
                << std::endl;
    } else {
      fmt::print("{:<7} {:<24} {}\n",
                 check.ok         ? "ok"
                 : check.required ? "FAILED"
                                  : "missing",
                 check.name, check.found);
    }
    good = good && (check.ok || !check.required);
  }
  if (!good) spdlog::error("doctor: not everything works, see the lines above");
  return good ? kDone : kFailed;
}

}  // namespace ngplc_app
