#include "plot.h"

#include <fmt/core.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>

namespace ngplc_app {
namespace {

/// Text inside a single-quoted gnuplot string: a quote is doubled, line ends go.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += '\'';
    if (c != '\n' && c != '\r') out += c;
  }
  return out + "'";
}

std::string heading(const std::string& png_path, const std::string& title, const std::string& x_label,
                    const std::string& y_label) {
  return "set terminal pngcairo noenhanced size 900,600 font 'Sans,11'\nset output " + quoted(png_path) +
         "\nset title " + quoted(title) + "\nset xlabel " + quoted(x_label) + "\nset ylabel " +
         quoted(y_label) + "\n";
}

std::string script(const std::string& png_path, const LinePlot& plot) {
  std::string text = heading(png_path, plot.title, plot.x_label, plot.y_label);
  if (plot.from_zero) text += "set xrange [0:*]\n";
  text += "set grid\nset key " + plot.key + "\n";
  text += "set offsets graph 0.03, graph 0.03, graph 0.03, graph 0.03\nplot ";
  for (std::size_t i = 0; i < plot.series.size(); ++i) {
    const LineSeries& series = plot.series[i];
    std::string look = fmt::format("linespoints pointtype {} linewidth {}", i == 0 ? 7 : 6, i == 0 ? 3 : 1);
    if (series.style == LineSeries::Style::kLine) look = "lines linewidth 2";
    if (series.style == LineSeries::Style::kPoints) look = "points pointtype 7";
    text += fmt::format("{}'-' using 1:2 with {} linecolor {} title {}", i ? ", " : "", look, i + 1,
                        quoted(series.title));
  }
  text += "\n";
  for (const auto& series : plot.series) {
    for (const auto& [x, y] : series.points) text += fmt::format("{:g} {:g}\n", x, y);
    // A point that is no number keeps an empty series legal.
    text += series.points.empty() ? "0 NaN\ne\n" : "e\n";
  }
  return text;
}

std::string script(const std::string& png_path, const RatePlot& plot) {
  constexpr double kFloor = 1e-5;
  double lowest = 1;
  for (const auto& series : plot.series) {
    for (const auto& p : series.points)
      lowest = std::min(lowest, p.rate > 0 ? std::max(p.low, p.rate / 10) : p.high);
  }
  std::string text = heading(png_path, plot.title, plot.x_label, plot.y_label);
  text += fmt::format("set logscale y\nset format y '%g'\nset yrange [{:g}:1]\nset grid xtics ytics mytics\n",
                      std::max(kFloor, lowest / 2));
  text += "set key bottom left\nset offsets graph 0.03, graph 0.03, 0, 0\nplot ";
  // Measured rates as points with bars on a line; where nothing was lost only the upper end, as an open
  // triangle.
  for (std::size_t i = 0; i < plot.series.size(); ++i) {
    text += fmt::format(
        "{}'-' using 1:2:3:4 with yerrorbars linecolor {} pointtype 7 notitle, '-' using 1:2 with lines "
        "linecolor {} "
        "linewidth 2 title {}, '-' using 1:2 with points linecolor {} pointtype 10 pointsize 1.5 notitle",
        i ? ", " : "", i + 1, i + 1, quoted(plot.series[i].title), i + 1);
  }
  text += "\n";
  for (const auto& series : plot.series) {
    std::string measured, bounds;
    for (const auto& p : series.points) {
      if (p.rate > 0) {
        measured += fmt::format("{:g} {:g} {:g} {:g}\n", p.x, p.rate, std::max(p.low, kFloor), p.high);
      } else {
        bounds += fmt::format("{:g} {:g}\n", p.x, p.high);
      }
    }
    // A point that is no number keeps an empty series legal.
    if (measured.empty()) measured = "NaN 1 1 1\n";
    if (bounds.empty()) bounds = "NaN 1\n";
    text += measured + "e\n" + measured + "e\n" + bounds + "e\n";
  }
  return text;
}

const char* style_of(Panel::Style style) {
  switch (style) {
    case Panel::Style::kLine:
      return "lines linewidth 1.5";
    case Panel::Style::kThin:
      return "lines linewidth 0.7";
    case Panel::Style::kLimit:
      return "lines linewidth 2.5 dashtype 2";
    case Panel::Style::kMarks:
      break;
  }
  return "points pointtype 11 pointsize 1";
}

std::string range(const char* axis, double low, double high) {
  return low < high ? fmt::format("set {}range [{:g}:{:g}]\n", axis, low, high)
                    : fmt::format("set {}range [*:*]\n", axis);
}

std::string text_panel(const Panel& panel) {
  std::string text =
      "unset border\nunset tics\nunset key\nunset xlabel\nunset ylabel\nset xrange [0:1]\nset yrange [0:1]\n";
  for (std::size_t i = 0; i < panel.text.size(); ++i) {
    text += fmt::format("set label {} {} at graph 0, graph {:g} font 'Monospace,10'\n", i + 1,
                        quoted(panel.text[i]), 1.0 - 0.055 * static_cast<double>(i));
  }
  return text + "plot NaN notitle\nunset label\nset border\nset tics\nset key\n";
}

std::string diagram(const Panel& panel, std::size_t number) {
  std::string text;
  for (std::size_t i = 0; i < panel.series.size(); ++i) {
    text += fmt::format("$p{}s{} << EOD\n", number, i);
    for (const auto& [x, y] : panel.series[i].points) text += fmt::format("{:.9g} {:g}\n", x, y);
    // A point that is no number keeps an empty series legal.
    text += panel.series[i].points.empty() ? "NaN NaN\nEOD\n" : "EOD\n";
  }
  text += "set xlabel " + quoted(panel.x_label) + (panel.key_below ? " offset 0,0.7" : " offset 0,0") +
          "\nset ylabel " + quoted(panel.y_label) + "\n";
  text += panel.key_below ? "set key outside below maxcols 3 samplen 3\n"
                          : "set key inside top right samplen 2 spacing 0.9 opaque\n";
  text += panel.log_x ? "set logscale x\n" : "unset logscale x\n";
  text += range("x", panel.x_low, panel.x_high) + range("y", panel.y_low, panel.y_high) + "plot ";
  for (std::size_t i = 0; i < panel.series.size(); ++i) {
    const Panel::Series& s = panel.series[i];
    text += fmt::format("{}$p{}s{} using 1:2 with {} linecolor {} {}", i ? ", " : "", number, i,
                        style_of(s.style), s.color, s.title.empty() ? "notitle" : "title " + quoted(s.title));
  }
  return text + "\n";
}

std::string script(const std::string& png_path, const PlotPage& page) {
  const auto rows = (static_cast<int>(page.panels.size()) + page.columns - 1) / page.columns;
  std::string text =
      fmt::format("set terminal pngcairo noenhanced size {},{} font 'Sans,10'\nset output {}\n",
                  page.width_px, page.height_px, quoted(png_path));
  text += fmt::format("set grid\nset multiplot layout {},{}", rows, page.columns);
  if (!page.title.empty()) text += " title " + quoted(page.title) + " font 'Sans,13'";
  text += "\n";
  for (std::size_t i = 0; i < page.panels.size(); ++i) {
    const Panel& panel = page.panels[i];
    text += "set title " + quoted(panel.title) + "\n";
    text += panel.text.empty() ? diagram(panel, i) : text_panel(panel);
  }
  return text + "unset multiplot\n";
}

ngdsp::Status draw(const std::string& png_path, const std::string& text) {
  if (gnuplot_version().empty()) {
    return ngdsp::Error{png_path + ": cannot draw: gnuplot not found, expected the package gnuplot-nox"};
  }
  std::error_code ignored;
  std::filesystem::remove(png_path, ignored);
  FILE* pipe = popen("gnuplot 2>/dev/null", "w");
  if (!pipe) return ngdsp::Error{png_path + ": cannot start gnuplot"};
  std::fwrite(text.data(), 1, text.size(), pipe);
  const int status = pclose(pipe);
  if (status != 0 || !std::filesystem::exists(png_path, ignored)) {
    return ngdsp::Error{png_path + ": cannot write the picture, expected a folder that can be written"};
  }
  return std::nullopt;
}

}  // namespace

std::string gnuplot_version() {
  FILE* pipe = popen("gnuplot --version 2>/dev/null", "r");
  if (!pipe) return {};
  char line[128] = {};
  const bool got = std::fgets(line, sizeof line, pipe) != nullptr;
  pclose(pipe);
  std::string version = got ? line : "";
  while (!version.empty() && version.back() == '\n') version.pop_back();
  return version;
}

ngdsp::Status write_rate_plot(const std::string& png_path, const RatePlot& plot) {
  return draw(png_path, script(png_path, plot));
}

ngdsp::Status write_line_plot(const std::string& png_path, const LinePlot& plot) {
  return draw(png_path, script(png_path, plot));
}

ngdsp::Status write_page(const std::string& png_path, const PlotPage& page) {
  return draw(png_path, script(png_path, page));
}

}  // namespace ngplc_app
