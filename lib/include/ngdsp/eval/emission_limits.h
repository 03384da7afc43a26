// What a signal may put on the mains: the limits of several rules as data, and a scan held against them.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ngdsp/base/error.h"
#include "ngdsp/eval/emission_scan.h"

namespace ngdsp {

/// What of a scan a limit is held against.
enum class EmissionQuantity {
  kPeak,       ///< the peak reading of every tuning
  kQuasiPeak,  ///< the quasi-peak reading of every tuning
  kAverage,    ///< the average reading of every tuning
  kTotalPeak,  ///< the envelope of the whole signal, as the rms of a sine
  kPower10k,   ///< the mean power in any 10 kHz, as an rms voltage
};
const char* emission_quantity_name(EmissionQuantity quantity);

/// Where a number comes from.
enum class LimitBasis {
  kConfirmed,    ///< read in a public text of the rule itself, or of its adoption elsewhere
  kUnconfirmed,  ///< from memory or from others' words only
  kOwn,          ///< a yardstick of this program: the rule names no number
};
const char* limit_basis_name(LimitBasis basis);

/// Which signals a limit is for: narrower than 5 kHz (20 dB below the highest, peak detector) or not.
enum class SignalWidth { kAny, kNarrow, kWide };

/// A line in a diagram of dBuV over log f.
struct EmissionLimit {
  std::string what;
  EmissionQuantity quantity = EmissionQuantity::kPeak;
  std::vector<std::pair<double, double>> line;  ///< (Hz, dBuV) ascending; a step has its frequency twice
  LimitBasis basis = LimitBasis::kUnconfirmed;
  std::string source;
  SignalWidth width = SignalWidth::kAny;
  bool field = false;  ///< dBuV/m at 300 m instead: needs a coupling

  /// Linear in log f between the points; nothing outside them. Where two limits meet, the lower.
  std::optional<double> at(double frequency_hz) const;
};

struct EmissionRule {
  std::string name;  ///< "en50065-a"
  std::string title;
  std::string note;                          ///< what the numbers do not say
  double band_low_hz = 0, band_high_hz = 0;  ///< where the signal belongs
  std::vector<EmissionLimit> limits = {};
};

/// All rules, in the order of the documentation.
const std::vector<EmissionRule>& emission_rules();
/// By name; the error lists the names.
Result<EmissionRule> find_emission_rule(const std::string& name);
/// The rule that a profile names in psd_mask ("EN 50065-1 A", "FCC 15.113"), if it is one of these.
std::optional<std::string> emission_rule_of_mask(const std::string& psd_mask);

/// A scan against one limit.
struct LimitVerdict {
  const EmissionLimit* limit = nullptr;
  bool applies = true;  ///< to signals of this width
  bool judged = false;  ///< false: does not apply, not in the scan, or no coupling given
  std::string why_not;
  double margin_db = 0;  ///< how much higher the whole signal may be; negative: too high by so much
  double at_hz = 0;      ///< where the margin is smallest
  double level_dbuv = 0, limit_dbuv = 0;
  double judged_to_hz = 0;  ///< the scan ends here
};

struct EmissionVerdict {
  std::vector<LimitVerdict> limits;  ///< one for each of the rule's
  bool judged = false;               ///< at least one
  bool complete = true;              ///< every limit that applies
  double margin_db = 0;              ///< the smallest
  std::size_t strictest = 0;         ///< index of that limit
};

/// Holds `scan` against `rule`, which must outlive the verdict. `field_db`: field strength at 300 m
/// over voltage on the mains, dB(1/m); without it limits of field strength are not judged.
EmissionVerdict judge_emission(const EmissionScan& scan, const EmissionRule& rule,
                               std::optional<double> field_db = std::nullopt);

}  // namespace ngdsp
