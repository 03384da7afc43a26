#include "ngdsp/channel/scenario.h"

#include "channel/field_check.h"

namespace ngdsp {
namespace {

constexpr std::size_t kMost = 32;  // of one kind

template <typename Config>
std::string validate_all(const std::vector<Config>& list, const std::string& name) {
  if (list.size() > kMost) return name + ": expected at most 32";
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string which = list.size() == 1 ? name : name + "[" + std::to_string(i + 1) + "]";
    if (std::string e = list[i].validate(which); !e.empty()) return e;
  }
  return {};
}

bool has_noise(const Scenario& s) {
  return !s.background.white() || !s.cyclic.empty() || !s.bursts.empty() || !s.impulses.empty() ||
         !s.ringing.empty() || !s.carriers.empty() || !s.combs.empty() || s.recording;
}

std::string validate_segments(const Scenario& s) {
  if (s.segments.size() > kMost) return "segment: expected at most 32";
  if (!s.segments.empty() && has_noise(s)) return "segment: expected no other noise, it is that of segments";
  for (const NoiseSegment& segment : s.segments) {
    FieldCheck check("segment.");
    check.range("seconds", segment.seconds, 0.01, 1e6, "s");
    check.range("level_db", segment.level_db, -60, 60, "dB");
    if (!check.error().empty()) return check.error();
    Scenario noise = segment.noise;
    noise.mains = s.mains;
    if (std::string e = noise.validate(); !e.empty()) return "segment.noise: " + e;
    if (!noise.segments.empty()) return "segment.noise: expected noise that stays";
  }
  return {};
}

}  // namespace

std::string Scenario::validate() const {
  for (const std::string& e :
       {mains.validate(), background.validate("background"), validate_all(cyclic, "cyclic"),
        validate_all(bursts, "bursts"), validate_all(impulses, "impulses"), validate_all(ringing, "ringing"),
        validate_all(carriers, "carriers"), validate_all(combs, "combs"),
        recording ? recording->validate("recording") : std::string(), line.validate(), input.validate(),
        validate_segments(*this)})
    if (!e.empty()) return e;
  if (mains.frequency_hz == 0 && (!cyclic.empty() || !bursts.empty() || line.changes()))
    return "mains.frequency_hz is 0: cyclic, bursts and a changing line need the mains";
  return {};
}

}  // namespace ngdsp
