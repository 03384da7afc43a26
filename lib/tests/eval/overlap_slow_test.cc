// K frames of equal power at once, every one over all others, 5 dB above where a frame alone loses 1 %.
#include <cstdio>

#include "spoilt_line.h"

namespace ngdsp {
namespace {

constexpr std::size_t kLeastFrames = 1000;

TEST(OverlapSlow, AsManyAsComeAreToldApart) {
  TrafficConfig config = traffic_of(1e-4, 1);
  config.ebn0_db = 1.6 + 5;
  const int sequences = config.profile.classes.front().sequences;
  for (const std::size_t together : {2U, 3U, 4U, 8U, 16U}) {
    Rng rng(together);
    std::size_t sent = 0, decoded = 0, others = 0;
    for (std::size_t trial = 0; sent < kLeastFrames; ++trial) {
      config.seed = 10000 * together + trial;
      SpoiltLine line(2.7, config);
      std::map<std::string, bool> payloads;
      for (std::size_t k = 0; k < together; ++k) {
        std::vector<std::uint8_t> payload(16);
        for (auto& byte : payload) byte = static_cast<std::uint8_t>(rng.below(256));
        payloads[std::string(payload.begin(), payload.end())] = true;
        line.send(payload, static_cast<int>(rng.below(static_cast<std::uint32_t>(sequences))),
                  rng.uniform(0.3, 1.3) * line.frame, rng.uniform(-50, 50), rng.uniform(0, 2 * kPi));
      }
      const Outcome o = receive(line);
      sent += together;
      for (const auto& [payload, starts] : o.others) (payloads.count(payload) ? decoded : others) += 1;
    }
    std::printf("%zu at once: %zu of %zu lost\n", together, sent - decoded, sent);
    EXPECT_LE(sent - decoded, sent / 1000) << together << " at once";
    EXPECT_EQ(others, 0U);
  }
}

}  // namespace
}  // namespace ngdsp
