// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>

#include "report/charts/html.h"

namespace faasnap::bench::report {

// Style sheets. Colours have a contrast of 3:1 or more to their background, text 4.5:1. Settings
// never differ by colour alone.

// Returns the style of drawings, on a page or in a file, with the colours of all settings
// (settings.h).
std::string drawing_style();
// Returns what the style says about an SVG element of this class on a light page, as attributes.
// They are for programs that know no style or no variables in it; a style overrides them.
Attributes plain_paint(std::string_view element, std::string_view css_class);
// The font of drawings, likewise.
Attributes plain_font();
// The style of the page around the pictures.
extern const std::string_view kPageStyle;
// The style of a file whose pictures stand alone.
extern const std::string_view kSheetStyle;

}  // namespace faasnap::bench::report
