// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report/charts/html.h"

namespace faasnap::bench::report {

// The parts of pictures. Lengths are in the units of a picture that is kPictureWidth wide.
inline constexpr double kPictureWidth = 360;
// Approximate width of a letter and height of a line.
inline constexpr double kLetter = 6.2;
inline constexpr double kLine = 14;

enum class Anchor { start, middle, end };

// Returns an SVG element with the class and what the style says about it as attributes
// (plain_paint).
Html svg_shape(std::string_view name, Attributes attributes, std::string_view css_class,
               const Html& content = {});

Html svg_text(double x, double y, std::string_view text, Anchor anchor = Anchor::start,
              std::string_view css_class = "");
// `tip` is the text under a pointer; may be empty.
Html svg_box(double x, double y, double width, double height, const std::string& css_class,
             std::string_view tip = {});
Html svg_line(double x1, double y1, double x2, double y2, const std::string& css_class);

// A drawing with its title, for a page or a file of its own.
struct Picture {
  std::string title;
  double height = 0;
  // SVG elements.
  Html content;
};
using Pictures = std::vector<Picture>;

// Returns the elements of a page, with titles for screen readers; empty for no pictures.
Html side_by_side(const Pictures& pictures);

// Returns as much of `text` as fits, with an ellipsis if it was cut. Cuts between characters.
std::string fit(const std::string& text, double width);

}  // namespace faasnap::bench::report
