#include "ngdsp/channel/scenario.h"

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

}  // namespace

std::string Scenario::validate() const {
  for (const std::string& e :
       {mains.validate(), background.validate("background"), validate_all(cyclic, "cyclic"),
        validate_all(bursts, "bursts"), validate_all(impulses, "impulses"), validate_all(ringing, "ringing"),
        validate_all(carriers, "carriers"), validate_all(combs, "combs"),
        recording ? recording->validate("recording") : std::string(), line.validate(), input.validate()})
    if (!e.empty()) return e;
  if (mains.frequency_hz == 0 && (!cyclic.empty() || !bursts.empty() || line.changes()))
    return "mains.frequency_hz is 0: cyclic, bursts and a changing line need the mains";
  return {};
}

}  // namespace ngdsp
