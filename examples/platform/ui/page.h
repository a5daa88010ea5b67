// SPDX-License-Identifier: Apache-2.0

#pragma once

namespace platform::ui {

// The page: HTML, style and script in one, which asks /ui/data every two seconds.
extern const char* const kPage;

}  // namespace platform::ui
