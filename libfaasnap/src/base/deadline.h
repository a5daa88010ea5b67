#pragma once

#include <string>

#include <faasnap/units.h>

namespace faasnap::base {

// The moment by which an operation of several steps must be over; kForever means never.
class Deadline {
 public:
  explicit Deadline(Nanoseconds timeout) noexcept;

  // Returns what is left for the next step: kForever if there is no limit. Throws
  // ErrorKind::timeout naming `operation` when nothing is left.
  Nanoseconds remaining(const std::string& operation) const;
  // The same, but no more than `limit`.
  Nanoseconds remaining_at_most(Nanoseconds limit, const std::string& operation) const;
  bool passed() const noexcept;

 private:
  Nanoseconds timeout_;
  Nanoseconds end_;
};

}  // namespace faasnap::base
