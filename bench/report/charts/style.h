#pragma once

#include <string>
#include <string_view>

namespace faasnap::bench::report {

// Style sheets. Every colour stands out from its background at 3:1 or more, text at 4.5:1; none of
// them is the only thing that tells two settings apart.

// Returns the style of what is drawn, on a page or in a file of its own, with the colours of all
// settings (settings.h).
std::string drawing_style();
// The style of the page around the pictures.
extern const std::string_view kPageStyle;
// The style of a file whose pictures stand alone.
extern const std::string_view kSheetStyle;

}  // namespace faasnap::bench::report
