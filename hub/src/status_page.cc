#include "status_page.h"

#include <fmt/format.h>

#include <ctime>

namespace ngplc::hub {

std::string escape_html(const std::string& text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string utc_text(std::int64_t unix_ns) {
  const std::time_t seconds = static_cast<std::time_t>(unix_ns / 1'000'000'000);
  std::tm utc{};
  if (gmtime_r(&seconds, &utc) == nullptr) return "?";
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                     utc.tm_hour, utc.tm_min, utc.tm_sec);
}

std::string status_page(const std::vector<StoredDevice>& devices, const std::string& trouble) {
  std::string html = R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="10">
<title>nG-PLC hub</title><style>
body{font-family:system-ui,sans-serif;margin:1.5rem;color:#222}
table{border-collapse:collapse}th,td{padding:.25rem .7rem;border-bottom:1px solid #ddd;text-align:left;vertical-align:top}
td.n{text-align:right;font-variant-numeric:tabular-nums}.bad{background:#fdd;padding:.5rem 1rem}
</style></head><body><h1>nG-PLC hub</h1>
)";
  if (!trouble.empty()) html += "<p class=\"bad\">The database refuses: " + escape_html(trouble) + "</p>\n";
  if (devices.empty()) {
    html += "<p>No device heard yet.</p>\n";
  } else {
    html +=
        fmt::format("<p>{} device{}. Times are UTC.</p>\n", devices.size(), devices.size() == 1 ? "" : "s");
    html +=
        "<table><tr><th>Device</th><th>Last heard</th><th>Frames</th><th>SNR dB</th><th>Clock "
        "ppm</th><th>Readings</th></tr>\n";
    for (const StoredDevice& d : devices) {
      std::string values;
      for (const StoredReading& r : d.last) {
        values += fmt::format("{}{} = {} {}", values.empty() ? "" : "<br>", escape_html(r.obis),
                              ngwire::decimal_string(r.mantissa, r.exponent), escape_html(r.unit));
      }
      html += fmt::format(
          "<tr><td>{:08x}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{:.1f}</td><td "
          "class=\"n\">{:.1f}</td><td>{}</td></tr>\n",
          d.device, utc_text(d.last_seen_ns), d.frames, d.snr_db, d.clock_offset_ppm, values);
    }
    html += "</table>\n";
  }
  return html +
         "<p><a href=\"/api/v1/devices\">devices</a> · <a href=\"/api/v1/readings?order=desc\">readings</a> "
         "· "
         "<a href=\"/api/v1/frames?order=desc\">frames</a> · <a href=\"/metrics\">metrics</a> · <a "
         "href=\"/healthz\">health</a></p>\n"
         "</body></html>\n";
}

}  // namespace ngplc::hub
