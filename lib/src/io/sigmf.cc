#include "ngdsp/io/sigmf.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <system_error>

#include "ngdsp/io/datetime.h"

namespace ngdsp {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::string_view kMetaSuffix = ".sigmf-meta";
constexpr std::string_view kDataSuffix = ".sigmf-data";
constexpr std::string_view kPrefix = "ngplc:";
constexpr int kMaxDepth = 64;                       // dump() recurses: depth bounds its stack
constexpr double kMaxRateHz = 1e12;                 // the schema's own limit
constexpr double kMaxExact = 9.007199254740992e15;  // 2^53: the largest integer range a double keeps exactly

/// Where in which file a field stands, for error texts.
struct Place {
  std::string_view file;
  std::string where;

  Error wrong(std::string_view key, std::string_view expected) const {
    std::string text;
    text.append(file)
        .append(": ")
        .append(where)
        .append(".")
        .append(key)
        .append(": expected ")
        .append(expected);
    return Error{std::move(text)};
  }
};

/// Strict parse without exceptions; nullopt and a reason when the text is not JSON or nested too deeply.
std::optional<json> parse_json(std::string_view text, std::string& reason) {
  bool too_deep = false;
  const auto limit = [&too_deep](int depth, json::parse_event_t, json&) {
    too_deep = too_deep || depth > kMaxDepth;
    return !too_deep;  // false drops the value: what is too deep is never built
  };
  json value = json::parse(text.begin(), text.end(), limit, false);
  if (too_deep) {
    reason = "nested deeper than " + std::to_string(kMaxDepth) + " levels";
    return std::nullopt;
  }
  if (value.is_discarded()) {
    reason = "not valid JSON";
    return std::nullopt;
  }
  return value;
}

/// Reads an optional field into `out`; returns an error when it is there with another type.
Status get_string(const json& object, const char* key, const Place& place, std::string& out) {
  const auto found = object.find(key);
  if (found == object.end()) {
    return std::nullopt;
  }
  if (!found->is_string()) {
    return place.wrong(key, "a string");
  }
  out = found->get<std::string>();
  return std::nullopt;
}

Status get_number(const json& object, const char* key, const Place& place, std::optional<double>& out) {
  const auto found = object.find(key);
  if (found == object.end()) {
    return std::nullopt;
  }
  if (!found->is_number()) {
    return place.wrong(key, "a number");
  }
  const double value = found->get<double>();
  if (!std::isfinite(value)) {
    return place.wrong(key, "a finite number");
  }
  out = value;
  return std::nullopt;
}

Status get_count(const json& object, const char* key, const Place& place, std::optional<std::uint64_t>& out) {
  const auto found = object.find(key);
  if (found == object.end()) {
    return std::nullopt;
  }
  if (found->is_number_unsigned()) {
    out = found->get<std::uint64_t>();
    return std::nullopt;
  }
  // Some tools write whole numbers as 12.0.
  if (found->is_number_float()) {
    const double value = found->get<double>();
    if (value >= 0 && value <= kMaxExact && value == std::floor(value)) {
      out = static_cast<std::uint64_t>(value);
      return std::nullopt;
    }
  }
  return place.wrong(key, "a whole number, 0 or more");
}

std::vector<SigmfField> ngplc_fields(const json& object) {
  std::vector<SigmfField> fields;
  for (const auto& [key, value] : object.items()) {
    if (key.size() > kPrefix.size() && key.compare(0, kPrefix.size(), kPrefix) == 0) {
      fields.push_back({key.substr(kPrefix.size()), value.dump()});
    }
  }
  return fields;
}

Status read_datatype(const json& global, const Place& place, SampleFormat& out) {
  std::string name;
  if (!global.contains("core:datatype")) {
    return place.wrong("core:datatype", std::string("one of ") + kSampleFormatNames + ", found nothing");
  }
  if (Status error = get_string(global, "core:datatype", place, name)) {
    return error;
  }
  const Result<SampleFormat> format = parse_sample_format(name);
  if (!format) {
    return place.wrong("core:datatype",
                       std::string("one of ") + kSampleFormatNames + ", found " +
                           json(name.substr(0, 32)).dump(-1, ' ', true, json::error_handler_t::replace));
  }
  out = *format;
  return std::nullopt;
}

Status read_sample_rate(const json& global, const Place& place, double& out) {
  std::optional<double> rate;
  if (Status error = get_number(global, "core:sample_rate", place, rate)) {
    return error;
  }
  if (!rate) {
    return place.wrong("core:sample_rate", "a number of samples per second, found nothing");
  }
  if (*rate <= 0 || *rate > kMaxRateHz) {
    return place.wrong("core:sample_rate", "more than 0 and at most 1e12 samples per second");
  }
  out = *rate;
  return std::nullopt;
}

Status read_sha512(const json& global, const Place& place, std::string& out) {
  if (Status error = get_string(global, "core:sha512", place, out)) {
    return error;
  }
  const auto hexadecimal = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  for (char& c : out) {
    c = (c >= 'A' && c <= 'F') ? static_cast<char>(c - 'A' + 'a') : c;
  }
  if (!out.empty() && (out.size() != 128 || !std::all_of(out.begin(), out.end(), hexadecimal))) {
    return place.wrong("core:sha512", "128 hexadecimal digits");
  }
  return std::nullopt;
}

Status read_dataset(const json& global, const Place& place, std::string& out) {
  if (Status error = get_string(global, "core:dataset", place, out)) {
    return error;
  }
  const bool plain =
      out.find('/') == std::string::npos && out.find('\0') == std::string::npos && out != "." && out != "..";
  return plain ? Status{} : place.wrong("core:dataset", "the name of a file in the same folder");
}

Status read_global(const json& global, const Place& place, SigmfMeta& meta) {
  std::optional<std::uint64_t> channels;
  if (Status error = read_datatype(global, place, meta.format)) return error;
  if (Status error = read_sample_rate(global, place, meta.sample_rate_hz)) return error;
  if (Status error = read_sha512(global, place, meta.sha512)) return error;
  if (Status error = read_dataset(global, place, meta.dataset)) return error;
  if (Status error = get_count(global, "core:num_channels", place, channels)) return error;
  if (channels.value_or(1) != 1) {
    return place.wrong("core:num_channels", "1, found " + std::to_string(*channels));
  }
  if (Status error = get_string(global, "core:description", place, meta.description)) return error;
  if (Status error = get_string(global, "core:author", place, meta.author)) return error;
  if (Status error = get_string(global, "core:recorder", place, meta.recorder)) return error;
  if (Status error = get_string(global, "core:hw", place, meta.hardware)) return error;
  if (Status error = get_string(global, "core:license", place, meta.license)) return error;
  meta.ngplc = ngplc_fields(global);
  meta.global_json = global.dump();
  return std::nullopt;
}

Status read_capture(const json& object, const Place& place, SigmfCapture& capture) {
  std::optional<std::uint64_t> start;
  std::optional<std::uint64_t> header_bytes;
  std::string datetime;
  if (Status error = get_count(object, "core:sample_start", place, start)) return error;
  if (!start) {
    return place.wrong("core:sample_start", "a whole number, found nothing");
  }
  capture.sample_start = *start;
  if (Status error = get_number(object, "core:frequency", place, capture.frequency_hz)) return error;
  if (Status error = get_count(object, "core:global_index", place, capture.global_index)) return error;
  if (Status error = get_count(object, "core:header_bytes", place, header_bytes)) return error;
  if (header_bytes.value_or(0) != 0) {
    return place.wrong("core:header_bytes", "0: files with headers between the samples are not supported");
  }
  if (Status error = get_string(object, "core:datetime", place, datetime)) return error;
  if (!datetime.empty()) {
    const Result<std::int64_t> time = parse_datetime_ns(datetime);
    if (!time) {
      return place.wrong("core:datetime", "a UTC time such as 2026-01-31T12:34:56.789Z");
    }
    capture.datetime_ns = *time;
  }
  return std::nullopt;
}

Status read_annotation(const json& object, const Place& place, SigmfAnnotation& annotation) {
  std::optional<std::uint64_t> start;
  if (Status error = get_count(object, "core:sample_start", place, start)) return error;
  if (!start) {
    return place.wrong("core:sample_start", "a whole number, found nothing");
  }
  annotation.sample_start = *start;
  if (Status error = get_count(object, "core:sample_count", place, annotation.sample_count)) return error;
  if (Status error = get_string(object, "core:label", place, annotation.label)) return error;
  if (Status error = get_string(object, "core:comment", place, annotation.comment)) return error;
  annotation.ngplc = ngplc_fields(object);
  annotation.json = object.dump();
  return std::nullopt;
}

/// Reads the list `key` of objects, one by one.
template <typename Item>
Status read_list(const json& root, const char* key, std::string_view file, std::vector<Item>& items,
                 Status (*read)(const json&, const Place&, Item&)) {
  const auto found = root.find(key);
  if (found == root.end()) {
    return std::nullopt;
  }
  if (!found->is_array()) {
    return Error{std::string(file) + ": " + key + ": expected a list of objects"};
  }
  for (std::size_t i = 0; i < found->size(); ++i) {
    const Place place{file, std::string(key) + "[" + std::to_string(i) + "]"};
    const json& object = (*found)[i];
    if (!object.is_object()) {
      return Error{std::string(file) + ": " + place.where + ": expected an object"};
    }
    Item item;
    if (Status error = read(object, place, item)) {
      return error;
    }
    items.push_back(std::move(item));
  }
  return std::nullopt;
}

/// 192000 rather than 192000.0.
json number(double value) {
  if (value == std::floor(value) && std::abs(value) <= kMaxExact) {
    return static_cast<std::int64_t>(value);
  }
  return value;
}

void put_string(json& object, const char* key, const std::string& value) {
  if (!value.empty()) {
    object[key] = value;
  }
}

Status put_fields(json& object, const std::vector<SigmfField>& fields) {
  for (const SigmfField& field : fields) {
    std::string reason;
    std::optional<json> value = parse_json(field.json, reason);
    if (field.key.empty() || !value) {
      return Error{"SigMF field \"ngplc:" + field.key + "\": " +
                   (field.key.empty() ? std::string("expected a key") : "expected JSON as value: " + reason)};
    }
    object[std::string(kPrefix) + field.key] = std::move(*value);
  }
  return std::nullopt;
}

bool ends_with(const std::string& text, std::string_view end) {
  return text.size() > end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

std::optional<double> SigmfMeta::frequency_hz() const {
  return captures.empty() ? std::nullopt : captures.front().frequency_hz;
}

std::optional<std::int64_t> SigmfMeta::start_time_ns() const {
  if (captures.empty() || !captures.front().datetime_ns) {
    return std::nullopt;
  }
  const double skipped_s = static_cast<double>(captures.front().sample_start) / sample_rate_hz;
  const double skipped_ns = std::round(skipped_s * 1e9);
  // A start before 1970 is a wrong file, not a time.
  if (!(skipped_ns <= static_cast<double>(*captures.front().datetime_ns))) {
    return std::nullopt;
  }
  return *captures.front().datetime_ns - static_cast<std::int64_t>(skipped_ns);
}

std::string_view SigmfMeta::ngplc_json(std::string_view key) const {
  for (const SigmfField& field : ngplc) {
    if (field.key == key) {
      return field.json;
    }
  }
  return {};
}

Result<SigmfMeta> parse_sigmf_meta(std::string_view text, std::string_view name) {
  std::string reason;
  const std::optional<json> root = parse_json(text, reason);
  if (!root) {
    return Error{std::string(name) + ": " + reason + ", expected SigMF metadata"};
  }
  if (!root->is_object() || !root->contains("global") || !(*root)["global"].is_object()) {
    return Error{std::string(name) + ": global: expected an object, as in every SigMF metadata file"};
  }
  SigmfMeta meta;
  if (Status error = read_global((*root)["global"], {name, "global"}, meta)) return *error;
  if (Status error = read_list(*root, "captures", name, meta.captures, &read_capture)) return *error;
  if (Status error = read_list(*root, "annotations", name, meta.annotations, &read_annotation)) return *error;
  for (std::size_t i = 1; i < meta.captures.size(); ++i) {
    if (meta.captures[i].sample_start <= meta.captures[i - 1].sample_start) {
      return Place{name, "captures[" + std::to_string(i) + "]"}.wrong("core:sample_start",
                                                                      "more than that of the capture before");
    }
  }
  return meta;
}

Result<std::string> format_sigmf_meta(const SigmfMeta& meta) {
  if (!(meta.sample_rate_hz > 0) || meta.sample_rate_hz > kMaxRateHz) {
    return Error{
        "SigMF field \"core:sample_rate\": expected more than 0 and at most 1e12 samples per second"};
  }
  json global = {{"core:version", "1.0.0"},
                 {"core:datatype", sample_format_name(meta.format)},
                 {"core:sample_rate", number(meta.sample_rate_hz)},
                 {"core:num_channels", 1}};
  put_string(global, "core:sha512", meta.sha512);
  put_string(global, "core:description", meta.description);
  put_string(global, "core:author", meta.author);
  put_string(global, "core:recorder", meta.recorder);
  put_string(global, "core:hw", meta.hardware);
  put_string(global, "core:license", meta.license);
  put_string(global, "core:dataset", meta.dataset);
  global["core:extensions"] = json::array({{{"name", "ngplc"}, {"version", "0.1.0"}, {"optional", true}}});
  if (Status error = put_fields(global, meta.ngplc)) return *error;

  json captures = json::array();
  for (const SigmfCapture& capture : meta.captures) {
    json object = {{"core:sample_start", capture.sample_start}};
    if (capture.frequency_hz) {
      object["core:frequency"] = number(*capture.frequency_hz);
    }
    if (capture.datetime_ns) {
      object["core:datetime"] = format_datetime(*capture.datetime_ns);
    }
    if (capture.global_index) {
      object["core:global_index"] = *capture.global_index;
    }
    captures.push_back(std::move(object));
  }
  if (captures.empty()) {
    captures.push_back({{"core:sample_start", 0}});
  }
  json annotations = json::array();
  for (const SigmfAnnotation& annotation : meta.annotations) {
    json object = {{"core:sample_start", annotation.sample_start}};
    if (annotation.sample_count) {
      object["core:sample_count"] = *annotation.sample_count;
    }
    put_string(object, "core:label", annotation.label);
    put_string(object, "core:comment", annotation.comment);
    if (Status error = put_fields(object, annotation.ngplc)) return *error;
    annotations.push_back(std::move(object));
  }
  const json root = {{"global", std::move(global)},
                     {"captures", std::move(captures)},
                     {"annotations", std::move(annotations)}};
  // Text that is not UTF-8 becomes readable replacement characters instead of an exception.
  return root.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

SigmfPaths sigmf_paths(const std::string& path) {
  std::string stem = path;
  if (ends_with(path, kMetaSuffix)) {
    stem.resize(path.size() - kMetaSuffix.size());
  } else if (ends_with(path, kDataSuffix)) {
    stem.resize(path.size() - kDataSuffix.size());
  }
  return {stem + std::string(kMetaSuffix), stem + std::string(kDataSuffix)};
}

Result<std::vector<std::string>> list_sigmf(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    const SigmfPaths paths = sigmf_paths(path);
    if (!fs::exists(paths.meta, error)) {
      return Error{paths.meta + ": no such file, expected a SigMF recording or a folder of them"};
    }
    return std::vector<std::string>{paths.meta};
  }
  std::vector<std::string> found;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().string();
    if (ends_with(name, kMetaSuffix)) {
      found.push_back(name);
    }
  }
  if (error) {
    return Error{path + ": cannot list the folder: " + error.message()};
  }
  if (found.empty()) {
    return Error{path + ": no *.sigmf-meta file in this folder, expected at least one"};
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace ngdsp
