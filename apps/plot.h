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

/// One diagram of a page, or a column of text.
struct Panel {
  enum class Style { kLine, kThin, kLimit, kMarks };  ///< kLimit: thick and dashed; kMarks: triangles
  struct Series {
    std::string title;  ///< empty: not in the key
    Style style = Style::kLine;
    int color = 1;  ///< of gnuplot's palette, 1 ... 8
    std::vector<std::pair<double, double>> points;
  };
  std::string title, x_label, y_label;
  bool log_x = false;
  double x_low = 0, x_high = 0;  ///< equal: from the points
  double y_low = 0, y_high = 0;  ///< equal: from the points
  bool key_below = false;        ///< the key under the diagram instead of in its corner
  std::vector<Series> series;
  std::vector<std::string> text;  ///< lines in a fixed-width font instead of a diagram
};

/// Diagrams on one page, row by row.
struct PlotPage {
  std::string title;  ///< empty: none
  int columns = 1;
  int width_px = 1100, height_px = 700;
  std::vector<Panel> panels;
};

/// First line of `gnuplot --version`, empty when there is none.
std::string gnuplot_version();

/// Draws the curves on a logarithmic axis with error bars. Errors: gnuplot is not installed, the file cannot
/// be written.
ngdsp::Status write_rate_plot(const std::string& png_path, const RatePlot& plot);
/// The same for values.
ngdsp::Status write_line_plot(const std::string& png_path, const LinePlot& plot);
ngdsp::Status write_page(const std::string& png_path, const PlotPage& page);

}  // namespace ngplc_app
