#include "manifest.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "claim_code.h"

namespace ngplc::hub {
namespace {

using ngwire::Result;
using Row = std::map<std::string, std::string>;

constexpr std::size_t kMaxBytes = 16 << 20;
constexpr std::size_t kMaxDevices = 100'000;
const std::set<std::string> kColumns = {"eui",   "key",       "gtin",      "serial",
                                        "model", "time_zone", "verify_by", "multipliers"};

bool parse_hex(std::string_view text, std::uint64_t& number) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  return text.size() == 16 && parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
}

bool is_text(const std::string& text, std::size_t most) {
  return text.size() <= most && std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return c >= 0x20 && c != 0x7f && c != '"';
         });
}

bool is_date(const std::string& text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  return std::count_if(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }) == 8;
}

// Empty, or which field is wrong.
std::string fill(const Row& row, ManifestEntry& entry) {
  for (const auto& [name, value] : row) {
    if (kColumns.count(name) == 0) return "unknown column";
    if (name == "eui" && (!parse_hex(value, entry.eui) || entry.eui == 0))
      return "eui: expected 16 hex digits";
    if (name == "key") {
      std::uint64_t high = 0;
      std::uint64_t low = 0;
      const std::string_view view = value;
      if (view.size() != 32 || !parse_hex(view.substr(0, 16), high) || !parse_hex(view.substr(16), low))
        return "key: expected 32 hex digits";
      if (high == 0 && low == 0) return "key: all zeros";
      for (std::size_t i = 0; i < 8; ++i) {
        entry.key[i] = static_cast<std::uint8_t>(high >> (56U - 8U * i));
        entry.key[8 + i] = static_cast<std::uint8_t>(low >> (56U - 8U * i));
      }
    }
    if (name == "gtin" && !value.empty() && !gtin_checks(value))
      return "gtin: expected 14 digits with their check digit";
    if (name == "serial" && !is_text(value, 20)) return "serial: expected at most 20 characters";
    if (name == "model" && !is_text(value, 64)) return "model: expected at most 64 characters";
    if (name == "time_zone" && !is_text(value, 64)) return "time_zone: expected at most 64 characters";
    if (name == "verify_by" && !value.empty() && !is_date(value)) return "verify_by: expected YYYY-MM-DD";
  }
  for (const char* needed : {"eui", "key"}) {
    if (row.count(needed) == 0) return std::string(needed) + ": missing";
  }
  const auto get = [&row](const char* name) {
    const auto it = row.find(name);
    return it == row.end() ? std::string() : it->second;
  };
  entry.gtin = get("gtin");
  entry.serial = get("serial");
  entry.model = get("model");
  entry.time_zone = get("time_zone");
  entry.verify_by = get("verify_by");
  auto multipliers = parse_multipliers(get("multipliers"));
  if (!multipliers) return multipliers.error();
  entry.multipliers = std::move(multipliers.value());
  return entry.gtin.empty() != entry.serial.empty() ? "gtin and serial: expected both or none" : "";
}

std::vector<std::string> split(std::string_view line) {
  std::vector<std::string> cells;
  for (std::size_t at = 0; at <= line.size();) {
    const std::size_t end = std::min(line.find(',', at), line.size());
    cells.emplace_back(line.substr(at, end - at));
    at = end + 1;
  }
  return cells;
}

Result<std::vector<Row>> rows_of_csv(std::string_view text) {
  using R = Result<std::vector<Row>>;
  std::vector<Row> rows;
  std::vector<std::string> columns;
  std::size_t number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty()) continue;
    const auto cells = split(line);
    if (columns.empty()) {
      columns = cells;
      continue;
    }
    if (cells.size() != columns.size())
      return R::failure("line " + std::to_string(number) + ": expected " + std::to_string(columns.size()) +
                        " cells, found " + std::to_string(cells.size()));
    Row row;
    for (std::size_t i = 0; i < cells.size(); ++i) row[columns[i]] = cells[i];
    rows.push_back(std::move(row));
    if (rows.size() > kMaxDevices) return R::failure("more than 100000 devices");
  }
  return rows;
}

Result<std::vector<Row>> rows_of_json(std::string_view text) {
  using R = Result<std::vector<Row>>;
  const auto list = nlohmann::json::parse(text, nullptr, false);
  if (!list.is_array()) return R::failure("expected a list of objects");
  if (list.size() > kMaxDevices) return R::failure("more than 100000 devices");
  std::vector<Row> rows;
  for (const auto& item : list) {
    Row row;
    if (!item.is_object())
      return R::failure("device " + std::to_string(rows.size() + 1) + ": expected an object");
    for (const auto& [name, value] : item.items()) {
      if (!value.is_string())
        return R::failure("device " + std::to_string(rows.size() + 1) + ": expected strings");
      row[name] = value.get<std::string>();
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

Result<std::vector<ManifestEntry>> parse_manifest(std::string_view text) {
  using R = Result<std::vector<ManifestEntry>>;
  if (text.size() > kMaxBytes) return R::failure("manifest: larger than 16 MiB");
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  const bool json = first != std::string_view::npos && text[first] == '[';
  const auto rows = json ? rows_of_json(text) : rows_of_csv(text);
  if (!rows) return R::failure("manifest: " + rows.error());
  std::vector<ManifestEntry> entries;
  std::set<ngwire::Eui> known;
  for (const Row& row : rows.value()) {
    ManifestEntry entry;
    std::string wrong = fill(row, entry);
    if (wrong.empty() && !known.insert(entry.eui).second) wrong = "eui: given twice";
    if (!wrong.empty())
      return R::failure("manifest: device " + std::to_string(entries.size() + 1) + ": " + wrong);
    entries.push_back(std::move(entry));
  }
  if (entries.empty()) return R::failure("manifest: no devices in it");
  return entries;
}

}  // namespace ngplc::hub
