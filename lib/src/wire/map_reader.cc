#include "map_reader.h"

#include <nlohmann/json.hpp>

#include "cbor_guard.h"
#include "ngwire/wire/feed_message.h"

namespace ngwire::detail {
namespace {

using nlohmann::json;
constexpr std::size_t kMaxFields = 32;

// Receives the parser's events. Depth 1 is the map itself; anything deeper belongs to a list of pairs or to
// an unknown key.
class MapSax : public nlohmann::json_sax<json> {
 public:
  MapSax(const Field* fields, std::size_t count) : fields_(fields), count_(count) {}

  bool null() override { return value("a null"); }
  bool boolean(bool) override { return value("a boolean"); }
  bool number_integer(number_integer_t number) override {
    if (skipping()) return true;
    if (number >= 0) return number_unsigned(static_cast<number_unsigned_t>(number));
    const Field& f = fields_[current_];
    if (f.kind == Field::Kind::i64 && depth_ == 1) {
      *static_cast<std::int64_t*>(f.target) = number;
      return true;
    }
    if (f.kind == Field::Kind::real && depth_ == 1) return real(f, static_cast<double>(number));
    return fail_key(is_count(f.kind) ? "is negative" : "has the wrong type");
  }
  bool number_unsigned(number_unsigned_t number) override {
    if (skipping()) return true;
    const Field& f = fields_[current_];
    if (f.kind == Field::Kind::pairs) return pair_number(f, number);
    switch (f.kind) {
      case Field::Kind::u64:
        if (number > f.max_u64) return fail_key("is out of range");
        *static_cast<std::uint64_t*>(f.target) = number;
        return true;
      case Field::Kind::u32:
        if (number > std::numeric_limits<std::uint32_t>::max()) return fail_key("is out of range");
        *static_cast<std::uint32_t*>(f.target) = static_cast<std::uint32_t>(number);
        return true;
      case Field::Kind::i64:
        if (number > kMaxSigned) return fail_key("is out of range");
        *static_cast<std::int64_t*>(f.target) = static_cast<std::int64_t>(number);
        return true;
      case Field::Kind::real:
        return real(f, static_cast<double>(number));
      default:
        return fail_key("has the wrong type");
    }
  }
  bool number_float(number_float_t number, const string_t&) override {
    if (skipping()) return true;
    const Field& f = fields_[current_];
    if (f.kind != Field::Kind::real || depth_ != 1) return fail_key("has the wrong type");
    return real(f, number);
  }
  bool string(string_t& text) override {
    if (skipping()) return true;
    const Field& f = fields_[current_];
    if (depth_ != 1) return fail_key("has the wrong type");
    if (f.kind == Field::Kind::name) {
      if (!is_name(text)) return fail_key("is not a name of 1 to 64 of [A-Za-z0-9._:/-]");
    } else if (f.kind == Field::Kind::text) {
      if (!is_text(text)) return fail_key("is not printable ASCII of at most 256 bytes");
    } else {
      return fail_key("has the wrong type");
    }
    *static_cast<std::string*>(f.target) = std::move(text);
    return true;
  }
  bool binary(binary_t& bytes) override {
    if (skipping()) return true;
    const Field& f = fields_[current_];
    if (f.kind != Field::Kind::bytes || depth_ != 1) return fail_key("has the wrong type");
    if (bytes.empty() || bytes.size() > kMaxPayloadBytes) return fail_key("is not 1 to 4096 bytes long");
    *static_cast<Bytes*>(f.target) = std::move(static_cast<std::vector<std::uint8_t>&>(bytes));
    return true;
  }
  bool start_object(std::size_t) override {
    ++depth_;
    if (depth_ == 1 || skipping()) return true;
    return fail_key("has the wrong type");
  }
  bool key(string_t& text) override {
    if (depth_ != 1) return true;  // inside an unknown key's value
    current_ = count_;
    for (std::size_t i = 0; i < count_; ++i) {
      if (fields_[i].key == text) {
        if (seen_[i]) return fail("key '" + text + "' is repeated");
        seen_[i] = true;
        current_ = i;
        break;
      }
    }
    return true;
  }
  bool end_object() override {
    --depth_;
    return true;
  }
  bool start_array(std::size_t) override {
    if (depth_ == 0) return fail("is not a map");
    ++depth_;
    if (skipping()) return true;
    if (fields_[current_].kind != Field::Kind::pairs || depth_ > 3) return fail_key("has the wrong type");
    if (depth_ == 3) pair_.clear();
    return true;
  }
  bool end_array() override {
    --depth_;
    if (skipping() || depth_ != 2) return true;
    if (pair_.size() != 2 || pair_[0] > pair_[1]) return fail_key("is not a list of [first, last]");
    auto& ranges = *static_cast<Ranges*>(fields_[current_].target);
    if (ranges.size() >= kMaxAckRanges) return fail_key("has too many ranges");
    if (!ranges.empty() && ranges.back().second >= pair_[0]) return fail_key("is not ascending");
    ranges.emplace_back(pair_[0], pair_[1]);
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return fail("is not valid CBOR");
  }

  std::string finish() const {
    if (!error_.empty()) return error_;
    for (std::size_t i = 0; i < count_; ++i) {
      if (fields_[i].required && !seen_[i]) return "key '" + std::string(fields_[i].key) + "' is missing";
    }
    return "";
  }

 private:
  static bool is_count(Field::Kind kind) { return kind == Field::Kind::u64 || kind == Field::Kind::u32; }
  bool skipping() {
    if (depth_ == 0) return false;
    return current_ >= count_;
  }
  bool value(const char* what) {
    if (skipping()) return true;
    if (depth_ == 0) return fail("is not a map");
    return fail("key '" + std::string(fields_[current_].key) + "' holds " + what);
  }
  bool real(const Field& f, double number) {
    if (!std::isfinite(number)) return fail_key("is not finite");
    if (number < f.low || number > f.high) return fail_key("is out of range");
    *static_cast<double*>(f.target) = number;
    return true;
  }
  bool pair_number(const Field& f, std::uint64_t number) {
    if (depth_ != 3 || pair_.size() >= 2) return fail_key("is not a list of [first, last]");
    if (number > f.max_u64) return fail_key("is out of range");
    pair_.push_back(number);
    return true;
  }
  bool fail_key(const char* what) { return fail("key '" + std::string(fields_[current_].key) + "' " + what); }
  bool fail(std::string what) {
    if (error_.empty()) error_ = std::move(what);
    return false;
  }

  const Field* fields_;
  std::size_t count_;
  std::size_t current_ = 0;
  std::size_t depth_ = 0;
  std::bitset<kMaxFields> seen_;
  std::vector<std::uint64_t> pair_;
  std::string error_;
};

}  // namespace

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > kMaxNameBytes) return false;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool digit = c >= '0' && c <= '9';
    if (!letter && !digit && c != '.' && c != '_' && c != ':' && c != '/' && c != '-') return false;
  }
  return true;
}

bool is_text(std::string_view text) {
  if (text.size() > kMaxTextBytes) return false;
  for (const char c : text) {
    if (c < 0x20 || c > 0x7e) return false;
  }
  return true;
}

std::string read_map(const std::uint8_t* data, std::size_t size, const Field* fields,
                     std::size_t field_count) {
  if (size > kMaxRecordBytes) return "is longer than 65536 bytes";
  if (size == 0) return "is empty";
  if (std::string wrong = check_cbor_shape(data, size, 6); !wrong.empty()) return wrong;
  if (data[0] >> 5U != 5U) return "is not a map";
  MapSax sax(fields, field_count);
  json::sax_parse(data, data + size, &sax, json::input_format_t::cbor);
  return sax.finish();
}

}  // namespace ngwire::detail
