#include "eval/recorded_noise.h"

#include <algorithm>

#include "ngdsp/rx/front_end.h"

namespace ngdsp {

Result<double> in_band_power(const Profile& p, double sample_rate_hz, double carrier_hz,
                             const std::vector<float>& noise) {
  Result<FrontEnd> front_end = FrontEnd::create(p, sample_rate_hz, carrier_hz);
  if (!front_end) return Error{front_end.error()};
  double sum = 0;
  std::size_t count = 0;
  const FrontEnd::Sink add = [&](Span<const cf32> block) {
    for (const cf32& x : block) sum += static_cast<double>(std::norm(x));
    count += block.size();
  };
  const std::vector<cf32> samples(noise.begin(), noise.end());
  front_end->process(samples, add);
  front_end->flush(add);
  const double power = sum / static_cast<double>(std::max<std::size_t>(count, 1));
  if (!(power > 0)) return Error{"the noise recording holds no power in the band of profile " + p.name};
  return power;
}

}  // namespace ngdsp
