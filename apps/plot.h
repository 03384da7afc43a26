// Curves as PNG files, drawn by gnuplot.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ngdsp/base/error.h"

namespace ngplc_app {

/// One measured rate with its confidence interval. A rate of zero is drawn as the upper end of its interval
/// only.
struct RatePoint {
  double x = 0, rate = 0, low = 0, high = 0;
};

struct RateSeries {
  std::string title;
  std::vector<RatePoint> points;
};

struct RatePlot {
  std::string title, x_label, y_label;
  std::vector<RateSeries> series;
};

struct LineSeries {
  std::string title;
  std::vector<std::pair<double, double>> points;
  enum class Style { kPointsAndLine, kLine, kPoints } style = Style::kPointsAndLine;
};

/// Values on linear axes; of points joined by lines the first series is drawn thick.
struct LinePlot {
  std::string title, x_label, y_label;
  std::vector<LineSeries> series;
  bool from_zero = false;        ///< the x axis begins at 0
  std::string key = "top left";  ///< where the titles are, in gnuplot's words
};

/// First line of `gnuplot --version`, empty when there is none.
std::string gnuplot_version();

/// Draws the curves on a logarithmic axis with error bars. Errors: gnuplot is not installed, the file cannot
/// be written.
ngdsp::Status write_rate_plot(const std::string& png_path, const RatePlot& plot);
/// The same for values.
ngdsp::Status write_line_plot(const std::string& png_path, const LinePlot& plot);

}  // namespace ngplc_app
