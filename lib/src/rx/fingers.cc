#include "ngdsp/rx/fingers.h"

#include <algorithm>
#include <cmath>

#include "ngdsp/base/db.h"
#include "rx/solve.h"

namespace ngdsp {
namespace {

constexpr std::size_t kMaxFingers = 8;
constexpr double kFingerRangeDb = -20;
constexpr int kFitSteps = 2;
constexpr double kLargestStep = 0.1;  // chips
constexpr double kRidge = 1e-2;       // of the Gram matrix's diagonal: keeps paths on top of each other apart
constexpr double kSlopeStep = 1.0 / 64;  // chips, of the derivative

double conjugate(double x) { return x; }
cf64 conjugate(cf64 x) { return std::conj(x); }
void pulse_at(const ChipPulse& pulse, double t, double& value) { value = pulse.plain_at(t); }
void pulse_at(const ChipPulse& pulse, double t, cf64& value) { value = pulse.at(t); }

// `Value` is that of the pulse.
template <typename Value>
void fit(const std::vector<cf64>& response, double length, const ChipPulse& pulse,
         std::vector<Finger>& fingers) {
  // Basis: of every path its pulse, and the slope of that.
  const std::size_t paths = fingers.size(), n = 2 * paths;
  std::vector<Value> gram(n * n), row(n);
  std::vector<cf64> fit(n);
  for (int step = 0; step <= kFitSteps; ++step) {
    std::fill(gram.begin(), gram.end(), Value{});
    std::fill(fit.begin(), fit.end(), cf64{});
    for (std::size_t d = 0; d < response.size(); d += 2) {
      const double t = kFirstDelay + static_cast<double>(d) * kDelayStep;
      for (std::size_t l = 0; l < paths; ++l) {
        Value before, after;
        pulse_at(pulse, t - fingers[l].delay_chips - kSlopeStep, before);
        pulse_at(pulse, t - fingers[l].delay_chips + kSlopeStep, after);
        row[l] = 0.5 * (before + after);
        row[paths + l] = (after - before) / (2 * kSlopeStep);
      }
      for (std::size_t i = 0; i < n; ++i) {
        const Value r = conjugate(row[i]);
        fit[i] += r * response[d];
        for (std::size_t j = 0; j <= i; ++j) gram[i * n + j] += r * row[j];
      }
    }
    for (std::size_t i = 0; i < n; ++i) {
      gram[i * n + i] *= 1 + (i < paths ? 0 : kRidge);
      for (std::size_t j = 0; j < i; ++j) gram[j * n + i] = conjugate(gram[i * n + j]);
    }
    if (step == kFitSteps) {  // the gains alone, at the final delays
      std::vector<Value> rest(paths * paths);
      for (std::size_t i = 0; i < paths; ++i)
        std::copy_n(gram.begin() + static_cast<std::ptrdiff_t>(i * n), paths,
                    rest.begin() + static_cast<std::ptrdiff_t>(i * paths));
      for (std::size_t i = 0; i < paths; ++i) rest[i * paths + i] *= 1 + kRidge * 1e-2;
      gram.swap(rest);
      fit.resize(paths);
    }
    solve(gram, fit);
    for (std::size_t l = 0; l < paths; ++l) {
      fingers[l].gain = fit[l] / length;
      if (step < kFitSteps)
        fingers[l].delay_chips -= std::clamp((fit[paths + l] / fit[l]).real(), -kLargestStep, kLargestStep);
    }
  }
}

}  // namespace

void fill_quarters(std::vector<cf64>& response) {
  for (std::size_t d = 1; d + 1 < response.size(); d += 2) {
    const cf64 far =
        (d >= 3 ? response[d - 3] : cf64{}) + (d + 3 < response.size() ? response[d + 3] : cf64{});
    response[d] = 0.5625 * (response[d - 1] + response[d + 1]) - 0.0625 * far;
  }
}

void find_fingers(std::vector<cf64>& response, double length, double least, const ChipPulse& pulse,
                  std::vector<Finger>& fingers) {
  fingers.clear();
  double strongest = 0;
  for (std::size_t k = 0; k < kMaxFingers; ++k) {
    std::size_t peak = 1;
    for (std::size_t d = 1; d + 1 < response.size(); ++d)
      if (std::norm(response[d]) > std::norm(response[peak])) peak = d;
    const double left = std::abs(response[peak - 1]), mid = std::abs(response[peak]),
                 right = std::abs(response[peak + 1]);
    const double power = mid * mid;
    if (k > 0 && (power < least || power < strongest * from_db(kFingerRangeDb))) break;
    if (k == 0) strongest = power;
    const double bend = left - 2 * mid + right;
    const double shift = bend < 0 ? std::clamp(0.5 * (left - right) / bend, -0.5, 0.5) * kDelayStep : 0.0;
    Finger f;
    f.delay_chips = kFirstDelay + static_cast<double>(peak) * kDelayStep + shift;
    f.gain = response[peak] / (length * pulse.at(-shift));
    for (std::size_t d = 0; d < response.size(); ++d)
      response[d] -=
          f.gain * length * pulse.at(kFirstDelay + static_cast<double>(d) * kDelayStep - f.delay_chips);
    // Beyond the first or the last delay a peak is found again at the same place: two paths there have no
    // fit.
    const auto same = std::find_if(fingers.begin(), fingers.end(), [&f](const Finger& other) {
      return std::abs(other.delay_chips - f.delay_chips) < kSlopeStep;
    });
    if (same == fingers.end())
      fingers.push_back(f);
    else
      same->gain += f.gain;
  }
}

void fit_fingers(const std::vector<cf64>& response, double length, const ChipPulse& pulse,
                 std::vector<Finger>& fingers) {
  if (pulse.plain())
    fit<double>(response, length, pulse, fingers);
  else
    fit<cf64>(response, length, pulse, fingers);
}

}  // namespace ngdsp
