#include "codec_book.h"

#include <toml++/toml.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "obis.h"

namespace ngplc::hub {
namespace {

using ngwire::ReadingError;
using ngwire::RegisterSpec;
using ngwire::Result;

constexpr std::size_t kMaxFileBytes = 1 << 20;
constexpr std::size_t kMaxText = 64;
// The content of a 64-byte reading, its set number aside.
constexpr std::size_t kMostBytes = 48;
// An example of it in hexadecimal, with a space after each byte.
constexpr std::size_t kMaxContentText = 3 * (1 + kMostBytes);
// What fits the arithmetic of register_modulus() and roll-ups with room to spare.
constexpr std::int64_t kWidest = 5;
constexpr std::int64_t kLargestExponent = 9;

bool is_text(const std::string& text, std::size_t most) {
  return text.size() <= most &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return c >= 0x20 && c != 0x7f; });
}

/// Reads tables strictly; the first thing that is wrong stays.
class Reader {
 public:
  Reader(std::string source) : source_(std::move(source)) {}
  void complain(const toml::node* at, const std::string& what) {
    if (!wrong_.empty()) return;
    wrong_ = source_ + ":";
    if (at != nullptr)
      wrong_ +=
          std::to_string(at->source().begin.line) + ":" + std::to_string(at->source().begin.column) + ":";
    wrong_ += " " + what;
  }
  void only(const toml::table& table, std::initializer_list<std::string_view> keys) {
    for (auto&& [key, node] : table) {
      if (std::find(keys.begin(), keys.end(), key.str()) == keys.end())
        complain(&node, std::string(key.str()).substr(0, kMaxText) + ": unknown key");
    }
  }
  std::string text(const toml::table& table, const char* key, bool needed, std::size_t most = kMaxText) {
    const toml::node* node = table.get(key);
    if (node == nullptr) {
      if (needed) complain(&table, std::string(key) + ": is missing");
      return "";
    }
    const auto value = node->value_exact<std::string>();
    if (!value || !is_text(*value, most))
      complain(node, std::string(key) + ": expected at most " + std::to_string(most) + " characters");
    return value.value_or("");
  }
  std::int64_t integer(const toml::table& table, const char* key, std::int64_t low, std::int64_t high) {
    const toml::node* node = table.get(key);
    const auto value = node != nullptr ? node->value_exact<std::int64_t>() : std::nullopt;
    if (!value || *value < low || *value > high) {
      complain(node != nullptr ? node : &table, std::string(key) + ": expected an integer from " +
                                                    std::to_string(low) + " to " + std::to_string(high));
      return low;
    }
    return *value;
  }
  bool flag(const toml::table& table, const char* key) {
    const toml::node* node = table.get(key);
    if (node == nullptr) return false;
    const auto value = node->value_exact<bool>();
    if (!value) complain(node, std::string(key) + ": expected true or false");
    return value.value_or(false);
  }
  const std::string& wrong() const { return wrong_; }

 private:
  std::string source_;
  std::string wrong_;
};

std::vector<std::uint8_t> from_hex(const std::string& text) {
  std::vector<std::uint8_t> out;
  int high = -1;
  for (const char c : text) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c == ' '             ? -2
                                             : -1;
    if (digit == -2 && high < 0) continue;
    if (digit < 0) return {};
    if (high < 0) {
      high = digit;
    } else {
      out.push_back(static_cast<std::uint8_t>(high << 4 | digit));
      high = -1;
    }
  }
  return high < 0 ? out : std::vector<std::uint8_t>();
}

ReadingError decode_registers(const Codec& codec, ngwire::ByteView content, ngwire::Reading& reading) {
  const std::size_t used = 1 + codec.bytes();
  if (content.size < used) return ReadingError::size;
  for (std::size_t i = used; i < content.size; ++i) {
    if (content.data[i] != 0) return ReadingError::padding;
  }
  std::vector<ngwire::RegisterValue> values;
  const std::uint8_t* at = content.data + 1;
  for (const RegisterSpec& spec : codec.registers) {
    std::int64_t mantissa = 0;
    for (std::size_t i = 0; i < spec.bytes; ++i) mantissa = mantissa << 8 | at[i];
    const std::int64_t span = std::int64_t{1} << (8 * spec.bytes);
    if (spec.is_signed && mantissa >= span / 2) mantissa -= span;
    at += spec.bytes;
    if (mantissa != ngwire::missing_mantissa(spec)) values.push_back({&spec, mantissa});
  }
  reading.set = codec.set;
  reading.values = std::move(values);
  return ReadingError::none;
}

// Empty, or what the content really means.
std::string check(const Codec& codec, const CodecExample& example) {
  ngwire::Reading reading;
  const ngwire::ByteView content{example.content.data(), example.content.size()};
  if (example.content.empty() || example.content[0] != codec.set)
    return "content: expected hexadecimal digits that begin with the set";
  const ReadingError error = decode_registers(codec, content, reading);
  if (error != ReadingError::none) return std::string("content: does not match, ") + ngwire::to_string(error);
  std::vector<std::pair<std::string, std::string>> found;
  for (const ngwire::RegisterValue& value : reading.values)
    found.emplace_back(value.spec->obis, ngwire::decimal_string(value.mantissa, value.spec->exponent));
  auto wanted = example.values;
  std::sort(found.begin(), found.end());
  std::sort(wanted.begin(), wanted.end());
  if (found == wanted) return "";
  std::string text = "values: content holds";
  for (const auto& [obis, value] : found) text += " " + obis + " = " + value;
  return text;
}

}  // namespace

std::size_t Codec::bytes() const {
  std::size_t sum = 0;
  for (const RegisterSpec& spec : registers) sum += spec.bytes;
  return sum;
}

std::string CodecBook::parse(std::string_view text, const std::string& source, CodecBook& book) {
  if (text.size() > kMaxFileBytes) return source + ": longer than 1 MB";
  toml::table root;
  try {
    root = toml::parse(text);
  } catch (const toml::parse_error& error) {
    std::string what = source + ":" + std::to_string(error.source().begin.line) + ":" +
                       std::to_string(error.source().begin.column) + ": " + std::string(error.description());
    std::replace_if(
        what.begin(), what.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
    return what;
  }
  Reader reader(source);
  Codec codec;
  const auto keep = [&book](std::string word) -> std::string_view {
    return book.texts_.emplace_back(std::move(word));
  };
  reader.only(root, {"name", "model", "set", "register", "example"});
  codec.name = reader.text(root, "name", true);
  codec.model = reader.text(root, "model", false);
  codec.set = static_cast<std::uint8_t>(reader.integer(root, "set", kFirstFileSet, 255));
  const auto rows = [&](const char* key) {
    std::vector<const toml::table*> out;
    const toml::node* node = root.get(key);
    if (node == nullptr || !node->is_array()) {
      reader.complain(node, std::string(key) + ": expected [[" + key + "]]");
      return out;
    }
    for (const toml::node& row : *node->as_array()) {
      row.is_table() ? out.push_back(row.as_table())
                     : reader.complain(&row, std::string(key) + ": expected a table");
    }
    if (out.empty()) reader.complain(node, std::string(key) + ": expected one or more");
    return out;
  };
  for (const toml::table* row : rows("register")) {
    reader.only(*row, {"obis", "unit", "exponent", "bytes", "signed"});
    RegisterSpec spec{};
    const std::string obis = reader.text(*row, "obis", true);
    if (!is_obis(obis)) reader.complain(row, "obis: expected A-B:C.D.E with numbers up to 255");
    for (const RegisterSpec& other : codec.registers) {
      if (other.obis == obis) reader.complain(row, "obis: " + obis + " comes twice");
    }
    spec.obis = keep(obis);
    spec.unit = keep(reader.text(*row, "unit", false));
    spec.exponent =
        static_cast<std::int8_t>(reader.integer(*row, "exponent", -kLargestExponent, kLargestExponent));
    spec.bytes = static_cast<std::uint8_t>(reader.integer(*row, "bytes", 1, kWidest));
    spec.is_signed = reader.flag(*row, "signed");
    if (spec.is_signed && ngwire::is_cumulative(spec))
      reader.complain(row, "signed: a cumulative register counts upwards");
    codec.registers.push_back(spec);
    if (codec.bytes() > kMostBytes) reader.complain(row, "register: more than 48 bytes in all");
  }
  for (const toml::table* row : rows("example")) {
    reader.only(*row, {"content", "values"});
    CodecExample example;
    example.content = from_hex(reader.text(*row, "content", true, kMaxContentText));
    const toml::node* values = row->get("values");
    if (values == nullptr || !values->is_table()) {
      reader.complain(row, "values: expected a table of OBIS codes");
      break;
    }
    for (auto&& [obis, value] : *values->as_table())
      example.values.emplace_back(std::string(obis.str()), value.value_exact<std::string>().value_or("?"));
    if (!reader.wrong().empty()) break;
    if (const std::string wrong = check(codec, example); !wrong.empty()) reader.complain(row, wrong);
    codec.examples.push_back(std::move(example));
  }
  if (!reader.wrong().empty()) return reader.wrong();
  const auto place = std::make_pair(codec.set, codec.model);
  if (const auto other = book.by_set_.find(place); other != book.by_set_.end())
    return source + ": set: " + std::to_string(codec.set) + " for model '" + codec.model + "' belongs to '" +
           other->second->name + "'";
  book.by_set_[place] = &book.codecs_.emplace_back(std::move(codec));
  return "";
}

Result<CodecBook> CodecBook::open(const std::string& folder) {
  using R = Result<CodecBook>;
  std::error_code error;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".toml") files.push_back(entry.path());
  }
  if (error) return R::failure(folder + ": " + error.message());
  std::sort(files.begin(), files.end());
  CodecBook book;
  for (const auto& path : files) {
    std::ifstream file(path, std::ios::binary);
    std::string text(kMaxFileBytes + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!file.eof()) return R::failure(path.string() + (file ? ": longer than 1 MB" : ": cannot be read"));
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (std::string wrong = parse(text, path.string(), book); !wrong.empty()) return R::failure(wrong);
  }
  return R(std::move(book));
}

ReadingError CodecBook::decode(const std::string& model, ngwire::ByteView content,
                               ngwire::Reading& reading) const {
  if (content.size == 0) return ReadingError::empty;
  auto found = by_set_.find({content.data[0], model});
  if (found == by_set_.end()) found = by_set_.find({content.data[0], ""});
  return found == by_set_.end() ? ReadingError::set : decode_registers(*found->second, content, reading);
}

}  // namespace ngplc::hub
