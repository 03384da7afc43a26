#include "ngdsp/eval/unsourced_code.h"

#include <algorithm>
#include <cmath>

#include "ngdsp/base/db.h"
#include "ngdsp/base/rng.h"

namespace ngdsp {
namespace {

constexpr std::uint64_t kBookSeed = 0x75726131;  // any constant: it names this code book

std::size_t idx(int i) { return static_cast<std::size_t>(i); }

bool bit(const std::uint8_t* bytes, int i) { return ((bytes[i / 8] >> (7 - i % 8)) & 1) != 0; }

void set_bit(std::uint8_t* bytes, int i) {
  bytes[i / 8] = static_cast<std::uint8_t>(bytes[i / 8] | (1U << (7 - i % 8)));
}

// Generators without the leading term: CRC6 and CRC11 of 3GPP TS 38.212 5.1, CRC-8 of ITU-T I.432.1, CRC-12
// of 3GPP TS 25.212 4.2.1, CRC-16 of ITU-T V.41.
std::uint32_t crc_generator(int bits) {
  switch (bits) {
    case 6:
      return 0x21;
    case 8:
      return 0x07;
    case 11:
      return 0x621;
    case 12:
      return 0x80F;
    case 16:
      return 0x1021;
    default:
      return 0;
  }
}

// Remainder of the first `count` bits, times x^bits unless they contain the check already.
std::uint32_t crc_step(std::uint32_t rest, bool in, int bits, std::uint32_t generator) {
  const bool out = ((rest >> (bits - 1)) & 1U) != 0;
  rest = (rest << 1) & ((1U << bits) - 1);
  return out != in ? rest ^ generator : rest;
}

Rng sequence_stream(int j) { return Rng::stream(kBookSeed, static_cast<std::uint64_t>(j)); }

void draw_signs(Rng& rng, float* signs, int count, int stride) {
  std::uint64_t word = 0;
  for (int i = 0; i < count; ++i) {
    if (i % 64 == 0) word = rng.next();
    signs[static_cast<std::ptrdiff_t>(i) * stride] = ((word >> (i % 64)) & 1U) != 0 ? -1.0F : 1.0F;
  }
}

}  // namespace

UnsourcedScheme UnsourcedScheme::for_load(double senders) {
  UnsourcedScheme s;
  s.power_levels = 64;
  if (senders < 125) {
    // Few senders are told apart with short sequences, which leaves a longer code. Fewer check bits too: the
    // decoder meets fewer wrong words.
    s.code_bits = 512;
    s.crc_bits = 8;
  } else {
    // From 150 senders on no equal power is low enough: the strong ones must be found while the weak ones are
    // still there, and the weak ones must be worth more than noise. Measured best at 200, 250 and 300.
    s.power_spread_db =
        senders < 200 ? std::max(0.0, 0.06 * (senders - 150)) : std::min(12.0, 3 + 0.03 * (senders - 200));
    s.power_floor = 0.15;
  }
  return s;
}

std::string UnsourcedScheme::validate() const {
  const auto wrong = [](const std::string& name, auto value, const std::string& expected) {
    return name + " is " + std::to_string(value) + ", expected " + expected;
  };
  if (sequence_bits < 8 || sequence_bits > 17) return wrong("sequence_bits", sequence_bits, "8 to 17");
  if (message_bits <= sequence_bits || message_bits > 128)
    return wrong("message_bits", message_bits, "more than sequence_bits, at most 128");
  if (code_bits < 64 || code_bits > 2048 || (code_bits & (code_bits - 1)) != 0)
    return wrong("code_bits", code_bits, "a power of two from 64 to 2048");
  if (crc_generator(crc_bits) == 0) return wrong("crc_bits", crc_bits, "6, 8, 11, 12 or 16");
  if (polar_bits() >= code_bits) return wrong("code_bits", code_bits, "more than the bits to be coded");
  if (spread_chips() < 8 || spread_chips() > 512)
    return wrong("channel_uses", channel_uses, "8 to 512 uses a code bit");
  if (power_levels < 1 || power_levels > 256 || (power_levels & (power_levels - 1)) != 0)
    return wrong("power_levels", power_levels, "a power of two from 1 to 256");
  if (!(power_spread_db >= 0 && power_spread_db <= 30))
    return wrong("power_spread_db", power_spread_db, "0 to 30 dB");
  if (!(power_floor >= 0 && power_floor <= 0.9)) return wrong("power_floor", power_floor, "0 to 0.9");
  if (!std::isfinite(design_ebn0_db)) return "design_ebn0_db must be finite";
  return {};
}

Result<UnsourcedCode> UnsourcedCode::create(const UnsourcedScheme& scheme) {
  if (std::string error = scheme.validate(); !error.empty()) return Error{error};
  return UnsourcedCode(scheme);
}

UnsourcedCode::UnsourcedCode(const UnsourcedScheme& scheme)
    : scheme_(scheme),
      polar_(scheme.code_bits, scheme.polar_bits(), scheme.design_ebn0_db),
      padded_chips_((scheme.spread_chips() + 15) / 16 * 16),
      level_power_(idx(scheme.power_levels)) {
  double sum = 0;
  for (int i = 0; i < scheme.power_levels; ++i) {
    const double x = scheme.power_levels > 1 ? static_cast<double>(i) / (scheme.power_levels - 1) : 0;
    const double power = from_db(-scheme.power_spread_db * std::min(1.0, x / (1 - scheme.power_floor)));
    level_power_[idx(i)] = static_cast<float>(power);
    sum += power;
  }
  for (float& p : level_power_) p *= static_cast<float>(scheme.power_levels / sum);

  blocks_.assign(idx(scheme.sequences()) * idx(padded_chips_), 0.0F);
  for (int j = 0; j < scheme.sequences(); ++j) {
    Rng rng = sequence_stream(j);
    float* to = blocks_.data() + idx(j / kBlock) * idx(padded_chips_) * kBlock + idx(j % kBlock);
    draw_signs(rng, to, scheme.spread_chips(), kBlock);
  }

  const int bits = scheme.polar_bits();
  const std::uint32_t generator = crc_generator(scheme.crc_bits);
  syndrome_.resize(idx((bits + 7) / 8));
  // Remainder of x^(bits-1-i), from the last bit to the first.
  std::vector<std::uint32_t> weight(idx(bits));
  std::uint32_t rest = 1;
  for (int i = bits - 1; i >= 0; --i) {
    weight[idx(i)] = rest;
    rest = crc_step(rest, false, scheme.crc_bits, generator);
  }
  for (std::size_t byte = 0; byte < syndrome_.size(); ++byte) {
    for (std::size_t value = 0; value < 256; ++value) {
      std::uint32_t sum_of = 0;
      for (std::size_t b = 0; b < 8 && 8 * byte + b < weight.size(); ++b) {
        if (((value >> (7 - b)) & 1U) != 0) sum_of ^= weight[8 * byte + b];
      }
      syndrome_[byte][value] = static_cast<std::uint16_t>(sum_of);
    }
  }
}

void UnsourcedCode::sequence(int j, Span<float> signs) const {
  const float* from = block(j / kBlock) + j % kBlock;
  for (std::size_t c = 0; c < signs.size(); ++c) signs[c] = from[c * kBlock];
}

void UnsourcedCode::mask(int j, Span<float> signs) const {
  Rng rng = sequence_stream(j);
  for (int used = 0; used < scheme_.spread_chips(); used += 64) rng.next();
  draw_signs(rng, signs.data(), scheme_.code_bits, 1);
}

int UnsourcedCode::sequence_of(const UnsourcedMessage& message) const {
  int j = 0;
  for (int i = 0; i < scheme_.sequence_bits; ++i) j = 2 * j + (bit(message.data(), i) ? 1 : 0);
  return j;
}

void UnsourcedCode::code_word(const UnsourcedMessage& message, Span<float> signs) const {
  const int data_bits = scheme_.message_bits - scheme_.sequence_bits;
  std::vector<std::uint8_t> info(idx(scheme_.polar_bits())), code(idx(scheme_.code_bits));
  const std::uint32_t generator = crc_generator(scheme_.crc_bits);
  std::uint32_t rest = 0;
  for (int i = 0; i < data_bits; ++i) {
    const bool b = bit(message.data(), scheme_.sequence_bits + i);
    info[idx(i)] = b ? 1 : 0;
    rest = crc_step(rest, b, scheme_.crc_bits, generator);
  }
  for (int i = 0; i < scheme_.crc_bits; ++i)
    info[idx(data_bits + i)] = static_cast<std::uint8_t>((rest >> (scheme_.crc_bits - 1 - i)) & 1U);
  polar_.encode(info, Span<std::uint8_t>(code));
  mask(sequence_of(message), signs);
  for (std::size_t m = 0; m < code.size(); ++m) {
    if (code[m] != 0) signs[m] = -signs[m];
  }
}

void UnsourcedCode::add_signal(const UnsourcedMessage& message, double scale, Span<float> samples) const {
  const int j = sequence_of(message);
  std::vector<float> word(idx(scheme_.code_bits)), signs(idx(scheme_.spread_chips()));
  code_word(message, word);
  sequence(j, signs);
  const float amplitude = static_cast<float>(scale) * std::sqrt(power(j));
  for (std::size_t m = 0; m < word.size(); ++m) {
    float* to = samples.data() + m * signs.size();
    for (std::size_t c = 0; c < signs.size(); ++c) to[c] += amplitude * word[m] * signs[c];
  }
}

bool UnsourcedCode::check(const std::uint8_t* info) const {
  std::uint32_t rest = 0;
  for (std::size_t byte = 0; byte < syndrome_.size(); ++byte) rest ^= syndrome_[byte][info[byte]];
  return rest == 0;
}

UnsourcedMessage UnsourcedCode::message(int sequence, const std::uint8_t* info) const {
  UnsourcedMessage message{};
  for (int i = 0; i < scheme_.sequence_bits; ++i) {
    if (((sequence >> (scheme_.sequence_bits - 1 - i)) & 1) != 0) set_bit(message.data(), i);
  }
  for (int i = scheme_.sequence_bits; i < scheme_.message_bits; ++i) {
    if (bit(info, i - scheme_.sequence_bits)) set_bit(message.data(), i);
  }
  return message;
}

}  // namespace ngdsp
